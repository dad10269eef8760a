"""What a view shows, and the smallest message that turns what it showed into that.

A part of the panel shows named fields and, most of them, rows. A row begins with a key that
no other row of the same part has. A change names the fields that differ and describes the
new rows by stretches of the old ones, so that moving one of thousands costs a few bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qs_widgets.stretches import Row, common_ends


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a view shows."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Row] = ()

    def whole(self) -> dict[str, Any]:
        """Return it as it is sent to a view that has nothing."""
        return {"fields": dict(self.fields), "rows": list(self.rows)}


def change_between(old: Content, new: Content) -> dict[str, Any] | None:
    """Return what has to be sent, None when nothing has changed.

    ``rows`` is a list of pieces: a number pair ``[first, count]`` is a stretch of the old
    rows, anything else ``{"new": rows}``.
    """
    change: dict[str, Any] = {}
    fields = {
        name: value
        for name, value in new.fields.items()
        if name not in old.fields or old.fields[name] != value
    }
    if fields:
        change["fields"] = fields
    if old.rows is not new.rows:
        pieces = row_pieces(old.rows, new.rows)
        if pieces != _untouched(old.rows):
            change["rows"] = pieces
    return change or None


def row_pieces(old: Sequence[Row], new: Sequence[Row]) -> list[Any]:
    """Describe new rows by stretches of old ones and by rows that are really new."""
    head, tail = common_ends(old, new)
    pieces: list[Any] = [[0, head]] if head else []
    _add_pieces(pieces, old, new[head : len(new) - tail], range(head, len(old) - tail))
    first = len(old) - tail
    if tail and pieces and _ends_at(pieces[-1], first):
        pieces[-1][1] += tail
    elif tail:
        pieces.append([first, tail])
    return pieces


def _ends_at(piece: Any, index: int) -> bool:
    return isinstance(piece, list) and piece[0] + piece[1] == index


def _add_pieces(pieces: list[Any], old: Sequence[Row], new: Sequence[Row], within: range) -> None:
    """Describe rows of which the old ones stand within a range."""
    places = {old[index][0]: index for index in within}
    for row in new:
        index = places.get(row[0])
        last: Any = pieces[-1] if pieces else None
        if index is None or old[index] != row:
            if not isinstance(last, dict):
                last = {"new": []}
                pieces.append(last)
            last["new"].append(row)
        elif _ends_at(last, index):
            last[1] += 1
        else:
            pieces.append([index, 1])


def _untouched(rows: Sequence[Row]) -> list[Any]:
    return [[0, len(rows)]] if rows else []
