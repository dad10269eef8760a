"""Tutorial: interacting with the Run Engine."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.running import RunningManager, table_rows, uids

pytestmark = pytest.mark.xdist_group("tutorial run engine")

ROW = r"\n\|\s+{} \|"


def begin(manager: RunningManager, *start: str, row: int) -> int:
    """Start a plan of three points, which is held behind one of them until the gate is there.

    Return where its output begins, once the row of this point is there.
    """
    plan = json.dumps(manager.held_plan(3, behind=row))
    position = len(manager.watch.console)
    assert manager.qserver("queue", "add", "plan", plan).code == 0
    assert manager.qserver(*(start or ("queue", "start"))).is_accepted
    manager.until_text(ROW.format(row), position)
    return position


def paused(manager: RunningManager) -> RunningManager:
    """Have a plan paused behind its first point."""
    begin(manager, row=1)
    manager.do("re_pause", option="immediate")
    manager.until_state("paused")
    return manager


def test_the_state_of_the_run_engine_is_none_without_an_environment(
    manager: RunningManager,
) -> None:
    if manager.status()["worker_environment_exists"]:
        manager.do("environment_close")
        manager.until(lambda status: not status["worker_environment_exists"])
        manager.until_idle()
    status = manager.qserver("status").reply
    assert status["re_state"] is None
    assert status["pause_pending"] is False
    manager.open()
    status = manager.qserver("status").reply
    assert status["re_state"] == "idle"
    assert status["pause_pending"] is False


def test_a_deferred_pause_finishes_the_point_which_is_not_repeated(opened: RunningManager) -> None:
    position = begin(opened, row=1)
    assert opened.qserver("re", "pause").is_accepted
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["pause_pending"] is True
    assert status["re_state"] == "running"

    opened.gate.touch()
    opened.until_state("paused")
    status = opened.qserver("status").reply
    assert status["manager_state"] == "paused"
    assert status["pause_pending"] is False
    assert status["re_state"] == "paused"
    assert status["worker_environment_state"] == "idle"
    opened.until_text(r"Pausing\.\.\.\n", position)
    output = opened.watch.console[position:]
    assert table_rows(output) == [1]
    assert "Deferred pause acknowledged. Continuing to checkpoint.\nPausing...\n" in output
    (run,) = opened.qserver("re", "runs")["run_list"]
    assert run["is_open"] is True

    assert opened.qserver("re", "resume").is_accepted
    opened.until_text("generator count", position)
    opened.until_idle()
    assert table_rows(opened.watch.console[position:]) == [1, 2, 3]
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "completed"
    assert entry["result"]["run_uids"] == [run["uid"]]


def test_an_immediate_pause_repeats_the_point(opened: RunningManager) -> None:
    # The short form of the tutorial starts the queue as well.
    position = begin(opened, "start", row=2)
    assert opened.qserver("re", "pause", "immediate").is_accepted
    status = opened.until_state("paused")
    assert status["re_state"] == "paused"
    assert table_rows(opened.watch.console[position:]) == [1, 2]

    opened.gate.touch()
    assert opened.qserver("re", "resume").is_accepted
    opened.until_text("generator count", position)
    status = opened.until_idle()
    assert status["re_state"] == "idle"
    assert table_rows(opened.watch.console[position:]) == [1, 2, 2, 3]
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "completed"


def test_a_deferred_pause_behind_the_last_checkpoint_lets_the_plan_finish_and_stops_the_queue(
    opened: RunningManager,
) -> None:
    first, second = opened.add_held(2, behind=2), opened.add_count()
    position = len(opened.watch.console)
    opened.do("queue_start")
    opened.until_text(ROW.format(2), position)
    opened.do("re_pause", option="deferred")
    opened.gate.touch()
    status = opened.until_idle()
    assert status["pause_pending"] is False
    assert uids(opened.history()) == [first]
    assert uids(opened.queue()) == [second]


def test_a_stopped_plan_succeeds_and_the_queue_stops(opened: RunningManager) -> None:
    paused(opened)
    opened.add_count()
    assert opened.qserver("re", "stop").is_accepted
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "stopped"
    assert opened.status()["items_in_queue"] == 1
    # A new plan can be started right away.
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()


def test_an_aborted_plan_fails_and_comes_back_to_the_front(opened: RunningManager) -> None:
    paused(opened)
    later = opened.add_count()
    assert opened.qserver("re", "abort").is_accepted
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "aborted"
    front, back = opened.queue()
    assert front["item_uid"] != entry["item_uid"]
    assert (front["name"], front["kwargs"]) == (entry["name"], entry["kwargs"])
    assert front["result"]["exit_status"] == "aborted"
    assert back["item_uid"] == later
    # A new plan can be started right away.
    opened.do("queue_item_remove", pos="front")
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()


def test_a_halted_plan_fails_and_a_reopened_environment_runs_plans(
    opened: RunningManager,
) -> None:
    paused(opened)
    assert opened.qserver("re", "halt").is_accepted
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "halted"
    (waiting,) = opened.queue()
    assert waiting["name"] == "held_count"
    assert waiting["item_uid"] != entry["item_uid"]

    assert opened.qserver("environment", "close").is_accepted
    opened.until(lambda status: not status["worker_environment_exists"])
    opened.until_idle()
    opened.open()
    opened.do("queue_clear")
    opened.add_count()
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()
    assert opened.history()[-1]["result"]["exit_status"] == "completed"


def test_queue_start_after_a_halt_does_what_the_state_of_the_run_engine_says(
    opened: RunningManager,
) -> None:
    paused(opened)
    opened.do("re_halt")
    opened.until_idle()
    # Which of the two it is, is up to bluesky; since 1.14 a halted Run Engine stays usable.
    state = opened.status()["re_state"]
    opened.do("queue_clear")
    opened.add_count()
    answer = opened.qserver("queue", "start")
    if state == "idle":
        assert answer.is_accepted
        opened.until(lambda status: status["items_in_history"] == 2)
        opened.until_idle()
    else:
        assert answer.code == 2
        assert "open it again" in answer["msg"]


@pytest.mark.parametrize("word", ["resume", "stop", "abort", "halt"])
def test_nothing_is_continued_that_is_not_paused(opened: RunningManager, word: str) -> None:
    answer = opened.qserver("re", word)
    assert answer.code == 2
    assert "RE Manager is not paused: current state is 'idle'" in answer["msg"]


def test_nothing_is_paused_that_does_not_run(opened: RunningManager) -> None:
    answer = opened.qserver("re", "pause")
    assert answer.code == 2
    assert (
        "Run engine can be paused only in 'running' state. Current state: 'idle'" in answer["msg"]
    )


def test_a_paused_plan_neither_closes_nor_starts_anything_else(opened: RunningManager) -> None:
    paused(opened)
    assert opened.qserver("queue", "start").code == 2
    answer = opened.qserver("environment", "close")
    assert answer["msg"] == "Manager state is not idle. Current state: paused"
    assert opened.status()["manager_state"] == "paused"
    opened.do("re_abort")
    opened.until_idle()


def run_in_worker(manager: RunningManager, source: str) -> None:
    task = manager.do("script_upload", script=source, update_re=True)["task_uid"]
    manager.until_idle()
    assert manager.do("task_result", task_uid=task)["result"]["success"] is True


def test_metadata_of_the_run_engine_is_shown_or_the_reason_why_not(
    opened: RunningManager,
) -> None:
    metadata = opened.qserver("re", "metadata")["re_metadata"]
    assert metadata["metadata_key"] == "metadata_value"
    assert "bluesky" in metadata["versions"]

    run_in_worker(opened, "import numpy\nRE.md['image'] = numpy.zeros(2)")
    refused = opened.qserver("re", "metadata")
    assert refused.code == 2
    assert refused["msg"].startswith(
        "Failed to serialize RE metadata with JSON: Object of type ndarray is not JSON serializable"
    )
    run_in_worker(opened, "RE.md = 5")
    text = opened.qserver("re", "metadata")["msg"]
    assert "Failed to convert Run Engine metadata to dictionary" in text
    run_in_worker(opened, "del RE.md")
    text = opened.qserver("re", "metadata")["msg"]
    assert text.startswith("Error: ")
    assert "Run Engine does not have a metadata attribute" in text
    run_in_worker(opened, "RE = None")
    text = opened.qserver("re", "metadata")["msg"]
    assert text.startswith("Error: ")
    assert "Run Engine does not exist in worker environment" in text

    assert opened.qserver("queue", "start")["msg"] == (
        "Run Engine is not found in the RE Worker environment."
    )
    # The next environment has its Run Engine again.
    assert opened.qserver("environment", "close").is_accepted
    opened.until(lambda status: not status["worker_environment_exists"])
    opened.until_idle()
    assert opened.qserver("re", "metadata")["msg"] == (
        "Environment does not exist. Cannot retrieve RE metadata."
    )


def test_a_plan_that_raises_fails_with_its_error_and_stops_the_queue(
    opened: RunningManager,
) -> None:
    source = (
        "def breaking_plan():\n"
        "    yield from bps.open_run()\n"
        "    raise RuntimeError('the sample fell off')\n"
    )
    opened.do("script_upload", script=source)
    opened.until_idle()
    item = {"item_type": "plan", "name": "breaking_plan"}
    opened.do("queue_item_add", item=item, user="a test", user_group="primary")
    later = opened.add_count()
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "failed"
    assert "the sample fell off" in entry["result"]["msg"]
    assert "breaking_plan" in entry["result"]["traceback"]
    assert len(entry["result"]["run_uids"]) == 1
    front, back = opened.queue()
    assert front["name"] == "breaking_plan"
    assert front["result"]["exit_status"] == "failed"
    assert back["item_uid"] == later
