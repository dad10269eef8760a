"""The states of manager and environment, in the order in which clients see them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from qs_jupyter.testing.running_manager import RunningManager, simulated_kernel
from qs_kernel_worker.messages import ContinueJob, Opened, Pause, PlanJob
from tests.contract.manager.words import (
    STOP,
    WHO,
    add,
    history,
    let_plans_end,
    numbers,
    ok,
    plan,
    queue,
    refused,
    run_to_pause,
)

STATE = "manager_state"
E_STATE = "worker_environment_state"
NO_ENVIRONMENT = {
    "worker_environment_exists": False,
    E_STATE: "closed",
    "re_state": None,
    "ip_kernel_state": None,
    "ip_kernel_captured": None,
    "worker_background_tasks": 0,
    "pause_pending": False,
}
READY = {
    STATE: "idle",
    "worker_environment_exists": True,
    E_STATE: "idle",
    "re_state": "idle",
    "ip_kernel_state": "idle",
    "ip_kernel_captured": False,
}


def subset(status: Any, facts: dict[str, Any]) -> dict[str, Any]:
    return {name: status[name] for name in facts}


# ------------------------------------------------------------------------------- environment


async def test_a_new_manager_is_idle_without_an_environment(closed: RunningManager) -> None:
    facts = {STATE: "idle", **NO_ENVIRONMENT, "running_item_uid": None, "items_in_queue": 0}
    assert subset(closed.status(), facts) == facts


async def test_opening_goes_from_creating_to_idle_with_everything_loaded(
    closed: RunningManager,
) -> None:
    closed.kernel.opens_by_itself = False
    await ok(closed, "environment_open")
    status = closed.status()
    assert status[STATE] == "creating_environment"
    assert status[E_STATE] == "initializing"
    assert status["worker_environment_exists"] is False
    assert status["ip_kernel_state"] == "starting"
    assert status["ip_kernel_captured"] is False
    await closed.kernel.started.wait()
    closed.kernel.finish_opening()
    await closed.until(manager_state="idle")
    assert subset(closed.status(), READY) == READY
    assert closed.values(STATE) == ["idle", "creating_environment", "idle"]
    assert closed.values(E_STATE) == ["closed", "initializing", "idle"]
    reply = await ok(closed, "plans_existing")
    assert reply["plans_existing"] == closed.kernel.plans
    assert reply["plans_existing_uid"] == closed.status()["plans_existing_uid"]


async def test_startup_code_that_fails_leaves_no_environment_and_tells_why(
    closed: RunningManager,
) -> None:
    closed.kernel.opening = Opened(
        ok=False, msg="NameError: name 'x'", file="10.py", line=3, traceback="Traceback …"
    )
    closed.kernel.may_end.clear()
    await ok(closed, "environment_open")
    await closed.until(worker_environment_state="failed")
    assert closed.status()["worker_environment_exists"] is False
    closed.kernel.may_end.set()
    await closed.until(manager_state="idle")
    assert subset(closed.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    assert closed.values(STATE) == ["idle", "creating_environment", "idle"]
    report = {"ok": False, "msg": "NameError: name 'x'", "file": "10.py", "line": 3}
    assert closed.status()["environment_report"] == report
    full = (await ok(closed, "environment_report"))["environment_report"]
    assert full["traceback"] == "Traceback …"


async def test_a_worker_that_does_not_start_leaves_the_manager_idle(
    closed: RunningManager,
) -> None:
    closed.kernel.start_failure = "The process ended: no module named ipykernel"
    await ok(closed, "environment_open")
    await closed.until(manager_state="idle")
    assert subset(closed.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    assert "no module named ipykernel" in closed.status()["environment_report"]["msg"]
    closed.kernel.start_failure = None
    await closed.open()


async def test_a_worker_that_dies_while_it_opens_leaves_the_manager_idle(
    closed: RunningManager,
) -> None:
    closed.kernel.opens_by_itself = False
    await ok(closed, "environment_open")
    await closed.kernel.started.wait()
    closed.kernel.die("exit code 3")
    await closed.until(manager_state="idle")
    assert subset(closed.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    assert "exit code 3" in closed.status()["environment_report"]["msg"]


async def test_opening_is_refused_while_opening_and_when_open(closed: RunningManager) -> None:
    closed.kernel.opens_by_itself = False
    await ok(closed, "environment_open")
    assert await refused(closed, "environment_open") == (
        "Manager is already in the process of creating the RE Worker environment."
    )
    await closed.kernel.started.wait()
    closed.kernel.finish_opening()
    await closed.idle()
    assert await refused(closed, "environment_open") == "RE Worker environment already exists."


async def test_closing_goes_through_closing_to_nothing(opened: RunningManager) -> None:
    opened.kernel.may_end.clear()
    await ok(opened, "environment_close")
    status = opened.status()
    assert (status[STATE], status[E_STATE]) == ("closing_environment", "closing")
    assert await refused(opened, "environment_close") == (
        "Manager is already in the process of closing the RE Worker environment."
    )
    opened.kernel.may_end.set()
    await opened.idle()
    assert subset(opened.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    assert await refused(opened, "environment_close") == "RE Worker environment does not exist."


async def test_closing_is_refused_while_something_goes_on(opened: RunningManager) -> None:
    await add(opened, plan())
    await ok(opened, "queue_start")
    assert await refused(opened, "environment_close") == "Queue execution is in progress."
    await ok(opened, "re_pause")
    opened.kernel.reach_pause()
    await opened.until(manager_state="paused")
    assert await refused(opened, "environment_close") == (
        "Manager state is not idle. Current state: paused"
    )
    await ok(opened, "re_stop")
    await opened.idle()
    await ok(opened, "script_upload", script="1")
    assert await refused(opened, "environment_close") == (
        "Foreground task execution is in progress."
    )
    opened.kernel.end_task()
    await opened.idle()
    opened.kernel.start_cell()
    assert "Worker IPython kernel is busy" in await refused(opened, "environment_close")


async def test_destroying_needs_something_to_destroy(closed: RunningManager) -> None:
    assert await refused(closed, "environment_destroy") == "RE environment does not exist"


async def test_an_opening_can_be_destroyed(closed: RunningManager) -> None:
    closed.kernel.opens_by_itself = False
    await ok(closed, "environment_open")
    await closed.until(worker_environment_state="initializing")
    closed.kernel.may_end.clear()
    await ok(closed, "environment_destroy")
    await closed.until(manager_state="destroying_environment")
    closed.kernel.may_end.set()
    await closed.idle()
    assert subset(closed.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    assert closed.values(STATE) == [
        "idle",
        "creating_environment",
        "destroying_environment",
        "idle",
    ]
    closed.kernel.opens_by_itself = True
    await closed.open()


async def test_an_opening_can_be_destroyed_before_the_process_answers(
    closed: RunningManager,
) -> None:
    closed.kernel.may_start.clear()
    await ok(closed, "environment_open")
    await ok(closed, "environment_destroy")
    await closed.idle()
    closed.kernel.may_start.set()
    await closed.open()


@pytest.mark.parametrize("is_paused", [False, True])
async def test_destroying_fails_the_plan_and_returns_it_to_the_front(
    opened: RunningManager, is_paused: bool
) -> None:
    if is_paused:
        uid = await run_to_pause(opened, plan(1))
    else:
        (uid,) = await add(opened, plan(1))
        await ok(opened, "queue_start")
    await add(opened, plan(2))
    await ok(opened, "queue_autostart", enable=True)
    run = opened.kernel.open_run()
    await ok(opened, "environment_destroy")
    await opened.idle()
    assert subset(opened.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    assert opened.status()["running_item_uid"] is None
    assert opened.status()["queue_autostart_enabled"] is False
    (entry,) = await history(opened)
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == "failed"
    assert entry["result"]["msg"] == "RE Worker environment was destroyed"
    assert entry["result"]["run_uids"] == [run]
    first, second = await queue(opened)
    assert (first["kwargs"]["num"], second["kwargs"]["num"]) == (1, 2)
    assert first["item_uid"] != uid
    assert first["result"] == entry["result"]
    assert (await ok(opened, "re_runs"))["run_list"] == []


async def test_a_worker_that_dies_fails_the_plan_with_the_cause(opened: RunningManager) -> None:
    await add(opened, plan(1), plan(2))
    await ok(opened, "queue_start")
    opened.kernel.die("killed by signal SIGSEGV")
    await opened.idle()
    assert subset(opened.status(), NO_ENVIRONMENT) == NO_ENVIRONMENT
    (entry,) = await history(opened)
    assert entry["result"]["exit_status"] == "failed"
    assert "SIGSEGV" in entry["result"]["msg"]
    assert await numbers(opened) == [1, 2]
    await opened.open()


async def test_a_plan_that_ended_before_its_worker_died_is_not_run_again(
    opened: RunningManager,
) -> None:
    (uid,) = await add(opened, plan(1))
    await ok(opened, "queue_start")
    kernel = opened.kernel
    kernel.may_answer.clear()
    kernel.set_lists(kernel.plans, kernel.devices)  # what comes later waits for the new lists
    kernel.end_plan()
    kernel.die("killed by signal SIGSEGV")
    kernel.may_answer.set()
    await opened.until(manager_state="idle", worker_environment_exists=False)
    (entry,) = await history(opened)
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "completed")
    assert await queue(opened) == []
    await opened.open()


# ------------------------------------------------------------------------------- the queue


async def test_a_queue_of_two_runs_to_its_end(opened: RunningManager) -> None:
    let_plans_end(opened, runs=1)
    first, second = await add(opened, plan(1), plan(2))
    opened.seen.clear()
    await ok(opened, "queue_start")
    await opened.until(manager_state="idle", items_in_history=2)
    assert opened.values(STATE) == ["starting_queue", "executing_queue", "idle"]
    rows = opened.values("running_item_uid", "items_in_queue", "items_in_history")
    assert rows[0] == (first, 1, 0)
    assert rows[-1] == (None, 0, 2)
    assert (second, 0, 1) in rows
    entries = await history(opened)
    assert [entry["item_uid"] for entry in entries] == [first, second]
    for entry in entries:
        result = entry["result"]
        assert result["exit_status"] == "completed"
        assert len(result["run_uids"]) == len(result["scan_ids"]) == 1
        assert result["time_start"] <= result["time_stop"]
        assert (result["msg"], result["traceback"]) == ("", "")
        assert "properties" not in entry


async def test_history_and_queue_are_changed_before_idle_is_seen(opened: RunningManager) -> None:
    await add(opened, plan())
    await ok(opened, "queue_start")
    opened.seen.clear()
    opened.kernel.end_plan()
    await opened.idle()
    assert opened.values(STATE)[-1] == "idle"
    for status in opened.seen:
        if status[STATE] == "idle":
            assert status["running_item_uid"] is None
            assert status["items_in_history"] == 1
            assert status["ip_kernel_state"] == "idle"
            assert status["ip_kernel_captured"] is False


async def test_an_empty_queue_starts_and_is_idle_again(opened: RunningManager) -> None:
    await ok(opened, "queue_start")
    assert opened.status()[STATE] == "idle"
    assert await history(opened) == []


async def test_a_running_plan_is_seen_in_every_field(opened: RunningManager) -> None:
    (uid,) = await add(opened, plan())
    await ok(opened, "queue_start")
    facts = {
        STATE: "executing_queue",
        E_STATE: "executing_plan",
        "re_state": "running",
        "ip_kernel_state": "busy",
        "ip_kernel_captured": True,
        "running_item_uid": uid,
        "items_in_queue": 0,
    }
    assert subset(opened.status(), facts) == facts
    reply = await ok(opened, "queue_get")
    running = reply["running_item"]
    assert running["item_uid"] == uid
    assert list(running["properties"]) == ["time_start"]
    job = opened.kernel.jobs[-1]
    assert isinstance(job, PlanJob)
    assert (job.name, job.item_uid, job.attempt) == ("count", uid, 1)
    assert job.convert == {"detectors": ["det1"]}
    assert job.metadata["queue_item_uid"] == uid


@pytest.mark.parametrize("method", ["queue_start", "queue_item_execute"])
async def test_starting_is_refused_with_the_reason(closed: RunningManager, method: str) -> None:
    params = {"item": plan(), **WHO} if method == "queue_item_execute" else {}
    prefix = "Failed to start execution of the item: " if params else ""

    async def text() -> str:
        return await refused(closed, method, **params)

    assert await text() == f"{prefix}RE Worker environment does not exist."
    await closed.open()
    await add(closed, plan())
    closed.kernel.start_cell("Mia")
    assert (await text()).startswith(f"{prefix}IPython kernel (RE Worker) is busy.")
    closed.kernel.end_cell()
    closed.kernel.set_run_engine("paused")
    assert "Run Engine is not idle" in await text()
    closed.kernel.set_run_engine(None)
    assert await text() == f"{prefix}Run Engine is not found in the RE Worker environment."
    closed.kernel.set_run_engine("idle")
    await ok(closed, "queue_start")
    assert await text() == f"{prefix}RE Manager is busy."
    reply = await closed.call(method, **params)
    if params:
        assert (reply["qsize"], reply["item"]) == (None, plan())


async def test_an_environment_without_run_engine_opens_but_runs_nothing() -> None:
    async with RunningManager(simulated_kernel(has_run_engine=False)) as running:
        await running.open()
        assert running.status()["re_state"] is None
        text = "Run Engine is not found in the RE Worker environment."
        assert await refused(running, "queue_start") == text
        assert await refused(running, "re_pause") == text


async def test_a_kernel_taken_in_the_last_moment_refuses_and_loses_nothing(
    opened: RunningManager,
) -> None:
    (uid,) = await add(opened, plan(1))
    kernel = opened.kernel
    kernel.main_thread.cell = {"session": "console", "user": "Mia", "since": 0.0}  # not told yet
    assert (await refused(opened, "queue_start")).startswith("Failed to capture IPython kernel: ")
    assert opened.status()[STATE] == "idle"
    (item,) = await queue(opened)
    assert item["item_uid"] == uid
    assert await history(opened) == []


async def test_a_plan_that_the_worker_will_not_run_fails_and_stops_the_queue(
    opened: RunningManager,
) -> None:
    opened.kernel.refusals[PlanJob] = "another manager holds the lease of this worker"
    await add(opened, plan(1), plan(2))
    text = await refused(opened, "queue_start")
    assert "another manager holds the lease" in text
    await opened.until(manager_state="idle", items_in_history=1)
    (entry,) = await history(opened)
    assert entry["result"]["exit_status"] == "failed"
    assert "another manager holds the lease" in entry["result"]["msg"]
    assert await numbers(opened) == [1, 2]


async def test_a_refused_continuation_leaves_the_plan_paused(opened: RunningManager) -> None:
    uid = await run_to_pause(opened)
    kernel = opened.kernel
    kernel.main_thread.cell = {"session": "console", "user": "Mia", "since": 0.0}  # not told yet
    assert "Failed to capture IPython kernel" in await refused(opened, "re_resume")
    assert opened.status()[STATE] == "paused"
    kernel.main_thread.cell = None
    kernel.refusals[ContinueJob] = "not now"
    assert "not now" in await refused(opened, "re_stop")
    assert opened.status()[STATE] == "paused"
    assert opened.status()["running_item_uid"] == uid
    kernel.refusals.clear()
    await ok(opened, "re_stop")
    await opened.idle()
    assert [entry["item_uid"] for entry in await history(opened)] == [uid]


# ------------------------------------------------------------------------- stopping the queue


async def test_a_stop_takes_effect_behind_the_plan(opened: RunningManager) -> None:
    await add(opened, plan(1), plan(2))
    await ok(opened, "queue_start")
    await ok(opened, "queue_stop")
    await ok(opened, "queue_stop")
    assert opened.status()["queue_stop_pending"] is True
    opened.kernel.end_plan()
    await opened.until(manager_state="idle", queue_stop_pending=False)
    assert await numbers(opened) == [2]


async def test_a_stop_can_be_cancelled(opened: RunningManager) -> None:
    await ok(opened, "queue_stop_cancel")
    await add(opened, plan(1), plan(2))
    await ok(opened, "queue_start")
    await ok(opened, "queue_stop")
    await ok(opened, "queue_stop_cancel")
    assert opened.status()["queue_stop_pending"] is False
    opened.kernel.end_plan()
    await opened.until(items_in_queue=0, items_in_history=1)
    assert opened.status()[STATE] == "executing_queue"


async def test_a_queue_that_does_not_run_cannot_be_stopped(opened: RunningManager) -> None:
    assert await refused(opened, "queue_stop") == (
        "Failed to pause the queue. Queue is not running. Manager state: idle"
    )
    await run_to_pause(opened)
    assert (await refused(opened, "queue_stop")).endswith("Manager state: paused")


@pytest.mark.parametrize("loop", [False, True])
async def test_the_instruction_stops_the_queue_and_autostart(
    opened: RunningManager, loop: bool
) -> None:
    let_plans_end(opened)
    await ok(opened, "queue_mode_set", mode={"loop": loop})
    await add(opened, plan(1), STOP, plan(2))
    await ok(opened, "queue_autostart", enable=True)
    await opened.until(manager_state="idle", queue_autostart_enabled=False)
    assert await numbers(opened) == ([2, 1, None] if loop else [2])
    assert len(await history(opened)) == 1


async def test_an_executed_instruction_passes_without_effect(opened: RunningManager) -> None:
    await add(opened, plan(1))
    reply = await ok(opened, "queue_item_execute", item=STOP, **WHO)
    assert reply["qsize"] == 1
    await opened.idle()
    assert await numbers(opened) == [1]
    assert await history(opened) == []


async def test_an_executed_plan_runs_past_the_queue_and_never_returns(
    opened: RunningManager,
) -> None:
    await ok(opened, "queue_mode_set", mode={"loop": True})
    await add(opened, plan(1))
    reply = await ok(opened, "queue_item_execute", item=plan(2, item_uid="mine"), **WHO)
    assert reply["qsize"] == 1
    uid = reply["item"]["item_uid"]
    assert uid != "mine"
    running = (await ok(opened, "queue_get"))["running_item"]
    assert running["item_uid"] == uid
    assert running["properties"]["immediate_execution"] is True
    opened.kernel.end_plan("failed", msg="boom")
    await opened.idle()
    (entry,) = await history(opened)
    assert entry["result"]["exit_status"] == "failed"
    assert "properties" not in entry
    assert await numbers(opened) == [1]


# --------------------------------------------------------------------------------- endings


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("ignore", [False, True])
@pytest.mark.parametrize("outcome", ["completed", "failed", "stopped", "aborted", "halted"])
async def test_where_a_plan_goes_when_it_ends(  # noqa: PLR0915 - one table
    opened: RunningManager, outcome: str, loop: bool, ignore: bool
) -> None:
    """The table of exit statuses: history always, the queue by outcome and mode."""
    await ok(opened, "queue_mode_set", mode={"loop": loop, "ignore_failures": ignore})
    (uid,) = await add(opened, plan(1))
    await ok(opened, "queue_start")
    await add(opened, plan(2))
    if outcome in ("completed", "failed"):
        opened.kernel.end_plan(outcome, msg="" if outcome == "completed" else "oops", traceback="T")
    else:
        await ok(opened, "re_pause")
        opened.kernel.reach_pause()
        await opened.until(manager_state="paused")
        await ok(opened, {"stopped": "re_stop", "aborted": "re_abort"}.get(outcome, "re_halt"))
    await opened.until(items_in_history=1)
    goes_on = outcome == "completed" or (outcome == "failed" and ignore)
    if goes_on:
        await opened.until(lambda s: s["running_item_uid"] is not None)
    else:
        await opened.idle()
    (entry,) = await history(opened)
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == outcome
    waiting = await queue(opened)
    left = [item["kwargs"]["num"] for item in waiting]
    rest = [] if goes_on else [2]
    if outcome in ("completed", "stopped") or (outcome == "failed" and ignore):
        assert left == ([*rest, 1] if loop else rest)
        assert all("result" not in item for item in waiting)
    else:
        assert left == [1, 2]
        assert waiting[0]["result"] == entry["result"]
        assert waiting[0]["item_uid"] != uid
    if outcome == "failed":
        assert entry["result"]["msg"] == "Plan failed: oops"


async def test_a_plan_that_became_forbidden_fails_with_the_documented_words(
    opened: RunningManager,
) -> None:
    await add(opened, plan())
    permissions = (await ok(opened, "permissions_get"))["user_group_permissions"]
    permissions["user_groups"]["primary"]["forbidden_plans"] = [":^count$"]
    await ok(opened, "permissions_set", user_group_permissions=permissions)
    await ok(opened, "queue_start")
    await opened.until(manager_state="idle", items_in_history=1)
    (entry,) = await history(opened)
    assert entry["result"]["exit_status"] == "failed"
    assert entry["result"]["msg"].startswith("Plan failed: ")
    assert (
        "Validation of plan parameters failed: Plan validation failed: "
        "Plan 'count' is not in the list of allowed plans."
    ) in entry["result"]["msg"]
    assert await numbers(opened) == [1]


# ---------------------------------------------------------------------------------- pausing


async def test_pause_and_resume_as_clients_see_them(opened: RunningManager) -> None:
    await add(opened, plan())
    await ok(opened, "queue_start")
    opened.seen.clear()
    await ok(opened, "re_pause")
    await opened.until(pause_pending=True)
    await opened.kernel.asked(Pause)
    opened.kernel.reach_pause()
    status = await opened.until(manager_state="paused")
    facts = {
        "re_state": "paused",
        "pause_pending": False,
        E_STATE: "idle",
        "ip_kernel_state": "idle",
        "ip_kernel_captured": False,
    }
    assert subset(status, facts) == facts
    assert status["running_item_uid"] is not None
    await ok(opened, "re_resume")
    assert opened.status()[STATE] == "executing_queue"
    await opened.until(re_state="running", worker_environment_state="executing_plan")
    assert isinstance(opened.kernel.jobs[-1], ContinueJob)
    opened.kernel.end_plan()
    await opened.idle()
    assert opened.values(STATE) == ["executing_queue", "paused", "executing_queue", "idle"]
    assert [e["result"]["exit_status"] for e in await history(opened)] == ["completed"]


async def test_a_second_pause_is_accepted(opened: RunningManager) -> None:
    await add(opened, plan())
    await ok(opened, "queue_start")
    await ok(opened, "re_pause", option="deferred")
    await ok(opened, "re_pause", option="immediate")
    await opened.kernel.asked(Pause)
    await opened.until()
    options = [r.option for r in opened.kernel.requests if isinstance(r, Pause)]
    assert options == ["deferred", "immediate"]


async def test_a_plan_may_be_paused_many_times(opened: RunningManager) -> None:
    await run_to_pause(opened)
    for _ in range(3):
        await ok(opened, "re_resume")
        await ok(opened, "re_pause")
        opened.kernel.reach_pause()
        await opened.until(manager_state="paused")
    await ok(opened, "re_resume")
    opened.kernel.end_plan()
    await opened.idle()
    assert len(await history(opened)) == 1


@pytest.mark.parametrize(
    ("method", "params"),
    [("re_pause", {"option": "immediate"}), ("re_stop", {"now": True})],
)
async def test_a_plan_can_be_paused_in_the_moment_in_which_it_is_resumed(
    opened: RunningManager, method: str, params: dict[str, Any]
) -> None:
    await run_to_pause(opened)
    opened.kernel.requests.clear()
    # The second request comes before the Run Engine has begun to move again.
    await asyncio.gather(ok(opened, "re_resume"), ok(opened, method, **params))
    await opened.kernel.asked(Pause)
    opened.kernel.reach_pause()
    await opened.until(manager_state="paused" if method == "re_pause" else "idle")


async def test_a_deferred_pause_without_checkpoint_stops_the_queue(
    opened: RunningManager,
) -> None:
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1), plan(2))
    await opened.until(re_state="running")
    await ok(opened, "re_pause", option="deferred")
    await opened.kernel.asked(Pause)
    opened.kernel.end_plan()
    await opened.until(manager_state="idle", pause_pending=False)
    assert (await history(opened))[0]["result"]["exit_status"] == "completed"
    assert await numbers(opened) == [2]
    assert opened.status()["queue_autostart_enabled"] is False
    await ok(opened, "queue_start")
    assert opened.status()["pause_pending"] is False


async def test_pausing_is_refused_with_the_documented_words(closed: RunningManager) -> None:
    assert await refused(closed, "re_pause", option="zz") == (
        "Error: Option 'zz' is not supported. Available options: ('deferred', 'immediate')"
    )
    assert await refused(closed, "re_pause") == (
        "Environment does not exist. Can not pause Run Engine."
    )
    await closed.open()
    assert await refused(closed, "re_pause") == (
        "Run engine can be paused only in 'running' state. Current state: 'idle'"
    )


async def test_a_console_plan_can_be_paused_and_leaves_the_manager_idle(
    opened: RunningManager,
) -> None:
    kernel = opened.kernel
    kernel.start_cell()
    kernel.set_run_engine("running")
    facts = {STATE: "idle", "ip_kernel_state": "busy", "ip_kernel_captured": False}
    assert subset(opened.status(), facts) == facts
    await ok(opened, "re_pause")
    kernel.set_run_engine("paused")
    kernel.end_cell()
    status = opened.status()
    assert (status[STATE], status["re_state"]) == ("idle", "paused")
    assert await refused(opened, "re_resume") == (
        "RE Manager is not paused: current state is 'idle'"
    )


@pytest.mark.parametrize("method", ["re_resume", "re_stop", "re_abort", "re_halt"])
async def test_continuing_is_refused_unless_paused_and_free(
    opened: RunningManager, method: str
) -> None:
    assert await refused(opened, method) == "RE Manager is not paused: current state is 'idle'"
    await run_to_pause(opened)
    opened.kernel.start_cell("Mia")
    assert (await refused(opened, method)).startswith("Error: IPython kernel (RE Worker) is busy.")
    opened.kernel.end_cell()
    opened.kernel.set_run_engine(None)
    assert (await refused(opened, method)).startswith("Error: Run Engine is not found")
    assert opened.status()[STATE] == "paused"
    opened.kernel.set_run_engine("paused")
    await ok(opened, method)


async def test_a_pause_reached_from_elsewhere_is_a_pause(opened: RunningManager) -> None:
    await add(opened, plan())
    await ok(opened, "queue_start")
    opened.kernel.reach_pause()
    await opened.until(manager_state="paused")
    await ok(opened, "re_stop")
    await opened.idle()


@pytest.mark.parametrize("outcome", ["failed", "aborted", "unknown"])
async def test_a_paused_plan_finished_in_a_console_stops_the_queue(
    opened: RunningManager, outcome: str
) -> None:
    await run_to_pause(opened, plan(1))
    await add(opened, plan(2))
    kernel = opened.kernel
    kernel.start_cell()
    kernel.set_run_engine("running")
    assert opened.status()[STATE] == "paused"
    assert opened.status()["ip_kernel_captured"] is False
    kernel.end_plan("completed" if outcome == "unknown" else outcome, outside=True)
    kernel.end_cell()
    await opened.idle()
    (entry,) = await history(opened)
    assert entry["result"]["exit_status"] == outcome
    left = await numbers(opened)
    assert left == ([2] if outcome == "unknown" else [1, 2])
