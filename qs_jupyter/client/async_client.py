"""One request and its reply, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import zmq
import zmq.asyncio

from qs_jupyter.client.connection import CommunicationFailure, Connection, NoReply, checked
from qs_jupyter.client.finishing import METHOD, finished, question, waits


class AsyncClient:
    """Sends requests to a manager; like `Client`, with methods to be awaited.

    Tasks of one event loop may share a client: their requests wait for each other.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        encoding: str | None = None,
        public_key: str | None = None,
        timeout_s: float = 2.0,
        send_timeout_s: float = 0.5,
    ) -> None:
        self.connection = Connection.choose(
            address, encoding, public_key, timeout_s=timeout_s, send_timeout_s=send_timeout_s
        )
        self._context = zmq.asyncio.Context.instance()
        self._socket: zmq.asyncio.Socket | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()

    async def request(
        self, method: str, /, *, check: bool = False, **params: Any
    ) -> dict[str, Any]:
        """Call an API method and return its reply.

        With ``check``, a refused request raises `RequestRefused`.

        Raises
        ------
        CommunicationFailure
            No reply came in time, or it cannot be read.
        """
        return checked(method, await self.call(method, params), check=check)

    async def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Like `request`, with the parameters in a map and a time limit of its own."""
        limit = self.connection.timeout_s if timeout_s is None else timeout_s
        frame = self.connection.encode(method, params)
        async with self._turn:
            socket = self._open()
            try:
                async with asyncio.timeout(self.connection.send_timeout_s):
                    await socket.send(frame)
                async with asyncio.timeout(limit):
                    answer = await socket.recv()
            except TimeoutError:
                self.close()
                raise NoReply(self.connection.address, limit) from None
            except zmq.ZMQError as error:
                self.close()
                raise CommunicationFailure(str(error)) from error
            except asyncio.CancelledError:
                # This socket would take the late reply for the next one.
                self.close()
                if _is_cancelled():
                    raise
                raise CommunicationFailure(
                    f"the client was closed before the reply of {self.connection.address} came"
                ) from None
            except BaseException:
                self.close()
                raise
        return self.connection.decode(answer)

    async def wait_for(self, item_uid: str, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait until an item has finished and return it, as `Client.wait_for` does.

        Requests of other tasks do not wait meanwhile: this one has a socket of its own.
        """
        async with AsyncClient(**self.connection.arguments()) as client:
            for wait_s in waits(item_uid, timeout_s):
                limit = wait_s + self.connection.timeout_s
                try:
                    reply = await client.call(METHOD, question(item_uid, wait_s), timeout_s=limit)
                except NoReply:
                    # The manager may have been started anew while it held the reply back.
                    reply = await client.call(METHOD, question(item_uid, 0.0))
                item = finished(reply)
                if item is not None:
                    return item
        raise AssertionError("waiting ends with an item or a TimeoutError")

    def close(self) -> None:
        """Close the socket; the next request opens another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> zmq.asyncio.Socket:
        if self._socket is None:
            socket = self._context.socket(zmq.REQ)
            try:
                self.connection.prepare(socket)
            except BaseException:
                socket.close()
                raise
            self._socket = socket
        return self._socket


def _is_cancelled() -> bool:
    """Whether somebody has cancelled this task; the socket, too, cancels who waits for it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
