"""What a worker has sent last is taken, and nothing is begun with it that outlives the link."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import zmq.asyncio
from jupyter_client.session import Session

from qs_jupyter.kernel.channels import Channels
from qs_jupyter.kernel.connection import WorkerKernelManager, new_context
from qs_jupyter.kernel.driver import ConsoleText
from qs_jupyter.kernel.provisioner import WorkerProvisioner
from qs_jupyter.kernel.worker_link import (
    ACKNOWLEDGE_AFTER_S,
    REPLAY_AGAIN_AFTER_S,
    REPLAY_LIMIT_S,
    WorkerLink,
)
from qs_kernel_worker.messages import EVENT_TYPE, TEXT_SEQ, JobDone, NumberedEvent, WorkerReport
from tests.contract.kernel.conftest import Bench, Recorder
from tests.loop_clock import stopped_clock

pytestmark = pytest.mark.asyncio(loop_scope="session")
# A loop whose clock is stopped, and whose tasks are counted, has no other workers beside it.
own_loop = pytest.mark.asyncio(loop_scope="function")

SESSION = Session(key=b"the worker's key")
RESULTS: dict[str, dict[str, Any]] = {
    "Hello": asdict(WorkerReport("epoch", seq=0, pid=1, phase="ready")),
    "GetText": {"texts": [], "seq": 0, "lost": 0},
    "GetEvents": {"events": [], "seq": 0},
}


class Line:
    """A socket on which the test says when a message has left it."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []
        self.kept: deque[list[bytes]] = deque()
        self.closed = False
        self._reading: asyncio.Future[list[bytes]] | None = None

    def subscribe(self, _topic: bytes) -> None:
        """Take everything."""

    def recv_multipart(self) -> asyncio.Future[list[bytes]]:
        self._reading = asyncio.get_running_loop().create_future()
        if self.kept:
            self._reading.set_result(self.kept.popleft())
        return self._reading

    def deliver(self, frames: list[bytes]) -> None:
        """Give a message to whoever reads; the reader has its turn later."""
        assert self._reading is not None, "nobody reads"
        self._reading.set_result(frames)

    async def poll(self, _timeout: int) -> bool:
        return bool(self.kept)

    async def send_multipart(self, frames: list[bytes]) -> None:
        assert not self.closed, "a question after the end"
        self.sent.append(frames)

    def close(self, linger: int = 0) -> None:
        self.closed = True


class Control(Line):
    """The control socket of a worker that has nothing to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.results = dict(RESULTS)
        self.later: dict[str, dict[str, Any]] = {}  # results once it was asked what it keeps

    async def send_multipart(self, frames: list[bytes]) -> None:
        await super().send_multipart(frames)
        _, (_signature, header, _parent, _metadata, content) = SESSION.feed_identities(frames)
        kind = json.loads(content)["type"]
        result = self.results.get(kind)
        if kind in self.later:
            self.results |= self.later
        if result is None:
            return  # its Python is blocked
        reply = SESSION.msg("reply", {"status": "ok", "result": result}, json.loads(header))
        self.deliver(SESSION.serialize(reply))


class Wires(WorkerKernelManager):
    """A kernel manager whose sockets are in the hands of the test."""

    def __init__(self, context: zmq.asyncio.Context) -> None:
        super().__init__(context=context, session=Session(key=SESSION.key))
        self.shell, self.control, self.iopub = Line(), Control(), Line()

    def connect_shell(self, identity: bytes | None = None) -> Any:
        return self.shell

    def connect_control(self, identity: bytes | None = None) -> Any:
        return self.control

    def connect_iopub(self, identity: bytes | None = None) -> Any:
        return self.iopub


@asynccontextmanager
async def wires() -> AsyncIterator[Wires]:
    context = new_context()
    try:
        yield Wires(context)
    finally:
        context.destroy(linger=0)


def published(msg_type: str, content: dict[str, Any], **metadata: Any) -> list[bytes]:
    """Return a message as it comes from iopub."""
    message = SESSION.msg(msg_type, content, metadata=metadata)
    frames: list[bytes] = SESSION.serialize(message, ident=msg_type.encode())
    return frames


async def reading() -> None:
    """Let those who read reach the place where they wait."""
    await asyncio.sleep(0)


async def settled() -> None:
    """Let everybody do what can be done without a timer."""
    for _ in range(20):
        await asyncio.sleep(0)


async def greeted(link: WorkerLink, kernel: Wires) -> None:
    """Greet the worker, which welcomes whoever listens."""
    await reading()
    kernel.iopub.deliver(published("iopub_welcome", {"subscription": kernel.session.session}))
    await link.greet(1.0, since=0)


@own_loop
async def test_a_message_that_has_just_left_its_socket_is_not_lost_with_its_reader() -> None:
    taken: list[Any] = []
    async with wires() as kernel:
        channels = Channels(kernel, taken.append, lambda *_: None, lambda *_: None)
        await reading()
        kernel.iopub.deliver(published(EVENT_TYPE, {"seq": 1}))
        kernel.iopub.kept.append(published(EVENT_TYPE, {"seq": 2}))
        await channels.end("the worker is gone")
        await channels.close()
    assert taken == [{"seq": 1}, {"seq": 2}]


@own_loop
async def test_text_that_arrives_last_is_acknowledged_by_nobody_after_the_end() -> None:
    recorder = Recorder()
    async with wires() as kernel:
        provisioner = WorkerProvisioner(kernel_id="last")
        before = asyncio.all_tasks()
        with stopped_clock() as clock:
            link = WorkerLink(kernel, provisioner, kernel.context, recorder)
            await greeted(link, kernel)
            await clock.advance(2 * ACKNOWLEDGE_AFTER_S)
            text = {"name": "stdout", "text": "good bye"}
            kernel.iopub.kept.append(published("stream", text, **{TEXT_SEQ: 1}))
            await link.close()
            assert [each.text for each in recorder.texts] == ["good bye"]
            asked = len(kernel.control.sent)
            await clock.advance(2 * ACKNOWLEDGE_AFTER_S)
            assert asyncio.all_tasks() == before
            assert len(kernel.control.sent) == asked


@own_loop
async def test_the_last_event_of_a_plan_is_asked_for_until_it_is_here() -> None:
    recorder = Recorder()
    end = NumberedEvent("epoch", 1, 0.0, JobDone("job", "plan", "completed"))
    async with wires() as kernel:
        provisioner = WorkerProvisioner(kernel_id="last")
        with stopped_clock() as clock:
            link = WorkerLink(kernel, provisioner, kernel.context, recorder)
            await greeted(link, kernel)
            del kernel.control.results["GetEvents"]
            # It is too big for a broadcast, which tells its number only.
            kernel.iopub.deliver(published(EVENT_TYPE, {"epoch": "epoch", "seq": 1}))
            await settled()
            await clock.advance(2 * REPLAY_LIMIT_S)
            await settled()
            assert recorder.events == []
            kernel.control.results["GetEvents"] = {"events": [end.encode()], "seq": 1}
            await clock.advance(2 * REPLAY_AGAIN_AFTER_S)
            await settled()
            assert recorder.events == [end]
            await link.close()


@own_loop
async def test_text_that_is_written_during_the_greeting_comes_before_the_event_behind_it() -> None:
    recorder = Recorder()
    end = NumberedEvent("epoch", 1, 0.0, JobDone("job", "plan", "completed"))
    text = {"name": "stdout", "text": "the last words"}
    kept = {"seq": 1, "time": 0.0, "label": {}, **text}
    async with wires() as kernel:
        kernel.control.later = {
            "GetText": {"texts": [kept], "seq": 1, "lost": 0},
            "GetEvents": {"events": [end.encode()], "seq": 1},
        }
        link = WorkerLink(kernel, WorkerProvisioner(kernel_id="last"), kernel.context, recorder)
        await greeted(link, kernel)
        kernel.iopub.deliver(published("stream", text, **{TEXT_SEQ: 1}))
        kernel.iopub.kept.append(published(EVENT_TYPE, end.encode()))
        await settled()
        await link.close()
    told = [news.text if isinstance(news, ConsoleText) else news for news in recorder.story]
    assert told == ["the last words", end.event]


@own_loop
async def test_a_worker_that_ends_while_it_is_greeted_is_waited_for_no_longer() -> None:
    recorder = Recorder()
    async with wires() as kernel:
        provisioner = WorkerProvisioner(kernel_id="last")
        with stopped_clock():
            link = WorkerLink(kernel, provisioner, kernel.context, recorder)
            del kernel.control.results["GetText"]
            greeting = asyncio.create_task(greeted(link, kernel))
            await settled()
            kernel.iopub.deliver(published("stream", {"name": "stdout", "text": "good bye"}))
            assert not greeting.done()
            provisioner.ended.set()
            await greeting
            await link.close()
    assert [each.text for each in recorder.texts] == ["good bye"]


async def test_a_death_is_told_also_when_the_files_of_the_worker_cannot_be_removed(
    new_bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    bench = new_bench()
    report = await bench.driver.start()
    in_the_way = Path(bench.settings.runtime_dir or "") / "new1-1"  # the place of a socket
    in_the_way.unlink()
    in_the_way.mkdir()
    os.kill(report.pid, signal.SIGKILL)
    await bench.recorder.until(lambda: bench.recorder.deaths)
    in_the_way.rmdir()
    assert "SIGKILL" in bench.recorder.deaths[0]
    assert "could be put away" in caplog.text


async def test_a_death_by_a_signal_that_has_no_name_is_told_with_its_number(
    new_bench: Callable[..., Bench],
) -> None:
    bench = new_bench()
    report = await bench.driver.start()
    number = signal.SIGRTMIN + 1
    os.kill(report.pid, number)
    await bench.recorder.until(lambda: bench.recorder.deaths)
    assert f"was ended by signal {number:d}" in bench.recorder.deaths[0]
