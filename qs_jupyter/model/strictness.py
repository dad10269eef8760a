"""Whether a checked value only fits because the checker converted it.

Compared is what a client sent with what the checker made of it. JSON has one kind of number
and one kind of list, so an integer may stand for a float, 0, 1 and truth values for each
other where a truth value or a float is asked for, and an array for any collection.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

# Long rows are compared by their types first, so many at a time.
_STEP: Final = 1000
_ARRAYS: Final = (list, tuple, set, frozenset)

_PLAIN: Final = frozenset({bool, int, float, str, type(None)})

# By the exact type of what was sent: the types which that may become.
_BECOMES: Final[Mapping[type, tuple[type, ...]]] = {
    bool: (bool, float),
    int: (int, float, bool, complex),
    float: (float, complex),
}


def is_converted(sent: Any, checked: Any) -> bool:
    """Tell whether the value, or anything in it, became something of another type."""
    if sent is checked:
        return False
    if isinstance(checked, enum.Enum):
        return not isinstance(sent, enum.Enum) and type(sent) is not type(checked.value)
    if isinstance(sent, _ARRAYS):
        return not isinstance(checked, _ARRAYS) or _any_converted(list(sent), list(checked))
    if isinstance(sent, Mapping):
        # Keys are left out: JSON knows only strings there, whatever the plan asks for.
        return not isinstance(checked, Mapping) or _any_converted(
            list(sent.values()), list(checked.values())
        )
    return type(checked) not in _BECOMES.get(type(sent), (type(sent),))


def _any_converted(sent: list[Any], checked: list[Any]) -> bool:
    if len(sent) != len(checked):
        return True
    if len(sent) < _STEP:
        return any(map(is_converted, sent, checked))
    rows = range(0, len(sent), _STEP)
    return any(_row_converted(sent[n : n + _STEP], checked[n : n + _STEP]) for n in rows)


def _row_converted(sent: list[Any], checked: list[Any]) -> bool:
    after = set(map(type, checked))
    before = set(map(type, sent))
    if before <= _PLAIN and all(after <= {*_BECOMES.get(kind, (kind,))} for kind in before):
        return False  # whatever became of whatever, it may
    return any(map(is_converted, sent, checked))
