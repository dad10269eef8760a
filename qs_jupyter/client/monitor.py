"""Follows the console output and the status of a manager, waiting for each message."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

import zmq

from qs_jupyter.client.connection import (
    DEFAULT_INFO_ADDRESS,
    INFO_VARIABLE,
    CommunicationFailure,
    connect,
)
from qs_jupyter.errors import ProtocolFailure
from qs_jupyter.wire.codec import codec
from qs_jupyter.wire.keys import check_key, encrypt_client

TOPIC_CONSOLE: Final = "QS_Console"
TOPIC_INFO: Final = "QS_Info"

# Status and console share the connection; a reader that pauses must not lose either soon.
_RECEIVE_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is listened to, and how its messages are read."""

    address: str
    encoding: str
    topic: str
    public_key: str | None = None

    def prepare(self, socket: zmq.Socket[Any]) -> None:
        """Set the options of a new subscriber socket and connect it."""
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, _RECEIVE_LIMIT)
        if self.public_key:
            check_key(self.public_key)
            encrypt_client(socket, self.public_key)
        connect(socket, self.address)

    def decode(self, frames: list[bytes]) -> dict[str, Any]:
        """Return the content of a published message.

        Raises
        ------
        CommunicationFailure
            It cannot be read in the chosen encoding.
        """
        try:
            content = codec(self.encoding).decode(frames[-1])
        except ProtocolFailure as error:
            raise CommunicationFailure(
                f"a message from {self.address} is not {self.encoding}: {frames[-1][:60]!r}"
            ) from error
        if len(frames) != 2 or not isinstance(content, dict):
            raise CommunicationFailure(f"a message from {self.address} has an unknown form")
        return content


def no_message(timeout_ms: float) -> TimeoutError:
    """Return the error for a message that did not come in time."""
    return TimeoutError(f"No message received from the manager within {timeout_ms:g} ms")


def subscription(
    address: str | None, encoding: str, topic: str, public_key: str | None
) -> Subscription:
    """Return what to listen to; the address may come from the environment."""
    address = address or os.environ.get(INFO_VARIABLE) or DEFAULT_INFO_ADDRESS
    codec(encoding)
    return Subscription(address, encoding, topic, public_key)


class _Receiver:
    """Waits for messages of one topic. To be used by one thread at a time."""

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
        self._subscription = subscription(
            zmq_subscribe_addr, encoding, zmq_topic or self.topic, zmq_public_key
        )
        self._timeout = timeout
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._socket = context.socket(zmq.SUB)
        self._is_subscribed = False
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
            while self._socket.poll(0):
                self._socket.recv_multipart(zmq.NOBLOCK)

    def recv(self, timeout: float | None = -1) -> dict[str, Any]:
        """Return the next message, subscribing first if that was not done.

        ``timeout`` is in milliseconds; a negative one stands for that of the constructor, None
        waits for ever. After a `TimeoutError` one may simply try again.
        """
        self.subscribe()
        limit = self._timeout if timeout is not None and timeout < 0 else timeout
        if not self._socket.poll(None if limit is None else round(limit)):
            raise no_message(limit or 0)
        return self._subscription.decode(self._socket.recv_multipart(zmq.NOBLOCK))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class ReceiveConsoleOutput(_Receiver):
    """Waits for console output: maps with ``time`` and ``msg``, a piece of text."""

    topic = TOPIC_CONSOLE


class ReceiveSystemInfo(_Receiver):
    """Waits for system information: maps with ``time`` and ``msg``, like ``{"status": …}``."""

    topic = TOPIC_INFO
