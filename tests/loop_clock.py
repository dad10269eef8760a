"""The clock of the event loop in the hands of a test: what waits for a time waits for the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT_S = 20.0


class LoopClock:
    """Stands still until it is told to go on."""

    def __init__(self, now: float) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    async def advance(self, seconds: float) -> None:
        """Let time pass, and have done what is due by then."""
        self._now += seconds
        for _ in range(2):  # timers are looked at when those who are ready had their turn
            await asyncio.sleep(0)


@contextmanager
def stopped_clock() -> Iterator[LoopClock]:
    """Stop the clock of the running loop: whatever happens inside happens without a timer.

    No limit of the loop is ever reached, so the test itself is cancelled when it hangs.
    """
    loop, test = asyncio.get_running_loop(), asyncio.current_task()
    assert test is not None
    rescue = threading.Timer(LIMIT_S, loop.call_soon_threadsafe, [test.cancel])
    clock = LoopClock(loop.time())
    with_clock = vars(loop)  # the method of the class is there again when this is removed
    with_clock["time"] = clock
    rescue.start()
    try:
        yield clock
    finally:
        rescue.cancel()
        rescue.join()
        del with_clock["time"]
