"""A new manager takes over from one that is gone: the store and the worker tell it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qs_jupyter.testing.fake_kernel import FakeKernel
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings, simulated_kernel
from qs_kernel_worker.messages import PlanJob
from tests.contract.manager.words import (
    WHO,
    add,
    history,
    numbers,
    ok,
    plan,
    queue,
    refused,
    run_to_pause,
)

Next = Callable[..., RunningManager]


@pytest.fixture
def kernel() -> FakeKernel:
    """The worker that outlives its managers."""
    return simulated_kernel()


@pytest.fixture
def manager(kernel: FakeKernel, tmp_path: Path) -> Next:
    """Make one manager after the other on the same store and worker."""
    settings = quiet_settings(store=str(tmp_path / "store.sqlite"))

    def make(*, is_restart: bool = True) -> RunningManager:
        return RunningManager(kernel, settings=settings, is_restart=is_restart)

    return make


async def run_two_by_autostart(manager: RunningManager) -> None:
    """Have the first of two plans running, without a start of the queue."""
    await manager.open()
    await add(manager, plan(1), plan(2))
    await ok(manager, "queue_autostart", enable=True)
    await manager.until(re_state="running")


async def test_an_idle_worker_is_found_with_its_lists(manager: Next) -> None:
    async with manager() as first:
        await first.open()
        await first.end(with_worker=False)
    async with manager() as second:
        status = second.status()
        assert (status["manager_state"], status["re_state"]) == ("idle", "idle")
        assert status["worker_environment_exists"] is True
        assert (await ok(second, "plans_existing"))["plans_existing"] == second.kernel.plans
        assert await refused(second, "environment_open") == "RE Worker environment already exists."


async def test_a_running_plan_goes_on_and_is_archived(manager: Next, kernel: FakeKernel) -> None:
    async with manager() as first:
        await first.open()
        (uid,) = await add(first, plan(1))
        await ok(first, "queue_start")
        await add(first, plan(2))
        await ok(first, "queue_stop")
        await ok(first, "lock", lock_key="key", user="Jane", queue=True)
        run = kernel.open_run()
        runs = (await ok(first, "re_runs"))["run_list"]
        locked = first.status()["lock_info_uid"]
        await first.end(with_worker=False)
    async with manager() as second:
        status = second.status()
        assert status["manager_state"] == "executing_queue"
        assert status["running_item_uid"] == uid
        assert status["queue_stop_pending"] is True
        assert status["lock"] == {"environment": False, "queue": True}
        assert status["lock_info_uid"] == locked
        assert (await ok(second, "re_runs"))["run_list"] == runs
        kernel.end_plan()
        await second.idle()
        (entry,) = await history(second)
        assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "completed")
        assert entry["result"]["run_uids"] == [run]
        assert await numbers(second) == [2]
    assert len([job for job in kernel.jobs if isinstance(job, PlanJob)]) == 1


async def test_a_plan_that_ended_meanwhile_is_archived_and_the_queue_goes_on(
    manager: Next, kernel: FakeKernel
) -> None:
    async with manager() as first:
        await first.open()
        await add(first, plan(1), plan(2))
        await ok(first, "queue_start")
        await first.end(with_worker=False)
    kernel.end_plan()
    async with manager() as second:
        await second.until(items_in_history=1, items_in_queue=0)
        await second.until(manager_state="executing_queue", re_state="running")
        (entry,) = await history(second)
        assert entry["kwargs"]["num"] == 1
        kernel.end_plan()
        await second.until(items_in_history=2, manager_state="idle")


async def test_a_paused_plan_is_found_paused_and_can_be_continued(
    manager: Next, kernel: FakeKernel
) -> None:
    async with manager() as first:
        await first.open()
        uid = await run_to_pause(first)
        await first.end(with_worker=False)
    async with manager() as second:
        await second.until(manager_state="paused", running_item_uid=uid)
        await ok(second, "re_resume")
        kernel.end_plan()
        await second.idle()
        assert [e["item_uid"] for e in await history(second)] == [uid]


async def test_a_pause_reached_meanwhile_is_found(manager: Next, kernel: FakeKernel) -> None:
    async with manager() as first:
        await first.open()
        await add(first, plan())
        await ok(first, "queue_start")
        await ok(first, "re_pause")
        await first.end(with_worker=False)
    kernel.reach_pause()
    async with manager() as second:
        await second.until(manager_state="paused")
        await ok(second, "re_stop")
        await second.idle()
        assert len(await history(second)) == 1


@pytest.mark.parametrize("ends", ["meanwhile", "later"])
async def test_a_pause_that_came_too_late_stops_the_queue_of_the_next_manager_too(
    manager: Next, kernel: FakeKernel, ends: str
) -> None:
    async with manager() as first:
        await run_two_by_autostart(first)
        await ok(first, "re_pause")
        core = first.manager.core
        await first.until(lambda _: core.model.environment.deferred_pause)
        await first.end(with_worker=False)
    if ends == "meanwhile":
        kernel.end_plan()
    async with manager() as second:
        if ends == "later":
            await second.until(manager_state="executing_queue", pause_pending=True)
            kernel.end_plan()
        await second.until(items_in_history=1, manager_state="idle", pause_pending=False)
        assert second.status()["queue_autostart_enabled"] is False
        assert second.status()["items_in_queue"] == 1


async def test_what_the_worker_was_before_is_never_shown_as_what_it_is(
    manager: Next, kernel: FakeKernel
) -> None:
    async with manager() as first:
        await first.open()
        await add(first, plan())
        await ok(first, "queue_start")
        await first.end(with_worker=False)
    kernel.set_run_engine("pausing")
    # Takes a question, and what is told of the status meanwhile shows what came before.
    kernel.set_lists(kernel.plans, kernel.devices)
    kernel.reach_pause()
    async with manager() as second:
        await second.until(manager_state="paused")
        events = (await ok(second, "events_get", since=0))["events"]
        told = [event["status"] for event in events if event["kind"] == "status"]
        states = [each["re_state"] for each in told if each["manager_state"] != "initializing"]
        assert set(states) == {"paused"}


async def test_a_foreground_task_is_found_and_delivers(manager: Next, kernel: FakeKernel) -> None:
    async with manager() as first:
        await first.open()
        uid = (await ok(first, "script_upload", script="1"))["task_uid"]
        await first.end(with_worker=False)
    async with manager() as second:
        assert second.status()["manager_state"] == "executing_task"
        assert "RE Manager is busy." in await refused(second, "queue_start")
        kernel.end_task(return_value=7)
        await second.idle()
        result = (await ok(second, "task_result", task_uid=uid))["result"]
        assert (result["success"], result["return_value"]) == (True, 7)


async def test_a_plan_whose_worker_is_gone_is_unknown_and_not_run_again(
    manager: Next, kernel: FakeKernel
) -> None:
    async with manager() as first:
        await run_two_by_autostart(first)
        await ok(first, "queue_stop")
        await first.end(with_worker=False)
    await kernel.kill()
    async with manager(is_restart=False) as second:
        status = second.status()
        assert status["manager_state"] == "idle"
        assert status["worker_environment_exists"] is False
        assert status["queue_stop_pending"] is False
        assert status["queue_autostart_enabled"] is False
        (entry,) = await history(second)
        assert entry["result"]["exit_status"] == "unknown"
        assert entry["result"]["msg"] == (
            "Plan exit status was lost due to restart of the RE Manager process"
        )
        assert await numbers(second) == [2]


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "opening"])
async def test_a_plan_that_was_handed_to_an_earlier_worker_is_not_run_again_by_the_next(
    manager: Next, kernel: FakeKernel, is_open: bool
) -> None:
    async with manager() as first:
        await first.open()
        (uid,) = await add(first, plan(1))
        await ok(first, "queue_start")
        await first.until(re_state="running")
        await first.end(with_worker=False)
    # Whatever the first worker told about the end of the plan has not reached the store.
    await kernel.kill()
    kernel.opens_by_itself = is_open
    await kernel.start()
    async with manager() as second:
        status = second.status()
        assert status["running_item_uid"] is None
        assert status["manager_state"] == ("idle" if is_open else "creating_environment")
        (entry,) = await history(second)
        assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "unknown")
        if not is_open:
            kernel.finish_opening()
        await second.until(manager_state="idle", worker_environment_exists=True)
        await add(second, plan(2))
        await ok(second, "queue_start")
        await second.until(re_state="running")
        assert len(kernel.jobs) == 2


@pytest.mark.parametrize("is_restart", [True, False])
async def test_autostart_outlives_a_crash_but_not_a_new_start(
    manager: Next, is_restart: bool
) -> None:
    async with manager() as first:
        await ok(first, "queue_autostart", enable=True)
        await ok(first, "queue_mode_set", mode={"loop": True})
    async with manager(is_restart=is_restart) as second:
        assert second.status()["queue_autostart_enabled"] is is_restart
        assert second.status()["plan_queue_mode"]["loop"] is True


async def test_everything_acknowledged_is_there_again(manager: Next) -> None:
    async with manager() as first:
        uids = await add(first, *(plan(n) for n in range(1, 6)))
        await ok(first, "queue_item_move", pos=0, pos_dest="back")
        await ok(first, "queue_item_remove", uid=uids[2])
        await ok(first, "queue_item_update", item=plan(9, item_uid=uids[3]), **WHO)
        before = await queue(first)
        known = first.status()
    async with manager(is_restart=False) as second:
        assert await queue(second) == before
        assert await numbers(second) == [2, 9, 5, 1]
        fresh = ("plan_queue_uid", "plan_history_uid", "run_list_uid", "task_results_uid")
        assert all(second.status()[name] != known[name] for name in fresh)
