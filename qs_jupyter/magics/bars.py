"""Progress bars for terminals and notebooks."""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass
from typing import Protocol

from qs_jupyter.magics.views import duration


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come: ``done`` of ``total``, and which ``part`` of the next one.

    ``total`` is 0 when that cannot be told.
    """

    text: str
    done: int = 0
    total: int = 0
    part: float = 0.0

    @property
    def share(self) -> float | None:
        """The share that is done, None when it is not known."""
        return min((self.done + self.part) / self.total, 1.0) if self.total else None


class Bar(Protocol):
    """Shows progress."""

    def show(self, progress: Progress, seconds: float, remark: str = "") -> None:
        """Show how far it has come after so many seconds."""

    def close(self) -> None:
        """Show nothing any more."""


_WIDTH = 30


class TerminalBar:
    """A line that is written over again and again."""

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._longest = 0

    def show(self, progress: Progress, seconds: float, remark: str = "") -> None:
        """Write the line anew."""
        line = bar_text(progress, seconds, remark)
        self._longest = max(self._longest, len(line))
        self._stream.write(f"\r{line:{self._longest}}")
        self._stream.flush()

    def close(self) -> None:
        """Remove the line."""
        self._stream.write(f"\r{'':{self._longest}}\r")
        self._stream.flush()


class NotebookBar:
    """An output that is replaced again and again, in HTML and in text."""

    def __init__(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - this module is used without IPython

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, progress: Progress, seconds: float, remark: str = "") -> None:
        """Replace the output."""
        share = progress.share
        value = "" if share is None else f' value="{share:.3f}"'
        self._update(f"<progress{value}></progress> ", bar_text(progress, seconds, remark))

    def close(self) -> None:
        """Leave an empty output."""
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)

    def _update(self, mark: str, text: str) -> None:
        markup = f"{mark}<code>{html.escape(text)}</code>"
        self._handle.update({"text/plain": text, "text/html": markup}, raw=True)


def bar_text(progress: Progress, seconds: float, remark: str = "") -> str:
    """Return progress as a line of text."""
    parts = []
    if progress.share is not None:
        full = round(_WIDTH * progress.share)
        parts.append(f"{'█' * full}{'░' * (_WIDTH - full)} {progress.done}/{progress.total}")
    parts += [duration(seconds), progress.text, f"({remark})" if remark else ""]
    return "  ".join(parts).rstrip()
