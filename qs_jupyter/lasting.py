"""Masses of objects that stay, like the items of a long queue, beside the garbage collector.

It would look through all of them again and again and find nothing: with fifty thousand items
nobody is answered for some thirty milliseconds each time, and making them takes two to three
times as long.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Fewer are not worth the trouble.
_MASSES = 1_000


@contextmanager
def lasting_objects(count: int | None = None) -> Iterator[None]:
    """Hold the collector off while objects that stay are made, and show it none of them later.

    They still go when nobody refers to them any more, as all objects do. ``count`` tells
    how many there are, about; None stands for masses.
    """
    if count is not None and count < _MASSES:
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
