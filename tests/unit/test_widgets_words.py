"""Items, states, console text and runs as people read them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qs_jupyter.client.live_runs import LiveRuns
from qs_jupyter.client.mirror import Mirror
from qs_widgets import controls, wording
from qs_widgets.console_lines import ConsoleLines
from qs_widgets.durations import Durations
from qs_widgets.history_table import history_row
from qs_widgets.queue_table import RowMaker, read_line
from qs_widgets.run_plot import plot_of

NAMES = {"det1", "motor"}


def is_name(text: str) -> bool:
    return text in NAMES


def test_an_item_is_written_as_the_call_that_people_know() -> None:
    item = {
        "item_type": "plan",
        "name": "scan",
        "args": [["det1"], "motor", -1, 1],
        "kwargs": {"num": 3, "md": {"note": "a 'b'"}},
    }
    text = """scan([det1], motor, -1, 1, num=3, md={'note': "a 'b'"})"""
    assert wording.call(item, is_name) == text
    name, args, kwargs = wording.called(text)
    assert (name, args, kwargs) == (item["name"], item["args"], item["kwargs"])


@pytest.mark.parametrize("text", ["count", "1 + 1", "count(", "count(**a)", "count(f(1))"])
def test_what_is_no_plain_call_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wording.called(text)


def test_a_pasted_line_may_be_an_instruction() -> None:
    assert read_line("queue-stop") == {"item_type": "instruction", "name": "queue_stop"}
    assert read_line("mv(motor.velocity, 3)")["args"] == ["motor.velocity", 3]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, "UNKNOWN"),
        ({"manager_state": "idle"}, "NO ENVIRONMENT"),
        ({"manager_state": "idle", "worker_environment_exists": True}, "READY"),
        ({"manager_state": "executing_queue"}, "RUNNING"),
        ({"manager_state": "executing_queue", "queue_stop_pending": True}, "STOPPING AFTER PLAN"),
        ({"manager_state": "executing_queue", "pause_pending": True}, "PAUSING"),
        ({"manager_state": "paused"}, "PAUSED"),
        ({"manager_state": "creating_environment"}, "OPENING"),
    ],
)
def test_the_badge_has_one_plain_word(status: dict[str, Any], word: str) -> None:
    assert controls.state_word(status)[0] == word


@pytest.mark.parametrize("state", ["executing_queue", "paused"])
def test_the_ways_to_end_a_plan_are_there_while_anything_may_move(state: str) -> None:
    status = {"manager_state": state, "worker_environment_exists": True}
    assert controls.obstacles(status)["end"] == ""
    assert controls.obstacles({"manager_state": "idle"})["end"] == "No plan is running"


@pytest.mark.parametrize(
    ("status", "control", "reason"),
    [
        ({"manager_state": "idle"}, "start", "Open the environment first"),
        ({"manager_state": "idle"}, "close", "No environment is open"),
        ({"manager_state": "idle"}, "destroy", "There is no worker"),
        ({"manager_state": "idle", "worker_environment_exists": True}, "open", "is open"),
        ({"manager_state": "idle", "worker_environment_exists": True}, "start", "queue is empty"),
        ({"manager_state": "executing_task"}, "start", "Not while a task runs"),
        ({"manager_state": "paused"}, "pause", "The plan is paused"),
        ({"manager_state": "executing_queue"}, "resume", "No plan is paused"),
        ({}, "start", "Not now"),
    ],
)
def test_a_control_that_is_of_no_use_says_why(
    status: dict[str, Any], control: str, reason: str
) -> None:
    assert reason in controls.obstacles(status)[control]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({}, "start-re-manager"),
        ({"manager_state": "idle"}, "Open starts the worker"),
        ({"manager_state": "idle", "worker_environment_exists": True}, "Add plan"),
        (
            {"manager_state": "idle", "worker_environment_exists": True, "items_in_queue": 2},
            "Start runs the queue",
        ),
        ({"manager_state": "executing_task"}, "while a task runs"),
    ],
)
def test_while_nothing_runs_the_next_step_is_named(status: dict[str, Any], text: str) -> None:
    assert text in controls.advice(status)


def test_an_item_that_came_back_after_a_failure_is_known() -> None:
    plan = {"name": "count", "args": [], "kwargs": {}, "user": "a"}
    queue = [{**plan, "item_uid": "2"}]
    failed = {**plan, "item_uid": "1", "result": {"exit_status": "failed"}}
    fine = {**plan, "item_uid": "1", "result": {"exit_status": "completed"}}
    assert controls.returned(queue, [failed]) == {"2": "failed, came back"}
    assert controls.returned(queue, [fine]) == {}
    assert controls.returned([], [failed]) == {}


def test_rows_of_items_that_have_not_changed_are_made_once() -> None:
    maker: Any = RowMaker()
    lists = SimpleNamespace(names=frozenset(NAMES), is_name=is_name)
    times = Durations()
    times.seconds = {"0": None, "1": 20.0, "2": None, "3": None}
    queue = [{"item_uid": str(n), "name": "count", "args": [["det1"]]} for n in range(4)]
    first = maker.rows(queue, lists, times, {})
    assert first[0] == ("0", "plan", "count", "[det1]", "", "", "?", "")
    assert first[1][6] == "20 s"
    queue[1], queue[2] = queue[2], queue[1]
    second = maker.rows(queue, lists, times, {"0": "failed, came back"})
    assert second[0][7] == "failed, came back"
    assert [row is first[at] for row, at in zip(second[1:], (2, 1, 3), strict=True)] == [True] * 3
    assert maker.rows(queue, lists, times, {})[0][7] == ""
    times.seconds["3"], times.generation = 90.0, 1
    assert maker.rows(queue, lists, times, {})[3][6] == "2 min"


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        ({"note": "again", "sample": "A17"}, "again · sample: A17"),
        ([{"a": 1}, {"b": [2]}], "a: 1 · b: [2]"),
        (None, ""),
    ],
)
def test_metadata_reads_as_a_line_with_the_note_first(meta: Any, text: str) -> None:
    assert wording.note(meta, is_name) == text


def finished(uid: str, num: int, seconds: float) -> dict[str, Any]:
    result = {"exit_status": "completed", "time_start": 0.0, "time_stop": seconds}
    return {"item_uid": uid, "name": "count", "kwargs": {"num": num}, "result": result}


def test_the_duration_of_an_item_moves_only_when_it_differs_visibly() -> None:
    mirror, durations = Mirror(), Durations()
    queue = [
        {"item_uid": "q", "name": "count", "kwargs": {"num": 5}},
        {"item_uid": "r", "name": "fly"},
    ]
    mirror.load({}, {"items": queue}, {"items": []})
    durations.follow(mirror)
    assert (durations.seconds, durations.total) == ({"q": None, "r": None}, "time unknown")
    shown = []
    for number, seconds in enumerate((100.0, 104.0, 300.0, 300.0)):
        event = {"kind": "history", "op": "append", "seq": 1 + number}
        mirror.apply([{**event, "item": finished(f"h{number}", 5, seconds)}])
        durations.follow(mirror)
        shown.append((durations.seconds["q"], durations.generation))
        assert durations.total.endswith("+ 1 unknown")
    # The medians are 100, 102, 104 and 202.
    assert shown == [(100.0, 1), (100.0, 1), (100.0, 1), (202.0, 2)]
    mirror.apply([{"kind": "queue", "op": "remove", "seq": 1, "uids": ["q"]}])
    durations.follow(mirror)
    assert (durations.seconds, durations.total) == ({"r": None}, "time unknown")


def test_a_finished_item_tells_its_end_and_how_long_it_took() -> None:
    result = {"exit_status": "failed", "time_start": 10.0, "time_stop": 100.0, "scan_ids": [7]}
    row = history_row({"item_uid": "u", "name": "count", "result": result}, is_name)
    assert row[1:4] == ("failed", "✗ failed", "count")
    assert row[7:9] == ("2 min", "7")


def lines_of(*texts: str) -> list[tuple[str, str]]:
    console = ConsoleLines(kept=10)
    for text in texts:
        console.write(text)
    return [(row[1], row[2]) for row in console.rows]


def test_pieces_of_text_become_lines() -> None:
    assert lines_of("a\nb", "c\n", "d") == [("a", ""), ("bc", ""), ("d", "")]


def test_a_line_that_is_written_over_shows_its_last_state() -> None:
    assert lines_of("10 %\r", "50 %\r", "100 %\n") == [("100 %", "")]


def test_colours_of_terminals_are_left_out() -> None:
    assert lines_of("\x1b[31mred\x1b[0m\n") == [("red", "")]


def test_tracebacks_and_warnings_are_marked() -> None:
    text = 'Traceback (most recent call last):\n  File "a"\nValueError: no\nfine\nWARNING: x\n'
    assert [kind for _, kind in lines_of(text)] == ["bad", "bad", "bad", "", "doubtful"]


def test_numbers_of_lines_never_repeat_and_old_lines_go() -> None:
    console = ConsoleLines(kept=3)
    pieces = [{"text": f"{number}\n"} for number in range(5)]
    console.follow(pieces[:2])
    console.follow(pieces)
    assert [row[1] for row in console.rows] == ["2", "3", "4"]
    assert len({row[0] for row in console.rows}) == 3


def live_run(points: int) -> LiveRuns:
    live = LiveRuns()
    hints = {"dimensions": [[["motor"], "primary"]]}
    live.take("item", {"name": "start", "uid": "r" * 8, "num_points": 10, "hints": hints})
    live.take(
        "item",
        {
            "name": "descriptor",
            "uid": "d",
            "run_start": "r" * 8,
            "stream": "primary",
            "fields": ["motor", "det1", "image"],
            "hints": {"det1": {"fields": ["det1", "image"]}},
            "units": {"det1": "counts"},
        },
    )
    for number in range(1, points + 1):
        data = {"motor": number / 10, "det1": float("nan") if number == 2 else number, "image": []}
        live.take(
            "item",
            {
                "name": "event",
                "descriptor": "d",
                "seq_num": number,
                "time": 2.0 * number,
                "data": data,
            },
        )
    return live


def test_a_scan_is_drawn_against_its_axis() -> None:
    plot = plot_of(live_run(4).latest())
    assert (plot.fields["axis"], plot.fields["signals"]) == ("motor", ["det1"])
    assert plot.rows[1] == ("rrrrrrrr:2", 0.2, None)
    assert plot.rows[3] == ("rrrrrrrr:4", 0.4, 4.0)
    assert plot.fields["left"] == 12.0


def test_without_a_run_there_is_nothing_to_draw() -> None:
    assert plot_of(None).rows == ()
