"""The panel in JupyterLab, with a real manager, as a user sees it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.acceptance.running import RunningManager, uids
from tests.browser.conftest import OPEN_PANEL, OpenPage
from tests.browser.lab import NotebookPage, fill_in, give_up, rows

try:
    from playwright.sync_api import expect
except ImportError:
    give_up("the browser tests need 'pip install qs-jupyter[browser]'", allow_module_level=True)

BUSY_CELL = "import os\nwhile not os.path.exists({!r}):\n    pass"
SCAN = "scan([det1, det2], motor1, -3, 3, num=25)"
KEY = "a-key-nobody-may-see"
NARROW = {"width": 800, "height": 1000}
WIDE = {"width": 1600, "height": 1000}


def fill_in_scan(page: NotebookPage) -> Any:
    """Fill in the form for a scan and return it."""
    form = fill_in(page, "scan", ["det1", "det2"], motor="motor1", start=-3, stop=3, num=25)
    expect(form.locator(".qsj-preview")).to_have_text(SCAN)
    return form


def test_a_plan_added_by_form_runs_with_progress_and_ends_in_the_history(
    manager: RunningManager, open_page: OpenPage
) -> None:
    page = open_page("%load_ext qs_jupyter\n%qserver panel", size=WIDE)
    page.run_cell(0)
    page.until_connected()
    form = fill_in_scan(page)
    page.button("Add to queue").click()
    expect(form.locator(".qsj-message-text")).to_contain_text("Added scan")
    page.tab("Queue")
    expect(rows(page)).to_have_count(1)
    page.button("Start").click()
    manager.until(lambda status: status["items_in_history"] == 1)
    running = page.page.locator(".qsj-running")
    expect(running.locator(".qsj-points")).to_have_text("25 / 25 points")
    expect(running.locator("svg.qsj-plot")).to_be_visible()
    page.tab("History")
    expect(page.page.locator(".qsj-history .qsj-row").nth(1)).to_contain_text("✓ completed")
    page.page.locator(".qsj-history .qsj-row").nth(1).click()
    page.button("Plot").click()
    expect(running.locator(".qsj-idle")).to_contain_text("Chosen run")
    # What is typed stays for the next plan, and now it is known how long such a plan takes.
    page.tab("Add plan")
    expect(form.locator(".qsj-preview")).to_have_text(SCAN)
    page.button("Add to queue").click()
    page.tab("Queue")
    expect(rows(page).nth(0).locator(".qsj-estimated")).to_contain_text("s")
    expect(page.page.locator(".qsj-status .qsj-estimate")).to_contain_text(" s)")
    assert page.faint() == []


def test_rows_are_dragged_and_the_drag_is_taken_back_with_a_key(
    manager: RunningManager, panel: NotebookPage
) -> None:
    for number in range(1, 6):
        manager.add_count(num=number)
    before = uids(manager.queue())
    expect(rows(panel)).to_have_count(5)
    rows(panel).nth(0).click()
    rows(panel).nth(1).click(modifiers=["Shift"])
    source, target = rows(panel).nth(0).bounding_box(), rows(panel).nth(3).bounding_box()
    mouse = panel.page.mouse
    mouse.move(source["x"] + 100, source["y"] + 10)
    mouse.down()
    mouse.move(source["x"] + 100, source["y"] + 30, steps=3)
    mouse.move(target["x"] + 100, target["y"] + 26, steps=6)
    expect(panel.page.locator(".qsj-queue .qsj-drop")).to_be_visible()
    mouse.up()
    expect(rows(panel).nth(3)).to_contain_text("num=2")
    expect(rows(panel).nth(2)).to_contain_text("num=1")
    manager.until(lambda _status: uids(manager.queue()) == [*before[2:4], *before[:2], before[4]])
    panel.page.keyboard.press("Control+z")
    expect(rows(panel).nth(0)).to_contain_text("num=1")
    assert uids(manager.queue()) == before
    # Keys of the table are not keys of the notebook, where this deletes the cell.
    for _ in range(2):
        panel.page.keyboard.press("d")
    panel.page.keyboard.press("Delete")
    expect(rows(panel)).to_have_count(3)
    assert uids(manager.queue()) == before[2:]


def test_a_plan_is_paused_resumed_and_aborted_by_a_second_click(
    manager: RunningManager, panel: NotebookPage
) -> None:
    manager.add_count(num=1000, delay=0.1)
    expect(panel.button("Pause")).to_have_attribute("title", re.compile("No plan is running"))
    panel.button("Start").click()
    panel.state("RUNNING")
    points = panel.page.locator(".qsj-running .qsj-points")
    bar = panel.page.get_by_role("progressbar", name="Progress of the plan")
    for number in (2, 4):
        panel.page.wait_for_function(
            "number => Number.parseInt(document.querySelector('.qsj-points').textContent) > number",
            arg=number,
        )
        assert int(bar.get_attribute("aria-valuenow")) > number
        assert panel.page.locator(".qsj-plot circle").count() > number
    expect(points).to_contain_text("/ 1000 points")
    panel.button("Pause").click()
    panel.state("PAUSED")
    panel.button("Resume").click()
    panel.state("RUNNING")
    panel.button("Abort").click()
    assert manager.status()["manager_state"] == "executing_queue"
    panel.button("Confirm abort").click()
    panel.state("READY")
    assert manager.history()[0]["result"]["exit_status"] == "aborted"
    # What came back after a bad end is not run again by one careless click.
    expect(rows(panel).nth(0)).to_contain_text("came back")
    expect(panel.page.locator(".qsj-running .qsj-idle")).to_contain_text("came back (aborted)")
    panel.button("Start").click()
    expect(panel.button("Confirm start")).to_be_visible()


def test_the_panel_comes_back_with_the_present_rows_when_the_page_is_loaded_again(
    manager: RunningManager, panel: NotebookPage
) -> None:
    manager.add_count(num=1)
    expect(rows(panel)).to_have_count(1)
    panel.page.locator(".qsj-queue .qsj-grid").focus()
    panel.save()
    panel.page.goto("about:blank")
    manager.add_count(num=2)
    panel.page.go_back()
    panel.until_connected()
    expect(rows(panel)).to_have_count(2)
    manager.add_count(num=3)
    expect(rows(panel)).to_have_count(3)
    panel.button("Clear").first.click()
    panel.button("Confirm clear").click()
    expect(rows(panel)).to_have_count(0)


def test_clicks_are_served_while_a_cell_is_busy(
    manager: RunningManager, open_page: OpenPage, tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    page = open_page(OPEN_PANEL, BUSY_CELL.format(str(enough)))
    page.run_cell(0)
    page.until_connected()
    page.button("Insert stop").click()
    expect(rows(page)).to_have_count(1)
    page.run_cell(1, wait=False)
    page.button("Insert stop").click()
    expect(rows(page)).to_have_count(2)
    page.button("Insert stop").click()
    expect(rows(page)).to_have_count(3)
    prompt = page.page.locator(".jp-Cell").nth(1).locator(".jp-InputPrompt")
    assert prompt.inner_text() == "[*]:"
    enough.touch()
    page.until_idle()


def test_two_views_of_one_panel_stay_equal(manager: RunningManager, open_page: OpenPage) -> None:
    page = open_page(OPEN_PANEL, "panel", size={"width": 1100, "height": 1900})
    page.run_cell(0)
    page.run_cell(1)
    queues = page.page.locator(".qsj-queue")
    expect(queues).to_have_count(2)
    for index in (0, 1):
        queues.nth(index).get_by_role("button", name="Insert stop").click()
    for index in (0, 1):
        visible = queues.nth(index).locator(".qsj-body .qsj-row:not([hidden])")
        expect(visible).to_have_count(2)


def test_locking_shows_who_locked_and_the_key_is_in_no_widget_state(
    manager: RunningManager, open_page: OpenPage
) -> None:
    look = (
        "import ipywidgets, json\n"
        "states = ipywidgets.Widget.get_manager_state()\n"
        f"print('found' if {KEY[:8]!r} + {KEY[8:]!r} in json.dumps(states) else 'clean')"
    )
    page = open_page(OPEN_PANEL, look, dark=True)
    page.run_cell(0)
    page.until_connected()
    lock = page.tab("Lock")
    lock.get_by_label("Note").fill("aligning the beam")
    lock.get_by_label("Key", exact=True).fill(KEY)
    page.button("Lock").click()
    expect(lock.locator(".qsj-lock-now")).to_contain_text("aligning the beam")
    expect(page.button("■ environment and queue locked")).to_be_visible()
    assert manager.status()["lock"] == {"environment": True, "queue": True}
    assert page.faint() == []
    page.tab("Queue")
    page.button("Insert stop").click()
    expect(rows(page)).to_have_count(1)
    page.run_cell(1)
    expect(page.page.locator(".jp-Cell").nth(1)).to_contain_text("clean")
    page.tab("Lock")
    page.button("Unlock").click()
    expect(lock.locator(".qsj-lock-now")).to_contain_text("Nothing is locked")
    assert manager.status()["lock"] == {"environment": False, "queue": False}
    page.save()
    saved = "".join(path.read_text() for path in page.lab.notebooks.glob("*.ipynb"))
    assert "panel" in saved and KEY not in saved


def test_five_thousand_items_are_scrolled_and_filtered(
    manager: RunningManager, open_page: OpenPage
) -> None:
    plans = [
        {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": number}}
        for number in range(1, 5001)
    ]
    manager.do("queue_item_add_batch", items=plans, user="alice", user_group="primary")
    page = open_page(OPEN_PANEL, dark=True, size=NARROW)
    page.run_cell(0)
    page.page.locator(".qsj-queue .qsj-count", has_text="5000").wait_for()
    assert rows(page).count() < 40
    port = page.page.locator(".qsj-queue .qsj-port")
    port.evaluate("port => { port.scrollTop = port.scrollHeight }")
    expect(rows(page).last).to_contain_text("num=5000")
    page.page.get_by_label("Filter the queue").fill("num=4999")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator(".qsj-number")).to_have_text("4999")
    assert page.faint() == []
    tree = page.page.locator(".qsj-queue .qsj-grid").aria_snapshot()
    assert "columnheader" in tree and "gridcell" in tree, tree


def test_a_script_that_fails_tells_why_and_permissions_are_previewed(
    manager: RunningManager, panel: NotebookPage
) -> None:
    tasks = panel.tab("Tasks & scripts")
    tasks.get_by_label("Script", exact=True).fill("answer = 6 * 7\nanswer / 0")
    panel.button("Run script").click()
    row = tasks.locator(".qsj-body .qsj-row:not([hidden])").first
    expect(row).to_contain_text("✗ failed")
    row.click()
    expect(tasks.locator(".qsj-details")).to_contain_text("division by zero")
    panel.page.locator(".qsj-tasks .qsj-message button").click()
    permissions = panel.tab("Permissions")
    text = permissions.get_by_label("Permissions as YAML")
    text.fill(text.input_value().replace("- :.*", "- :^count$", 1))
    expect(permissions.locator(".qsj-change-loss").first).to_contain_text("scan")
    panel.button("Revert").click()
    expect(permissions.locator(".qsj-change-loss")).to_have_count(0)


def test_a_lost_manager_is_shown_and_found_again(
    manager: RunningManager, panel: NotebookPage
) -> None:
    manager.add_count()
    expect(rows(panel)).to_have_count(1)
    manager.stop()
    panel.page.locator(".qsj-status:not([data-link=connected])").wait_for()
    expect(panel.button("Open")).to_be_disabled()
    expect(panel.button("Insert stop")).to_be_disabled()
    manager.start()
    panel.until_connected()
    expect(panel.button("Insert stop")).to_be_enabled()
