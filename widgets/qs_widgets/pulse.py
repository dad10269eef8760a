"""One thread per panel that sends what has changed, at the pace the budget allows.

The hub's thread only notes which parts are affected. This thread compares and sends, so a
slow comparison never delays the hub, and ten changes within a tenth of a second become one
message. It prints nothing: text from a thread lands in whichever cell ran last.

When more parts have changed than may be sent, the one that can wait least goes first: the
status within a tenth of a second, the lists behind the tabs when there is room. Nobody waits
for ever, for what has waited long is the most urgent.
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
    # How long its changes may wait for those of other parts.
    patience_s: float

    def deliver(self) -> int:
        """Send what has changed; return the size of the message, 0 for none."""

    def complain(self, text: str) -> None:
        """Show an error that did not come from a click."""


class Pulse:
    """Keeps the parts of a panel up to date until it is closed."""

    def __init__(self, hub: Hub, parts: Sequence[Sender]) -> None:
        now = time.monotonic()
        self._parts = list(parts)
        # Until when each part that has changed wants to be sent.
        self._due: dict[Sender, float] = {part: now + part.patience_s for part in parts}
        self._condition = threading.Condition()
        self._closed = False
        self._budget = Budget(now)
        self._end_listening = hub.listen(self._changed)
        self._thread = threading.Thread(target=self._run, name="qs-panel", daemon=True)
        self._thread.start()

    def touch(self, part: Sender) -> None:
        """Have a part compared soon, for changes that the hub does not know of."""
        with self._condition:
            if part not in self._due:
                self._due[part] = time.monotonic() + part.patience_s
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
            size = _delivered(part)
            if size:
                self._budget.spend(time.monotonic(), size)

    def _next(self) -> Sender | None:
        """Return the part to send next, when it may be sent; None at the end."""
        with self._condition:
            while True:
                self._condition.wait_for(lambda: self._closed or self._due)
                if self._closed:
                    return None
                part = min(self._due, key=self._due.__getitem__)
                urgent = part.patience_s == 0
                pause = self._budget.pause(time.monotonic(), urgent=urgent)
                if pause <= 0:
                    del self._due[part]
                    return part
                # Something more urgent may come meanwhile.
                self._condition.wait(pause)


def _delivered(part: Sender) -> int:
    """Bring a part up to date; return the size of what was sent."""
    try:
        return part.deliver()
    except Exception as error:  # the rim of the thread: the panel shows it
        logger.exception("A part of the panel could not be brought up to date")
        return _complained(part, f"The panel could not be brought up to date: {error!r}")


def _complained(part: Sender, text: str) -> int:
    try:
        part.complain(text)
    except Exception:  # what kept the part from being sent may keep this, too
        logger.exception("Nor could the panel say so")
    return len(text)
