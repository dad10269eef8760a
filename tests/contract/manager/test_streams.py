"""The published streams, as anybody with a subscribing socket meets them."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
import zmq
import zmq.asyncio

from qs_jupyter.manager.streams import CONNECTING_S, HEARTBEAT_S, Streams, Terminal
from qs_jupyter.testing.running_manager import LIMIT_S, RunningManager, quiet_settings
from qs_jupyter.wire.codec import codec
from qs_kernel_worker.messages import FollowDocuments
from tests.contract.manager.words import add, ok, plan
from tests.loop_clock import stopped_clock

Next = Callable[[], Awaitable[tuple[str, dict[str, Any]]]]


@asynccontextmanager
async def listening(
    topic: str = "QS_", encoding: str = "json"
) -> AsyncIterator[tuple[RunningManager, Next]]:
    """Start a manager that publishes, and yield a function that returns the next message."""
    settings = quiet_settings(
        zmq_publish_console=True, zmq_encoding=encoding, console_logging_level=logging.INFO
    )
    context = zmq.asyncio.Context()
    try:
        async with RunningManager(settings=settings) as running:
            socket = context.socket(zmq.SUB)
            socket.subscribe(topic)
            assert running.application.info_address is not None
            socket.connect(running.application.info_address)
            if topic == "QS_":
                await socket.recv_multipart()  # the subscription has arrived

            async def message() -> tuple[str, dict[str, Any]]:
                async with asyncio.timeout(LIMIT_S):
                    frames = await socket.recv_multipart()
                assert len(frames) == 2
                return frames[0].decode(), codec(encoding).decode(frames[1])

            yield running, message
    finally:
        context.destroy(linger=0)


async def statuses(message: Next) -> AsyncIterator[tuple[float, dict[str, Any]]]:
    """Yield what is published of the status, with the time on the envelope."""
    while True:
        topic, payload = await message()
        if topic == "QS_Info":
            assert set(payload) == {"time", "msg"}
            assert list(payload["msg"]) == ["status"]
            yield payload["time"], payload["msg"]["status"]


async def texts_of(message: Next) -> AsyncIterator[str]:
    """Yield the texts of the console."""
    while True:
        topic, payload = await message()
        if topic == "QS_Console":
            assert isinstance(payload["time"], float)
            yield payload["msg"]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_change_is_published_as_the_whole_status_at_once(encoding: str) -> None:
    async with listening(encoding=encoding) as (running, message):
        stream = statuses(message)
        await anext(stream)
        with stopped_clock():  # so it is not the repetition that comes once a second
            reply = await ok(running, "queue_item_add", item=plan(), user="J", user_group="primary")
            async for _, status in stream:
                if status["items_in_queue"]:
                    break
        assert status == await running.call("status")
        assert reply["plan_queue_uid"] == status["plan_queue_uid"]
        await stream.aclose()


async def test_an_unchanged_status_is_repeated_as_a_sign_of_life() -> None:
    # Six within any six seconds, also when each is late.
    assert 6 * (HEARTBEAT_S + 0.05) < 6
    async with listening("QS_Info") as (running, message):
        stream = statuses(message)
        await anext(stream)
        with stopped_clock() as clock:
            await add(running, plan())
            while not (first := (await anext(stream))[1])["items_in_queue"]:
                pass
            for _ in range(12):
                await clock.advance(0.25)
            await add(running, plan())
            repeated = []
            while (status := (await anext(stream))[1])["items_in_queue"] == 1:
                repeated.append(status)
        assert repeated == [first] * 3
        await stream.aclose()


async def test_each_status_is_published_in_order_and_the_last_is_that_of_the_moment() -> None:
    async with listening("QS_Info") as (running, message):
        stream = statuses(message)
        await anext(stream)
        for number in range(5):
            await add(running, plan(number + 1))
        counts, status = [], {}
        async for _, status in stream:
            counts.append(status["items_in_queue"])
            if counts[-1] == 5:
                break
        assert counts == sorted(counts)
        assert status["status_uid"] == running.status()["status_uid"]
        await stream.aclose()


async def test_joined_texts_are_what_was_written_in_few_messages_and_none_empty() -> None:
    pieces = ["|", "", "   1 | ", "5.000 |", "\n", "", "no end of line", "\r", "\x1b[A", "üñ\n"]
    async with listening() as (running, message):
        stream = texts_of(message)
        await running.open()
        for piece in [*pieces, "last\n"]:
            running.kernel.print(piece)
        texts: list[str] = []
        while not "".join(texts).endswith("last\n"):
            texts.append(await anext(stream))
        await stream.aclose()
        assert "" not in texts
        whole = "".join(texts)
        assert whole.endswith("".join(pieces) + "last\n")
        assert "RE Environment is ready\n" in whole
        # A piece with an escape sequence is never split.
        assert any("\x1b[A" in text for text in texts)
        assert sum("|" in text for text in texts) == 1


async def test_the_closing_of_a_run_is_told_with_its_uid() -> None:
    async with listening() as (running, message):
        stream = texts_of(message)
        await running.open()
        await add(running, plan())
        await ok(running, "queue_start")
        run = running.kernel.open_run()
        running.kernel.close_run(run)
        whole = ""
        while f"Run was closed: '{run}'" not in whole:
            whole += await anext(stream)
        await stream.aclose()


async def test_nothing_is_published_unless_it_was_asked_for(closed: RunningManager) -> None:
    assert closed.settings.zmq_publish_console is False
    assert closed.application.info_address is None


def test_messagepack_of_the_stream_is_read_by_strict_readers() -> None:
    """Clients refuse maps with keys that are no text, so none may be in a message."""
    frame = codec("msgpack").encode({"time": 1.5, "msg": {"status": {1: {None: 2}}}})
    assert msgpack.unpackb(frame, strict_map_key=True)


class Published:
    """Takes the place of the publishing socket."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.statuses = 0

    def console(self, text: str, _when: float, **_labels: Any) -> None:
        self.texts.append(text)

    def info(self, _content: Any) -> None:
        self.statuses += 1

    def event(self, _topic: bytes, _text: str) -> None:
        pass


async def test_text_waits_for_the_subscribers_of_an_earlier_manager_and_the_status_does_not() -> (
    None
):
    published = Published()
    streams = Streams(published, None)
    streams.text("of the time before\n")
    with stopped_clock() as clock:
        streams.start(lambda: {"manager_state": "idle"}, hold_text_s=0.5)
        streams.text("early\n")
        assert published.statuses == 1
        await clock.advance(0.4)
        assert published.texts == []
        await clock.advance(0.2)
    assert published.texts == ["of the time before\nearly\n"]
    streams.close()

    streams = Streams(published, None)
    streams.start(dict, hold_text_s=100)
    streams.text("last words\n")
    streams.close()
    assert published.texts[-1] == "last words\n"


@pytest.mark.parametrize("publishes", [True, False])
async def test_the_first_text_waits_for_those_who_waited_for_the_manager(publishes: bool) -> None:
    settings = quiet_settings(zmq_publish_console=publishes, console_logging_level=logging.INFO)
    running = RunningManager(settings=settings)

    async def told() -> str:
        events = (await ok(running, "events_get"))["events"]
        return "".join(event["text"] for event in events if event["kind"] == "console")

    try:
        with stopped_clock() as clock:
            await running.__aenter__()
            assert bool(await told()) is not publishes
            assert CONNECTING_S > 0.2, "they try every tenth of a second"
            await clock.advance(CONNECTING_S)
            assert "ZMQ control channels: encryption disabled" in await told()
    finally:
        await running.end()


class StoppedTerminal:
    """Takes the place of standard output; nothing gets on until it may."""

    def __init__(self) -> None:
        self.is_full = threading.Event()
        self.may_go_on = threading.Event()
        self.shown: queue.SimpleQueue[str] = queue.SimpleQueue()

    def write(self, text: str) -> None:
        self.is_full.set()
        self.may_go_on.wait(LIMIT_S)
        self.shown.put(text)

    def flush(self) -> None:
        pass


def test_a_terminal_that_was_stopped_takes_no_more_than_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = StoppedTerminal()
    monkeypatch.setattr("sys.stdout", out)
    terminal = Terminal(kept=1_000_000)
    line = "x" * 999 + "\n"
    terminal.write(line)
    assert out.is_full.wait(LIMIT_S)
    for _ in range(4_999):
        terminal.write(line)
    out.may_go_on.set()
    assert [out.shown.get(timeout=LIMIT_S) for _ in range(1_001)] == [line] * 1_001
    terminal.write("back again\n")
    end = out.shown.get(timeout=LIMIT_S)
    assert end == "… 3999 lines are left out here …\nback again\n"
    terminal.close()


async def test_a_worker_that_could_not_be_told_of_followers_is_told_again(
    opened: RunningManager,
) -> None:
    kernel = opened.kernel

    async def ask_for_documents() -> int:
        await ok(opened, "events_get", since=2**62, documents=True)
        await ok(opened, "re_metadata")  # is answered by the worker, after it
        return len([each for each in kernel.requests if each == FollowDocuments(on=True)])

    kernel.refusals[FollowDocuments] = "not now"
    assert await ask_for_documents() == 1
    kernel.refusals.clear()
    assert await ask_for_documents() == 2
    assert await ask_for_documents() == 2
