"""Order of the items: single and batch insertions, moves, replacements and removals.

Every operation checks first and changes afterwards: when it raises, nothing has happened.
A method that changes something returns the change for the store, one that finds nothing to
change returns None. The running item is not in the queue; its uid is handed in where the
answer depends on it. No operation reads the whole queue; the list operations of Python that
shift its tail cost microseconds at fifty thousand items.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.changes import (
    ItemReplaced,
    ItemsInserted,
    ItemsMoved,
    ItemsRemoved,
    QueueCleared,
    QueueEntry,
    Rekeyed,
)
from qs_jupyter.model.item import Item
from qs_jupyter.model.order_keys import make_room, spaced
from qs_jupyter.model.positions import After, At, Before, Named, Place, Source

# Beyond this many, rebuilding the lists is cheaper than taking items out one by one.
_FEW = 64


class Queue:
    """The items that wait, in order."""

    def __init__(self, entries: Iterable[QueueEntry] = ()) -> None:
        ordered = list(entries)
        self._keys = [entry.key for entry in ordered]
        self._uids = [entry.item.uid for entry in ordered]
        self._texts = [_packed_text(entry.item) for entry in ordered]
        self._entries = dict(zip(self._uids, ordered, strict=True))

    @classmethod
    def of(cls, items: Sequence[Item]) -> Queue:
        """Return a queue of these items."""
        return cls(QueueEntry(i, key) for i, key in zip(items, spaced(len(items)), strict=True))

    # ------------------------------------------------------------------------------ reading

    def __len__(self) -> int:
        return len(self._uids)

    def __contains__(self, uid: object) -> bool:
        return uid in self._entries

    def __iter__(self) -> Iterator[Item]:
        entries = self._entries
        return (entries[uid].item for uid in self._uids)

    @property
    def entries(self) -> tuple[QueueEntry, ...]:
        """Items in order, with their keys, for a store."""
        return tuple(map(self._entries.__getitem__, self._uids))

    @property
    def front(self) -> Item | None:
        """The item that runs next, None when the queue is empty."""
        return self._entries[self._uids[0]].item if self._uids else None

    @property
    def texts(self) -> tuple[str, ...]:
        """The items as JSON, each encoded when it came."""
        return tuple(self._texts)

    def index(self, uid: str) -> int:
        """Return where the item stands; KeyError for a stranger."""
        return bisect_left(self._keys, self._entries[uid].key)

    def indices(self, uids: Sequence[str]) -> list[int]:
        """Return where items stand, in the order of the queue."""
        if len(uids) <= _FEW:
            return sorted(map(self.index, uids))
        chosen = set(uids)
        return [index for index, uid in enumerate(self._uids) if uid in chosen]

    def uid_at(self, index: int) -> str:
        """Return the uid of the item at an index."""
        return self._uids[index]

    def item(self, uid: str) -> Item:
        """Return a queued item; KeyError for a stranger."""
        return self._entries[uid].item

    def get(self, source: Source, running_uid: str | None = None) -> Item:
        """Return the item a client asks for."""
        return self._find(source, running_uid)

    def peek(self, source: Source) -> Item | None:
        """Return the item that is meant, None when there is none."""
        if isinstance(source, Named):
            return self.item(source.uid) if source.uid in self._entries else None
        index = source.existing_index(len(self))
        return None if index is None else self.item(self._uids[index])

    def batch(self, uids: Sequence[str], *, reorder: bool = False) -> tuple[Item, ...]:
        """Return queued items in the order of ``uids``, or of the queue to ``reorder`` them."""
        self._check_batch(uids)
        return tuple(self.item(uid) for uid in (sorted(uids, key=self.index) if reorder else uids))

    # ----------------------------------------------------------------------------- changing

    def insert(
        self, items: Sequence[Item], place: Place, running_uid: str | None = None
    ) -> ItemsInserted | None:
        """Insert a block of new items so that the first of them stands at the place."""
        index = self._insertion_index(place, running_uid)
        uids = [item.uid for item in items]
        known = [uid for uid in uids if uid in self._entries]
        if known or len(set(uids)) < len(uids):
            raise BadRequest(f"Items are in the queue already or repeated: {known or uids!r}")
        if not items:
            return None
        before = self.item(self._uids[index]) if index < len(self) else None
        entries, rekeyed = self._put(items, index)
        return ItemsInserted(entries, before, index, rekeyed)

    def remove(self, uids: Sequence[str], *, ignore_missing: bool = False) -> ItemsRemoved | None:
        """Remove a batch; strangers and repeated uids are refused or skipped."""
        if ignore_missing:
            uids = [uid for uid in dict.fromkeys(uids) if uid in self._entries]
        else:
            self._check_batch(uids)
        if not uids:
            return None
        from_back = self._is_in_back_half(uids[0])
        return ItemsRemoved(self._take(uids), from_back)

    def remove_one(self, source: Source, running_uid: str | None = None) -> ItemsRemoved:
        """Remove the item a client asks for."""
        if isinstance(source, Named):
            if source.uid == running_uid:
                raise BadRequest("Can not remove an item which is currently running.")
            if source.uid not in self._entries:
                raise BadRequest(f"Plan with UID '{source.uid}' is not in the queue.")
        uid = self._find(source, running_uid).uid
        from_back = self._is_in_back_half(uid)
        return ItemsRemoved(self._take([uid]), from_back)

    def take(self, uid: str) -> Item:
        """Take an item out, to run it or drop it: the caller records what became of it."""
        return self._take([uid])[0]

    def move(
        self, source: Source, place: Place, running_uid: str | None = None
    ) -> ItemsMoved | None:
        """Move one item; at an index it stands there afterwards."""
        try:
            item = self._find(source, running_uid)
        except BadRequest as error:
            raise BadRequest(f"Source plan ({source}) was not found: {error}") from None
        index = self._destination_index(place, running_uid)
        old = self.index(item.uid)
        # Counted without the moved item, a place behind it is one less. An index already
        # names the place where the item ends up.
        if not isinstance(place, At) and index > old:
            index -= 1
        return self._move_block((item.uid,), index)

    def move_batch(
        self,
        uids: Sequence[str],
        place: Place,
        *,
        reorder: bool = False,
        running_uid: str | None = None,
    ) -> ItemsMoved | None:
        """Move items so that they stand together, the first of them at the place.

        They keep the order of ``uids``, or of the queue to ``reorder`` them.
        """
        self._check_batch(uids)
        if not uids:
            return None
        if not isinstance(place, At) and place.uid in uids:
            name = "before_uid" if isinstance(place, Before) else "after_uid"
            raise BadRequest(f"Parameter '{name}': item with UID '{place.uid}' is in the batch")
        index = self._destination_index(place, running_uid)
        rest = len(self) - len(uids)
        if isinstance(place, At):
            index = min(index, rest)
        else:
            index -= sum(self.index(uid) < index for uid in uids)
        ordered = sorted(uids, key=self.index) if reorder else uids
        return self._move_block(tuple(ordered), index)

    def replace(self, uid: str, item: Item, running_uid: str | None = None) -> ItemReplaced | None:
        """Put another item, perhaps with another uid, in the place of one."""
        if uid == running_uid:
            raise BadRequest(f"Failed to replace item: Item with UID '{uid}' is currently running")
        if uid not in self._entries:
            raise BadRequest(f"Failed to replace item: Item with UID '{uid}' is not in the queue")
        if item.uid != uid and (item.uid in self._entries or item.uid == running_uid):
            raise BadRequest(
                f"Failed to replace item: Item with UID '{item.uid}' is already in the queue"
            )
        old = self._entries[uid]
        if old.item.data == item.data:
            return None
        index = self.index(uid)
        entry = QueueEntry(item, old.key)
        del self._entries[uid]
        self._entries[item.uid] = entry
        self._uids[index] = item.uid
        self._texts[index] = _packed_text(item)
        return ItemReplaced(old.item, entry)

    def clear(self) -> QueueCleared:
        """Remove all items. Clearing an empty queue is a change that clients wait for."""
        self._keys, self._uids, self._texts, self._entries = [], [], [], {}
        return QueueCleared()

    # ----------------------------------------------------------------------- finding places

    def _find(self, source: Source, running_uid: str | None) -> Item:
        if isinstance(source, Named):
            if source.uid == running_uid:
                raise BadRequest(f"The item with UID '{source.uid}' is currently running.")
            if source.uid not in self._entries:
                raise BadRequest(f"Item with UID '{source.uid}' is not in the queue.")
            return self.item(source.uid)
        index = source.existing_index(len(self))
        if index is None:
            if not self._uids and isinstance(source.pos, str):
                raise BadRequest("Queue is empty.")
            raise BadRequest(
                f"Index '{source.pos}' is out of range (parameter pos = '{source.pos}')"
            )
        return self.item(self._uids[index])

    def _insertion_index(self, place: Place, running_uid: str | None) -> int:
        if isinstance(place, At):
            return place.insertion_index(len(self))
        if place.uid == running_uid:
            if isinstance(place, Before):
                raise BadRequest(
                    "Can not insert a plan in the queue before a currently running plan."
                )
            return 0
        if place.uid not in self._entries:
            raise BadRequest(f"Plan with UID '{place.uid}' is not in the queue.")
        return self.index(place.uid) + isinstance(place, After)

    def _destination_index(self, place: Place, running_uid: str | None) -> int:
        try:
            if not isinstance(place, At):
                return self._insertion_index(place, running_uid)
            return self.index(self._find(place, running_uid).uid)
        except BadRequest as error:
            raise BadRequest(f"Destination plan ({place}) was not found: {error}") from None

    def _check_batch(self, uids: Sequence[str]) -> None:
        repeated = len(uids) - len(set(uids))
        if repeated:
            raise BadRequest(f"The list of contains repeated UIDs ({repeated} UIDs)")
        missing = [uid for uid in uids if uid not in self._entries]
        if missing:
            raise BadRequest(f"The queue does not contain items with the following UIDs: {missing}")

    def _is_in_back_half(self, uid: str) -> bool:
        return self.index(uid) * 2 > len(self)

    # -------------------------------------------------------------------- the lists themselves

    def _move_block(self, uids: tuple[str, ...], index: int) -> ItemsMoved | None:
        """Move a block to ``index``, counted among the items that stay."""
        if self._uids[index : index + len(uids)] == list(uids):
            return None
        from_back = self._is_in_back_half(uids[0])
        items = self._take(uids)
        before = self.item(self._uids[index]) if index < len(self) else None
        entries, rekeyed = self._put(items, index)
        return ItemsMoved(entries, before, index, from_back, rekeyed)

    def _take(self, uids: Sequence[str]) -> tuple[Item, ...]:
        if len(uids) <= _FEW:
            for uid in uids:
                index = self.index(uid)
                del self._keys[index], self._uids[index], self._texts[index]
        else:
            gone = set(uids)
            self._uids = [uid for uid in self._uids if uid not in gone]
            stay = [self._entries[uid] for uid in self._uids]
            self._keys = [entry.key for entry in stay]
            self._texts = [entry.item.text for entry in stay]
        return tuple(self._entries.pop(uid).item for uid in uids)

    def _put(self, items: Sequence[Item], index: int) -> tuple[tuple[QueueEntry, ...], Rekeyed]:
        spacing = make_room(self._keys, index, len(items))
        end = spacing.start + len(spacing.moved)
        rekeyed = tuple(zip(self._uids[spacing.start : end], spacing.moved, strict=True))
        for uid, key in rekeyed:
            self._entries[uid] = QueueEntry(self._entries[uid].item, key)
        self._keys[spacing.start : end] = spacing.moved
        self._keys[index:index] = spacing.new
        self._uids[index:index] = [item.uid for item in items]
        self._texts[index:index] = [_packed_text(item) for item in items]
        entries = tuple(QueueEntry(i, key) for i, key in zip(items, spacing.new, strict=True))
        self._entries.update((entry.item.uid, entry) for entry in entries)
        return entries, rekeyed


def _packed_text(item: Item) -> str:
    item.pack()
    return item.text
