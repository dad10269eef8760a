"""Follows the console output and the status of a manager, for asyncio."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import zmq
import zmq.asyncio

from qs_jupyter.client.connection import CommunicationFailure
from qs_jupyter.client.monitor import (
    TOPIC_CONSOLE,
    TOPIC_INFO,
    no_message,
    subscription,
)

logger = logging.getLogger(__name__)

Callback = Callable[[dict[str, Any]], Awaitable[None] | None]


class _AsyncReceiver:
    """Receives messages of one topic. To be made and used inside one running event loop."""

    topic = ""

    def __init__(
        self,
        *,
        zmq_subscribe_addr: str | None = None,
        encoding: str = "json",
        zmq_topic: str | None = None,
        timeout: float | None = 1000,
        zmq_public_key: str | None = None,
    ) -> None:
        asyncio.get_running_loop()
        self._subscription = subscription(
            zmq_subscribe_addr, encoding, zmq_topic or self.topic, zmq_public_key
        )
        self._timeout = timeout
        self._socket = zmq.asyncio.Context.instance().socket(zmq.SUB)
        self._is_subscribed = False
        self._callback: Callback | None = None
        self._reader: asyncio.Task[None] | None = None
        self._scheduled: set[asyncio.Future[None]] = set()
        try:
            self._subscription.prepare(self._socket)
        except BaseException:
            self._socket.close()
            raise

    def subscribe(self) -> None:
        """Begin to collect messages; harmless when done before."""
        if not self._is_subscribed:
            self._socket.subscribe(self._subscription.topic)
            self._is_subscribed = True

    def unsubscribe(self) -> None:
        """Stop collecting messages and drop those not received yet."""
        if self._is_subscribed:
            self._socket.unsubscribe(self._subscription.topic)
            self._is_subscribed = False
            plain: zmq.Socket[bytes] = zmq.Socket.shadow(self._socket.underlying)
            while plain.poll(0):
                plain.recv_multipart(zmq.NOBLOCK)

    async def recv(self, timeout: float | None = -1) -> dict[str, Any]:  # noqa: ASYNC109 - known interface
        """Return the next message, subscribing first if that was not done.

        ``timeout`` is in milliseconds; a negative one stands for that of the constructor, None
        waits for ever. After a `TimeoutError` one may simply try again.
        """
        self.subscribe()
        limit = self._timeout if timeout is not None and timeout < 0 else timeout
        arriving = asyncio.ensure_future(self._socket.recv_multipart())
        try:
            async with asyncio.timeout(None if limit is None else limit / 1000):
                frames = await arriving
        except TimeoutError:
            if arriving.cancelled():
                raise no_message(limit or 0) from None
            frames = arriving.result()  # it came at the last moment, and will not come again
        return self._subscription.decode(frames)

    def set_callback(self, cb: Callback | None = None) -> None:
        """Let each message be given to a function, or scheduled for a coroutine function."""
        self._callback = cb

    def start(self) -> None:
        """Subscribe and give messages to the callback until `stop`; harmless when started."""
        self.subscribe()
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(), name="monitor")

    def stop(self, *, unsubscribe: bool = True) -> None:
        """Stop giving messages to the callback; without ``unsubscribe``, go on collecting."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        if unsubscribe:
            self.unsubscribe()

    def close(self) -> None:
        """Stop and close the connection."""
        self.stop()
        self._socket.close()

    async def _read(self) -> None:
        while True:
            try:
                message = await self.recv(timeout=None)
            except CommunicationFailure as error:
                logger.warning("A published message is passed over: %s", error)
                continue
            if self._callback is None:
                continue
            try:
                result = self._callback(message)
            except Exception:
                # The callback belongs to somebody else; the next message is not its fault.
                logger.exception("The callback for published messages failed")
                continue
            if inspect.isawaitable(result):
                task: asyncio.Future[None] = asyncio.ensure_future(result)
                self._scheduled.add(task)
                task.add_done_callback(self._scheduled.discard)


class ReceiveConsoleOutputAsync(_AsyncReceiver):
    """Receives console output: maps with ``time`` and ``msg``, a piece of text."""

    topic = TOPIC_CONSOLE


class ReceiveSystemInfoAsync(_AsyncReceiver):
    """Receives system information: maps with ``time`` and ``msg``, like ``{"status": …}``."""

    topic = TOPIC_INFO
