"""The sockets of a whole manager: requests, garbage, and the published streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
import zmq
import zmq.asyncio

from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.testing.running_manager import LIMIT_S, RunningManager, quiet_settings
from tests.contract.manager.words import WHO, add, ok, plan


@pytest.fixture
async def context() -> AsyncIterator[zmq.asyncio.Context]:
    """A context whose sockets are closed at the end."""
    context = zmq.asyncio.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
async def packing() -> AsyncIterator[RunningManager]:
    """A manager that speaks MessagePack."""
    async with RunningManager(settings=quiet_settings(zmq_encoding="msgpack")) as running:
        yield running


def connected(context: zmq.asyncio.Context, running: RunningManager) -> zmq.asyncio.Socket:
    """Return a socket that asks the manager."""
    socket = context.socket(zmq.REQ)
    socket.connect(running.application.control_address)
    return socket


async def exchange(socket: zmq.asyncio.Socket, *frames: bytes) -> Any:
    async with asyncio.timeout(LIMIT_S):
        await socket.send_multipart(frames)
        return await socket.recv()


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_client_reaches_the_manager(encoding: str) -> None:
    async with RunningManager(settings=quiet_settings(zmq_encoding=encoding)) as running:
        address = running.application.control_address
        async with AsyncClient(address, encoding=encoding, timeout_s=LIMIT_S) as client:
            status = await client.request("status")
            assert status["msg"].startswith("RE Manager")
            await ok(running, "environment_open")
            await running.until(manager_state="idle", worker_environment_exists=True)
            reply = await client.request(
                "queue_item_add", item=plan(), user="Jane", user_group="primary"
            )
            assert reply["success"] is True
            queued = await client.request("queue_get")
            assert queued["items"] == [reply["item"]]
            allowed = await client.request("plans_allowed", user_group="primary")
            assert "count" in allowed["plans_allowed"]


async def test_garbage_is_answered_and_costs_nobody_else(
    closed: RunningManager, context: zmq.asyncio.Context
) -> None:
    socket = connected(context, closed)
    for frames, text in (
        ((b"{",), "Failed to decode the request: JSON decode error: "),
        ((b"\xff\xfe",), "Failed to decode the request: JSON decode error: "),
        ((b"",), "Failed to decode the request: JSON decode error: "),
        ((b"[]",), "Incorrect request type: <class 'list'>"),
        ((b"{}", b"{}"), "one frame"),
    ):
        reply = json.loads(await exchange(socket, *frames))
        assert reply["success"] is False
        assert text in reply["msg"]
    status = json.loads(await exchange(socket, b'{"method": "status"}'))
    assert status["manager_state"] == "idle"


async def test_truncated_msgpack_is_named(
    packing: RunningManager, context: zmq.asyncio.Context
) -> None:
    socket = connected(context, packing)
    whole = msgpack.packb({"method": "status", "params": {}})
    reply = msgpack.unpackb(await exchange(socket, whole[:-3]))
    assert reply["msg"] == (
        "Failed to decode the request: MSGPACK decode error: Unpack failed: incomplete input"
    )


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b"", "MSGPACK decode error: "),
        (b"\xc1", "MSGPACK decode error: "),
        (msgpack.packb({"method": "queue_get"}) + b"\x01", "MSGPACK decode error: "),
        (msgpack.packb({1: "queue_get"}), "MSGPACK decode error: "),
        (msgpack.packb({b"method": b"queue_get"}), "method is not specified: {b'method':"),
        (b"\x91" * 100_000, "MSGPACK decode error: "),
        (msgpack.packb(7), "Incorrect request type: <class 'int'>"),
        (msgpack.packb(["queue_get"]), "Incorrect request type: <class 'list'>"),
        (msgpack.packb({"method": b"queue_get"}), "Unknown method b'queue_get'"),
        (msgpack.packb({"method": "queue_get", "params": "x"}), "'params' must be a dictionary"),
        (json.dumps({"method": "queue_get"}).encode(), "MSGPACK decode error: "),
    ],
)
async def test_wrong_msgpack_is_answered_and_costs_nobody_else(
    packing: RunningManager, context: zmq.asyncio.Context, frame: bytes, text: str
) -> None:
    socket = connected(context, packing)
    reply = msgpack.unpackb(await exchange(socket, frame))
    assert reply["success"] is False
    assert text in reply["msg"]
    honest = msgpack.packb({"method": "queue_get", "params": None})
    assert msgpack.unpackb(await exchange(socket, honest))["success"] is True


async def test_an_item_with_bytes_in_it_is_refused_because_json_has_none(
    packing: RunningManager, context: zmq.asyncio.Context
) -> None:
    socket = connected(context, packing)
    item = plan(1, meta={"picture": b"\x89PNG"})
    request = {"method": "queue_item_add", "params": {"item": item, **WHO}}
    reply = msgpack.unpackb(await exchange(socket, msgpack.packb(request)))
    assert reply["success"] is False
    assert "can not be represented as JSON" in reply["msg"]
    assert (await packing.call("queue_get"))["items"] == []


async def test_an_item_that_no_reply_could_carry_is_refused_and_the_queue_stays_readable(
    packing: RunningManager, context: zmq.asyncio.Context
) -> None:
    socket = connected(context, packing)
    item = plan(1, meta={"text": "here it is"})
    request = msgpack.packb({"method": "queue_item_add", "params": {"item": item, **WHO}})
    # A list in a list in a list …, deeper than the library packs by itself.
    deep = request.replace(msgpack.packb("here it is"), b"\x91" * 700 + b"\x90")
    assert msgpack.unpackb(await exchange(socket, deep))["success"] is False
    listed = msgpack.unpackb(await exchange(socket, msgpack.packb({"method": "queue_get"})))
    assert listed["success"] is True
    assert listed["items"] == []


async def test_a_client_that_leaves_before_its_reply_costs_nothing(
    closed: RunningManager, context: zmq.asyncio.Context
) -> None:
    for _ in range(100):
        socket = connected(context, closed)
        await socket.send(b'{"method": "queue_get"}')
        socket.close(linger=1000)
    socket = connected(context, closed)
    assert json.loads(await exchange(socket, b'{"method": "queue_get"}'))["success"] is True


async def test_connections_that_say_nothing_keep_nobody_out(
    closed: RunningManager, context: zmq.asyncio.Context
) -> None:
    host, port = closed.application.control_address.removeprefix("tcp://").split(":")
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(200):
            _, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
        socket = connected(context, closed)
        assert json.loads(await exchange(socket, b'{"method": "queue_get"}'))["success"] is True


async def test_results_that_fit_no_encoding_are_answered_all_the_same(
    context: zmq.asyncio.Context,
) -> None:
    async with RunningManager(settings=quiet_settings(zmq_encoding="msgpack")) as running:
        await running.open()
        uid = (await ok(running, "script_upload", script="1"))["task_uid"]
        running.kernel.end_task(return_value={"big": 2**80, 5: [1]})
        await running.idle()
        reply = await running.call("task_result", task_uid=uid)
        assert reply["status"] == "completed"


async def test_status_and_console_are_published_in_their_order(
    context: zmq.asyncio.Context,
) -> None:
    async with RunningManager(settings=quiet_settings(zmq_publish_console=True)) as running:
        socket = context.socket(zmq.SUB)
        socket.subscribe("QS_")
        assert running.application.info_address is not None
        socket.connect(running.application.info_address)

        async def message() -> tuple[str, Any]:
            async with asyncio.timeout(LIMIT_S):
                topic, frame = await socket.recv_multipart()
            return topic.decode(), json.loads(frame)["msg"]

        await message()  # the subscription has arrived
        await running.open()
        await add(running, plan(1))
        await ok(running, "queue_start")
        running.kernel.end_plan()
        await running.until(items_in_history=1, manager_state="idle")
        running.kernel.print("the last words\n")
        states, text = [], ""
        while "the last words" not in text:
            topic, content = await message()
            if topic == "QS_Console":
                text += content
            elif topic == "QS_Info" and "status" in content:
                states.append(content["status"]["manager_state"])
        assert states[-1] == "idle"
        assert "executing_queue" in states
        assert states.index("executing_queue") < len(states) - 1
