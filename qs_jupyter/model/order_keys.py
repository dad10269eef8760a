"""Keys that keep the queue in order: whole numbers with room between them.

An item that arrives between two others gets a number between theirs, so a store writes one
row and leaves the rest alone. When the room at one place is used up, the nearest neighbours
are spread out again; the window grows until it finds room, which stays cheap on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# 2**24 lets some twenty items arrive at one place before neighbours move, and half a
# billion of billions arrive at an end before the 64 bits of a database row are used up.
GAP = 1 << 24
_ROOMY = 1 << 10
_FIRST_WINDOW = 32


@dataclass(frozen=True, slots=True)
class Spacing:
    """Keys for newcomers, and new keys of the neighbours from index ``start`` on."""

    new: tuple[int, ...]
    start: int
    moved: tuple[int, ...]


def spaced(count: int) -> range:
    """Return keys for a queue that is written from scratch."""
    return range(GAP, GAP * (count + 1), GAP)


def make_room(keys: Sequence[int], index: int, count: int) -> Spacing:
    """Return keys for ``count`` newcomers in front of ``keys[index]``."""
    width = 0
    while True:
        low, high = max(0, index - width), min(len(keys), index + width)
        total = high - low + count
        first, step = _spread(keys, low, high, total)
        if step >= (_ROOMY if width else 1):
            break
        width = width * 4 or _FIRST_WINDOW
    fresh = [first + step * n for n in range(total)]
    cut = index - low
    moved = (*fresh[:cut], *fresh[cut + count :])
    return Spacing(tuple(fresh[cut : cut + count]), low, moved)


def _spread(keys: Sequence[int], low: int, high: int, total: int) -> tuple[int, int]:
    """Return first key and step for ``total`` keys that replace ``keys[low:high]``."""
    if high == len(keys):
        return (keys[low - 1] + GAP if low else GAP), GAP
    if low == 0:
        return keys[high] - GAP * total, GAP
    step = (keys[high] - keys[low - 1]) // (total + 1)
    return keys[low - 1] + step, step
