"""An edit of a long queue is as little work as one of a short queue."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.words import WHO, ok, plan

MANY = 10_000


async def steps_of(work: Awaitable[Any]) -> int:
    """Return how many steps Python takes for this, in this thread."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await work
    finally:
        sys.settrace(before)
    return steps


async def steps_of_edits(running: RunningManager) -> dict[str, int]:
    """Count the steps of each kind of edit; the queue is as long afterwards."""
    size = running.status()["items_in_queue"]

    async def median(edit: Callable[[int], Awaitable[Any]]) -> int:
        # Others may have a turn meanwhile.
        return sorted([await steps_of(edit(size * n // 10)) for n in range(1, 10)])[4]

    async def add(place: int) -> None:
        await ok(running, "queue_item_add", item=plan(), pos=place, **WHO)

    async def move(place: int) -> None:
        await ok(running, "queue_item_move", pos=place, pos_dest=size - place)

    async def remove(place: int) -> None:
        await ok(running, "queue_item_remove", pos=place)

    async def look(_place: int) -> None:
        await running.call("status")

    edits = {"add": add, "move": move, "remove": remove, "status": look}
    return {name: await median(edit) for name, edit in edits.items()}


async def test_edits_do_not_grow_with_the_queue(closed: RunningManager) -> None:
    await ok(closed, "queue_item_add_batch", items=[plan()] * 20, **WHO)
    await steps_of_edits(closed)  # what is done once is done now
    short = await steps_of_edits(closed)
    await ok(closed, "queue_item_add_batch", items=[plan()] * MANY, **WHO)
    long = await steps_of_edits(closed)
    assert closed.status()["items_in_queue"] == MANY + 20
    grown = {name: (short[name], long[name]) for name in short if long[name] > 1.5 * short[name]}
    assert grown == {}
