"""Plans and results with very many numbers: complete, in both encodings, in no one's way."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zmq.asyncio

from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.huge_json import HUGE_BYTES, is_huge
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings
from qs_jupyter.wire.codec import JsonCodec, codec
from tests.contract.manager.words import WHO, ok, plan, refused

# Tiny ones among them, which are spelt with exponents.
NUMBERS = [(n - 15_000) / 7e9 for n in range(60_000)]
POINTS = {"item_type": "plan", "name": "list_scan", "args": [["det1"], "motor1", NUMBERS]}


@pytest.fixture(params=["json", "msgpack"])
async def encoded(request: pytest.FixtureRequest) -> AsyncIterator[RunningManager]:
    """A manager with an open environment that speaks one of the encodings."""
    async with RunningManager(settings=quiet_settings(zmq_encoding=request.param)) as running:
        await running.open()
        yield running


def client(running: RunningManager) -> AsyncClient:
    encoding = running.settings.zmq_encoding
    return AsyncClient(running.application.control_address, encoding=encoding, timeout_s=20)


def test_the_numbers_here_are_huge() -> None:
    assert is_huge(POINTS)
    assert len(json.dumps(POINTS)) > HUGE_BYTES


async def test_a_huge_item_is_stored_run_and_archived_as_it_came(encoded: RunningManager) -> None:
    async with client(encoded) as ours:
        reply = await ours.request("queue_item_add", item=POINTS, **WHO)
        assert reply["success"], reply["msg"][:300]
        assert reply["item"]["args"] == POINTS["args"]
        item = reply["item"]
        assert (await ours.request("queue_get"))["items"] == [item]
        changed = {**item, "args": [["det2"], "motor1", NUMBERS[::-1]]}
        reply = await ours.request("queue_item_update", item=changed, **WHO)
        assert reply["item"]["args"] == changed["args"], reply["msg"]
        await ok(encoded, "queue_start")
        running = (await ours.request("queue_get"))["running_item"]
        assert running["args"] == changed["args"]
        assert "time_start" in running["properties"]
        encoded.kernel.end_plan()
        await encoded.until(items_in_history=1, manager_state="idle")
        (finished,) = (await ours.request("history_get"))["items"]
    assert finished.pop("result")["exit_status"] == "completed"
    assert finished == changed


async def test_a_huge_item_among_others_of_a_batch_keeps_its_place(
    encoded: RunningManager,
) -> None:
    async with client(encoded) as ours:
        items = [plan(1), POINTS, plan(2)]
        reply = await ours.request("queue_item_add_batch", items=items, **WHO)
        assert [item["name"] for item in reply["items"]] == ["count", "list_scan", "count"]
        assert (await ours.request("queue_get"))["items"] == reply["items"]


async def test_who_comes_later_need_not_wait_for_a_huge_request(
    opened: RunningManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_decode, decode = threading.Event(), JsonCodec.decode_huge

    def decode_later(ours: JsonCodec, frame: bytes) -> Any:
        assert may_decode.wait(20)
        return decode(ours, frame)

    monkeypatch.setattr(JsonCodec, "decode_huge", decode_later)
    frames = [
        {"method": "queue_item_add", "params": {"item": POINTS, **WHO}},
        {"method": "queue_get"},
    ]
    with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.connect(opened.application.control_address)
        for frame in frames:
            await socket.send_multipart([b"", json.dumps(frame).encode()])
        replies = []
        async with asyncio.timeout(20):
            for _ in frames:
                replies.append(json.loads((await socket.recv_multipart())[-1]))
                may_decode.set()
    assert replies[0]["items"] == []
    assert replies[1]["item"]["args"] == POINTS["args"]


async def test_a_huge_item_that_does_not_fit_is_refused_in_few_words(
    opened: RunningManager,
) -> None:
    wrong = {**POINTS, "kwargs": {"num": "x"}}
    text = await refused(opened, "queue_item_add", item=wrong, **WHO)
    assert text.startswith("Failed to add an item: Plan validation failed: ")
    assert repr(POINTS["args"])[:3000] in text
    assert len(text) < 6000


async def test_followers_of_events_are_told_to_read_a_huge_queue_anew(
    opened: RunningManager,
) -> None:
    item = {**POINTS, "args": [["det1"], "motor1", NUMBERS]}
    await ok(opened, "queue_item_add", item=item, **WHO)
    events = (await ok(opened, "events_get"))["events"]
    assert [e["op"] for e in events if e["kind"] == "queue"] == ["reload"]


async def test_a_function_gets_huge_arguments_and_the_reply_repeats_them(
    encoded: RunningManager,
) -> None:
    call = {"item_type": "function", "name": "function_sleep", "args": [NUMBERS], "kwargs": {}}
    async with client(encoded) as ours:
        reply = await ours.request("function_execute", item=call, **WHO)
        assert reply["success"], reply["msg"][:300]
        assert reply["item"]["args"] == [NUMBERS]
        encoded.kernel.end_task(return_value=1)
        await encoded.idle()
        refused = await ours.request("function_execute", item={**call, "name": "no"}, **WHO)
    assert refused["msg"].startswith("Error: Function 'no' is not allowed")
    assert refused["item"]["args"] == [NUMBERS]


async def test_a_huge_result_of_a_task_arrives_complete(encoded: RunningManager) -> None:
    uid = (await ok(encoded, "script_upload", script="1"))["task_uid"]
    value: Any = {"numbers": NUMBERS, "words": ["ü"] * 30_000, "big": 2**40}
    encoded.kernel.end_task(return_value=value)
    await encoded.idle()
    async with client(encoded) as ours:
        reply = await ours.request("task_result", task_uid=uid)
    assert reply["result"]["return_value"] == value


@pytest.mark.parametrize("cut", [1, 1000])
async def test_a_huge_request_that_is_cut_off_is_answered_like_a_short_one(
    encoded: RunningManager, cut: int
) -> None:
    request = {"method": "queue_item_add", "params": {"item": POINTS, **WHO}}
    frame = codec(encoded.settings.zmq_encoding).encode(request)
    with zmq.asyncio.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(encoded.application.control_address)
        await socket.send(frame[:-cut])
        async with asyncio.timeout(20):
            reply = codec(encoded.settings.zmq_encoding).decode(await socket.recv())
    name = encoded.settings.zmq_encoding.upper()
    assert reply["msg"].startswith(f"Failed to decode the request: {name} decode error: ")
