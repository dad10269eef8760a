"""What must outlive a restart, as a protocol of whole operations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from qs_jupyter.model.changes import (
    AutostartSet,
    Change,
    ExtraSet,
    HistoryEntry,
    LockSet,
    ModeSet,
    PermissionsSet,
    PlanPutBack,
    PlanStarted,
    QueueEntry,
    StopPendingSet,
)
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.queue_mode import QueueMode


@dataclass(frozen=True, slots=True)
class StoredState:
    """Everything a store keeps. None stands for what has never been written.

    ``attempt`` belongs to the running item; 0 when it is not known. ``repairs`` are
    sentences about what was found damaged when the state was read, for the log.
    """

    queue: tuple[QueueEntry, ...] = ()
    running: Item | None = None
    attempt: int = 0
    history: tuple[HistoryEntry, ...] = ()
    mode: QueueMode = field(default_factory=QueueMode)
    autostart: bool = False
    stop_pending: bool = False
    lock: Lock | None = None
    permissions: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()


def stored_item(data: Mapping[str, Any], text: str) -> Item:
    """Return an item whose text is known, so that it is not encoded once more."""
    return Item(data, text=text)


def standing_facts(state: StoredState) -> list[Change]:
    """Return the changes that write everything but queue and history anew."""
    facts: list[Change] = [
        PlanPutBack() if state.running is None else PlanStarted(state.running, state.attempt, None),
        ModeSet(state.mode),
        AutostartSet(state.autostart),
        StopPendingSet(state.stop_pending),
    ]
    if state.lock is not None:
        facts.append(LockSet(state.lock))
    if state.permissions is not None:
        facts.append(PermissionsSet(state.permissions))
    return facts + [ExtraSet(name, value) for name, value in state.extra.items()]


Snapshot = Callable[[], StoredState]


class Store(Protocol):
    """Keeps the state of one manager. All methods are called from one event loop.

    The memory of the manager is the truth and the store follows it. When it could not
    follow for a while, it takes a snapshot and writes everything anew. Therefore the model
    must be changed and the change written in the same step of the loop, with no await
    between them.
    """

    @property
    def available(self) -> bool:
        """Whether the last word from the store was a good one."""

    @property
    def reason(self) -> str:
        """Why the store is not available, as a sentence; empty when it is."""

    def bind(self, snapshot: Snapshot) -> None:
        """Say where the whole state can be had after an outage."""

    def on_availability(self, callback: Callable[[bool], None]) -> None:
        """Have the callback called when the store goes away and when it has caught up."""

    async def load(self) -> StoredState:
        """Open the store and return what it keeps.

        Raises
        ------
        ConfigurationError
            Another manager uses the store, or it can not be what was meant.
        StoreFailure
            The store does not answer.
        """

    def write(self, *changes: Change) -> asyncio.Future[None]:
        """Write changes as one: all of them or none, after everything written before.

        The future is done when they are durable. It fails with `StoreFailure` when that
        takes too long; the changes are not lost then, they are written when the store is
        back.
        """

    async def settled(self) -> None:
        """Wait, without limit, until everything written so far is durable.

        Raises
        ------
        StoreFailure
            It never will be: the store was closed, or another manager has taken it over.
        """

    async def close(self) -> None:
        """Write what is left, as far as the store lets us, and let go of it."""
