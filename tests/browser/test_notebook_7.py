"""Magics and panel in Notebook 7, which shares its parts with JupyterLab but not its frame."""

from __future__ import annotations

from tests.acceptance.running import RunningManager
from tests.browser.conftest import OpenPage
from tests.browser.lab import give_up, rows

try:
    from playwright.sync_api import expect
except ImportError:
    give_up("the browser tests need 'pip install qs-jupyter[browser]'", allow_module_level=True)


def test_a_plan_is_added_by_a_line_and_run_from_the_panel(
    manager: RunningManager, open_page: OpenPage
) -> None:
    page = open_page(
        "%load_ext qs_jupyter\n%qserver panel",
        "%qserver queue add plan scan([det1], motor1, -1, 1, num=7)",
        "%qserver queue add plan marked_up",
        by="notebooks",
    )
    page.run_cell(0)
    page.until_connected()
    page.run_cell(1)
    expect(page.page.locator(".qserver-reply")).to_contain_text("Added scan([det1], motor1, -1, 1")
    expect(rows(page)).to_have_count(1)
    page.page.locator(".jp-Cell").nth(2).locator(".cm-content").click()
    page.page.keyboard.press("Control+End")
    page.page.keyboard.press("Tab")
    expect(page.page.locator(".jp-Completer-item")).to_contain_text("marked_up_count")
    page.page.keyboard.press("Escape")
    page.button("Start").click()
    manager.until(lambda status: status["items_in_history"] == 1)
    running = page.page.locator(".qsj-running")
    expect(running.locator(".qsj-points")).to_have_text("7 / 7 points")
    expect(running.locator("svg.qsj-plot")).to_be_visible()
    assert page.faint() == []
    page.save()
    page.page.reload()
    page.until_connected()
    expect(page.page.locator(".qsj-running .qsj-points")).to_have_text("7 / 7 points")
