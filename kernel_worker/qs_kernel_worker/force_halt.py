"""Halting a plan that keeps the Run Engine from answering.

Pause, stop, abort and halt are carried out by the engine's event loop. A plan that computes
without end, or a device that blocks, keeps that loop from turning, and nothing of it acts. Then
a KeyboardInterrupt is raised in the engine's thread. The engine takes it as a request to halt
when it comes out of the plan or of a command of the plan; anywhere else it would end the thread,
and with it the engine for good. So it is raised only while such code is seen to run.

The engine's internals this relies on are those of bluesky 1.13 and later: ``_th``, its thread;
``_run``, which catches KeyboardInterrupt around plan and commands; ``_pardon_failures``, which
is set as soon as it no longer does; ``_halt_coro``.
"""
# ruff: noqa: SLF001 - the public interface has no way to reach an engine that is blocked

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from qs_kernel_worker.interrupts import interrupt_thread

logger = logging.getLogger(__name__)

# Longer than what the loop of a healthy engine is busy with at a time.
BLOCKED_AFTER_S = 1.0
LOOKS = 20
ATTEMPTS = 30
ENDING = ("stopping", "aborting", "halting")


class ForceHalt:
    """Sees to it that one plan ends, in a thread of its own.

    Parameters
    ----------
    engine
        The Run Engine.
    is_current
        Whether the plan that is to end still has the engine.
    """

    def __init__(self, engine: Any, is_current: Callable[[], bool]) -> None:
        self._engine = engine
        self._is_current = is_current
        self.has_struck = False
        self._thread = threading.Thread(target=self._watch, name="halt", daemon=True)

    @property
    def is_at_work(self) -> bool:
        """Whether the end of the plan is still being seen to."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def _watch(self) -> None:
        try:
            if self._turns():
                asyncio.run_coroutine_threadsafe(self._end_clean_up(), self._engine.loop)
            else:
                self._break()
        except Exception:
            logger.exception("The plan could not be halted")

    def _turns(self) -> bool:
        """Wait whether the loop of the engine gets on within a while."""
        turned = threading.Event()
        self._engine.loop.call_soon_threadsafe(turned.set)
        # A process that stood still as a whole has lost one look by it, and not the whole while.
        return any(turned.wait(BLOCKED_AFTER_S / LOOKS) for _ in range(LOOKS))

    async def _end_clean_up(self) -> None:
        """Halt a plan's clean-up; everything else the engine ends by itself, once paused."""
        engine = self._engine
        if self._is_current() and str(engine.state) in ENDING and carries_out_plan(engine):
            await engine._halt_coro()

    def _break(self) -> None:
        logger.warning("The plan keeps the Run Engine from answering: halting it by force ...")
        for _ in range(ATTEMPTS):
            if not self._is_current():
                return
            if is_in_plan(sys._current_frames().get(self._engine._th.ident), self._engine):
                self.has_struck = True
                interrupt_thread(self._engine._th)
            if self._turns():
                return
        logger.error(
            "The plan does not give way: it waits inside of a library or ignores interrupts. "
            "Destroy the environment to end it."
        )


def carries_out_plan(engine: Any) -> bool:
    """Return whether the engine still takes messages from the plan, and is not at its own end."""
    is_over: asyncio.Event | None = engine._pardon_failures
    return is_over is not None and not is_over.is_set()


def is_in_plan(frame: FrameType | None, engine: Any) -> bool:
    """Return whether code of a plan, or of one of its commands, runs on a stack.

    Parameters
    ----------
    frame
        The innermost frame of the engine's thread.
    engine
        The Run Engine.
    """
    run = inspect.unwrap(type(engine)._run).__code__
    above: FrameType | None = None
    while frame is not None and frame.f_code is not run:
        above, frame = frame, frame.f_back
    return frame is not None and above is not None and carries_out_plan(engine)
