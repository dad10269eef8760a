"""Progress bars for terminals and notebooks."""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass
from typing import Any, Protocol

from qs_jupyter.magics.wording import duration


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


class Output:
    """An output of a notebook that is replaced again and again, in HTML and in text.

    Consoles of kernels show only the first of its contents.
    """

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str, markup: str) -> None:
        """Put these contents in the place of those before."""
        bundle = {"text/plain": text, "text/html": markup}
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
            return
        from IPython.display import display  # noqa: PLC0415 - this module is used without IPython

        self._handle = display(bundle, raw=True, display_id=True)

    def clear(self) -> None:
        """Leave an empty output."""
        if self._handle is not None:
            self.show("", "")


class NotebookBar:
    """A bar in an output, by default in one of its own."""

    def __init__(self, output: Output | None = None) -> None:
        self._output = output or Output()

    def show(self, progress: Progress, seconds: float, remark: str = "") -> None:
        """Replace the output."""
        share = progress.share
        value = "" if share is None else f' value="{share:.3f}"'
        text = bar_text(progress, seconds, remark)
        self._output.show(text, f"<progress{value}></progress> <code>{html.escape(text)}</code>")

    def close(self) -> None:
        """Leave an empty output."""
        self._output.clear()


def bar_text(progress: Progress, seconds: float, remark: str = "") -> str:
    """Return progress as a line of text."""
    parts = []
    if progress.share is not None:
        full = round(_WIDTH * progress.share)
        parts.append(f"{'█' * full}{'░' * (_WIDTH - full)} {progress.done}/{progress.total}")
    parts += [duration(seconds), progress.text, f"({remark})" if remark else ""]
    return "  ".join(parts).rstrip()
