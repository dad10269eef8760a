"""Waits for the manager: silent for a second, then with a bar; Ctrl-C ends only the wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Self

from qs_jupyter.client.hub import DocumentBatch, Hub, Link
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.bars import Bar, Progress
from qs_jupyter.magics.failures import MagicFailure

SILENCE_S = 1.0
FRAME_S = 0.25


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for.

    ``is_reached`` may raise `MagicFailure` when it can no longer be reached; ``result`` is read
    from the mirror at the end.
    """

    is_reached: Callable[[Mirror], bool]
    progress: Callable[[Mirror], Progress]
    result: Callable[[Mirror], Mapping[str, Any]]


def wait(hub: Hub, goal: Goal, make_bar: Callable[[], Bar]) -> Mapping[str, Any]:
    """Wait until the goal is reached and return its result.

    Raises
    ------
    MagicFailure
        It can no longer be reached, or it is not known how things stand.
    KeyboardInterrupt
        The wait was ended; the manager goes on.
    """
    _catch_up(hub)
    with _Shown(hub, make_bar) as shown:
        while not hub.wait(goal.is_reached, shown.pause):
            shown.show(goal)
    return _result(hub, goal)


async def wait_async(hub: Hub, goal: Goal, make_bar: Callable[[], Bar]) -> Mapping[str, Any]:
    """Like `wait`, and other tasks of the event loop go on meanwhile.

    Cancelling the task ends only the wait.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def notice(_parts: set[str]) -> None:
        loop.call_soon_threadsafe(changed.set)

    await asyncio.to_thread(_catch_up, hub)
    end_listening = hub.listen(notice)
    try:
        with _Shown(hub, make_bar) as shown:
            while not hub.wait(goal.is_reached, 0):
                shown.show(goal)
                with suppress(TimeoutError):
                    async with asyncio.timeout(shown.pause):
                        await changed.wait()
                changed.clear()
    finally:
        end_listening()
    return _result(hub, goal)


class _Shown:
    """The bar of one wait, which appears after a while."""

    def __init__(self, hub: Hub, make_bar: Callable[[], Bar]) -> None:
        self._hub = hub
        self._make_bar = make_bar
        self._begun = time.monotonic()
        self._bar: Bar | None = None
        self._documents: SimpleQueue[DocumentBatch] = SimpleQueue()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    @property
    def pause(self) -> float:
        """Seconds until there is something to show."""
        lasted = time.monotonic() - self._begun
        return max(SILENCE_S - lasted, 0.0) if lasted < SILENCE_S else FRAME_S

    def show(self, goal: Goal) -> None:
        """Show how far it has come, if it is time for that."""
        lasted = time.monotonic() - self._begun
        if lasted < SILENCE_S:
            return
        if self._bar is None:
            self._bar = self._make_bar()
            self._open.callback(self._bar.close)
            # The documents tell how many points of the running plan are measured.
            self._documents = self._open.enter_context(self._hub.following_documents())
        self._drain()
        with self._hub.lock:
            progress, link = goal.progress(self._hub.mirror), self._hub.link
        self._bar.show(progress, lasted, "" if link is Link.CONNECTED else str(link))

    def _drain(self) -> None:
        # They are in the mirror as well.
        with suppress(Empty):
            while True:
                self._documents.get_nowait()


def _catch_up(hub: Hub) -> None:
    # What was requested in the line before must be in the mirror, or the wait ends too early.
    if not hub.catch_up():
        raise MagicFailure(f"the state of the manager at {hub.connection.address} is not known")


def _result(hub: Hub, goal: Goal) -> Mapping[str, Any]:
    with hub.lock:
        return goal.result(hub.mirror)
