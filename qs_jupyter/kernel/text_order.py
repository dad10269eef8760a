"""Text of a worker in the order in which it was written, each piece once, gaps made up or named."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from qs_jupyter.kernel.driver import ConsoleText

Numbered = tuple[int, ConsoleText]


class TextOrder:
    """Delivers text; asks for what is missing.

    Most text comes in by `take`, numbered by the worker. What was written before we listened,
    or was dropped on the way, is asked for once with ``ask_for_replay`` and comes in by
    `take_replay`; meanwhile later text waits. Text without a number is never missed.
    """

    def __init__(
        self, deliver: Callable[[ConsoleText], None], ask_for_replay: Callable[[], None]
    ) -> None:
        self._deliver = deliver
        self._ask_for_replay = ask_for_replay
        self._last = 0
        self._early: deque[tuple[int | None, ConsoleText]] = deque()
        self._is_waiting = True

    @property
    def last(self) -> int:
        """Number of the latest text that was delivered."""
        return self._last

    def take(self, seq: int | None, text: ConsoleText) -> None:
        """Take a piece of text from the broadcast."""
        if self._is_waiting:
            self._early.append((seq, text))
        elif seq is None or seq == self._last + 1:
            self._last = self._last if seq is None else seq
            self._deliver(text)
        elif seq > self._last:
            self._early.append((seq, text))
            self._is_waiting = True
            self._ask_for_replay()

    def take_replay(self, texts: Sequence[Numbered], seq: int) -> None:
        """Take all text after the last that the worker still has, up to number ``seq``."""
        for number, text in texts:
            if number > self._last:
                self._last = number
                self._deliver(text)
        self._last = max(self._last, seq)
        self._go_on()

    def replay_failed(self) -> None:
        """Go on without what is missing."""
        numbers = [seq for seq, _ in self._early if seq is not None]
        if numbers:
            self._last = max(self._last, numbers[0] - 1)
        self._go_on()

    def _go_on(self) -> None:
        self._is_waiting = False
        early, self._early = self._early, deque()
        for seq, text in early:
            self.take(seq, text)
