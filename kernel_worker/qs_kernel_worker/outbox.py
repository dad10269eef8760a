"""Numbered facts on their way to the manager, kept until it has them."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from qs_kernel_worker.messages import (
    Event,
    MainThreadChanged,
    NumberedEvent,
    RunChanged,
    RunEngineChanged,
    StartupProgress,
)

MAX_EVENTS = 20_000
MAX_BYTES = 64 * 2**20
PUSHED_BYTES = 64 * 2**10

# What a later event or a fresh report replaces; the first to go when nobody acknowledges.
REPLACEABLE = (StartupProgress, RunEngineChanged, RunChanged, MainThreadChanged)


@dataclass(frozen=True)
class _Entry:
    seq: int
    text: str
    is_replaceable: bool


def to_json(data: object) -> str:
    """Return plain data as JSON text; a stray object becomes its description."""
    return json.dumps(data, default=repr)


class Outbox:
    """Numbers events, pushes a copy of each, and keeps them until acknowledged.

    Any thread may append. Numbers go out in order because the copy is pushed under the lock;
    ``push`` must therefore be quick and must not come back here. An event that is too big for
    a broadcast is pushed without its content: the manager sees the number and fetches it.
    """

    def __init__(self, push: Callable[[str], None] | None = None) -> None:
        self.epoch = uuid.uuid4().hex
        self._push = push
        self._lock = threading.RLock()  # a signal handler may strike in the middle
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self._seq = 0

    @property
    def seq(self) -> int:
        """Number of the latest event."""
        return self._seq

    def on_append(self, push: Callable[[str], None]) -> None:
        """Push every further event with this function."""
        self._push = push

    def append(self, *events: Event) -> None:
        """Add events, in this order and with nothing between them."""
        with self._lock:
            for event in events:
                self._append(event)
            if len(self._entries) > MAX_EVENTS or self._bytes > MAX_BYTES:
                self._thin_out()

    def since(self, number: int) -> list[str]:
        """Return the kept events after this number as JSON texts."""
        with self._lock:
            return [entry.text for entry in self._entries if entry.seq > number]

    def acknowledge(self, upto: int) -> None:
        """Forget the events up to and including this number."""
        with self._lock:
            while self._entries and self._entries[0].seq <= upto:
                self._bytes -= len(self._entries.popleft().text)

    def _append(self, event: Event) -> None:
        self._seq += 1
        numbered = NumberedEvent(self.epoch, self._seq, time.time(), event)
        text = to_json(numbered.encode())
        self._entries.append(_Entry(self._seq, text, isinstance(event, REPLACEABLE)))
        self._bytes += len(text)
        if self._push is None:
            return
        if len(text) > PUSHED_BYTES:
            text = to_json({"epoch": self.epoch, "seq": self._seq, "time": numbered.time})
        self._push(text)

    def _thin_out(self) -> None:
        """Drop the older half of what can be replaced; results are never dropped."""
        newest_half = list(self._entries)[len(self._entries) // 2 :]
        older_half = list(self._entries)[: len(self._entries) // 2]
        kept = [entry for entry in older_half if not entry.is_replaceable]
        self._entries = deque(kept + newest_half)
        self._bytes = sum(len(entry.text) for entry in self._entries)
