"""Steps of a walk through an interface, and whether the walk has seen all of it.

The scripts of this folder run among the clients, where nothing of ours is installed.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

PLAN_LIMIT_S = 30
OPEN_LIMIT_S = 90


class Blocking:
    """Stands for an asyncio object: its methods are called in a loop of their own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        self.__dict__["loop"] = loop
        self.__dict__["target"] = self.wait(make)

    def wait(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call something in the loop, and return what it returns in the end."""

        async def run() -> Any:
            result = call(*arguments, **named)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.target, name)
        if inspect.isroutine(found):
            return lambda *arguments, **named: self.wait(found, *arguments, **named)
        if name.endswith("_monitor"):
            inner = object.__new__(Blocking)
            inner.__dict__.update(loop=self.loop, target=found)
            return inner
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.target, name, value)


class Seen:
    """Stands for an object and remembers which of its attributes were used."""

    def __init__(self, target: Any) -> None:
        self.__dict__.update(target=target, names=set())

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self.target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.names.add(name)
        setattr(self.target, name, value)

    def unseen(self, besides: Iterable[str]) -> set[str]:
        """Public methods that were not used, besides those that need not be."""
        target = self.target.target if isinstance(self.target, Blocking) else self.target
        public = {
            name
            for name, member in inspect.getmembers(type(target))
            if not name.startswith("_") and inspect.isroutine(member)
        }
        return public - self.names - set(besides)


def walk(steps: Iterable[Callable[[], None]]) -> None:
    """Take the steps one after the other; the first that fails ends the program."""
    for step in steps:
        began = time.monotonic()
        try:
            step()
        except BaseException:  # noqa: BLE001 - also a SystemExit of a client fails the step
            print(f"FAILED: {step.__name__}")
            traceback.print_exc(file=sys.stdout)
            sys.exit(1)
        print(f"passed: {step.__name__} ({time.monotonic() - began:.2f} s)")


def equal(found: Any, expected: Any) -> None:
    """Like ``assert``, and shows both."""
    assert found == expected, f"found {found!r}, expected {expected!r}"


def contains(text: str, part: str) -> None:
    """Like ``assert``, and shows both."""
    assert part in text, f"no {part!r} in {text!r}"
