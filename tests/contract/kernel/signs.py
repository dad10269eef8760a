"""Named pipes by which a test and a worker wait for each other, and for no time to pass."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT_S = 20.0


class Gate:
    """What runs `code` waits until the gate is open; it stays open."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.code = f"open({str(path)!r}).close()"
        self._path = path
        self._descriptor: int | None = None

    def open(self) -> None:
        """Let go on who waits, and who comes later."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR)

    def close(self) -> None:
        """Put the pipe away."""
        if self._descriptor is not None:
            os.close(self._descriptor)


@contextmanager
def gate(folder: Path) -> Iterator[Gate]:
    """Have a gate, which is open at the end at the latest."""
    gate = Gate(folder / "gate")
    try:
        yield gate
    finally:
        gate.open()
        gate.close()


class Blocker:
    """C code that keeps the interpreter for ever, and says when it has it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "blocked"
        os.mkfifo(self._path)
        # A function called through PyDLL keeps the interpreter lock.
        self.code = (
            "import ctypes\n"
            f"ctypes.PyDLL(None).system(b'echo blocked > {self._path}; exec sleep 1000')\n"
        )

    async def has_blocked(self) -> None:
        """Return when the code holds the interpreter."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        pipe = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        loop.add_reader(pipe, told.set)
        try:
            async with asyncio.timeout(LIMIT_S):
                await told.wait()
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)
