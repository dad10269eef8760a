"""Where a lock key comes from when nobody types it: a variable, or a file in the home."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

KEY_VARIABLE = "QSERVER_LOCK_KEY"
# Where people have it already who come from other clients.
KEY_FILE = Path("~/.config/qserver/default_lock_key.txt")


def kept_key(environment: Mapping[str, str], *, private: bool = False) -> str | None:
    """Return the key of the variable, else the first line of the file; None without either.

    With ``private``, a file that others can read does not count.
    """
    key = environment.get(KEY_VARIABLE)
    if key:
        return key
    try:
        path = KEY_FILE.expanduser()
        if private and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            return None
        lines = path.read_text().splitlines()
    except (OSError, RuntimeError, UnicodeError):
        return None
    return lines[0].strip() or None if lines else None
