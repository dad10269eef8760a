"""Lock keys in a notebook kernel: asked for without a trace, kept out of sight.

A key lives in this room only, by the address of the manager. It is never part of an output,
of a log line, of a widget or of the text of an error, and nobody's ``repr`` shows it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from qs_jupyter.client.lock_key import KEY_FILE, KEY_VARIABLE, kept_key
from qs_jupyter.magics.failures import MagicFailure

Ask = Callable[[str], str]


class LockKey:
    """A key that nothing prints; `reveal` returns it."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def reveal(self) -> str:
        """Return the key itself, to be sent and nothing else."""
        return self._key

    def __repr__(self) -> str:
        return "LockKey(…)"

    def __reduce__(self) -> str:
        raise TypeError("A lock key is not written anywhere")


class KeyRing:
    """The keys of this kernel, by the address of the manager."""

    def __init__(self, ask: Ask, environment: Mapping[str, str] = os.environ) -> None:
        self._ask = ask
        self._environment = environment
        self._keys: dict[str, LockKey] = {}

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def find(self, address: str) -> LockKey | None:
        """Return the key to use: the one that was typed, else of the variable or the file."""
        if address in self._keys:
            return self._keys[address]
        key = kept_key(self._environment, private=True)
        return LockKey(key) if key else None

    def holds(self, address: str) -> bool:
        """Tell whether a typed key is kept for the manager."""
        return address in self._keys

    def keep(self, address: str, key: LockKey) -> None:
        """Keep a key for the manager."""
        self._keys[address] = key

    def forget(self, address: str) -> bool:
        """Drop the key of the manager; tell whether there was one."""
        return self._keys.pop(address, None) is not None

    def prompt(self, question: str = "Lock key: ") -> LockKey:
        """Ask for a key; what is typed is shown and stored nowhere.

        Raises
        ------
        MagicFailure
            Nobody can be asked, or nothing was typed.
        """
        try:
            typed = self._ask(question)
        except (EOFError, NotImplementedError) as error:
            raise MagicFailure(
                f"a lock key is needed and nobody can be asked here: set {KEY_VARIABLE}, or put "
                f"the key into {KEY_FILE} (mode 600)"
            ) from error
        if not typed:
            raise MagicFailure("the lock key is empty")
        return LockKey(typed)
