"""``%qserver`` in JupyterLab: what a person sees of curves, tables, Tab and Shift-Tab."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.running import RunningManager
from tests.browser.conftest import OpenPage
from tests.browser.lab import NotebookPage, give_up

try:
    from playwright.sync_api import expect
except ImportError:
    give_up("the browser tests need 'pip install qs-jupyter[browser]'", allow_module_level=True)

LOAD = "%load_ext qs_jupyter"
SCAN = "scan([det1, det4], motor1, -1, 1, {number})"
CURVE = ".qserver-reply polyline"
SIZE = {"width": 1000, "height": 1140}

# How many points the curve has that is seen at the moment.
POINTS = "() => [...document.querySelectorAll('.qserver-reply polyline')].map(\
 line => line.getAttribute('points').split(' ').length)"


def slowly(manager: RunningManager) -> None:
    """Have the motor of the scans take its time."""
    manager.do("script_upload", script="motor1.delay = 0.1", update_lists=False)
    manager.until_idle()


def enter(page: NotebookPage, index: int) -> None:
    """Click into a cell and go to its end."""
    page.page.locator(".jp-Cell").nth(index).locator(".cm-content").click()
    page.page.keyboard.press("Control+End")


def test_a_curve_grows_and_one_stays(manager: RunningManager, open_page: OpenPage) -> None:
    plan = f"held_count(25, 10, {str(manager.gate)!r})"
    manager.hold_work()
    page = open_page(LOAD, f"%qserver queue add plan {plan}\n%qserver queue start\n%qserver plot")
    page.run_cell(0)
    page.run_cell(1, wait=False)
    page.page.wait_for_function(f"() => ({POINTS})()[0] === 10")
    manager.gate.touch()
    page.until_idle()
    assert page.page.evaluate(POINTS) == [25, 25]
    expect(page.page.locator(".qserver-reply .qs-title")).to_contain_text("25 of 25 points")


def test_tab_and_shift_tab_know_the_plans(manager: RunningManager, open_page: OpenPage) -> None:
    reading = "%qserver -n queue add plan count([det1])"
    page = open_page(LOAD, reading, "plan = %qserver queue add plan marked_up")
    page.run_cell(0)
    page.run_cell(1)
    enter(page, 2)
    page.page.keyboard.press("Tab")
    expect(page.page.locator(".jp-Completer-item")).to_contain_text("marked_up_count")
    page.page.keyboard.press("Enter")
    expect(page.page.locator(".cm-content").nth(2)).to_contain_text("plan marked_up_count")
    page.page.keyboard.type("(")
    page.page.keyboard.press("Shift+Tab")
    tooltip = page.page.locator(".jp-Tooltip")
    expect(tooltip).to_contain_text("marked_up_count(detectors, num=1, delay=None, md=None)")
    expect(tooltip).to_contain_text("Take readings")


@pytest.mark.skipif(
    not os.environ.get("QS_SCREENSHOTS"), reason="QS_SCREENSHOTS names no folder for pictures"
)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pictures_of_a_notebook(manager: RunningManager, open_page: OpenPage, dark: bool) -> None:
    slowly(manager)
    page = open_page(
        f"{LOAD}\n%qserver -q as alice",
        f"%qserver queue add plan {SCAN.format(number=31)}\n%qserver queue start\n%qserver plot",
        "%%qserver queue add\nfor number in (31, 62, 93):\n    "
        f"{SCAN.format(number='number')}\ncount([det1, det2], num=5)\nqueue_stop()",
        "%qserver queue add plan count([dett2])",
        "%qserver history get",
        dark=dark,
        size=SIZE,
    )
    for index in range(5):
        page.run_cell(index)
    folder = Path(os.environ["QS_SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    page.page.keyboard.press("Escape")
    name = f"cells{'-dark' if dark else ''}.png"
    page.page.locator(".jp-Notebook").screenshot(path=str(folder / name))
