"""The pictures of the documentation, taken anew: ``make pictures``."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.acceptance.running import RunningManager
from tests.browser.conftest import OpenPage
from tests.browser.lab import NotebookPage, fill_in, give_up, rows

try:
    from playwright.sync_api import expect
except ImportError:
    give_up("the browser tests need 'pip install qs-jupyter[browser]'", allow_module_level=True)

pytestmark = pytest.mark.skipif(
    not os.environ.get("QS_SCREENSHOTS"), reason="QS_SCREENSHOTS names no folder for pictures"
)

OPEN = "%load_ext qs_jupyter\n%qserver as alice\n%qserver panel"
SIZE = {"width": 1240, "height": 1100}
NARROW = {"width": 800, "height": 1000}


def plan(name: str, *args: Any, note: str = "", **kwargs: Any) -> dict[str, Any]:
    """Return an item of the queue."""
    item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
    return {**item, "meta": {"note": note}} if note else item


def add(manager: RunningManager, user: str, *items: dict[str, Any]) -> None:
    """Add items to the queue for somebody."""
    manager.do("queue_item_add_batch", items=list(items), user=user, user_group="primary")


def slowly(manager: RunningManager) -> None:
    """Have the motor of the scans take its time."""
    manager.do("script_upload", script="motor1.delay = 0.08", update_lists=False)
    manager.until_idle()


def scene(manager: RunningManager) -> None:
    """Have a past, and a queue of two people."""
    slowly(manager)
    add(
        manager,
        "alice",
        plan("count", ["det1", "det2"], num=5, delay=0.1),
        plan("scan", ["det1", "det4"], "motor1", -2, 2, num=20, note="find the peak"),
        plan("mv", "motor1", 0.0),
    )
    manager.do("queue_start")
    manager.until(lambda status: status["items_in_history"] == 3)
    manager.until_idle()
    add(
        manager,
        "alice",
        plan("scan", ["det1", "det4"], "motor1", -2, 2, num=80),
        plan("count", ["det1", "det2"], num=600, delay=0.1, note="dark current"),
    )
    add(
        manager,
        "bob",
        plan("mv", "motor1", 0.0),
        {"item_type": "instruction", "name": "queue_stop", "meta": {"note": "change sample"}},
        plan("grid_scan", ["det4"], "motor1", -1, 1, 11, "motor2", -2, 2, 21, snake_axes=True),
        plan("count", ["det1", "det2"], num=1200, delay=0.1, note="sample B"),
        plan("list_scan", ["det1"], "motor1", [0, 0.2, 0.5, 1, 1.2]),
    )


def measured(page: NotebookPage, points: int, of: int) -> None:
    """Wait until a plan has measured more than so many of its points."""
    page.page.wait_for_function(
        "([points, of]) => { const [done, all] = document.querySelector('.qsj-points').textContent"
        ".split('/').map((each) => Number.parseInt(each)); return done > points && all === of; }",
        arg=[points, of],
    )


def halfway(manager: RunningManager, page: NotebookPage) -> None:
    """Start the queue and wait until the scan is past its peak."""
    manager.do("queue_start")
    measured(page, 52, of=80)


def abort(manager: RunningManager) -> None:
    """End the running plan."""
    manager.do("re_pause", option="immediate")
    manager.until_state("paused")
    manager.do("re_abort")
    manager.until_idle()


def test_pictures_in_light(manager: RunningManager, open_page: OpenPage) -> None:
    scene(manager)
    page = open_page(OPEN, size=SIZE)
    page.run_cell(0)
    page.until_connected()
    halfway(manager, page)
    rows(page).nth(1).click()
    page.shot("running")
    manager.until(lambda status: status["items_in_history"] == 4)
    measured(page, 20, of=600)
    abort(manager)
    form = fill_in(page, "scan", ["det1", "det4"], motor="motor1", start=-2, stop=2, num=40)
    form.get_by_label("Note", exact=True).fill("second sample")
    expect(form.locator(".qsj-preview")).to_contain_text("num=40")
    expect(form.locator(".qsj-outcome")).to_contain_text("Takes")
    page.shot("form")
    history = page.tab("History")
    history.locator(".qsj-row").nth(2).click()
    page.button("Plot").click()
    expect(page.page.locator(".qsj-running .qsj-points")).to_have_text("80 / 80 points")
    expect(history.locator(".qsj-details")).to_contain_text("num=80")
    page.shot("history")


def test_pictures_in_dark(manager: RunningManager, open_page: OpenPage) -> None:
    scene(manager)
    page = open_page(OPEN, dark=True, size=SIZE)
    page.run_cell(0)
    page.until_connected()
    halfway(manager, page)
    page.shot("running-dark")
    abort(manager)


def test_a_picture_of_a_long_queue(manager: RunningManager, open_page: OpenPage) -> None:
    kwargs = [{"num": number} for number in range(1, 5001)]
    add(manager, "alice", *(plan("count", ["det1"], **each) for each in kwargs))
    page = open_page(OPEN, dark=True, size=NARROW)
    page.run_cell(0)
    page.page.locator(".qsj-queue .qsj-count", has_text="5000").first.wait_for()
    page.page.get_by_label("Filter the queue").fill("num=49")
    expect(rows(page).first).to_contain_text("num=49")
    rows(page).nth(1).click()
    rows(page).nth(3).click(modifiers=["Shift"])
    page.shot("queue-5000-dark-narrow")
