"""Values of user code as plain JSON data."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, datetime
from datetime import time as time_of_day
from enum import Enum
from pathlib import PurePath
from typing import Any

_MAX_DEPTH = 100


def json_problem(value: Any) -> str | None:
    """Say why the standard JSON encoder refuses the value; None when it takes it."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None


def plain(value: Any) -> Any:
    """Return a copy made of dict, list, str, int, float, bool and None; never fails.

    Mappings and sequences of any kind become dict and list, numpy arrays and numbers become
    lists and numbers; what has no counterpart in JSON becomes its ``repr``.
    """
    return _plain(value, 0)


def _plain(value: Any, depth: int) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {_key(key): _plain(value[key], depth + 1) for key in list(value)}
    simpler = _simpler(value)
    if simpler is not value:
        return _plain(simpler, depth + 1)
    if isinstance(value, (Sequence, Set)):
        return [_plain(element, depth + 1) for element in value]
    return _repr(value)


def _simpler(value: Any) -> Any:
    """Turn one value into a more basic one, or return it as it is."""
    for types, simplify in _SIMPLIFICATIONS:
        if isinstance(value, types):
            return simplify(value)
    # Without numpy in the process there is nothing of numpy to convert.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        converted = value.tolist()
        return _repr(value) if isinstance(converted, numpy.generic) else converted
    return value


_SIMPLIFICATIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    (str, str),
    (int, int),
    (float, float),
    ((bytes, bytearray, memoryview), lambda v: bytes(v).decode("utf-8", "backslashreplace")),
    ((datetime, date, time_of_day), lambda value: value.isoformat()),
    (PurePath, str),
)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    return str(key)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - user classes may raise anything here
        return f"<{type(value).__name__} ({type(error).__name__} in repr)>"
