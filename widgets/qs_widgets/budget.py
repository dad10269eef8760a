"""How much a panel may send: the browser and Jupyter's own limits set the pace.

Jupyter drops messages above a rate without telling anybody but the notebook cell, so a panel
stays far below: it may send a few messages at once, then one per tenth of a second.
"""

from __future__ import annotations

from dataclasses import dataclass

MESSAGES_PER_S = 10.0
BYTES_PER_S = 100_000.0
MESSAGES_AT_ONCE = 4.0
# One large message, such as a whole long queue, must not silence the panel for long.
LONGEST_PAUSE_S = 3.0
# What cannot wait may be sent this long before there is room for it.
BORROWED_S = 0.3


@dataclass(slots=True)
class Budget:
    """Counts what was sent; times are those of one monotonic clock, in seconds."""

    now: float
    messages: float = MESSAGES_AT_ONCE
    bytes: float = BYTES_PER_S

    def pause(self, now: float, *, urgent: bool = False) -> float:
        """Return how long to wait before the next message; an urgent one has to be short."""
        self._earn(now)
        for_messages = (1 - self.messages) / MESSAGES_PER_S
        if urgent:
            return max(0.0, for_messages - BORROWED_S)
        for_bytes = -self.bytes / BYTES_PER_S
        return min(max(0.0, for_messages, for_bytes), LONGEST_PAUSE_S)

    def spend(self, now: float, size: int) -> None:
        """Count a message of a number of bytes."""
        self._earn(now)
        self.messages -= 1
        self.bytes = max(self.bytes - size, -LONGEST_PAUSE_S * BYTES_PER_S)

    def _earn(self, now: float) -> None:
        passed = now - self.now
        self.now = now
        self.messages = min(MESSAGES_AT_ONCE, self.messages + passed * MESSAGES_PER_S)
        self.bytes = min(BYTES_PER_S, self.bytes + passed * BYTES_PER_S)
