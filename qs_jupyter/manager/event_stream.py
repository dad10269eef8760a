"""Numbered events: everything that happened lately, in order, with replay.

Each change of queue, history, status, runs and tasks, and each piece of console text,
becomes an event with a number. Numbers have no gaps within an ``epoch`` (one life of the
manager), so a client knows when it missed something and asks for it. Events leave on the
topic `TOPIC` of the publishing socket, when that is switched on, and are read with the
method ``events_get``, which can also wait for the next one: a client that may only reach the
control socket misses nothing.

Console text has a backlog of its own, so that a talkative plan does not push out what
happened to the queue.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from qs_jupyter.encoded import EncodedList, EncodedText, joined
from qs_jupyter.model import changes

TOPIC = b"QSJ_Events"
KEPT_BYTES = 4_000_000
# A newer status stands for all older ones, so few of them are worth keeping.
KEPT_STATUS_BYTES = 100_000
# A longer block of items is not repeated in an event: clients read the queue instead.
MANY_ITEMS = 200
LONG_ITEMS = 1_000_000


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as its JSON text."""

    seq: int
    text: str


class Backlog:
    """The newest events, up to a number of bytes."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._events: deque[LoggedEvent] = deque()
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self.dropped_upto = 0

    def append(self, event: LoggedEvent) -> None:
        """Keep an event and let the oldest go."""
        self._events.append(event)
        self._bytes += len(event.text)
        while self._bytes > self._kept_bytes and len(self._events) > 1:
            oldest = self._events.popleft()
            self._bytes -= len(oldest.text)
            self.dropped_upto = oldest.seq

    def after(self, since: int) -> list[LoggedEvent]:
        """Return the kept events behind a number, oldest first."""
        newer: list[LoggedEvent] = []
        for event in reversed(self._events):
            if event.seq <= since:
                break
            newer.append(event)
        newer.reverse()
        return newer


class EventStream:
    """Numbers events, keeps them for a while and wakes those who wait for them."""

    def __init__(self, publish: Callable[[bytes, str], None] | None) -> None:
        self.epoch = str(uuid.uuid4())
        self.seq = 0
        self._publish = publish
        self._facts = Backlog()
        self._backlogs = {
            "console": Backlog(),
            "status": Backlog(KEPT_STATUS_BYTES),
            "documents": Backlog(),
        }
        self._waiting: list[asyncio.Future[None]] = []

    def add(self, kind: str, when: float, content: Mapping[str, Any]) -> None:
        """Number an event of a kind and tell everybody."""
        self.seq += 1
        head = {"epoch": self.epoch, "seq": self.seq, "time": when, "kind": kind}
        event = LoggedEvent(self.seq, joined({**head, **content}))
        self._backlogs.get(kind, self._facts).append(event)
        if self._publish is not None:
            self._publish(TOPIC, event.text)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def add_change(self, change: changes.Change, when: float) -> None:
        """Tell about a change of queue or history."""
        for part in _parts(change):
            content = describe(part)
            if content is not None:
                self.add(content.pop("kind"), when, content)

    def after(self, since: int, epoch: str | None) -> tuple[list[str], bool]:
        """Return the texts of the events behind a number, and whether none is missing."""
        if epoch is not None and epoch != self.epoch:
            since = 0
        backlogs = [self._facts, *self._backlogs.values()]
        events = sorted(chain(*(b.after(since) for b in backlogs)), key=lambda event: event.seq)
        complete = since >= max(self._facts.dropped_upto, self._backlogs["console"].dropped_upto)
        is_same = epoch is None or epoch == self.epoch
        return [event.text for event in events], complete and is_same

    async def wait(self, since: int, epoch: str | None, seconds: float) -> None:
        """Return when there is an event behind the number, or after the time."""
        if self.seq > since or (epoch is not None and epoch != self.epoch):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await asyncio.wait([future], timeout=seconds)
        if not future.done():
            self._waiting.remove(future)


def _parts(change: changes.Change) -> Iterator[changes.Change]:
    """Yield a change and the insertion that happens together with it."""
    yield change
    if isinstance(change, changes.PlanFinished) and change.requeued is not None:
        yield change.requeued
    elif isinstance(change, changes.PlanPutBack) and change.inserted is not None:
        yield change.inserted


def describe(change: changes.Change) -> dict[str, Any] | None:
    """Return a change as an event, None for changes that the status tells about."""
    teller = _TELLERS.get(type(change))
    return None if teller is None else teller(change)


def _inserted(change: changes.ItemsInserted) -> dict[str, Any]:
    before = change.before.uid if change.before else None
    return _block("insert", change.entries, before)


def _moved(change: changes.ItemsMoved) -> dict[str, Any]:
    before = change.before.uid if change.before else None
    uids = [entry.item.uid for entry in change.entries]
    return {"kind": "queue", "op": "move", "uids": uids, "before": before}


def _block(op: str, entries: tuple[changes.QueueEntry, ...], before: str | None) -> dict[str, Any]:
    items = EncodedList(tuple(entry.item.text for entry in entries))
    if len(entries) > MANY_ITEMS or items.size > LONG_ITEMS:
        return {"kind": "queue", "op": "reload"}
    return {"kind": "queue", "op": op, "items": items, "before": before}


def _replaced(change: changes.ItemReplaced) -> dict[str, Any]:
    item = EncodedText(change.entry.item.text)
    if item.size > LONG_ITEMS:
        return {"kind": "queue", "op": "reload"}
    return {"kind": "queue", "op": "replace", "uid": change.old.uid, "item": item}


def _started(change: changes.PlanStarted) -> dict[str, Any]:
    item, queued = EncodedText(change.item.text), change.queued is not None
    if item.size > LONG_ITEMS:
        return {"kind": "queue", "op": "reload"}
    return {"kind": "queue", "op": "start", "item": item, "queued": queued}


_TELLERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    changes.ItemsInserted: _inserted,
    changes.ItemsMoved: _moved,
    changes.ItemsRemoved: lambda c: {
        "kind": "queue",
        "op": "remove",
        "uids": [item.uid for item in c.items],
    },
    changes.ItemReplaced: _replaced,
    changes.QueueCleared: lambda _: {"kind": "queue", "op": "clear"},
    changes.PlanStarted: _started,
    changes.PlanFinished: lambda c: {
        "kind": "history",
        "op": "append",
        "item": EncodedText(c.entry.text),
    },
    changes.HistoryTrimmed: lambda c: {"kind": "history", "op": "trim", "kept": c.kept},
}
