"""A worker that is alive but does not get on is shown as such, and found again later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qs_jupyter.manager.pulse import Pulse
from qs_jupyter.testing.fake_kernel import FakeKernel
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings, simulated_kernel
from qs_kernel_worker.messages import GetStatus
from tests.contract.manager.words import WHO, add, history, numbers, ok, plan, refused

Next = Callable[..., RunningManager]


@pytest.fixture
def kernel() -> FakeKernel:
    """The worker that outlives its managers."""
    return simulated_kernel()


@pytest.fixture
def manager(kernel: FakeKernel, tmp_path: Path) -> Next:
    """Make one manager after the other on the same store and worker."""
    settings = quiet_settings(store=str(tmp_path / "store.sqlite"))
    return lambda: RunningManager(kernel, settings=settings, is_restart=True)


def quick_pulse(running: RunningManager) -> Pulse:
    """Return a pulse for those who have no time."""
    pulse = Pulse(running.manager.core, every_s=0.01, answer_within_s=0.03)
    pulse.follow(running.manager.core.model)
    return pulse


async def test_a_blocked_worker_is_shown_until_it_answers_again(opened: RunningManager) -> None:
    quick_pulse(opened)
    opened.kernel.may_answer.clear()
    await opened.until(worker_responsive=False)
    status = opened.status()
    assert (status["manager_state"], status["worker_environment_exists"]) == ("idle", True)
    opened.kernel.may_answer.set()
    await opened.until(worker_responsive=True)


async def test_a_blocked_worker_is_asked_once_and_not_again_and_again(
    opened: RunningManager,
) -> None:
    quick_pulse(opened)
    opened.kernel.may_answer.clear()
    await opened.until(worker_responsive=False)
    asked = sum(isinstance(each, GetStatus) for each in opened.kernel.requests)
    await ok(opened, "queue_mode_set", mode={"loop": True})
    assert sum(isinstance(each, GetStatus) for each in opened.kernel.requests) == asked


async def test_nobody_is_asked_without_an_environment(opened: RunningManager) -> None:
    pulse = quick_pulse(opened)
    await opened.kernel.asked(GetStatus)
    await ok(opened, "environment_close")
    await opened.until(worker_environment_exists=False)
    pulse.follow(opened.manager.core.model)
    assert pulse.is_asking is False
    assert opened.manager.pulse.is_asking is False


async def test_a_refusal_is_an_answer(opened: RunningManager) -> None:
    opened.kernel.refusals[GetStatus] = "not for you"
    quick_pulse(opened)
    opened.kernel.requests.clear()
    await opened.kernel.asked(GetStatus)
    assert opened.status()["worker_responsive"] is True


async def test_the_plan_of_a_silent_worker_is_taken_over_when_it_answers(
    manager: Next, kernel: FakeKernel
) -> None:
    async with manager() as first:
        await first.open()
        (uid,) = await add(first, plan(1))
        await ok(first, "queue_start")
        await first.until(re_state="running")
        await add(first, plan(2))
        await first.end(with_worker=False)
    kernel.may_answer.clear()
    async with manager() as second:
        status = second.status()
        assert (status["manager_state"], status["running_item_uid"]) == ("executing_queue", uid)
        assert status["worker_environment_exists"] is True
        assert status["worker_responsive"] is False
        assert "already exists" in await refused(second, "environment_open")
        assert await history(second) == []
        await ok(second, "queue_stop")
        kernel.may_answer.set()
        await second.until(worker_responsive=True, manager_state="executing_queue")
        kernel.end_plan()
        await second.idle()
        (entry,) = await history(second)
        assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "completed")
        assert await numbers(second) == [2]
        assert len(kernel.jobs) == 1


async def test_a_silent_worker_can_be_destroyed(manager: Next, kernel: FakeKernel) -> None:
    async with manager() as first:
        await first.open()
        (uid,) = await add(first, plan(1))
        await ok(first, "queue_start")
        await first.until(re_state="running")
        await first.end(with_worker=False)
    kernel.may_answer.clear()
    async with manager() as second:
        await ok(second, "environment_destroy")
        await second.until(manager_state="idle", worker_environment_exists=False)
        (entry,) = await history(second)
        assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "failed")
        assert await numbers(second) == [1]
        kernel.may_answer.set()
        await second.open()
        assert second.status()["worker_responsive"] is True


async def leave_silent(manager: Next, kernel: FakeKernel) -> None:
    """Have a manager leave an idle worker behind that does not answer the next one."""
    async with manager() as first:
        await first.open()
        await first.end(with_worker=False)
    kernel.may_answer.clear()


async def test_a_silent_idle_worker_takes_no_work_until_it_answers(
    manager: Next, kernel: FakeKernel
) -> None:
    await leave_silent(manager, kernel)
    async with manager() as second:
        assert second.status()["manager_state"] == "executing_task"
        await add(second, plan(1))
        assert await refused(second, "queue_start")
        item = {"item_type": "function", "name": "function_sleep", "args": [1]}
        assert await refused(second, "function_execute", item=item, **WHO)
        kernel.may_answer.set()
        await second.idle()
        await ok(second, "queue_start")
        await second.until(re_state="running")


async def test_a_silent_worker_that_dies_leaves_nothing_behind(
    manager: Next, kernel: FakeKernel
) -> None:
    await leave_silent(manager, kernel)
    async with manager() as second:
        await kernel.kill()
        await second.until(manager_state="idle", worker_environment_exists=False)
        kernel.may_answer.set()
        await second.open()
