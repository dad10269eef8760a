"""Reads what other programs have left in Redis, and repairs it.

Nothing that can be read is lost and nothing damaged keeps the manager from starting:
elements that are not items are set aside, a repeated uid is given a new one, items without
uid are dropped as other managers do, and texts in another spelling are respelled, because
other managers could not find them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.model.changes import HistoryEntry, QueueEntry
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.order_keys import spaced
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.store.store import StoredState, stored_item

STRINGS = (
    "running_plan",
    "plan_queue_mode",
    "autostart_mode_info",
    "stop_pending_info",
    "lock_info",
    "user_group_permissions",
)


@dataclass(frozen=True, slots=True)
class Content:
    """The documented keys as they are, and two of our own."""

    queue: list[bytes]
    history: list[bytes]
    strings: dict[str, bytes | None]
    own_running: bytes | None
    extra: dict[bytes, bytes]


@dataclass(slots=True)
class Reader:
    """Turns the content of the database into a state; remembers what was wrong with it."""

    new_uid: Callable[[], str]
    repairs: list[str] = field(default_factory=list)
    set_aside: list[bytes] = field(default_factory=list)
    # Whether the two lists must be written anew.
    queue_is_damaged: bool = False
    history_is_damaged: bool = False

    def read(self, content: Content) -> StoredState:
        """Return the state, as far as it can be made out."""
        strings = content.strings
        running = self._running(strings["running_plan"])
        lock = strings["lock_info"]
        return StoredState(
            queue=self._queue(content.queue, running),
            running=running,
            attempt=_attempt(content.own_running, running),
            history=self._history(content.history),
            mode=QueueMode.from_record(self._value("plan_queue_mode", strings)),
            autostart=_enabled(self._value("autostart_mode_info", strings)),
            stop_pending=_enabled(self._value("stop_pending_info", strings)),
            lock=None if lock is None else Lock.from_record(_parsed(lock), self.new_uid()),
            permissions=self._permissions(strings),
            extra={
                name.decode("utf-8", "replace"): _parsed(v) for name, v in content.extra.items()
            },
            repairs=tuple(self.repairs),
        )

    def _queue(self, elements: list[bytes], running: Item | None) -> tuple[QueueEntry, ...]:
        items = [
            self._item(raw, value) for raw, value in zip(elements, _all(elements), strict=True)
        ]
        known = set() if running is None else {running.uid}
        kept = []
        for item in items:
            if item is None:
                self.queue_is_damaged = True
                continue
            if item.uid in known:
                self.repairs.append(
                    f"The uid '{item.uid}' was used twice, the later item got a new one"
                )
                self.queue_is_damaged = True
                kept.append(item.with_changes(item_uid=self.new_uid()))
            else:
                kept.append(item)
            known.add(item.uid)
        return tuple(QueueEntry(i, key) for i, key in zip(kept, spaced(len(kept)), strict=True))

    def _item(self, raw: bytes, value: Any) -> Item | None:
        if not isinstance(value, dict):
            self._put_aside(raw, "an element of the queue is not an item")
            return None
        if "item_uid" not in value:
            self.repairs.append("An item without uid was dropped from the queue")
            return None
        if not _is_item(value):
            self._put_aside(raw, "an element of the queue has no proper uid, type or name")
            return None
        text = json.dumps(value)
        if text.encode() != raw:
            self.queue_is_damaged = True
            self.repairs.append(f"The item '{value['item_uid']}' was respelled")
        return stored_item(value, text)

    def _history(self, elements: list[bytes]) -> tuple[HistoryEntry, ...]:
        entries = []
        for raw, value in zip(elements, _all(elements), strict=True):
            if isinstance(value, dict):
                # Never found by its text, so any spelling will do.
                entries.append(HistoryEntry(str(value.get("item_uid", "")), raw.decode()))
            else:
                self.history_is_damaged = True
                self._put_aside(raw, "an element of the history is not an item")
        return tuple(entries)

    def _running(self, raw: bytes | None) -> Item | None:
        value = {} if raw is None else _parsed(raw)
        if isinstance(value, dict) and _is_item(value):
            return Item(value)
        if value != {} and raw is not None:
            self._put_aside(raw, "the running plan is not an item")
        return None

    def _permissions(self, strings: dict[str, bytes | None]) -> dict[str, Any] | None:
        value = self._value("user_group_permissions", strings)
        return value if isinstance(value, dict) else None

    def _value(self, name: str, strings: dict[str, bytes | None]) -> Any:
        raw = strings[name]
        value = None if raw is None else _parsed(raw)
        if raw is not None and not isinstance(value, dict):
            self._put_aside(raw, f"'{name}' is not a map")
        return value

    def _put_aside(self, raw: bytes, what: str) -> None:
        self.set_aside.append(raw)
        self.repairs.append(f"Set aside: {what}")


def _all(elements: Sequence[bytes]) -> list[Any]:
    """Return all values; what can not be read is None."""
    try:
        # One array is read faster than its elements one by one, and keys share their memory.
        values: list[Any] = json.loads(b"[" + b",".join(elements) + b"]")
    except (ValueError, RecursionError):
        values = []
    if len(values) == len(elements) and all(type(value) is dict for value in values):
        return values
    return [_parsed(raw) for raw in elements]


def _is_item(value: dict[str, Any]) -> bool:
    return all(isinstance(value.get(name), str) for name in ("item_uid", "item_type", "name"))


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None


def _enabled(record: Any) -> bool:
    return isinstance(record, dict) and record.get("enabled") is True


def _attempt(raw: bytes | None, running: Item | None) -> int:
    """Return the attempt of the running item; the key may be left over from another one."""
    record = None if raw is None else _parsed(raw)
    if running is None or not isinstance(record, dict) or record.get("item_uid") != running.uid:
        return 0
    attempt = record.get("attempt")
    return attempt if isinstance(attempt, int) else 0
