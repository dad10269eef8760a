"""Tutorials: immediate execution of plans; executing functions; uploading scripts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.acceptance.running import RunningManager, uids

pytestmark = pytest.mark.xdist_group("tutorial tasks")

FUNCTION = '{{"name": "function_sleep", "args": [{}], "kwargs": {{}}}}'
HELD = '{{"name": "func_for_test_hold", "args": ["{}"]}}'
SCRIPT = """\
# Add a simple plan
def count_test(detectors, *, num=1, delay=1):
    yield from count(detectors, num=num, delay=delay)

# Wait for a file to emulate the script with longer execution time
import os
while not os.path.exists({gate!r}):
    ttime.sleep(0.02)
"""


def execute(manager: RunningManager, seconds: float, *words: str) -> str:
    answer = manager.qserver("function", "execute", FUNCTION.format(seconds), *words)
    assert answer["success"] is True
    return str(answer["task_uid"])


def execute_held(manager: RunningManager, *words: str) -> str:
    """Execute a function that goes on until the gate is there."""
    manager.hold_work()
    answer = manager.qserver("function", "execute", HELD.format(manager.gate), *words)
    assert answer["success"] is True
    return str(answer["task_uid"])


def task_status(manager: RunningManager, uid: str) -> str:
    reply = manager.qserver("task", "status", uid).reply
    assert reply["success"] is True
    assert reply["task_uid"] == uid
    return str(reply["status"])


# ------------------------------------------------------------------------ immediate execution


def test_a_plan_is_executed_at_once_past_the_queue(opened: RunningManager) -> None:
    waiting = opened.add_count(num=3)
    before = opened.queue()
    begun = opened.status()
    plan = '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 2, "delay": 0.5}}'
    reply = opened.qserver("queue", "execute", "plan", plan).reply
    uid = reply["item"]["item_uid"]
    assert reply == {
        "success": True,
        "msg": "",
        "qsize": 1,
        "item": {
            "item_type": "plan",
            "name": "count",
            "args": [["det1", "det2"]],
            "kwargs": {"num": 2, "delay": 0.5},
            "item_uid": uid,
            "user": "qserver-cli",
            "user_group": "primary",
        },
    }
    status = opened.until(lambda status: status["running_item_uid"] == uid, since=begun)
    assert status["manager_state"] in ("starting_queue", "executing_queue")
    opened.until(lambda status: status["manager_state"] == "executing_queue", since=begun)

    opened.until_idle()
    answer = opened.qserver("history", "get")
    (entry,) = answer["items"]
    assert answer["plan_history_uid"] == opened.status()["plan_history_uid"]
    result = entry.pop("result")
    assert entry == reply["item"]
    assert result["exit_status"] == "completed"
    assert result["msg"] == ""
    assert result["traceback"] == ""
    assert len(result["run_uids"]) == len(result["scan_ids"]) == 1
    assert result["time_stop"] - result["time_start"] > 0.4
    assert opened.queue() == before
    assert uids(before) == [waiting]


def test_an_immediate_plan_that_fails_does_not_come_to_the_queue(opened: RunningManager) -> None:
    opened.qserver("queue", "execute", "plan", '{"name": "count", "args": [["det1"]]}')
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    opened.do(
        "queue_item_execute",
        item={
            "item_type": "plan",
            "name": "count",
            "args": [["det1"]],
            "kwargs": {"num": 50, "delay": 1},
        },
        user="a test",
        user_group="primary",
    )
    opened.until_running()
    opened.do("re_pause", option="immediate")
    opened.until_state("paused")
    opened.do("re_abort")
    opened.until_idle()
    assert opened.queue() == []
    assert opened.history()[-1]["result"]["exit_status"] == "aborted"


def test_an_instruction_executed_at_once_passes(opened: RunningManager) -> None:
    opened.add_count()
    answer = opened.qserver("queue", "execute", "instruction", "queue-stop")
    assert (answer.code, answer["qsize"]) == (0, 1)
    assert answer["item"]["name"] == "queue_stop"
    opened.until_idle()
    assert (len(opened.queue()), opened.history()) == (1, [])


def test_nothing_is_executed_at_once_without_an_environment(closed: RunningManager) -> None:
    answer = closed.qserver("queue", "execute", "plan", '{"name": "count", "args": [["det1"]]}')
    assert answer.code == 2
    assert answer["msg"].startswith("Failed to start execution of the item: ")
    assert "RE Worker environment does not exist." in answer["msg"]


# ----------------------------------------------------------------------------------- functions


def test_a_function_runs_in_the_foreground_and_returns_a_result(opened: RunningManager) -> None:
    seconds = opened.time_to_type(3)
    begin = len(opened.watch.console)
    reply = opened.qserver("function", "execute", FUNCTION.format(seconds)).reply
    uid = reply["task_uid"]
    assert reply == {
        "success": True,
        "msg": "",
        "item": {
            "name": "function_sleep",
            "args": [seconds],
            "kwargs": {},
            "user": "qserver-cli",
            "user_group": "primary",
            "item_uid": uid,
        },
        "task_uid": uid,
    }
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_task"
    assert status["worker_environment_state"] == "executing_task"
    assert status["worker_background_tasks"] == 0
    assert task_status(opened, uid) == "running"
    running = opened.do("task_result", task_uid=uid)
    assert (running["status"], running["result"]["run_in_background"]) == ("running", False)

    opened.until_idle()
    assert task_status(opened, uid) == "completed"
    # Start and end are seen at the terminal of the service.
    opened.until_text("function_sleep: finishes", begin)
    words = re.findall(r"function_sleep: (\w+)", opened.watch.console[begin:])
    assert words == ["starts", "waits", "finishes"]
    reply = opened.qserver("task", "result", uid).reply
    assert reply["status"] == "completed"
    assert reply["task_uid"] == uid
    result = reply["result"]
    assert result["return_value"] == {"success": True, "time": seconds}
    assert (result["success"], result["msg"], result["traceback"]) == (True, "", "")
    assert result["task_uid"] == uid
    assert result["time_stop"] - result["time_start"] >= seconds


def test_functions_in_the_background_leave_the_manager_idle(opened: RunningManager) -> None:
    tasks = []
    for number in (1, 2):
        tasks.append(execute_held(opened, "background"))
        status = opened.qserver("status").reply
        assert status["worker_background_tasks"] == number
        assert status["manager_state"] == "idle"
        assert status["worker_environment_state"] == "idle"

    # Plans and functions in front run meanwhile.
    opened.add_count()
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    front = execute(opened, 0.1)
    opened.until(lambda _status: opened.ask("task_status", task_uid=front)["status"] != "running")
    assert [task_status(opened, uid) for uid in tasks] == ["running", "running"]

    opened.gate.touch()
    opened.until(lambda status: status["worker_background_tasks"] == 0)
    assert [task_status(opened, uid) for uid in tasks] == ["completed", "completed"]


def test_a_foreground_function_keeps_plans_away_but_no_background_function(
    opened: RunningManager,
) -> None:
    front = execute_held(opened)
    opened.add_count()
    refused = opened.qserver("queue", "start")
    assert (refused.code, refused["msg"]) == (2, "RE Manager is busy.")
    refused = opened.qserver("function", "execute", FUNCTION.format(0))
    assert refused["msg"] == (
        "Error: Failed to start the task: RE Manager must be in idle state. "
        "Current state: 'executing_task'"
    )
    behind = execute(opened, 0.1, "background")
    opened.until(
        lambda _status: opened.ask("task_status", task_uid=behind)["status"] == "completed"
    )
    assert task_status(opened, front) == "running"
    assert opened.status()["manager_state"] == "executing_task"
    opened.gate.touch()
    opened.until_idle()
    assert task_status(opened, front) == "completed"


def test_a_background_function_starts_while_a_plan_runs(opened: RunningManager) -> None:
    opened.add_held()
    opened.do("queue_start")
    opened.until_running()
    refused = opened.qserver("function", "execute", FUNCTION.format(0))
    assert refused.code == 2
    assert "Failed to start the task: RE Manager must be in idle state." in refused["msg"]
    uid = execute(opened, 0.1, "background")
    opened.until(lambda _status: opened.ask("task_status", task_uid=uid)["status"] == "completed")
    assert opened.status()["manager_state"] == "executing_queue"
    opened.gate.touch()
    opened.until_idle()


def test_an_unknown_task_is_not_found(opened: RunningManager) -> None:
    assert task_status(opened, "no-such-task") == "not_found"


def test_a_function_that_is_not_allowed_is_refused(opened: RunningManager) -> None:
    answer = opened.qserver("function", "execute", '{"name": "clear_buffer"}')
    assert answer.code == 2
    assert "Function 'clear_buffer' is not allowed for users from 'primary' group." in answer["msg"]


VALUES = """\
import datetime
import numpy

def func_for_test_value(text):
    return eval(text)

func_for_test_lambda = lambda number: number + 1
func_for_test_class = dict
func_for_test_method = "a-b".split
func_for_test_plan = count
func_for_test_number = 5
"""


def outcome(manager: RunningManager, name: str, *args: object) -> dict[str, Any]:
    """Execute a function and return its result."""
    begun = manager.status()
    item = {"item_type": "function", "name": name, "args": list(args)}
    uid = manager.do("function_execute", item=item, user="J", user_group="primary")["task_uid"]
    changed = begun["task_results_uid"]
    manager.until(lambda status: status["task_results_uid"] != changed, since=begun)
    # Who sees that a task has ended finds its result, and the manager is ready for the next one.
    reply = manager.do("task_result", task_uid=uid)
    assert reply["status"] == "completed"
    assert manager.status()["manager_state"] == "idle"
    result: dict[str, Any] = reply["result"]
    assert result["time_start"] <= result["time_stop"]
    return result


def test_what_a_function_returns_arrives_or_fails_the_task_with_the_reason(
    opened: RunningManager,
) -> None:
    opened.do("script_upload", script=VALUES)
    opened.until_idle()
    for text, expected in (
        ("None", None),
        ("'text üñ'", "text üñ"),
        ("(1, [2.5, {'a': True}])", [1, [2.5, {"a": True}]]),
        ("{1: 'a'}", {"1": "a"}),
        ("numpy.float64(0.5)", 0.5),
        ("float('inf')", float("inf")),
        ("2**70", 2**70),
    ):
        result = outcome(opened, "func_for_test_value", text)
        assert (result["success"], result["return_value"]) == (True, expected), result
        assert (result["msg"], result["traceback"]) == ("", "")
    for text, kind in (
        ("numpy.zeros(2)", "ndarray"),
        ("{1}", "set"),
        ("b'x'", "bytes"),
        ("datetime.date(2026, 1, 1)", "date"),
        ("motor", "SynAxis"),
        ("object()", "object"),
    ):
        result = outcome(opened, "func_for_test_value", text)
        assert (result["success"], result["return_value"]) == (False, None), result
        assert "Task result can not be serialized as JSON: " in result["msg"]
        assert f"Object of type {kind} is not JSON serializable" in result["msg"]
        assert result["traceback"].startswith("Traceback")


def test_everything_that_can_be_called_can_be_executed(opened: RunningManager) -> None:
    opened.do("script_upload", script=VALUES)
    opened.until_idle()
    for name, args, expected in (
        ("func_for_test_lambda", [1], 2),
        ("func_for_test_class", [[["a", 1]]], {"a": 1}),
        ("func_for_test_method", ["-"], ["a", "b"]),
        # Names stay names: arguments of functions are no devices.
        ("func_for_test_value", ["'det1'"], "det1"),
    ):
        assert outcome(opened, name, *args)["return_value"] == expected
    prefix = "Error occurred while executing 'Execute function': "
    for name, text in (
        ("func_for_test_number", "Object 'func_for_test_number' defined in worker namespace"),
        ("func_for_test_plan", "is a generator function: a plan has to go through the queue"),
        ("func_for_test_nowhere", "Function 'func_for_test_nowhere' is not found in the worker"),
    ):
        result = outcome(opened, name)
        assert result["success"] is False
        assert result["msg"].startswith(prefix)
        assert text in result["msg"]


# ------------------------------------------------------------------------------------- scripts


def test_a_script_adds_a_plan_that_can_be_queued_and_run(opened: RunningManager) -> None:
    assert "count_test" not in opened.qserver("allowed", "plans")["plans_allowed"]
    before = opened.status()["plans_allowed_uid"]
    (opened.home.work / "test_script.py").write_text(SCRIPT.format(gate=str(opened.gate)))
    reply = opened.qserver("script", "upload", "test_script.py").reply
    uid = reply.pop("task_uid")
    assert reply == {"success": True, "msg": ""}
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_task"
    assert status["worker_environment_state"] == "executing_task"
    assert task_status(opened, uid) == "running"

    opened.gate.touch()
    opened.until_idle()
    assert task_status(opened, uid) == "completed"
    result = opened.qserver("task", "result", uid)["result"]
    assert result["return_value"] is None
    assert (result["success"], result["msg"], result["traceback"]) == (True, "", "")

    reply = opened.qserver("allowed", "plans").reply
    assert "count_test" in reply["plans_allowed"]
    assert reply["plans_allowed_uid"] != before
    plan = '{"name": "count_test", "args": [["det1"]], "kwargs": {"delay": 0}}'
    assert opened.qserver("queue", "add", "plan", plan).code == 0
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    assert opened.history()[0]["result"]["exit_status"] == "completed"


def test_a_failing_script_tells_its_error_and_the_manager_goes_on(opened: RunningManager) -> None:
    (opened.home.work / "broken.py").write_text("print('begins')\n1 / 0\n")
    uid = opened.qserver("script", "upload", "broken.py")["task_uid"]
    opened.until_idle()
    result = opened.qserver("task", "result", uid)["result"]
    assert result["success"] is False
    assert "Failed to execute stript: division by zero" in result["msg"]
    assert "ZeroDivisionError" in result["traceback"]
    assert result["return_value"] is None


def test_a_script_may_run_in_the_background_and_keep_the_lists(opened: RunningManager) -> None:
    begin = opened.status()
    (opened.home.work / "quiet.py").write_text("def quiet_plan():\n    yield from bps.null()\n")
    answer = opened.qserver("script", "upload", "quiet.py", "keep-lists", "background")
    uid = answer["task_uid"]
    opened.until(
        lambda status: status["task_results_uid"] != begin["task_results_uid"], since=begin
    )
    result = opened.qserver("task", "result", uid)["result"]
    assert (result["success"], result["return_value"]) == (True, None)
    assert opened.status()["plans_existing_uid"] == begin["plans_existing_uid"]
    assert "quiet_plan" not in opened.qserver("existing", "plans")["plans_existing"]
    assert opened.qserver("environment", "update", "background").code == 0
    opened.until(lambda status: status["plans_existing_uid"] != begin["plans_existing_uid"])
    assert "quiet_plan" in opened.qserver("existing", "plans")["plans_existing"]


def test_a_script_is_not_uploaded_without_a_file(opened: RunningManager) -> None:
    answer = opened.qserver("script", "upload", "missing.py")
    assert answer.code == 1
    assert "missing.py" in answer.errors


def test_the_environment_is_updated_on_request(opened: RunningManager) -> None:
    source = "def late_plan():\n    yield from bps.null()\n"
    opened.do("script_upload", script=source, update_lists=False)
    opened.until_idle()
    assert "late_plan" not in opened.ask("plans_existing")["plans_existing"]
    assert opened.qserver("environment", "update")["success"] is True
    opened.until_idle()
    assert "late_plan" in opened.ask("plans_existing")["plans_existing"]
