"""Autostart: when the queue starts by itself, and what switches that off."""

from __future__ import annotations

import pytest

from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.words import (
    STOP,
    WHO,
    add,
    history,
    let_plans_end,
    numbers,
    ok,
    plan,
    refused,
)

ON = {"queue_autostart_enabled": True}
OFF = {"queue_autostart_enabled": False}


async def test_switching_on_starts_what_waits(opened: RunningManager) -> None:
    let_plans_end(opened)
    await add(opened, plan(1), plan(2))
    await ok(opened, "queue_autostart", enable=True)
    await opened.until(items_in_history=2, manager_state="idle", **ON)


async def test_added_items_start_at_once(opened: RunningManager) -> None:
    let_plans_end(opened)
    await ok(opened, "queue_autostart", enable=True)
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1))
    await opened.until(items_in_history=1, manager_state="idle", **ON)
    await ok(opened, "queue_item_add_batch", items=[plan(2), plan(3)], **WHO)
    await opened.until(items_in_history=3, manager_state="idle", **ON)


async def test_an_opened_environment_starts_what_waits(closed: RunningManager) -> None:
    let_plans_end(closed)
    await ok(closed, "queue_autostart", enable=True)
    await add(closed, plan(1))
    assert closed.status()["manager_state"] == "idle"
    await ok(closed, "environment_open")
    await closed.until(items_in_history=1, manager_state="idle", **ON)
    await ok(closed, "environment_close")
    await closed.idle()
    assert closed.status()["queue_autostart_enabled"] is True


async def test_the_queue_waits_for_the_end_of_a_task(opened: RunningManager) -> None:
    let_plans_end(opened)
    await ok(opened, "queue_autostart", enable=True)
    await ok(opened, "script_upload", script="1")
    await add(opened, plan(1))
    assert opened.status()["manager_state"] == "executing_task"
    opened.kernel.end_task()
    await opened.until(items_in_history=1, manager_state="idle", **ON)


async def test_the_queue_waits_for_the_end_of_a_cell(opened: RunningManager) -> None:
    let_plans_end(opened)
    opened.kernel.start_cell()
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1))
    assert opened.status()["manager_state"] == "idle"
    opened.kernel.end_cell()
    await opened.until(items_in_history=1, manager_state="idle", **ON)


async def test_a_cell_that_came_first_delays_the_queue_and_loses_nothing(
    opened: RunningManager,
) -> None:
    let_plans_end(opened)
    opened.kernel.main_thread.cell = {
        "session": "console",
        "user": "Mia",
        "since": 0.0,
    }  # not told yet
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1))
    await opened.until(lambda _: opened.manager.core.story()[-1].startswith("SubmissionRefused"))
    assert await numbers(opened) == [1]
    assert await history(opened) == []
    opened.kernel.end_cell()
    await opened.until(items_in_history=1, manager_state="idle", **ON)


async def test_an_immediate_item_leaves_autostart_on(opened: RunningManager) -> None:
    await ok(opened, "queue_autostart", enable=True)
    await ok(opened, "queue_item_execute", item=plan(1), **WHO)
    opened.kernel.end_plan("failed", msg="x")
    await opened.until(manager_state="idle", items_in_history=1, **ON)


async def test_switching_off_lets_the_running_plan_end(opened: RunningManager) -> None:
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1))
    await opened.until(re_state="running")
    await ok(opened, "queue_autostart", enable=False)
    opened.kernel.end_plan()
    await opened.idle()
    await add(opened, plan(2))
    assert opened.status()["manager_state"] == "idle"


@pytest.mark.parametrize("how", ["stop", "failed", "re_stop", "re_abort", "re_halt", "instruction"])
async def test_what_stops_the_queue_switches_autostart_off(
    opened: RunningManager, how: str
) -> None:
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1))
    await opened.until(re_state="running")
    await add(opened, *([STOP] if how == "instruction" else []), plan(2))
    if how == "stop":
        await ok(opened, "queue_stop")
    if how.startswith("re_"):
        await ok(opened, "re_pause")
        opened.kernel.reach_pause()
        await opened.until(manager_state="paused")
        await ok(opened, how)
    else:
        opened.kernel.end_plan("failed" if how == "failed" else "completed")
    await opened.until(manager_state="idle", **OFF)
    assert len(await history(opened)) == 1
    assert 2 in await numbers(opened)


@pytest.mark.parametrize("ignore_failures", [False, True])
@pytest.mark.parametrize("outcome", ["aborted", "halted"])
async def test_a_plan_broken_off_in_a_console_is_not_started_again(
    opened: RunningManager, outcome: str, ignore_failures: bool
) -> None:
    await ok(opened, "queue_mode_set", mode={"ignore_failures": ignore_failures})
    await ok(opened, "queue_autostart", enable=True)
    await pause_and_take_over(opened)
    opened.kernel.end_plan(outcome, outside=True)
    opened.kernel.end_cell()
    await opened.until(items_in_history=1, manager_state="idle", ip_kernel_state="idle", **OFF)
    assert await numbers(opened) == [1, 2]


@pytest.mark.parametrize("outcome", ["completed", "stopped"])
async def test_a_plan_brought_to_its_end_in_a_console_is_followed_by_the_next(
    opened: RunningManager, outcome: str
) -> None:
    await ok(opened, "queue_autostart", enable=True)
    await pause_and_take_over(opened)
    let_plans_end(opened)
    opened.kernel.end_plan(outcome, outside=True)
    opened.kernel.end_cell()
    await opened.until(items_in_history=2, manager_state="idle", **ON)


async def pause_and_take_over(opened: RunningManager) -> None:
    """Run the first of two plans up to a pause and let a cell continue it."""
    await add(opened, plan(1), plan(2))
    await opened.until(re_state="running")
    await ok(opened, "re_pause")
    opened.kernel.reach_pause()
    await opened.until(manager_state="paused")
    opened.kernel.start_cell()
    opened.kernel.set_run_engine("running")


async def test_ignored_failures_leave_autostart_on(opened: RunningManager) -> None:
    let_plans_end(opened, "failed", msg="x")
    await ok(opened, "queue_mode_set", mode={"ignore_failures": True})
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1), plan(2))
    await opened.until(items_in_history=2, manager_state="idle", **ON)


async def test_the_switch_must_be_given_and_be_a_switch(closed: RunningManager) -> None:
    assert await refused(closed, "queue_autostart") == (
        "Error: Required 'enable' parameter is missing in 'queue_autostart' API call."
    )
    assert (await refused(closed, "queue_autostart", enable=1)).startswith(
        "Error: Required 'enable' parameter must be boolean: "
    )
