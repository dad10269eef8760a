"""The garbage collector and startup code: few rounds while it runs, none over what it has made.

Startup code makes some hundred thousand objects, nearly all of which stay. By default the collector
looks through them again and again, which is a seventh of the time of an opening; and later a single
round takes a tenth of a second and more, in which a plan stands still and no request is
answered.
"""

from __future__ import annotations

import gc

_usual = gc.get_threshold()
_RARELY = (10_000, *_usual[1:])


def collect_rarely() -> None:
    """Make rounds rare from now on."""
    gc.set_threshold(*_RARELY)


def collect_as_usual() -> None:
    """Make rounds as often as usual, over what is made from now on.

    Everything else still goes when nobody refers to it any more; only circles of objects that
    are there now, and are given up later, stay.
    """
    if gc.get_threshold() == _RARELY:  # else the user knows better
        gc.set_threshold(*_usual)
    gc.freeze()
