"""Numbers, times and states in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qs_jupyter.magics.display import Badge

SHORT_UID = 8

_BUSY = (
    "executing_queue",
    "starting_queue",
    "executing_task",
    "executing_plan",
    "creating_environment",
    "closing_environment",
    "destroying_environment",
    "initializing",
    "running",
)
_TONES = {
    **dict.fromkeys(_BUSY, "busy"),
    **dict.fromkeys(("idle", "open", "completed"), "good"),
    **dict.fromkeys(("paused", "panicked", "failed", "aborted", "halted", "unknown"), "bad"),
}


def badge(label: str, value: Any) -> Badge:
    """Return a state or number with the tone that it has."""
    text = str(value)
    return Badge(label, text.replace("_", " "), _TONES.get(text, "plain"))


def short_uid(item: Mapping[str, Any]) -> str:
    """Return the beginning of an item's UID, by which it can be named."""
    return str(item.get("item_uid", ""))[:SHORT_UID]


def count(number: int, what: str) -> str:
    """Return a number of things."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def local_time(moment: Any, now: float = 0.0) -> str:
    """Return a time as people read it; that of today without the date."""
    if not isinstance(moment, int | float):
        return ""
    then = datetime.fromtimestamp(moment).astimezone()
    is_today = then.date() == datetime.fromtimestamp(now).astimezone().date()
    return then.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
