"""Regular expressions of strangers, searched for a bounded time.

Permissions come from clients, and so do the names that are looked up in them. Python's own
search can take years for a pattern like ``(\\w+\\w*)+!`` and holds up everything meanwhile. The
library ``regex`` searches the same patterns under a limit. It is loaded only for a pattern that
could become slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from qs_jupyter.errors import NotAllowed
from qs_kernel_worker.name_patterns import Searchable

# Of processor time, per name. What people write takes a thousandth of it.
LIMIT_S = 0.01


class SlowPatternError(NotAllowed):
    """A pattern of the permissions takes too long."""


def compile_bounded(source: str) -> Searchable:
    """Compile a regular expression so that no search takes long.

    Raises
    ------
    re.error
        It is no regular expression of Python.
    """
    compiled = re.compile(source)
    return compiled if _is_quick(source) else _Bounded(compiled)


def _is_quick(source: str) -> bool:
    """Return whether a search takes the square of the length at worst, also by Python's own.

    So it is with one repetition and no groups: those repeat alternatives, or multiply them.
    """
    return "(" not in source and sum(source.count(sign) for sign in "*+?{") <= 1


class _Bounded:
    """A pattern with a limit; raises `SlowPatternError` when a search exceeds it."""

    def __init__(self, compiled: re.Pattern[str]) -> None:
        import regex  # noqa: PLC0415

        self.pattern = compiled.pattern
        self._search: Callable[..., Any] = regex.compile(compiled.pattern).search

    def search(self, string: str) -> Any:
        try:
            return self._search(string, timeout=LIMIT_S)
        except TimeoutError:
            raise SlowPatternError(
                f"Regular expression {self.pattern!r} of the user group permissions takes too "
                f"long with the name {string!r}: simplify its repetitions"
            ) from None
