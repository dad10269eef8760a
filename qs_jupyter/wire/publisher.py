"""The publishing socket: console text, status, and numbered events.

Each message has two frames, a topic and an encoded map. Publishing never waits: a
subscriber that does not read loses messages at its own high-water mark.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import zmq

from qs_jupyter.wire.codec import Codec
from qs_jupyter.wire.server import bind, close

TOPIC_CONSOLE = b"QS_Console"
TOPIC_INFO = b"QS_Info"


class Publisher:
    """Sends to everybody who subscribed; used from the event loop's thread only."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], codec: Codec) -> None:
        self._codec = codec
        self._socket = context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.SNDHWM, 100_000)

    def bind(self, address: str, *, secret_key: str | None = None) -> None:
        """Bind the socket, encrypted when a server key is given."""
        bind(self._socket, address, secret_key, "publishing")

    @property
    def address(self) -> str:
        """Where the socket is bound."""
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def console(self, text: str, when: float, **labels: Any) -> None:
        """Publish output; joining all texts gives back what was written."""
        self._send(TOPIC_CONSOLE, {"time": when, "msg": text, **labels})

    def info(self, content: Mapping[str, Any]) -> None:
        """Publish a map with one key that names the kind of information."""
        self._send(TOPIC_INFO, {"time": time.time(), "msg": content})

    def event(self, topic: bytes, text: str) -> None:
        """Publish a message that is JSON text already."""
        if self._codec.name == "json":
            self._socket.send_multipart([topic, text.encode()], zmq.NOBLOCK)
        else:
            self._send(topic, json.loads(text))

    def close(self) -> None:
        """Close the socket; what was published last still leaves."""
        close(self._socket)

    def _send(self, topic: bytes, message: Mapping[str, Any]) -> None:
        self._socket.send_multipart([topic, self._codec.encode(message)], zmq.NOBLOCK)
