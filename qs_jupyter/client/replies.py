"""How a reply looks on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

# Descriptions of plans and devices fill pages; a terminal shows which there are.
_NAMES_ONLY = ("plans_allowed", "plans_existing", "devices_allowed", "devices_existing")


def shown(method: str, reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a reply that a terminal shows: all of it, descriptions as sorted names."""
    if method not in _NAMES_ONLY:
        return dict(reply)
    return {
        key: dict.fromkeys(sorted(value), "{...}")
        if key == method and isinstance(value, dict)
        else value
        for key, value in reply.items()
    }


def message(method: str, reply: Mapping[str, Any], now: datetime) -> str:
    """Return a reply as text: the time and the whole reply as a Python map."""
    # Only here, because a machine-readable reply does not need it.
    from pprint import pformat  # noqa: PLC0415

    text = pformat(shown(method, reply), sort_dicts=False)
    return f"{now:%H:%M:%S} - MESSAGE: \n{text}"


def error(text: str, now: datetime) -> str:
    """Return the failure to get a reply as text."""
    return f"{now:%H:%M:%S} - ERROR: ZMQ communication error: {text}"


def machine_readable(reply: Mapping[str, Any]) -> str:
    """Return a reply as one line of JSON."""
    return json.dumps(reply)
