"""How many files and connections this process may have open.

Shells and service managers allow 1024 by default, for programs that use `select`; ours does not.
Each client is a connection, and some programs open one for each request and never close it: at
the limit, nobody else could connect, and no worker could be started.
"""

from __future__ import annotations

import contextlib

MANY = 65_536


def allow_many_connections() -> None:
    """Raise the limit as far as the system lets us, where there is one."""
    try:
        import resource  # noqa: PLC0415 - there is none outside of Unix
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MANY if hard == resource.RLIM_INFINITY else min(MANY, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS may refuse what it has just named as the limit.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
