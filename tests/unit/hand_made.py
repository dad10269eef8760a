"""A hub and a comm made by hand, for tests of widgets without manager and browser."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from qs_jupyter.client.hub import Link
from qs_jupyter.client.mirror import Mirror
from qs_widgets.part import Part

LIMIT_S = 20.0


class HandMadeHub:
    """A hub without a manager: replies are laid out beforehand, requests are noted."""

    def __init__(self) -> None:
        self.connection = SimpleNamespace(address="tcp://here:1")
        self.mirror = Mirror()
        self.lock = threading.RLock()
        self.link = Link.CONNECTED
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.replies: dict[str, dict[str, Any]] = {}
        self.listeners: list[Any] = []

    def start(self) -> None:
        pass

    def listen(self, listener: Any) -> Any:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    @contextlib.contextmanager
    def following_documents(self) -> Iterator[Any]:
        yield SimpleNamespace(empty=lambda: True)

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        self.requests.append((method, params))
        return self.replies.get(method, {"success": True})

    def happen(self, *events: dict[str, Any]) -> None:
        with self.lock:
            parts = self.mirror.apply(events)
        for listener in self.listeners:
            listener(parts)


class HandMadeComm:
    """Keeps what is sent and hands in what a view would send."""

    def __init__(self, number: int) -> None:
        self.comm_id = f"comm-{number}"
        self.sent: list[dict[str, Any]] = []
        self.arrived = threading.Condition()
        self._receive: Any = None

    def on_msg(self, callback: Any) -> None:
        self._receive = callback

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        with self.arrived:
            if data["method"] == "custom":
                self.sent.append(json.loads(json.dumps(data["content"])))
            self.arrived.notify_all()

    def receive(self, **content: Any) -> None:
        data = {"method": "custom", "content": content}
        self._receive({"content": {"data": data}, "buffers": []})

    def close(self, *_args: Any, **_options: Any) -> None:
        pass

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        with self.arrived:
            return [message for message in self.sent if message["kind"] == kind]

    def wait_for(self, kind: str) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [message for message in self.sent if message["kind"] == kind]

        with self.arrived:
            assert self.arrived.wait_for(found, LIMIT_S), f"no {kind!r} in {self.sent}"
            return found()[-1]


def connected(part: Part) -> HandMadeComm:
    """Give a part a comm of its own."""
    comm = HandMadeComm(id(part))
    part.comm = comm
    return comm
