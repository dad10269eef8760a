"""Where one item is, at any moment of its life; and whether items could be added."""

from __future__ import annotations

import asyncio

from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.words import WHO, add, ok, plan


async def test_an_item_is_followed_from_the_queue_to_the_history(
    opened: RunningManager,
) -> None:
    first, second = await add(opened, plan(1), plan(2))

    queued = await ok(opened, "queue_item_status", item_uid=second)
    assert (queued["state"], queued["pos"]) == ("queued", 1)
    assert queued["item"]["kwargs"] == {"num": 2}

    await ok(opened, "queue_start")
    running = await ok(opened, "queue_item_status", item_uid=first)
    assert (running["state"], running["pos"]) == ("running", None)
    assert running["item"]["item_uid"] == first

    opened.kernel.end_plan()
    finished = await ok(opened, "queue_item_status", item_uid=first)
    assert finished["state"] == "finished"
    assert finished["item"]["result"]["exit_status"] == "completed"


async def test_an_item_that_nobody_knows_is_not_found(closed: RunningManager) -> None:
    reply = await ok(closed, "queue_item_status", item_uid="strange", wait=5)
    assert reply["state"] == "not_found"
    assert (reply["item_uid"], reply["item"], reply["pos"]) == ("strange", {}, None)


async def test_the_reply_can_wait_for_the_end(opened: RunningManager) -> None:
    uid, *_ = await add(opened, plan(1))
    waiting = asyncio.create_task(ok(opened, "queue_item_status", item_uid=uid, wait=4))
    await ok(opened, "queue_start")
    await opened.until(manager_state="executing_queue")
    assert not waiting.done()

    opened.kernel.end_plan()
    reply = await waiting
    assert reply["state"] == "finished"


async def test_the_wait_ends_when_the_item_is_removed(closed: RunningManager) -> None:
    uid, *_ = await add(closed, plan(1))
    waiting = asyncio.create_task(ok(closed, "queue_item_status", item_uid=uid, wait=4))
    await asyncio.sleep(0)
    await ok(closed, "queue_item_remove", uid=uid)
    assert (await waiting)["state"] == "not_found"


async def test_the_wait_ends_with_its_time(closed: RunningManager) -> None:
    uid, *_ = await add(closed, plan(1))
    reply = await ok(closed, "queue_item_status", item_uid=uid, wait=0.01)
    assert reply["state"] == "queued"


async def test_items_are_checked_without_being_added(closed: RunningManager) -> None:
    wrong = plan(1, kwargs={"nun": 3})
    unknown = {"item_type": "plan", "name": "cuont"}
    reply = await ok(closed, "queue_item_check", items=[plan(1), wrong, unknown], **WHO)
    assert reply["valid"] is False
    assert [result["success"] for result in reply["results"]] == [True, False, False]
    assert "nun" in reply["results"][1]["msg"]
    assert "did you mean 'count'" in reply["results"][2]["msg"]
    assert (await ok(closed, "queue_item_check", items=[plan(1)], **WHO))["valid"] is True
    assert closed.status()["items_in_queue"] == 0


async def test_items_are_checked_while_the_queue_is_locked(closed: RunningManager) -> None:
    await ok(closed, "lock", lock_key="key", user="Jane", queue=True)
    assert (await ok(closed, "queue_item_check", items=[plan(1)], **WHO))["valid"] is True
