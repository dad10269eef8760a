"""Events of a worker in the order of their numbers, each once, whatever got lost on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qs_kernel_worker.messages import NumberedEvent, UnknownMessageError

logger = logging.getLogger(__name__)


class EventOrder:
    """Delivers events without gaps and repetitions.

    Copies come in by `take` and may be missing or without content; then ``ask_for_replay`` is
    called once and the truth comes in by `take_replay`. A number that the worker itself has
    forgotten (it was replaced by a later event) is skipped.
    """

    def __init__(
        self, deliver: Callable[[NumberedEvent], None], ask_for_replay: Callable[[], None]
    ) -> None:
        self._deliver = deliver
        self._ask_for_replay = ask_for_replay
        self._epoch: str | None = None
        self._last = 0
        self._newest = 0  # of the copies, also of those without content
        self._early: dict[int, Mapping[str, Any]] = {}
        self._is_waiting = False

    @property
    def last(self) -> int:
        """Number of the latest event that was delivered."""
        return self._last

    def begin(self, epoch: str, since: int) -> None:
        """Take events of this worker process, from the number after ``since``."""
        self._epoch = epoch
        self._last = since
        self._is_waiting = True
        # Those without content are among what is asked for now.
        self._early = {
            seq: data
            for seq, data in self._early.items()
            if data.get("epoch") == epoch and "event" in data
        }
        self._newest = max(self._early, default=0)

    def take(self, data: Mapping[str, Any]) -> None:
        """Take the copy of an event."""
        seq = data.get("seq", 0)
        if self._epoch is None:  # the first copies may come before the worker was greeted
            self._early[seq] = data
            return
        if data.get("epoch") != self._epoch or seq <= self._last:
            return
        self._newest = max(self._newest, seq)
        if "event" in data:
            self._early[seq] = data
        self._deliver_early()
        self._ask_if_behind()

    def take_replay(self, events: Sequence[Mapping[str, Any]], seq: int) -> None:
        """Take all events after the last one that the worker still has, up to number ``seq``."""
        self._is_waiting = False
        for data in events:
            if data["seq"] > self._last:
                self._last = data["seq"] - 1
                self._next(data)
        self._last = max(self._last, seq)
        self._deliver_early()
        # A copy without content, or one after a gap, may have come while the answer was on its way.
        self._ask_if_behind()

    def replay_failed(self) -> None:
        """Ask again with the next copy."""
        self._is_waiting = False

    def _ask_if_behind(self) -> None:
        if self._newest > self._last and not self._is_waiting:
            self._is_waiting = True
            self._ask_for_replay()

    def _deliver_early(self) -> None:
        while (data := self._early.pop(self._last + 1, None)) is not None:
            self._next(data)
        for seq in [seq for seq in self._early if seq <= self._last]:
            del self._early[seq]

    def _next(self, data: Mapping[str, Any]) -> None:
        self._last = data["seq"]
        if data.get("epoch") != self._epoch:
            return
        try:
            event = NumberedEvent.decode(data)
        except UnknownMessageError as error:
            logger.warning("The worker is of another version, an event is lost: %s", error)
        else:
            self._deliver(event)
