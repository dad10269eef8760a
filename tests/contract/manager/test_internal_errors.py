"""A mistake of ours in one place stops nothing in another; it is logged with its traceback."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zmq

from qs_jupyter.testing.fake_kernel import FakeKernel
from qs_jupyter.testing.running_manager import LIMIT_S, RunningManager, simulated_kernel
from qs_jupyter.wire.codec import codec
from qs_jupyter.wire.server import ControlServer, Respond
from qs_kernel_worker.messages import JobDone, NumberedEvent, RunEngineChanged
from tests.contract.manager.words import WHO, ok, plan

# What no worker sends, and what no list of plans holds.
NO_RUN, NO_PLAN = "no run", "no description"


@asynccontextmanager
async def manager_with_a_mistake(kernel: FakeKernel | None = None) -> AsyncIterator[RunningManager]:
    """A manager that logs an internal error."""
    running = await RunningManager(kernel).__aenter__()
    try:
        yield running
    finally:
        with pytest.raises(AssertionError, match="internal errors"):
            await running.end()


async def test_an_event_that_cannot_be_taken_does_not_keep_back_the_next() -> None:
    async with manager_with_a_mistake() as running:
        await running.open()
        await ok(running, "queue_item_add", item=plan(), **WHO)
        await ok(running, "queue_start")
        status = await running.until(manager_state="executing_queue")
        bad = JobDone("job", "plan", "completed", status["running_item_uid"], runs=[NO_RUN])
        worker_events = running.manager.worker_events
        worker_events.hold()
        for event in (bad, RunEngineChanged("panicked")):
            worker_events.worker_event(NumberedEvent("epoch", 0, 0.0, event))
        worker_events.release()
        await running.until(re_state="panicked")


async def test_an_opening_whose_lists_make_no_sense_has_an_end() -> None:
    kernel = simulated_kernel()
    kernel.plans = {"count": NO_PLAN}
    async with manager_with_a_mistake(kernel) as running:
        await ok(running, "environment_open")
        status = await running.until(manager_state="idle")
        assert not status["environment_report"]["ok"]
        assert "Internal error" in status["environment_report"]["msg"]


async def test_a_plan_whose_preparation_fails_is_not_starting_for_ever() -> None:
    async with manager_with_a_mistake() as running:
        await running.open()
        await ok(running, "queue_item_add", item=plan(), **WHO)
        lists = running.manager.lists
        lists.catalogue = lists.catalogue.with_lists({"count": {"parameters": 5}}, {})
        await ok(running, "queue_start")
        await running.idle()
        history = (await ok(running, "history_get"))["items"]
        assert "Internal error" in history[-1]["result"]["msg"]


async def test_what_is_given_up_before_it_begins_is_not_left_to_be_awaited(
    opened: RunningManager,
) -> None:
    opened.manager.environment_life.kill()
    await opened.manager.core.cancel_background()
    gc.collect()


async def test_a_request_that_cannot_be_handled_does_not_keep_back_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handle(request: Any, respond: Respond) -> None:
        if request["method"] == "mistake":
            raise RuntimeError("a mistake")
        respond({"success": True, "msg": request["method"]})

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server = ControlServer(context, codec("json"), handle)
    server.bind("tcp://127.0.0.1:*")
    with context, context.socket(zmq.DEALER) as client:
        client.connect(server.address)
        for method in ("mistake", "ping"):
            client.send_multipart([b"", json.dumps({"method": method}).encode()])
        server.start()

        def replies() -> list[dict[str, Any]]:
            client.setsockopt(zmq.RCVTIMEO, round(LIMIT_S * 1000))
            return [json.loads(client.recv_multipart()[-1]) for _ in range(2)]

        try:
            assert await asyncio.to_thread(replies) == [
                {"success": False, "msg": "Internal error: RuntimeError: a mistake"},
                {"success": True, "msg": "ping"},
            ]
        finally:
            server.close()
    assert "could not be handled" in caplog.text
