"""Nobody waits for the work of others, and nothing is left over from an earlier attempt."""

from __future__ import annotations

import asyncio
from typing import Any

from qs_jupyter.testing.running_manager import RunningManager
from qs_kernel_worker.messages import PlanJob
from tests.contract.manager.words import (
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


def added(running: RunningManager, *items: dict[str, Any]) -> asyncio.Future[Any]:
    """Send a batch and return its reply to come."""
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    request = {"method": "queue_item_add_batch", "params": {"items": list(items), **WHO}}
    running.application.dispatcher.handle(request, reply.set_result)
    return reply


async def test_a_question_is_answered_while_a_large_batch_is_checked(
    closed: RunningManager,
) -> None:
    await add(closed, plan(1))
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    items = [plan(number) for number in range(2000)]
    request = {"method": "queue_item_add_batch", "params": {"items": items, **WHO}}
    closed.application.dispatcher.handle(request, reply.set_result)
    assert len((await ok(closed, "queue_get"))["items"]) == 1
    assert not reply.done()
    assert (await reply)["success"] is True
    assert (await closed.call("status"))["items_in_queue"] == 2001


async def test_edits_while_a_batch_is_checked_are_not_lost(closed: RunningManager) -> None:
    uids = await add(closed, plan(1), plan(2))
    batch = added(closed, *(plan(number) for number in range(3, 500)))
    await ok(closed, "queue_item_remove", uid=uids[0])
    await ok(closed, "queue_item_add", item=plan(1000), **WHO, pos="front")
    assert (await batch)["success"] is True
    assert await numbers(closed) == [1000, 2, *range(3, 500)]


async def test_the_result_of_a_failed_attempt_is_gone_when_the_next_one_succeeds(
    opened: RunningManager,
) -> None:
    await ok(opened, "queue_mode_set", mode={"loop": True})
    await add(opened, plan(1))
    await ok(opened, "queue_start")
    opened.kernel.end_plan("failed", msg="boom")
    await opened.idle()
    (returned,) = await queue(opened)
    assert returned["result"]["msg"] == "Plan failed: boom"
    await ok(opened, "queue_start")
    running = (await ok(opened, "queue_get"))["running_item"]
    assert "result" not in running
    await ok(opened, "queue_stop")
    opened.kernel.end_plan()
    await opened.idle()
    (copy,) = await queue(opened)
    assert "result" not in copy
    assert (await history(opened))[-1]["result"]["exit_status"] == "completed"


async def test_autostart_does_not_try_a_plan_again_and_again_that_the_worker_refuses(
    opened: RunningManager,
) -> None:
    opened.kernel.refusals[PlanJob] = "the worker has had enough"
    await add(opened, plan(1), plan(2))
    await ok(opened, "queue_autostart", enable=True)
    await opened.until(manager_state="idle", queue_autostart_enabled=False, items_in_history=1)
    assert await numbers(opened) == [1, 2]
    (entry,) = await history(opened)
    assert "the worker has had enough" in entry["result"]["msg"]


async def test_plans_are_taken_as_they_are_when_their_turn_comes(opened: RunningManager) -> None:
    uid = await run_to_pause(opened, plan(1))
    (next_uid,) = await add(opened, plan(2))
    await ok(opened, "queue_item_update", item=plan(3, item_uid=next_uid), **WHO)
    assert "currently running" in await refused(
        opened, "queue_item_update", item=plan(9, item_uid=uid), **WHO
    )
    await ok(opened, "re_resume")
    let_plans_end(opened)
    opened.kernel.end_plan()
    await opened.until(items_in_history=2, manager_state="idle")
    assert [entry["kwargs"]["num"] for entry in await history(opened)] == [1, 3]
