"""Descriptions of parameters, as tests of the catalogue and of calls write them."""

from __future__ import annotations

import inspect
from typing import Any

POSITIONAL_ONLY, NORMAL, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = (
    {"name": kind.name, "value": kind.value} for kind in inspect._ParameterKind
)


def parameter(
    name: str, type_: str | None = None, kind: dict[str, Any] = NORMAL, **more: Any
) -> dict[str, Any]:
    """Return a description of a parameter."""
    described: dict[str, Any] = {"name": name, "kind": kind}
    lists = {key: more.pop(key) for key in ("devices", "plans", "enums") if key in more}
    if type_ is not None:
        described["annotation"] = {"type": type_, **lists}
    return {**described, **more}
