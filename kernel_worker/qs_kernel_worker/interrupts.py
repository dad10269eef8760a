"""Interrupts of the main thread: they strike user code and nothing else.

A stock kernel ignores an interrupt that comes before its cell has begun, though the cell is
shown as running. One that strikes the kernel's own lines leaves the cell without a reply, so
that its notebook waits for ever. Here an interrupt waits for the user code of the job or cell
it was meant for.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Interrupts:
    """The handler of SIGINT, which Python runs in the main thread, between two of its steps."""

    def __init__(self, holder: Callable[[], str | None] = lambda: None) -> None:
        self._holder = holder
        self._in_user_code = False
        self._waits_for: str | None = None

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
        try:
            meant, self._waits_for = self._waits_for, None
            if meant is not None and meant == self._holder():
                raise KeyboardInterrupt
            yield
        finally:
            self._in_user_code = earlier

    def _strike(self, _number: int, _frame: Any) -> None:
        if self._in_user_code:
            raise KeyboardInterrupt
        self._waits_for = self._holder()
