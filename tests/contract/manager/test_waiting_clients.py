"""Clients that wait for one item, over the socket of a manager."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import NoReply, RequestRefused
from qs_jupyter.testing.running_manager import LIMIT_S, RunningManager
from tests.contract.manager.words import add, ok, plan

Wait = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(params=["Client", "AsyncClient"])
def wait_for(request: pytest.FixtureRequest, opened: RunningManager) -> Wait:
    """The method of both clients, each with a client of its own."""

    async def wait_in_a_thread(*arguments: Any) -> dict[str, Any]:
        with Client(opened.application.control_address, timeout_s=LIMIT_S) as client:
            return await asyncio.to_thread(client.wait_for, *arguments)

    async def wait(*arguments: Any) -> dict[str, Any]:
        async with AsyncClient(opened.application.control_address, timeout_s=LIMIT_S) as client:
            return await client.wait_for(*arguments)

    return wait if request.param == "AsyncClient" else wait_in_a_thread


async def test_the_finished_item_is_returned_with_its_result(
    opened: RunningManager, wait_for: Wait
) -> None:
    (uid,) = await add(opened, plan(1))
    waiting = asyncio.create_task(wait_for(uid))
    await ok(opened, "queue_start")
    await opened.until(manager_state="executing_queue")
    opened.kernel.end_plan()
    item = await waiting
    assert item["item_uid"] == uid
    assert item["result"]["exit_status"] == "completed"


async def test_an_item_that_does_not_end_in_time_is_a_timeout(
    opened: RunningManager, wait_for: Wait
) -> None:
    (uid,) = await add(opened, plan(1))
    with pytest.raises(TimeoutError, match=rf"{uid} has not finished within 0\.05 s"):
        await wait_for(uid, 0.05)


async def test_an_item_that_is_removed_is_refused(opened: RunningManager, wait_for: Wait) -> None:
    (uid,) = await add(opened, plan(1))
    waiting = asyncio.create_task(wait_for(uid))
    await ok(opened, "queue_item_remove", uid=uid)
    with pytest.raises(RequestRefused, match="neither queue nor history"):
        await waiting


async def test_requests_do_not_wait_behind_a_waiting_task(opened: RunningManager) -> None:
    (uid,) = await add(opened, plan(1))
    async with AsyncClient(opened.application.control_address, timeout_s=LIMIT_S) as client:
        waiting = asyncio.create_task(client.wait_for(uid))
        await asyncio.sleep(0)
        assert (await client.request("ping"))["items_in_queue"] == 1
        assert not waiting.done()
        await client.request("queue_clear", check=True)
        with pytest.raises(RequestRefused):
            await waiting


async def test_nobody_there_is_a_failure_and_no_endless_wait() -> None:
    async with AsyncClient("tcp://127.0.0.1:9", timeout_s=0.1) as client:
        with pytest.raises(NoReply):
            await client.wait_for("uid", 0.1)
