"""One thread per panel that sends what has changed, at the pace the budget allows.

The hub's thread only notes which parts are affected. This thread compares and sends, so a
slow comparison never delays the hub, and ten changes within a tenth of a second become one
message. It prints nothing: text from a thread lands in whichever cell ran last.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from qs_widgets.budget import Budget

if TYPE_CHECKING:
    from qs_jupyter.client.hub import Hub

logger = logging.getLogger(__name__)


class Sender(Protocol):
    """A part of the panel, as the pulse sees it."""

    follows: frozenset[str]

    def deliver(self) -> int:
        """Send what has changed; return the size of the message, 0 for none."""

    def complain(self, text: str) -> None:
        """Show an error that did not come from a click."""


class Pulse:
    """Keeps the parts of a panel up to date until it is closed."""

    def __init__(self, hub: Hub, parts: Sequence[Sender]) -> None:
        self._parts = list(parts)
        self._waiting: list[Sender] = list(parts)
        self._condition = threading.Condition()
        self._closed = False
        self._budget = Budget(time.monotonic())
        self._end_listening = hub.listen(self._changed)
        self._thread = threading.Thread(target=self._run, name="qs-panel", daemon=True)
        self._thread.start()

    def touch(self, part: Sender) -> None:
        """Have a part compared soon, for changes that the hub does not know of."""
        with self._condition:
            if part not in self._waiting:
                self._waiting.append(part)
                self._condition.notify()

    def close(self) -> None:
        """End the thread; nothing is sent any more."""
        self._end_listening()
        with self._condition:
            self._closed = True
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _changed(self, names: set[str]) -> None:
        for part in self._parts:
            if not part.follows.isdisjoint(names):
                self.touch(part)

    def _run(self) -> None:
        while (part := self._next()) is not None:
            try:
                size = part.deliver()
            except Exception as error:  # the rim of this thread: the panel shows it
                logger.exception("A part of the panel could not be brought up to date")
                part.complain(f"The panel could not be brought up to date: {error!r}")
                size = len(repr(error))
            if size:
                self._budget.spend(time.monotonic(), size)

    def _next(self) -> Sender | None:
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._waiting)
            pause = self._budget.pause(time.monotonic())
            if pause > 0:
                self._condition.wait_for(lambda: self._closed, pause)
            return None if self._closed else self._waiting.pop(0)
