"""Taking back edits of the queue, and making them again.

An edit is kept as the steps that take it back. Carrying out steps yields the steps that take
*those* back, so undo and redo are one function. Items are placed by the item that followed
them: plans that started meanwhile, from the front, do not disturb that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.changes import Change
from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import BACK, FRONT, Before, Named, Place
from qs_jupyter.model.queue import Queue

KEPT_EDITS = 20
# Beyond so many items in all edits the oldest are forgotten: they may be items of a long queue
# that was cleared, again and again.
KEPT_ITEMS = 100_000

# An item and the uid of the one behind it, None for the last.
Placed = tuple[Item, str | None]


@dataclass(frozen=True, slots=True)
class Put:
    """Insert items, each before its follower."""

    items: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """Remove items."""

    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """Move items, each before its follower."""

    items: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Swap:
    """Put another item in the place of one."""

    uid: str
    item: Item


Step = Put | Take | Shift | Swap


@dataclass(frozen=True, slots=True)
class Edit:
    """What takes an edit back, what it was, and the UID of the queue right after it."""

    step: Step
    description: str
    plan_queue_uid: str


def placements(queue: Queue, uids: Sequence[str]) -> tuple[Placed, ...]:
    """Return items in queue order with the item behind each that is not one of them."""
    chosen = set(uids)
    found: list[Placed] = []
    follower: str | None = None
    last = len(queue)
    for index in queue.indices(uids)[::-1]:
        uid = queue.uid_at(index)
        if index + 1 < last:
            follower = queue.uid_at(index + 1)
        found.append((queue.item(uid), follower))
        last = index
    found.reverse()
    assert all(follower not in chosen for _, follower in found), "a follower is in the batch"
    return tuple(found)


def carry_out(queue: Queue, step: Step) -> tuple[list[Change], Step]:
    """Change the queue; return the changes and the step that takes them back.

    Raises
    ------
    BadRequest
        The items concerned have left the queue.
    """
    if isinstance(step, Put):
        return _put(queue, step)
    if isinstance(step, Take):
        return _take(queue, step)
    if isinstance(step, Shift):
        return _shift(queue, step)
    if step.uid not in queue:
        raise _gone()
    before = queue.item(step.uid)
    change = queue.replace(step.uid, step.item)
    return [change] if change else [], Swap(step.item.uid, before)


def _put(queue: Queue, step: Put) -> tuple[list[Change], Step]:
    changes: list[Change] = []
    for follower, group in groupby(step.items, key=lambda placed: placed[1]):
        change = queue.insert([item for item, _ in group], _place(queue, follower))
        if change is not None:
            changes.append(change)
    return changes, Take(tuple(item.uid for item, _ in step.items))


def _take(queue: Queue, step: Take) -> tuple[list[Change], Step]:
    uids = [uid for uid in step.uids if uid in queue]
    if not uids:
        raise _gone()
    back = Put(placements(queue, uids))
    change = queue.remove(uids)
    return [change] if change else [], back


def _shift(queue: Queue, step: Shift) -> tuple[list[Change], Step]:
    known = [(item, follower) for item, follower in step.items if item.uid in queue]
    if not known:
        raise _gone()
    back = Shift(placements(queue, [item.uid for item, _ in known]))
    changes: list[Change] = []
    for item, follower in known:
        change = queue.move(Named(item.uid), _place(queue, follower))
        if change is not None:
            changes.append(change)
    return changes, back


def _place(queue: Queue, follower: str | None) -> Place:
    if follower is None:
        return BACK
    # A follower that has left went from the front, so the front is where it stood.
    return Before(follower) if follower in queue else FRONT


def _gone() -> BadRequest:
    return BadRequest("The items of that edit have left the queue: nothing is left to take back")


class Journal:
    """The latest edits, and those that were taken back."""

    def __init__(self) -> None:
        self._done: deque[Edit] = deque(maxlen=KEPT_EDITS)
        self._undone: deque[Edit] = deque(maxlen=KEPT_EDITS)

    @property
    def items(self) -> int:
        """How many items all kept edits hold together."""
        return _together(self._done) + _together(self._undone)

    def record(self, edit: Edit) -> None:
        """Keep a new edit; what was taken back before can not be made again."""
        self._undone.clear()
        _keep(self._done, edit)

    def undo(self, queue: Queue, new_uid: str, expected: str | None) -> tuple[list[Change], str]:
        """Take the last edit back; return the changes and what it was."""
        return _turn(self._done, self._undone, queue, (new_uid, expected, "undo"))

    def redo(self, queue: Queue, new_uid: str, expected: str | None) -> tuple[list[Change], str]:
        """Make the edit again that was taken back last."""
        return _turn(self._undone, self._done, queue, (new_uid, expected, "redo"))


def _turn(
    source: deque[Edit], target: deque[Edit], queue: Queue, order: tuple[str, str | None, str]
) -> tuple[list[Change], str]:
    new_uid, expected, word = order
    if not source:
        raise BadRequest(f"There is nothing to {word}")
    edit = source[-1]
    if expected is not None and expected != edit.plan_queue_uid:
        raise BadRequest(
            f"The last edit of the queue is somebody else's ({edit.description}): "
            f"{word} it without 'plan_queue_uid' if that is what you mean"
        )
    changes, back = carry_out(queue, edit.step)
    source.pop()
    _keep(target, Edit(back, edit.description, new_uid))
    return changes, edit.description


def _keep(edits: deque[Edit], edit: Edit) -> None:
    edits.append(edit)
    while len(edits) > 1 and _together(edits) > KEPT_ITEMS:
        edits.popleft()


def _together(edits: deque[Edit]) -> int:
    return sum(_size(edit.step) for edit in edits)


def _size(step: Step) -> int:
    """Return how many items a step holds, about."""
    if isinstance(step, Put | Shift):
        return len(step.items)
    return len(step.uids) if isinstance(step, Take) else 1
