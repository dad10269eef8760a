"""Which part of the Run Engine's metadata may be shown.

A path ``/a/b`` permits the value under these keys with all below it, ``/`` everything. A
trailing slash is ignored; an empty list permits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def permitted(metadata: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return what the paths permit of the metadata, in the order of the metadata."""
    return _selected(metadata, _routes(paths))


def is_permitted(keys: Sequence[str], paths: Iterable[str]) -> bool:
    """Return whether the value under these keys is among what the paths permit."""
    return any(tuple(keys[: len(route)]) == route for route in _routes(paths))


def _routes(paths: Iterable[str]) -> list[tuple[str, ...]]:
    return [tuple(p for p in path.split("/") if p) for path in paths if path.startswith("/")]


def _selected(part: Mapping[str, Any], routes: list[tuple[str, ...]]) -> dict[str, Any]:
    if () in routes:
        return dict(part)
    result: dict[str, Any] = {}
    for key, value in part.items():
        below = [route[1:] for route in routes if route[0] == key]
        if () in below:
            result[key] = value
        elif below and isinstance(value, Mapping):
            inner = _selected(value, below)
            if inner:
                result[key] = inner
    return result
