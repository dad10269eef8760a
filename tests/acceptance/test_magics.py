"""``%qserver`` with a real worker: in a notebook, and in a terminal with IPython."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.consoles import Terminal, attached, terminal
from tests.acceptance.running import RunningManager
from tests.contract.magics.kernel import Kernel

pytestmark = pytest.mark.xdist_group("magics")

PROMPT = r"In \[\d+\]: "
COUNT = "count([det1, det2], num=8, delay=0.25)"


@pytest.fixture
def kernel(opened: RunningManager) -> Iterator[Kernel]:
    """A notebook of somebody who talks to the manager."""
    kernel = Kernel(opened.home.folder / "home")
    try:
        kernel.good("%load_ext qs_jupyter")
        kernel.good(f"%qserver connect {opened.home.control};")
        yield kernel
    finally:
        kernel.close()


def test_a_plan_is_drawn_while_it_runs(opened: RunningManager, kernel: Kernel) -> None:
    opened.hold_work()
    kernel.good(f"%qserver queue add plan held_count(8, 4, {str(opened.gate)!r})")
    kernel.good("%qserver queue start")
    drawn = kernel.run("%qserver plot held_count", at_picture=opened.gate.touch)
    assert drawn["status"] == "ok", drawn
    points = [html.count("h0") for html in kernel.html() if "<svg" in html]
    # Some while it grows, and one that stays.
    assert points == sorted(points)
    assert points[0] < points[-1]


def test_a_plan_can_be_drawn_and_its_time_is_known_afterwards(
    opened: RunningManager, kernel: Kernel
) -> None:
    assert "takes about  unknown" in kernel.shows(f"%qserver queue add plan {COUNT}")
    kernel.good("%qserver queue start")
    text = kernel.shows("picture = %qserver plot count\npicture")
    assert "8 of 8 points (success)" in text
    assert "det1" in text
    kernel.good("assert len(picture['columns']['det1']) == 8, picture['columns']")
    kernel.good("assert picture['item_uid']")

    # A plan with twice as many points takes twice as long.
    result = opened.history()[0]["result"]
    took = result["time_stop"] - result["time_start"]
    more = kernel.shows(f"%qserver queue add plan {COUNT.replace('num=8', 'num=16')}")
    seconds = re.search(r"takes about  (\d+) s", more)
    assert seconds is not None, more
    assert 1.5 * took <= int(seconds[1]) <= 3 * took
    assert f"1 item, about {seconds[1]} s" in kernel.shows("%qserver queue get")
    assert f"1, about {seconds[1]} s" in kernel.shows("%qserver status")
    kernel.good("%qserver queue start")
    assert "1 plan completed" in kernel.shows("%qserver wait queue")
    assert any("left" in text for text in kernel.texts() if "points)" in text)


def test_a_plan_that_fails_at_once_fails_the_wait_that_follows(kernel: Kernel) -> None:
    kernel.good("%qserver queue add plan inner_product_scan([det1], 3, motor, 'a', 1)")
    kernel.good("%qserver queue start")
    failed = kernel.run("%qserver wait queue")
    assert failed["status"] == "error"
    assert "inner_product_scan([det1], 3, motor, 'a', 1) failed" in failed["evalue"]
    assert "the queue has stopped, 1 item left" in failed["evalue"]
    assert "Traceback" in kernel.shows("%qserver history get")


def test_a_script_that_fails_shows_its_traceback(kernel: Kernel) -> None:
    kernel.good("%%qserver script upload\nx = 1\ny = x / 0")
    failed = kernel.run("%qserver wait task")
    assert failed["status"] == "error"
    shown = "\n".join(failed["traceback"])
    assert "line 2" in shown
    assert "ZeroDivisionError" in shown
    assert "qserver: the task failed" in failed["traceback"][-1]


def test_a_plan_that_was_started_here_can_be_drawn_afterwards(kernel: Kernel) -> None:
    kernel.good("%qserver queue add plan count([det1], num=5)\n%qserver queue start")
    kernel.good("%qserver wait")
    assert "5 of 5 points" in kernel.shows("%qserver plot")


def test_a_terminal_shows_texts_and_says_what_to_do_instead_of_a_panel(
    opened: RunningManager,
) -> None:
    words = ("ipython", "--no-banner", "--no-confirm-exit", "--colors=nocolor", "--simple-prompt")
    with terminal(opened.home, *words) as window:
        window.until(PROMPT)
        say(window, "%load_ext qs_jupyter")
        assert "a panel needs a notebook" in say(window, "%qserver panel")
        assert "at the back" in say(window, "qserver queue add plan scan([det1], motor1, -1, 1, 9)")
        table = say(window, "%qserver queue get")
        assert "scan([det1], motor1, -1, 1, 9)" in table
        say(window, "%qserver queue start")
        drawn = say(window, "%qserver plot scan")
        assert "9 of 9 points (success)" in drawn
        assert re.search(r"-1\s+motor1\s+1", drawn)
        assert "completed" in say(window, "%qserver history get")
        window.enter("%qserver lock queue 'sample change'")
        window.until("Lock key: ")
        assert "sample change" in say(window, "open-sesame")
        assert "Not locked" in say(window, "%qserver unlock")
        history = say(window, "%history")
        assert "open-sesame" not in history
        assert "%qserver lock queue" in history


def test_a_cell_of_the_worker_itself_does_not_wait_for_plans(opened: RunningManager) -> None:
    with attached(opened) as notebook:
        assert notebook.run("%load_ext qs_jupyter")["status"] == "ok"
        assert notebook.run("%qserver queue add plan count([det1])")["status"] == "ok"
        for command in ("wait", "plot", "follow"):
            refused = notebook.run(f"%qserver {command}")
            assert "belongs to the worker" in refused["evalue"], command
        assert notebook.run("%unload_ext qs_jupyter")["status"] == "ok"
    assert opened.status()["items_in_queue"] == 1


def test_the_page_about_notebooks_says_what_works(kernel: Kernel) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "notebook.md"
    blocks = re.findall(r"```ipython\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(blocks) > 5
    for block in blocks:
        # Of several lines in one cell, a notebook shows what the last one returns.
        for cell in [block] if block.startswith("%%") else block.splitlines():
            # The environment of these tests is open already.
            if cell != "%qserver environment open":
                kernel.good(cell)
    assert any("<svg" in html for html in kernel.html())


def say(window: Terminal, line: str) -> str:
    """Type a line at the prompt and return what is shown until the next prompt."""
    window.enter(line)
    window.until(PROMPT)
    return window.read()
