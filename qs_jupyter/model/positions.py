"""The words of positions: at an index, at an end, before or after an item.

``pos`` is a whole number with the meaning of a list index, ``"front"`` or ``"back"``. The
running item is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qs_jupyter.errors import BadRequest

Pos = int | Literal["front", "back"]


@dataclass(frozen=True, slots=True)
class At:
    """A place counted from one of the ends."""

    pos: Pos

    @property
    def _number(self) -> int:
        return {"front": 0, "back": -1}[self.pos] if isinstance(self.pos, str) else self.pos

    def existing_index(self, size: int) -> int | None:
        """Return the index of the item that stands there, None when there is none."""
        index = self._number if self._number >= 0 else self._number + size
        return index if 0 <= index < size else None

    def insertion_index(self, size: int) -> int:
        """Return where a new item goes so that it stands there afterwards."""
        index = self._number if self._number >= 0 else self._number + size + 1
        return min(max(index, 0), size)

    def __str__(self) -> str:
        return f"position {self.pos!r}"


@dataclass(frozen=True, slots=True)
class Named:
    """The item with this uid."""

    uid: str

    def __str__(self) -> str:
        return f"UID {self.uid!r}"


@dataclass(frozen=True, slots=True)
class Before:
    """In front of the item with this uid."""

    uid: str

    def __str__(self) -> str:
        return f"UID {self.uid!r}"


@dataclass(frozen=True, slots=True)
class After:
    """Behind the item with this uid."""

    uid: str

    def __str__(self) -> str:
        return f"UID {self.uid!r}"


Source = At | Named
Place = At | Before | After

FRONT = At("front")
BACK = At("back")


def parse_source(pos: Any, uid: Any, *, wrong: Literal["value", "type"] = "type") -> Source:
    """Return which item is meant; without parameters the one at the back.

    ``wrong`` chooses between the two wordings that clients know for an unusable ``pos``.
    """
    if pos is not None and uid is not None:
        raise BadRequest(
            f"Ambiguous parameters: plan position and UID are specified (pos={pos!r}, uid={uid!r})"
        )
    if uid is not None:
        return Named(_uid("uid", uid))
    return BACK if pos is None else _at("pos", pos, wrong)


class AmbiguousPlace(BadRequest):
    """More than one place is given."""


def parse_place(pos: Any, before_uid: Any, after_uid: Any) -> Place:
    """Return where a new item goes; without parameters to the back."""
    if _given(pos, before_uid, after_uid) > 1:
        raise AmbiguousPlace(
            "Ambiguous parameters: only one of position, 'before_uid' and 'after_uid' may be "
            f"given (pos={pos!r}, before_uid={before_uid!r}, after_uid={after_uid!r})"
        )
    return _place("pos", pos, before_uid, after_uid, "value") or BACK


def parse_move_source(pos: Any, uid: Any) -> Source:
    """Return which item is to be moved; one of the parameters is required."""
    if pos is None and uid is None:
        raise BadRequest("Source position or UID is not specified.")
    return parse_source(pos, uid)


def parse_destination(pos_dest: Any, before_uid: Any, after_uid: Any) -> Place:
    """Return where an item is to be moved; one of the parameters is required."""
    if _given(pos_dest, before_uid, after_uid) > 1:
        raise BadRequest(
            "Ambiguous parameters: only one of 'pos_dest', 'before_uid' and 'after_uid' may be "
            f"given (pos_dest={pos_dest!r}, before_uid={before_uid!r}, after_uid={after_uid!r})"
        )
    place = _place("pos_dest", pos_dest, before_uid, after_uid, "type")
    if place is None:
        raise BadRequest("Destination position or UID is not specified.")
    return place


def parse_batch_destination(pos_dest: Any, before_uid: Any, after_uid: Any) -> Place:
    """Return where a batch is to be moved; one of the parameters is required."""
    if _given(pos_dest, before_uid, after_uid) > 1:
        raise BadRequest(
            "Request contains more than one mutually exclusive parameter: "
            f"pos_dest={pos_dest!r}, before_uid={before_uid!r}, after_uid={after_uid!r}"
        )
    place = _place("pos_dest", pos_dest, before_uid, after_uid, "value")
    if place is None:
        raise BadRequest("Destination for the batch is not specified")
    return place


def _given(*values: Any) -> int:
    return sum(value is not None for value in values)


def _place(
    name: str, pos: Any, before_uid: Any, after_uid: Any, wrong: Literal["value", "type"]
) -> Place | None:
    if before_uid is not None:
        return Before(_uid("before_uid", before_uid))
    if after_uid is not None:
        return After(_uid("after_uid", after_uid))
    return None if pos is None else _at(name, pos, wrong)


def _at(name: str, pos: Any, wrong: Literal["value", "type"]) -> At:
    # True is an int for Python, but nobody means index 1 by it.
    if pos in ("front", "back") or (isinstance(pos, int) and not isinstance(pos, bool)):
        return At(pos)
    raise BadRequest(
        f"Parameter '{name}' has incorrect {wrong}: {name}={pos!r} (type='{type(pos)}'). "
        "An integer, 'front' or 'back' is expected"
    )


def _uid(name: str, uid: Any) -> str:
    if not isinstance(uid, str):
        raise BadRequest(f"Parameter '{name}' must be a string: {name}={uid!r}")
    return uid
