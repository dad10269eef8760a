"""The metadata of the Run Engine as plain data, and what in it has no counterpart in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .plain_data import plain

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def describe_metadata(metadata: Any) -> dict[str, Any]:
    """Return ``{"metadata": plain data, "foreign": [{"path", "type", "full_type"}]}``.

    ``foreign`` lists the values that are no JSON, by the keys that lead to them. They are in
    the plain data in another form; whether that will do is for the manager to say.

    Raises
    ------
    RuntimeError
        The metadata is no mapping, or one that fails.
    """
    try:
        found = {key: metadata[key] for key in list(metadata)}
    except Exception as error:
        raise RuntimeError(
            f"Failed to convert Run Engine metadata to dictionary: {type(error).__name__}: {error}"
        ) from error
    return {"metadata": plain(found), "foreign": list(_foreign(found, []))}


def _foreign(value: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    if value is None or isinstance(value, (str, int, float)):
        return
    if isinstance(value, Mapping):
        for key in list(value):
            yield from _foreign(value[key], [*path, str(key)])
    elif isinstance(value, (list, tuple)):
        for element in value:
            yield from _foreign(element, path)
    else:
        kind = type(value)
        yield {"path": path, "type": kind.__name__, "full_type": _c_name(kind)}


def _c_name(kind: type) -> str:
    """Return the name by which C code knows the type: with its module if made in C."""
    if kind.__flags__ & _HEAP_TYPE or kind.__module__ == "builtins":
        return kind.__name__
    return f"{kind.__module__}.{kind.__name__}"
