"""Finished items with their results, oldest first.

An entry is kept as its JSON text: it is written once, read as a whole by clients and by
stores, and hardly ever looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.changes import HistoryEntry, HistoryTrimmed
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import resting_form


def finished_entry(item: Item, result: Mapping[str, Any]) -> HistoryEntry:
    """Return the history entry of an item that has run.

    ``result`` holds ``exit_status``, ``run_uids``, ``scan_ids``, ``time_start``,
    ``time_stop``, ``msg`` and ``traceback``.
    """
    # The result stands at the end, also when a failed item had one in its midst.
    finished = resting_form(item).with_changes(result=None).with_changes(result=dict(result))
    return HistoryEntry(item.uid, finished.text)


class History:
    """All finished items."""

    def __init__(self, entries: Iterable[HistoryEntry] = ()) -> None:
        self._entries = list(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[HistoryEntry]:
        return iter(self._entries)

    @property
    def entries(self) -> tuple[HistoryEntry, ...]:
        """All entries, oldest first, for a store."""
        return tuple(self._entries)

    @property
    def texts(self) -> tuple[str, ...]:
        """All entries as JSON, oldest first."""
        return tuple([entry.text for entry in self._entries])

    def find(self, uid: str) -> HistoryEntry | None:
        """Return the entry of an item, the newest first looked at; None when there is none."""
        return next((entry for entry in reversed(self._entries) if entry.uid == uid), None)

    def append(self, entry: HistoryEntry) -> None:
        """Take in a finished item; the caller records it together with the end of the plan."""
        self._entries.append(entry)

    def clear(self, size: Any = None, item_uid: Any = None) -> HistoryTrimmed | None:
        """Drop old entries.

        ``size`` is how many of the newest stay, ``item_uid`` the newest that goes; without
        them all go, which is a change even when there were none.
        """
        if size is not None and item_uid is not None:
            raise BadRequest("Parameters 'size' and 'item_uid' are mutually exclusive.")
        if size is not None and (not isinstance(size, int) or isinstance(size, bool)):
            raise BadRequest(f"The 'size' parameter must be an integer: size={size!r}")
        if item_uid is not None and not isinstance(item_uid, str):
            raise BadRequest(f"The 'item_uid' parameter must be a string: item_uid={item_uid!r}")
        if size is not None:
            return self._keep(max(size, 0))
        if item_uid is not None:
            return self._keep(self._younger_than(item_uid))
        return self._keep(0, always=True)

    def _younger_than(self, uid: str) -> int:
        for number, entry in enumerate(self._entries, start=1):
            if entry.uid == uid:
                return len(self._entries) - number
        return len(self._entries)

    def _keep(self, kept: int, *, always: bool = False) -> HistoryTrimmed | None:
        if kept >= len(self._entries) and not always:
            return None
        del self._entries[: len(self._entries) - kept]
        return HistoryTrimmed(kept)
