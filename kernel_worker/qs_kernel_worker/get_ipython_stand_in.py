"""What ``get_ipython`` gives to startup code that runs without IPython."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MISSING = object()


class ShellStandIn:
    """As much of a shell as plain startup code may use: the namespace and a logger."""

    def __init__(self, user_ns: dict[str, Any]) -> None:
        self.user_ns = user_ns
        self.log = logging.getLogger("qs_kernel_worker.startup_code")


@contextmanager
def stand_in(user_ns: dict[str, Any]) -> Iterator[None]:
    """Let ``get_ipython`` return the stand-in, however startup code comes by the function.

    Libraries that ask for the shell while they are imported get the one of the kernel.
    """
    import IPython  # noqa: PLC0415 - heavy
    from IPython.core import getipython  # noqa: PLC0415 - heavy

    original = getipython.get_ipython
    get_ipython = _get_ipython_for(user_ns, original)
    in_namespace = user_ns.get("get_ipython", _MISSING)
    IPython.get_ipython = getipython.get_ipython = get_ipython
    user_ns["get_ipython"] = get_ipython
    try:
        yield
    finally:
        IPython.get_ipython = getipython.get_ipython = original
        # Consoles that attach later need the real one for their magics.
        if in_namespace is _MISSING:
            user_ns.pop("get_ipython", None)
        else:
            user_ns["get_ipython"] = in_namespace


def _get_ipython_for(user_ns: dict[str, Any], original: Callable[[], Any]) -> Callable[[], Any]:
    shell = ShellStandIn(user_ns)

    def get_ipython() -> Any:
        caller = sys._getframe(1)  # noqa: SLF001 - the only way to learn who asks
        return shell if caller.f_globals is user_ns else original()

    return get_ipython
