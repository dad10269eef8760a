"""Pieces of console text become lines, as a terminal would show them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from qs_widgets.stretches import Row

KEPT_LINES = 5000
LONGEST_LINE = 2000

# Colours and other attributes, and sequences that set titles or move the cursor.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_BAD = re.compile(r"^\s*(?:\w+\.)*\w*(?:Error|Exception)\b|\[E |\bERROR\b|\bCRITICAL\b")
_DOUBTFUL = re.compile(r"\bWARN(?:ING)?\b|\w*Warning:|\[W ")


class ConsoleLines:
    """The latest lines; a row is its number, its text and its kind."""

    def __init__(self, kept: int = KEPT_LINES) -> None:
        self.rows: deque[Row] = deque(maxlen=kept)
        self._number = 0
        self._open = ""
        self._last: Mapping[str, Any] | None = None
        self._in_traceback = False

    def follow(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        """Take in the pieces that are new, given all that are kept, oldest first."""
        new: list[Mapping[str, Any]] = []
        for piece in reversed(list(pieces)):
            if piece is self._last:
                break
            new.append(piece)
        for piece in reversed(new):
            self.write(str(piece.get("text", "")))
            self._last = piece

    def write(self, text: str) -> None:
        """Take in text."""
        if self._open and self.rows:
            self.rows.pop()
        else:
            self._number += 1
        *complete, rest = (self._open + _ESCAPES.sub("", text)).split("\n")
        for line in complete:
            self._put(line)
            self._number += 1
        self._open = rest
        if rest:
            self._put(rest)
        else:
            self._number -= 1

    def clear(self) -> None:
        """Forget all lines."""
        self.rows.clear()
        self._open = ""

    def _put(self, line: str) -> None:
        # A carriage return goes back to the beginning; what follows stands over the line.
        shown = line.rstrip("\r").rpartition("\r")[2][:LONGEST_LINE]
        self.rows.append((self._number, shown, self._kind(shown)))

    def _kind(self, line: str) -> str:
        if line.startswith("Traceback (most recent call last)"):
            self._in_traceback = True
            return "bad"
        if self._in_traceback:
            # Its frames are indented; the first other line names the exception.
            self._in_traceback = line.startswith((" ", "\t")) or not line
            return "bad"
        if _BAD.search(line):
            return "bad"
        return "doubtful" if _DOUBTFUL.search(line) else ""
