"""Interrupts of the main thread: they strike user code and nothing else.

A stock kernel ignores an interrupt that comes before its cell has begun, though the cell is
shown as running. One that strikes the kernel's own lines leaves the cell without a reply, so
that its notebook waits for ever. Here an interrupt waits for the user code of the job or cell
it was meant for.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_AFTER_S = (0.05, 0.15, 0.5)


class _Counted:
    """Python's own handler, found by a look that counts.

    The handler raises KeyboardInterrupt without a line of ours in the traceback that people
    read; a handler written in Python would stand at its end.
    """

    def __get__(self, handler: UserCodeHandler, _owner: type) -> Callable[[int, Any], None]:
        handler.strikes += 1
        return signal.default_int_handler


class UserCodeHandler:
    """Handles interrupts while user code runs, and counts them."""

    strikes = 0
    __call__ = _Counted()


class Interrupts:
    """The handler of SIGINT, which Python runs in the main thread, between two of its steps."""

    def __init__(self, holder: Callable[[], str | None] = lambda: None) -> None:
        self._holder = holder
        self._in_user_code = False
        self._waits_for: str | None = None
        self._in_user_code_handler = UserCodeHandler()

    def strike(self) -> None:
        """Interrupt the main thread only; children of background tasks are left in peace.

        Python looks for signals now and then. A call that blocks soon after the last look misses
        one, for as long as it blocks; so it is sent again until it was noticed. Needs the
        running loop of another thread.
        """
        before = (self._holder(), self._in_user_code_handler.strikes)
        _signal_main_thread()
        loop = asyncio.get_running_loop()
        for delay_s in AGAIN_AFTER_S:
            loop.call_later(delay_s, self._strike_again, before)

    def _strike_again(self, before: object) -> None:
        # A Run Engine has a handler of its own, and waits in a call that misses nothing.
        handler = self._in_user_code_handler
        is_ours = signal.getsignal(signal.SIGINT) is handler
        if is_ours and (self._holder(), handler.strikes) == before:
            _signal_main_thread()

    def install(self) -> None:
        """Handle interrupts from now on, whatever user code has put in our place."""
        signal.signal(signal.SIGINT, self._strike)

    @contextmanager
    def user_code(self) -> Iterator[None]:
        """Let interrupts strike what is done inside, also one that waits already."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        earlier, self._in_user_code = self._in_user_code, True
        # A cell with await is interrupted by ipykernel, whose handler is in our place then.
        is_ours = signal.getsignal(signal.SIGINT) == self._strike
        try:
            meant, self._waits_for = self._waits_for, None
            if meant is not None and meant == self._holder():
                raise KeyboardInterrupt
            if is_ours:
                signal.signal(signal.SIGINT, self._in_user_code_handler)
            yield
        finally:
            self._in_user_code = earlier
            if is_ours:
                self.install()

    def _strike(self, _number: int, _frame: Any) -> None:
        if self._in_user_code:
            raise KeyboardInterrupt
        self._waits_for = self._holder()


def interrupt_thread(thread: threading.Thread) -> None:
    """Raise KeyboardInterrupt in a thread that is not the main one, when it next runs Python code.

    Code that waits in a C library gets it only when it returns.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
    )


def _main_ident() -> int:
    ident = threading.main_thread().ident
    assert ident is not None
    return ident


def _signal_main_thread() -> None:
    signal.pthread_kill(_main_ident(), signal.SIGINT)
