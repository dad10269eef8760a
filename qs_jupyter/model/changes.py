"""What changed and must outlive a restart, in the words of the domain.

The model returns these, a store writes them. A change carries whole items, because one
store finds an item by its uid and another by its text, and neither should keep a copy of
the queue for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.queue_mode import QueueMode


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An item and the key that gives it its place in the queue."""

    item: Item
    key: int


Rekeyed = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A finished item with its result, kept as the text that clients and stores read."""

    uid: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        """The entry as a map, read from its text each time."""
        data: dict[str, Any] = json.loads(self.text)
        return data


@dataclass(frozen=True, slots=True)
class ItemsInserted:
    """A block of new items; ``before`` is the item that follows it, None at the back.

    ``index`` is where the block begins; ``rekeyed`` names neighbours whose keys had to give
    way (their order is unchanged).
    """

    entries: tuple[QueueEntry, ...]
    before: Item | None
    index: int
    rekeyed: Rekeyed = ()


@dataclass(frozen=True, slots=True)
class ItemsRemoved:
    """Items that left the queue; ``from_back`` says at which end a search is shorter."""

    items: tuple[Item, ...]
    from_back: bool = False


@dataclass(frozen=True, slots=True)
class ItemsMoved:
    """A block of items at its new place; the other fields as in the changes above."""

    entries: tuple[QueueEntry, ...]
    before: Item | None
    index: int
    from_back: bool = False
    rekeyed: Rekeyed = ()


@dataclass(frozen=True, slots=True)
class ItemReplaced:
    """Another item, perhaps with another uid, at the place of ``old``."""

    old: Item
    entry: QueueEntry


@dataclass(frozen=True, slots=True)
class QueueCleared:
    """No item is left; the running item is not touched."""


@dataclass(frozen=True, slots=True)
class PlanStarted:
    """A plan is about to be sent to the worker.

    ``queued`` is the item as it stood in the queue, None for immediate execution.
    """

    item: Item
    attempt: int
    queued: Item | None


@dataclass(frozen=True, slots=True)
class PlanPutBack:
    """The running item was not started after all; ``inserted`` returns it to the queue."""

    inserted: ItemsInserted | None = None


@dataclass(frozen=True, slots=True)
class PlanFinished:
    """The running item is in history; ``requeued`` is the copy that goes into the queue."""

    entry: HistoryEntry
    requeued: ItemsInserted | None = None


@dataclass(frozen=True, slots=True)
class HistoryTrimmed:
    """Only the newest ``kept`` entries remain."""

    kept: int


@dataclass(frozen=True, slots=True)
class ModeSet:
    """Another queue mode."""

    mode: QueueMode


@dataclass(frozen=True, slots=True)
class AutostartSet:
    """Autostart switched on or off."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class StopPendingSet:
    """A stop of the queue was requested, carried out or cancelled."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class LockSet:
    """Locked, locked anew, or unlocked."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class PermissionsSet:
    """Another permissions map."""

    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExtraSet:
    """A fact of our own beside the documented ones; None forgets it.

    Losing such a fact never costs queue, history, lock or permissions.
    """

    name: str
    value: Any


Change = (
    ItemsInserted
    | ItemsRemoved
    | ItemsMoved
    | ItemReplaced
    | QueueCleared
    | PlanStarted
    | PlanPutBack
    | PlanFinished
    | HistoryTrimmed
    | ModeSet
    | AutostartSet
    | StopPendingSet
    | LockSet
    | PermissionsSet
    | ExtraSet
)
