"""Short words for what these tests do all the time."""

from __future__ import annotations

from typing import Any

from qs_jupyter.testing.fake_kernel import Ending
from qs_jupyter.testing.running_manager import RunningManager

WHO = {"user": "Jane", "user_group": "primary"}
STOP = {"item_type": "instruction", "name": "queue_stop"}


def plan(number: int = 1, name: str = "count", **more: Any) -> dict[str, Any]:
    """Return a plan item, told from others by its number of readings."""
    return {
        "item_type": "plan",
        "name": name,
        "args": [["det1"]],
        "kwargs": {"num": number},
        **more,
    }


async def ok(running: RunningManager, method: str, /, **params: Any) -> dict[str, Any]:
    """Call a method that must succeed."""
    reply = await running.call(method, **params)
    assert reply["success"] is True, reply
    assert reply["msg"] == ""
    return reply


async def refused(running: RunningManager, method: str, /, **params: Any) -> str:
    """Call a method that must be refused; return the text."""
    reply = await running.call(method, **params)
    assert reply["success"] is False, reply
    text: str = reply["msg"]
    return text


async def add(running: RunningManager, *items: dict[str, Any], **place: Any) -> list[str]:
    """Add items one after the other; return their uids."""
    uids = []
    for item in items:
        reply = await ok(running, "queue_item_add", item=item, **WHO, **place)
        uids.append(reply["item"]["item_uid"])
    return uids


async def queue(running: RunningManager) -> list[dict[str, Any]]:
    """Return the items of the queue."""
    items: list[dict[str, Any]] = (await ok(running, "queue_get"))["items"]
    return items


async def numbers(running: RunningManager) -> list[int | None]:
    """Return the numbers of the plans in the queue, None for instructions."""
    return [item.get("kwargs", {}).get("num") for item in await queue(running)]


async def history(running: RunningManager) -> list[dict[str, Any]]:
    """Return the finished items."""
    items: list[dict[str, Any]] = (await ok(running, "history_get"))["items"]
    return items


async def run_to_pause(running: RunningManager, item: dict[str, Any] | None = None) -> str:
    """Start a plan and pause it; return the uid of its item."""
    (uid,) = await add(running, item or plan())
    await ok(running, "queue_start")
    await ok(running, "re_pause", option="immediate")
    running.kernel.reach_pause()
    await running.until(manager_state="paused")
    return uid


def let_plans_end(running: RunningManager, outcome: str = "completed", **facts: Any) -> None:
    """Let every plan called count end by itself."""
    running.kernel.endings["count"] = Ending(outcome, **facts)
