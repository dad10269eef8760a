"""Functions and scripts: accepted when, seen how, and what they give back."""

from __future__ import annotations

from typing import Any

import pytest

from qs_jupyter.testing.running_manager import RunningManager, quiet_settings
from qs_kernel_worker.messages import FunctionJob, Interrupt, ScriptJob, StartTask
from tests.contract.manager.words import WHO, add, ok, plan, refused, run_to_pause

FUNCTION = {"item_type": "function", "name": "function_sleep", "args": [1]}
BUSY_STATE = "Failed to start the task: RE Manager must be in idle state. Current state: "
STARTERS: list[tuple[str, dict[str, Any]]] = [
    ("script_upload", {"script": "x = 1"}),
    ("environment_update", {}),
    ("function_execute", {"item": FUNCTION, **WHO}),
]


async def status_of(running: RunningManager, uid: str) -> str:
    status: str = (await ok(running, "task_status", task_uid=uid))["status"]
    return status


@pytest.mark.parametrize(("method", "params"), STARTERS)
async def test_a_foreground_task_from_start_to_result(
    opened: RunningManager, method: str, params: dict[str, Any]
) -> None:
    reply = await ok(opened, method, **params)
    uid = reply["task_uid"]
    status = opened.status()
    assert status["manager_state"] == "executing_task"
    assert status["worker_environment_state"] == "executing_task"
    assert (status["ip_kernel_state"], status["ip_kernel_captured"]) == ("busy", True)
    assert await status_of(opened, uid) == "running"
    result = await ok(opened, "task_result", task_uid=uid)
    assert (result["task_uid"], result["status"]) == (uid, "running")
    assert set(result["result"]) == {"task_uid", "time_start", "run_in_background"}
    assert result["result"]["run_in_background"] is False
    opened.seen.clear()
    opened.kernel.end_task(return_value={"a": 1})
    await opened.idle()
    result = await ok(opened, "task_result", task_uid=uid)
    assert result["status"] == "completed"
    assert result["result"] == {
        "task_uid": uid,
        "success": True,
        "msg": "",
        "traceback": "",
        "return_value": {"a": 1},
        "time_start": result["result"]["time_start"],
        "time_stop": result["result"]["time_stop"],
    }
    new = opened.status()["task_results_uid"]
    assert all(s["task_results_uid"] == new for s in opened.seen if s["manager_state"] == "idle")


async def test_what_the_worker_is_told(opened: RunningManager) -> None:
    await ok(opened, "script_upload", script="x = 1", update_lists=False, update_re=True)
    opened.kernel.end_task()
    await opened.idle()
    reply = await ok(opened, "function_execute", item=FUNCTION, **WHO)
    assert reply["item"] == {
        "name": "function_sleep",
        "args": [1],
        "kwargs": {},
        "user": "Jane",
        "user_group": "primary",
        "item_uid": reply["task_uid"],
    }
    script, function = opened.kernel.jobs
    assert isinstance(script, ScriptJob)
    assert isinstance(function, FunctionJob)
    assert (script.script, script.update_lists, script.update_re) == ("x = 1", False, True)
    assert (function.name, function.args, function.kwargs) == ("function_sleep", [1], {})


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        (
            "script_upload",
            {"script": "1/0"},
            "Error occurred while executing 'Load script': Failed to execute stript: oops",
        ),
        (
            "function_execute",
            {"item": FUNCTION, **WHO},
            "Error occurred while executing 'Execute function': oops",
        ),
    ],
)
async def test_a_failed_task_says_what_happened_in_its_result_and_on_the_console(
    opened: RunningManager, method: str, params: dict[str, Any], text: str, caplog
) -> None:
    uid = (await ok(opened, method, **params))["task_uid"]
    msg = "Failed to execute stript: oops" if method == "script_upload" else "oops"
    opened.kernel.end_task(outcome="failed", msg=msg, traceback="Traceback …")
    await opened.idle()
    result = (await ok(opened, "task_result", task_uid=uid))["result"]
    assert (result["success"], result["return_value"]) == (False, None)
    assert (result["msg"], result["traceback"]) == (text, "Traceback …")
    errors = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert errors == [f"{text}:\nTraceback …"]


@pytest.mark.parametrize(("method", "params"), STARTERS)
async def test_a_foreground_task_needs_an_idle_manager_and_a_free_kernel(
    closed: RunningManager, method: str, params: dict[str, Any]
) -> None:
    prefix = "Error: " if method == "function_execute" else ""
    assert await refused(closed, method, **params) == f"{prefix}RE Worker environment is not open"
    await closed.open()
    await add(closed, plan())
    await ok(closed, "queue_start")
    assert await refused(closed, method, **params) == f"{prefix}{BUSY_STATE}'executing_queue'"
    closed.kernel.end_plan()
    await closed.idle()
    closed.kernel.start_cell("Mia")
    assert (await refused(closed, method, **params)).startswith(
        "Error: Failed to start the task: IPython kernel (RE Worker) is busy."
    )
    closed.kernel.main_thread.cell, cell = None, closed.kernel.main_thread.cell
    closed.kernel.end_cell()
    closed.kernel.main_thread.cell = cell  # a cell that is not told yet
    text = await refused(closed, method, **params)
    assert text.startswith("Error: Failed to start the task: Failed to capture IPython kernel")
    assert closed.status()["manager_state"] == "idle"


@pytest.mark.parametrize(("method", "params"), STARTERS)
async def test_a_task_that_the_worker_will_not_run_leaves_the_manager_idle(
    opened: RunningManager, method: str, params: dict[str, Any]
) -> None:
    for kind in (ScriptJob, FunctionJob, StartTask):
        opened.kernel.refusals[kind] = "not now"
    for background in (False, True):
        text = await refused(opened, method, **params, run_in_background=background)
        assert "Failed to start the task: " in text
        assert text.endswith("not now")
    assert opened.status()["manager_state"] == "idle"
    assert opened.status()["worker_background_tasks"] == 0


@pytest.mark.parametrize(("method", "params"), STARTERS)
async def test_a_background_task_runs_beside_anything(
    opened: RunningManager, method: str, params: dict[str, Any]
) -> None:
    kernel = opened.kernel
    await run_to_pause(opened)
    await ok(opened, "re_resume")
    kernel.print("busy")
    state = opened.status()["manager_state"]
    first = (await ok(opened, method, **params, run_in_background=True))["task_uid"]
    second = (await ok(opened, method, **params, run_in_background=True))["task_uid"]
    assert isinstance(kernel.requests[-1], StartTask)
    assert opened.status()["worker_background_tasks"] == 2
    assert opened.status()["manager_state"] == state == "executing_queue"
    assert (await ok(opened, "task_result", task_uid=first))["result"]["run_in_background"] is True
    kernel.end_task(second, return_value=5)
    await opened.until(worker_background_tasks=1)
    reply = await ok(opened, "task_status", task_uid=[first, second, "stranger"])
    assert reply["status"] == {first: "running", second: "completed", "stranger": "not_found"}
    kernel.end_plan()
    await opened.idle()
    await ok(opened, "environment_close")
    await opened.idle()
    assert await status_of(opened, first) == "not_found"
    assert await status_of(opened, second) == "completed"
    assert opened.status()["worker_background_tasks"] == 0


async def test_a_stranger_is_not_found(closed: RunningManager) -> None:
    reply = await ok(closed, "task_result", task_uid="stranger")
    assert (reply["task_uid"], reply["status"], reply["result"]) == ("stranger", "not_found", {})


async def test_a_request_for_a_task_must_name_it(closed: RunningManager) -> None:
    for method in ("task_status", "task_result"):
        assert "Required 'task_uid' parameter is missing in the API call" in await refused(
            closed, method
        )
    assert "'task_uid' must be a string or a list of strings" in await refused(
        closed, "task_status", task_uid=5
    )


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"item_type": "plan", "name": "count"}, "supported item types ('function',)"),
        ({"item_type": "function"}, "Function name is not specified: "),
        ({**FUNCTION, "args": "x"}, "Parameter 'args' is not a tuple or a list"),
        ({**FUNCTION, "kwargs": []}, "Parameter 'kwargs' is not a dictionary"),
        (
            {"item_type": "function", "name": "not_allowed"},
            "Function 'not_allowed' is not allowed for users from 'primary' group.",
        ),
    ],
)
async def test_a_function_that_does_not_fit_is_refused(
    opened: RunningManager, item: dict[str, Any], text: str
) -> None:
    reply = await opened.call("function_execute", item=item, **WHO)
    assert reply["success"] is False
    assert reply["msg"].startswith("Error: ")
    assert text in reply["msg"]
    assert (reply["item"], reply["task_uid"]) == (item, None)


async def test_scripts_must_be_text(opened: RunningManager) -> None:
    assert await refused(opened, "script_upload") == (
        "Error: Required 'script' parameter is is missing in API call."
    )
    assert "Type of the 'script' parameter in API call is incorrect." in await refused(
        opened, "script_upload", script=5
    )


async def test_a_destroyed_environment_ends_the_foreground_task(opened: RunningManager) -> None:
    uid = (await ok(opened, "script_upload", script="while True: pass"))["task_uid"]
    await ok(opened, "environment_destroy")
    await opened.idle()
    assert await status_of(opened, uid) == "not_found"
    await opened.open()


async def test_interrupts_ask_before_they_disturb(closed: RunningManager) -> None:
    prefix = "Failed to interrupt IPython kernel: "

    async def text(**params: Any) -> str:
        return await refused(closed, "kernel_interrupt", **params)

    assert await text() == f"{prefix}Worker environment does not exist"
    await closed.open()
    await ok(closed, "kernel_interrupt")
    await ok(closed, "script_upload", script="1")
    assert await text(interrupt_plan=True) == f"{prefix}Not allowed to interrupt running task"
    await ok(closed, "kernel_interrupt", interrupt_task=True)
    closed.kernel.end_task()
    await closed.idle()
    await add(closed, plan())
    await ok(closed, "queue_start")
    assert await text(interrupt_task=True) == f"{prefix}Not allowed to interrupt running plan"
    await ok(closed, "kernel_interrupt", interrupt_plan=True)
    assert closed.status()["pause_pending"] is False
    assert sum(isinstance(request, Interrupt) for request in closed.kernel.requests) == 3


async def test_without_ipython_there_is_nothing_to_interrupt_or_reserve() -> None:
    async with RunningManager(settings=quiet_settings(use_ipython_kernel=False)) as running:
        await running.open()
        status = running.status()
        assert (status["ip_kernel_state"], status["ip_kernel_captured"]) == ("disabled", True)
        assert "RE Manager is not in IPython mode: IPython kernel is not used" in await refused(
            running, "kernel_interrupt"
        )
        assert "IPython kernel mode is not enabled" in await refused(
            running, "manager_test", test_name="reserve_kernel"
        )
        assert (await ok(running, "config_get"))["config"]["ip_connect_info"] == {}


async def test_a_reserved_kernel_is_seen_and_released(opened: RunningManager) -> None:
    assert await refused(opened, "manager_test", test_name="x") == (
        "Error: Unknown test: 'x'. Known tests: ['reserve_kernel']"
    )
    await ok(opened, "manager_test", test_name="reserve_kernel")
    status = opened.status()
    assert status["worker_environment_state"] == "reserved"
    assert (status["ip_kernel_state"], status["ip_kernel_captured"]) == ("busy", True)
    opened.kernel.release_hold()
    status = opened.status()
    assert status["worker_environment_state"] == "idle"
    assert (status["ip_kernel_state"], status["ip_kernel_captured"]) == ("idle", False)


async def test_a_kernel_at_work_cannot_be_reserved(opened: RunningManager) -> None:
    busy = "Error: Failed to capture IPython kernel: IPython kernel (RE Worker) is busy."
    reserve = {"test_name": "reserve_kernel"}
    opened.kernel.start_cell("Mia")
    assert await refused(opened, "manager_test", **reserve) == (
        f"{busy} It runs a cell of a console (user 'Mia')."
    )
    assert opened.status()["worker_environment_state"] == "idle"
    opened.kernel.end_cell()
    await ok(opened, "script_upload", script="1")
    assert await refused(opened, "manager_test", **reserve) == busy
    opened.kernel.end_task()
    await opened.idle()
    await ok(opened, "manager_test", **reserve)


async def test_the_manager_stops_only_when_idle_unless_told_otherwise(
    opened: RunningManager,
) -> None:
    assert await refused(opened, "manager_stop", option="zz") == (
        "Error: Option 'zz' is not allowed. Allowed options: ('safe_off', 'safe_on')"
    )
    await add(opened, plan())
    await ok(opened, "queue_start")
    assert await refused(opened, "manager_stop") == (
        "Error: Closing RE Manager with option 'safe_on' is allowed only in 'idle' state. "
        "Current state: 'executing_queue'"
    )
    await ok(opened, "manager_stop", option="safe_off")
    await opened.manager.core.stopped.wait()
    await opened.end()
    assert not opened.kernel.is_running
