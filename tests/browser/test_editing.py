"""The queue in the panel: keys alone, undo beside other people, files, a panel to look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.acceptance.running import RunningManager, uids
from tests.browser.conftest import OpenPage
from tests.browser.lab import NotebookPage, give_up, rows

try:
    from playwright.sync_api import expect
except ImportError:
    give_up("the browser tests need 'pip install qs-jupyter[browser]'", allow_module_level=True)

SHEET = "plan,args,num\ncount,\"['det1']\",7\ncount,\"['det1', 'det2']\",8\n"


def numbers(manager: RunningManager) -> list[Any]:
    """Return which counts are in the queue, by their numbers of points."""
    return [item["kwargs"]["num"] for item in manager.queue()]


def has_numbers(manager: RunningManager, *wanted: int) -> None:
    """Wait until these counts are in the queue, in this order."""
    manager.until(lambda _status: numbers(manager) == list(wanted))


def test_the_queue_is_edited_and_started_with_keys_alone(
    manager: RunningManager, panel: NotebookPage
) -> None:
    for number in (1, 2, 3):
        manager.add_count(num=number)
    expect(rows(panel)).to_have_count(3)
    press = panel.page.keyboard.press
    # By Tab from the filter over the buttons that can be used to the table.
    panel.page.get_by_label("Filter the queue").focus()
    for _ in range(12):
        press("Tab")
        if panel.page.evaluate("document.activeElement.getAttribute('role')") == "grid":
            break
    press("ArrowDown")
    expect(rows(panel).nth(0)).to_have_attribute("aria-selected", "true")
    press("Alt+ArrowDown")
    has_numbers(manager, 2, 1, 3)
    press("Control+Shift+ArrowDown")
    has_numbers(manager, 2, 3, 1)
    press("Control+d")
    has_numbers(manager, 2, 3, 1, 1)
    expect(rows(panel).nth(3)).to_have_attribute("aria-selected", "true")
    press("Delete")
    has_numbers(manager, 2, 3, 1)
    press("Control+z")
    has_numbers(manager, 2, 3, 1, 1)
    press("/")
    panel.page.keyboard.type("num=3")
    expect(rows(panel)).to_have_count(1)
    press("Escape")
    expect(rows(panel)).to_have_count(4)
    panel.button("Start").focus()
    press("Enter")
    manager.until(lambda status: status["items_in_history"] == 4)


def test_nobody_takes_back_what_somebody_else_did(
    manager: RunningManager, panel: NotebookPage
) -> None:
    panel.button("Insert stop").click()
    expect(rows(panel)).to_have_count(1)
    panel.button("Undo").click()
    expect(rows(panel)).to_have_count(0)
    panel.button("Redo").click()
    expect(rows(panel)).to_have_count(1)
    manager.add_count(num=5)
    expect(rows(panel)).to_have_count(2)
    panel.button("Undo").click()
    refused = panel.page.locator(".qsj-queue .qsj-refused .qsj-message-text")
    expect(refused).to_contain_text("somebody else")
    assert len(manager.queue()) == 2


def test_a_batch_comes_from_a_file_and_the_queue_goes_into_one(
    manager: RunningManager, panel: NotebookPage, tmp_path: Path
) -> None:
    sheet = tmp_path / "batch.csv"
    sheet.write_text(SHEET)
    files = panel.page.locator(".qsj-queue").get_by_label("File with plans")
    files.set_input_files(sheet)
    expect(rows(panel)).to_have_count(2)
    assert numbers(manager) == [7, 8]
    before = uids(manager.queue())
    panel.page.locator(".qsj-queue .qsj-menu summary").click()
    with panel.page.expect_download() as download:
        panel.button("Save the queue as YAML").click()
    saved = tmp_path / "saved.yaml"
    download.value.save_as(saved)
    panel.button("Clear").first.click()
    panel.button("Confirm clear").click()
    expect(rows(panel)).to_have_count(0)
    carried = panel.page.evaluate_handle(
        "text => { const all = new DataTransfer();"
        " all.items.add(new File([text], 'saved.yaml')); return all; }",
        saved.read_text(),
    )
    grid = panel.page.locator(".qsj-queue .qsj-grid")
    for kind in ("dragover", "drop"):
        grid.dispatch_event(kind, {"dataTransfer": carried})
    expect(rows(panel)).to_have_count(2)
    assert numbers(manager) == [7, 8]
    assert not set(before) & set(uids(manager.queue()))


def test_every_control_has_a_name_and_tells_why_it_is_out_of_use(
    manager: RunningManager, panel: NotebookPage
) -> None:
    nameless = """() => [...document.querySelectorAll('.qsj button, .qsj input, .qsj select')]
      .filter((each) => !(each.textContent.trim() || each.getAttribute('aria-label')
        || each.labels?.length))
      .map((each) => each.outerHTML)"""
    tree = panel.page.locator(".qsj-status").aria_snapshot()
    for name in ("Environment", "Queue", "Plan"):
        assert f'group "{name}"' in tree, tree
    assert 'toolbar "Edit the queue"' in panel.page.locator(".qsj-queue").aria_snapshot()
    for tab in ("Queue", "Add plan", "History", "Console", "Tasks & scripts", "Lock"):
        part = panel.tab(tab)
        assert panel.page.evaluate(nameless) == []
        silent = part.locator("button:disabled:visible:not([title*='Not now'])")
        assert silent.all_inner_texts() == []
        assert panel.faint() == []
    expect(panel.page.locator(".qsj-status button:disabled").first).to_have_attribute(
        "title", re.compile("Not now: ")
    )


def test_a_panel_to_look_at_shows_everything_and_offers_nothing(
    manager: RunningManager, open_page: OpenPage
) -> None:
    manager.add_count(num=3)
    shown = "print([sorted(part._pages) == [] for part in _1.parts.values()])"
    page = open_page("%load_ext qs_jupyter\n%qserver panel --read-only", shown)
    page.run_cell(0)
    page.until_connected()
    expect(rows(page)).to_have_count(1)
    for name in ("Start", "Insert stop", "Delete", "Clear", "Copy to queue"):
        expect(page.button(name)).to_be_hidden()
    rows(page).nth(0).click()
    page.page.keyboard.press("Delete")
    page.page.keyboard.press("Enter")
    manager.do("queue_start")
    manager.until(lambda status: status["items_in_history"] == 1)
    expect(rows(page)).to_have_count(0)
    expect(page.page.locator(".qsj-queue .qsj-empty")).to_have_text("The queue is empty.")
    page.tab("History")
    expect(page.page.locator(".qsj-history .qsj-row").nth(1)).to_contain_text("✓ completed")
    # A cell that runs again makes a new panel; the old one, which nobody sees, falls silent.
    page.run_cell(0)
    page.until_connected()
    page.run_cell(1)
    output = page.page.locator(".jp-Cell").nth(1)
    expect(output).to_contain_text("[True, True, True, True, True]")
