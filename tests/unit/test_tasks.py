"""Task results and how long they are kept."""

from __future__ import annotations

import pytest

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.tasks import Tasks

DONE = {"success": True, "msg": "", "traceback": "", "return_value": 5}


def test_a_task_runs_then_is_completed_and_is_forgotten_after_two_minutes() -> None:
    tasks = Tasks()
    tasks.start("t", time_start=10.0, run_in_background=True)
    assert tasks.status("t", now=11.0) == "running"
    assert tasks.result("t", now=11.0) == {
        "task_uid": "t", "time_start": 10.0, "run_in_background": True,
    }  # fmt: skip
    tasks.finish("t", DONE, now=20.0)
    assert tasks.result("t", now=139.0) == {
        "task_uid": "t", **DONE, "time_start": 10.0, "time_stop": 20.0,
    }  # fmt: skip
    assert tasks.status("t", now=140.0) == "not_found"
    assert tasks.result("t", now=140.0) == {}


def test_the_oldest_results_go_when_there_are_too_many() -> None:
    tasks = Tasks(max_completed=2)
    for uid in "abc":
        tasks.finish(uid, DONE, now=1.0)
    assert tasks.statuses(["a", "b", "c"], now=1.0) == {
        "a": "not_found", "b": "completed", "c": "completed",
    }  # fmt: skip


def test_tasks_of_a_dead_worker_are_forgotten() -> None:
    tasks = Tasks()
    tasks.start("t", time_start=1.0, run_in_background=False)
    assert [task.uid for task in tasks.forget_running()] == ["t"]
    assert tasks.status("t", now=2.0) == "not_found"


def test_a_task_that_ended_while_the_manager_was_away_is_taken_in() -> None:
    tasks = Tasks()
    tasks.finish("t", {**DONE, "time_start": 3.0}, now=9.0)
    assert tasks.result("t", now=9.0)["time_start"] == 3.0


def test_a_question_without_proper_uids_is_refused() -> None:
    with pytest.raises(BadRequest, match="Required 'task_uid' parameter is missing in the API"):
        Tasks().statuses(None, now=0.0)
    with pytest.raises(BadRequest, match="'task_uid' must be a string or a list of strings"):
        Tasks().statuses([1], now=0.0)
