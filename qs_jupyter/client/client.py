"""One request and its reply, waiting for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import zmq

from qs_jupyter.client.connection import CommunicationFailure, Connection, NoReply, checked
from qs_jupyter.client.document_stream import document_stream
from qs_jupyter.client.finishing import METHOD, finished, question, waits


class Client:
    """Sends requests to a manager, one after the other, and waits for each reply.

    What is not given is taken from the environment (``QSERVER_ZMQ_CONTROL_ADDRESS``,
    ``QSERVER_ZMQ_ENCODING``, ``QSERVER_ZMQ_PUBLIC_KEY``). A reply may take ``timeout_s`` seconds,
    and a request may wait ``send_timeout_s`` seconds until it can be sent.

    To be used by one thread at a time, and closed at the end; a ``with`` statement does that. For
    asyncio there is `qs_jupyter.client.async_client.AsyncClient`.
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
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._socket: zmq.Socket[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def request(self, method: str, /, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """Call an API method and return its reply.

        With ``check``, a refused request raises `RequestRefused`; otherwise look at
        ``success`` and ``msg`` of the reply.

        Raises
        ------
        CommunicationFailure
            No reply came in time, or it cannot be read.
        """
        return checked(method, self.call(method, params), check=check)

    def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Like `request`, with the parameters in a map and a time limit of its own."""
        limit = self.connection.timeout_s if timeout_s is None else timeout_s
        frame = self.connection.encode(method, params)
        socket = self._open()
        try:
            socket.send(frame)
            socket.poll(round(limit * 1000))
            answer = socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            self.close()
            raise NoReply(self.connection.address, limit) from None
        except zmq.ZMQError as error:
            self.close()
            raise CommunicationFailure(str(error)) from error
        except BaseException:
            # Also after an interrupt: this socket would take the late reply for the next one.
            self.close()
            raise
        return self.connection.decode(answer)

    def wait_for(self, item_uid: str, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait until an item has finished and return it, with its ``result``.

        The manager tells when that happens; nothing is asked again and again meanwhile.
        Without ``timeout_s`` this waits for as long as the item is queued or running.

        Raises
        ------
        TimeoutError
            The item is still queued or running after ``timeout_s`` seconds.
        RequestRefused
            The manager knows no such item: it was removed, or it is no longer in the history.
        CommunicationFailure
            The manager does not answer.
        """
        for wait_s in waits(item_uid, timeout_s):
            limit = wait_s + self.connection.timeout_s
            try:
                reply = self.call(METHOD, question(item_uid, wait_s), timeout_s=limit)
            except NoReply:
                # The manager may have been started anew while it held the reply back.
                reply = self.call(METHOD, question(item_uid, 0.0))
            item = finished(reply)
            if item is not None:
                return item
        raise AssertionError("waiting ends with an item or a TimeoutError")

    def documents(self, item_uid: str, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Follow the documents of an item's plan, from now to its end.

        Each is a slim copy of a Bluesky document: a map with ``name`` (``start``,
        ``descriptor``, ``event``, ``event_page``, ``stop``) and what a live view needs. The
        worker sends documents only while somebody follows, so begin before the plan starts.
        Other requests of this client can be made meanwhile.

        Raises
        ------
        TimeoutError
            Nothing came for ``timeout_s`` seconds.
        CommunicationFailure
            The manager does not answer, or was started anew.
        """
        another = Client(**self.connection.arguments())
        return document_stream(another, item_uid, timeout_s)

    def close(self) -> None:
        """Close the socket; the next request opens another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> zmq.Socket[bytes]:
        if self._socket is None:
            socket = self._context.socket(zmq.REQ)
            try:
                socket.setsockopt(zmq.SNDTIMEO, round(self.connection.send_timeout_s * 1000))
                self.connection.prepare(socket)
            except BaseException:
                socket.close()
                raise
            self._socket = socket
        return self._socket
