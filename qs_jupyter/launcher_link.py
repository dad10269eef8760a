"""The two pipes between launcher and manager, as the manager sees them.

Launcher → manager: one line with the settings as JSON, then a line for each order to stop.
The end of the pipe means that the launcher is gone. Settings hold keys, so they travel
neither on the command line nor in the environment.

Manager → launcher: single bytes. `BEAT` twice a second as long as the event loop turns,
`READY` once when requests are answered, and at last `ENDED` or `FAILED` when the manager ends
because it was told to or cannot go on; a manager that vanishes without is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType

from qs_jupyter.settings import Settings

BEAT = b"."
READY = b"R"
ENDED = b"0"
FAILED = b"1"

HEARTBEAT_S = 0.5


class StopReason(StrEnum):
    """Why the manager is to end.

    ``interrupt`` (Ctrl-C) and ``terminate`` end the worker too. When the launcher is gone the
    manager ends alone: the worker lives on and is found again by the next manager.
    """

    INTERRUPT = "interrupt"
    TERMINATE = "terminate"
    LAUNCHER_GONE = "launcher_gone"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a manager is told at its start.

    ``is_restart`` tells that an earlier manager of the same launcher vanished, so that its
    states are to be carried on; otherwise this is a fresh start of the program.
    """

    settings: Settings
    is_restart: bool = False

    def to_line(self) -> bytes:
        """Return the orders as the first line of the pipe."""
        orders = {"settings": self.settings.to_json(), "is_restart": self.is_restart}
        return json.dumps(orders).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Orders:
        """Return the orders that `to_line` wrote."""
        orders = json.loads(line)
        return cls(Settings.from_json(orders["settings"]), orders["is_restart"])


def read_orders(descriptor: int) -> Orders:
    """Return the orders at the head of a pipe, leaving everything behind them unread."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, 1)
        if not piece:
            raise EOFError("the launcher vanished before it had told the settings")
        line += piece
    return Orders.from_line(bytes(line))


class LauncherLink:
    """The manager's end of both pipes; without pipes, a manager that nobody watches.

    Used as an asynchronous context manager inside the event loop, which is the only thread
    that touches it.
    """

    def __init__(
        self,
        *,
        is_restart: bool = False,
        incoming: int | None = None,
        outgoing: int | None = None,
    ) -> None:
        self.is_restart = is_restart
        self.is_ready = False
        self._incoming = incoming
        self._outgoing = outgoing
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
            self._heartbeat = asyncio.create_task(self._beat(), name="heartbeat")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
            await asyncio.sleep(HEARTBEAT_S)

    def _send(self, byte: bytes) -> None:
        if self._outgoing is not None:
            # A full pipe has beats enough, a broken one is reported by the other pipe.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._outgoing, byte)
