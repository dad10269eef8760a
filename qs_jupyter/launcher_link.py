"""The manager's ends of the two pipes between launcher and manager."""

from __future__ import annotations

import asyncio
import contextlib
import os

from qs_jupyter.launcher_orders import BEAT, ENDED, FAILED, READY, StopReason
from qs_jupyter.service_manager import ServiceManager

HEARTBEAT_S = 0.5


class LauncherLink:
    """The manager's end of both pipes; without pipes, a manager that nobody watches.

    ``service`` is told how things stand when there is no launcher that does it.

    Used as an asynchronous context manager inside the event loop, which is the only thread
    that touches it.
    """

    def __init__(
        self,
        *,
        is_restart: bool = False,
        incoming: int | None = None,
        outgoing: int | None = None,
        service: ServiceManager | None = None,
    ) -> None:
        self.is_restart = is_restart
        self.is_ready = False
        self._incoming = incoming
        self._outgoing = outgoing
        self._service = service
        self._buffer = b""
        self._stop: asyncio.Future[StopReason] | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LauncherLink:
        """Begin to listen and to send heartbeats."""
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        if self._incoming is not None:
            os.set_blocking(self._incoming, False)
            loop.add_reader(self._incoming, self._read)
        if self._outgoing is not None:
            os.set_blocking(self._outgoing, False)
        if self._outgoing is not None or self._service is not None:
            self._heartbeat = asyncio.create_task(self._beat(), name="heartbeat")
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop listening and sending."""
        if self._incoming is not None:
            asyncio.get_running_loop().remove_reader(self._incoming)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._heartbeat

    def ready(self) -> None:
        """Tell the launcher that requests are answered."""
        self.is_ready = True
        self._send(READY)
        if self._service is not None:
            self._service.ready()

    def ending(self, code: int) -> None:
        """Tell the launcher that the manager ends for good, with this exit code."""
        self._send(ENDED if code == 0 else FAILED)

    async def stop_requested(self) -> StopReason:
        """Wait until the manager is to end, and return why."""
        assert self._stop is not None, "the link is used before it is entered"
        return await asyncio.shield(self._stop)

    def request_stop(self, reason: StopReason) -> None:
        """Let `stop_requested` return; only the first reason counts."""
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(reason)
            if self._service is not None:
                self._service.stopping()

    def _read(self) -> None:
        assert self._incoming is not None
        try:
            piece = os.read(self._incoming, 4096)
        except BlockingIOError:
            return
        if not piece:
            asyncio.get_running_loop().remove_reader(self._incoming)
            self.request_stop(StopReason.LAUNCHER_GONE)
            return
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        for line in lines:
            self.request_stop(StopReason(line.decode()))

    async def _beat(self) -> None:
        while True:
            self._send(BEAT)
            if self._service is not None:
                self._service.alive()
            await asyncio.sleep(HEARTBEAT_S)

    def _send(self, byte: bytes) -> None:
        if self._outgoing is not None:
            # A full pipe has beats enough, a broken one is reported by the other pipe.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._outgoing, byte)
