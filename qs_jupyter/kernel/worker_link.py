"""Everything that is open towards one worker process: sockets, order of events, the lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import fields
from typing import Any

import zmq.asyncio

from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel.channels import Channels
from qs_jupyter.kernel.connection import WorkerKernelManager
from qs_jupyter.kernel.console import console_text
from qs_jupyter.kernel.driver import (
    ConsoleText,
    JobRefusedError,
    KernelListener,
    WorkerBusyError,
)
from qs_jupyter.kernel.event_order import EventOrder
from qs_jupyter.kernel.provisioner import WorkerProvisioner
from qs_jupyter.kernel.text_order import Numbered, TextOrder
from qs_kernel_worker.messages import (
    REQUEST_TYPE,
    RUN_TYPE,
    Acknowledge,
    GetEvents,
    GetText,
    Hello,
    Job,
    Request,
    WorkerReport,
    encode,
)

logger = logging.getLogger(__name__)

REPLAY_LIMIT_S = 10.0
REPLAY_AGAIN_AFTER_S = 3.0
ACKNOWLEDGE_AFTER_S = 0.2
NOT_ANSWERED = "The worker ended before it answered"


class WorkerLink:
    """A living worker and the way to talk to it, from its greeting to the last word."""

    def __init__(
        self,
        kernel: WorkerKernelManager,
        provisioner: WorkerProvisioner,
        context: zmq.asyncio.Context,
        listener: KernelListener,
    ) -> None:
        self.kernel = kernel
        self.provisioner = provisioner
        self._context = context
        self._order = EventOrder(listener.worker_event, lambda: self._keep(self._replay()))
        self._texts = TextOrder(listener.worker_text, lambda: self._keep(self._replay_text()))
        self._channels = Channels(
            kernel, self._order.take, self._take_text, listener.worker_documents
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._acknowledged = (0, 0)  # the numbers of an event and of a text
        self._to_acknowledge = 0
        self._timer: asyncio.TimerHandle | None = None
        self._replay_timer: asyncio.TimerHandle | None = None

    # ----------------------------------------------------------------------- greeting

    async def greet(self, limit_s: float, since: int, *, is_found: bool = False) -> WorkerReport:
        """Take the lease and catch up with the events after number ``since``.

        ``is_found``: another manager has started the worker.

        Raises
        ------
        KernelFailure
            The process ended, or does not answer in time.
        """
        greeting = asyncio.create_task(self._hello(limit_s), name="greet worker")
        ended = asyncio.create_task(self._end_with_process(), name="worker ended")
        try:
            await asyncio.wait({greeting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not greeting.done():
                raise KernelFailure(NOT_ANSWERED)
            report = greeting.result()
            # A number from the future belongs to a worker that is gone.
            self._order.begin(report.epoch, since if since <= report.seq else 0)
            missed = await self._ask_for_events()
            # Asked for later and delivered first: what was written before an event comes before it.
            await self._replay_text(since_acknowledged=True, is_found=is_found)
            if missed is not None:
                self._order.take_replay(missed["events"], missed["seq"])
        finally:
            ended.cancel()
            greeting.cancel()
        return report

    async def _end_with_process(self) -> None:
        """Let no question wait for the answer of a worker that ends while it is greeted."""
        await self.provisioner.ended.wait()
        await self._channels.end(NOT_ANSWERED)

    async def _hello(self, limit_s: float) -> WorkerReport:
        channels = self._channels
        try:
            async with asyncio.timeout(limit_s):
                await channels.welcome.wait()
                hello = encode(Hello(channels.session))
                reply = await channels.ask("control", REQUEST_TYPE, hello, limit_s)
        except TimeoutError:
            raise KernelFailure(
                f"The worker lives but did not answer within {limit_s:g} s; its Python may be "
                "blocked. Destroy the environment if that lasts"
            ) from None
        return _report(_result(reply))

    # ---------------------------------------------------------------------- questions

    async def request(self, message: Request, timeout_s: float) -> dict[str, Any]:
        """Send a request over control and return the reply's result."""
        try:
            reply = await self._channels.ask("control", REQUEST_TYPE, encode(message), timeout_s)
        except TimeoutError:
            name = type(message).__name__
            raise KernelFailure(
                f"The worker did not answer {name} within {timeout_s:g} s"
            ) from None
        return _result(reply)

    async def submit(self, job: Job, timeout_s: float) -> None:
        """Hand a job to the main thread; return when the worker has taken it."""
        try:
            reply = await self._channels.ask("shell", RUN_TYPE, encode(job), timeout_s)
        except TimeoutError:
            raise KernelFailure(
                f"The worker did not say within {timeout_s:g} s whether it took job {job.uid}"
            ) from None
        if reply.get("status") == "busy":
            raise WorkerBusyError(reply.get("message", "the main thread is taken"))
        if reply.get("status") != "ok":
            raise JobRefusedError(str(reply.get("message", "the worker refused the job")))

    # --------------------------------------------------------- events and their receipt

    def acknowledge(self, seq: int) -> None:
        """Tell the worker, soon and for several events at once, that they are durable."""
        self._to_acknowledge = max(self._to_acknowledge, seq)
        self._acknowledge_soon()

    def _acknowledge_soon(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(ACKNOWLEDGE_AFTER_S, self._acknowledge_now)

    def _acknowledge_now(self) -> None:
        self._timer = None
        numbers = (self._to_acknowledge, self._texts.last)
        if numbers != self._acknowledged:
            self._keep(self._send_acknowledgement(*numbers))

    async def _send_acknowledgement(self, seq: int, text_seq: int) -> None:
        with contextlib.suppress(KernelFailure):  # a lost one is covered by the next
            await self.request(Acknowledge(seq, text_seq), REPLAY_LIMIT_S)
            self._acknowledged = (seq, text_seq)

    async def _replay(self) -> None:
        missed = await self._ask_for_events()
        if missed is not None:
            self._order.take_replay(missed["events"], missed["seq"])

    async def _ask_for_events(self) -> dict[str, Any] | None:
        """Return the events after the last that was delivered; None when they come later."""
        try:
            return await self.request(GetEvents(self._order.last), REPLAY_LIMIT_S)
        except KernelFailure as error:
            logger.warning("Events of the worker could not be fetched yet: %s", error)
            self._order.replay_failed()
            # What is missing may be the end of a plan, with no later event that would ask for it.
            loop = asyncio.get_running_loop()
            self._replay_timer = loop.call_later(REPLAY_AGAIN_AFTER_S, self._replay_again)
            return None

    def _replay_again(self) -> None:
        self._keep(self._replay())

    def _take_text(self, seq: int | None, text: ConsoleText) -> None:
        self._texts.take(seq, text)
        if seq is not None:
            self._acknowledge_soon()

    async def _replay_text(
        self, *, since_acknowledged: bool = False, is_found: bool = False
    ) -> None:
        since = None if since_acknowledged else self._texts.last
        try:
            found = await self.request(GetText(since), REPLAY_LIMIT_S)
        except KernelFailure as error:
            logger.debug("Output of the worker could not be fetched: %s", error)
            self._texts.replay_failed()
            return
        texts = list(_numbered_texts(found["texts"]))
        if is_found and texts:
            lines = sum(text.text.count("\n") for _, text in texts)
            logger.info("Output of the worker while no manager listened (%d lines):", lines)
        if found["lost"]:
            logger.warning("%d lines of output of the worker are lost", found["lost"])
        self._texts.take_replay(texts, found["seq"])
        self._acknowledge_soon()

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ----------------------------------------------------------------------------- end

    async def end(self, cause: str) -> None:
        """Take what a dead worker has still sent; tell those who wait for more."""
        await self._channels.end(cause)

    async def close(self) -> None:
        """Close everything; the worker does not notice."""
        # First, because what arrives last may begin another question or receipt.
        await self._channels.end("The manager has let go of the worker")
        for timer in (self._timer, self._replay_timer):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channels.close()
        self.provisioner.let_go()
        await self.kernel.cleanup_resources()
        # Not term(): a socket that is still open somewhere would hold up the event loop for ever.
        self._context.destroy(linger=0)


def _result(reply: dict[str, Any]) -> dict[str, Any]:
    if reply.get("status") != "ok":
        raise KernelFailure(str(reply.get("message", "the worker refused")))
    result = reply.get("result")
    return result if isinstance(result, dict) else {}


def _numbered_texts(found: Iterable[dict[str, Any]]) -> Iterator[Numbered]:
    for each in found:
        text = console_text("stream", each, each["label"], each["time"])
        if text is not None:
            yield each["seq"], text


def _report(data: dict[str, Any]) -> WorkerReport:
    known = {field.name for field in fields(WorkerReport)}
    return WorkerReport(**{name: value for name, value in data.items() if name in known})
