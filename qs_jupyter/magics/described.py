"""Plans and devices in words: signatures, types of parameters, what a device can do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from qs_jupyter.magics.display import Look, Table, View
from qs_jupyter.magics.wording import count

Data = Mapping[str, Any]

_MARKS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
_MARKERS = {
    "__READABLE__": "readable",
    "__MOVABLE__": "movable",
    "__FLYABLE__": "flyable",
    "__DEVICE__": "device",
    "__PLAN__": "plan",
    "__PLAN_OR_DEVICE__": "plan or device",
    "__CALLABLE__": "callable",
}
_MODULES = re.compile(r"\b(?:[a-z_]\w*\.)+(?=\w)")


def signature(plan: Data, *, typed: bool = False) -> str:
    """Return the parameters of a described plan as in Python, with or without their types."""
    parts = []
    is_bare_star_due = True
    for parameter in plan.get("parameters") or []:
        kind = (parameter.get("kind") or {}).get("name", "")
        if kind == "KEYWORD_ONLY" and is_bare_star_due:
            parts.append("*")
        if kind in ("KEYWORD_ONLY", "VAR_POSITIONAL"):
            is_bare_star_due = False
        hint = type_text(parameter) if typed else ""
        default = parameter.get("default")
        equals = " = " if hint else "="
        parts.append(
            f"{_MARKS.get(kind, '')}{parameter['name']}{f': {hint}' if hint else ''}"
            f"{f'{equals}{default}' if default is not None else ''}"
        )
    return f"({', '.join(parts)})"


def type_text(parameter: Data) -> str:
    """Return the type of a parameter as short as it can be understood."""
    text = str((parameter.get("annotation") or {}).get("type", ""))
    for marker, word in _MARKERS.items():
        text = text.replace(marker, word)
    return _MODULES.sub("", text)


def parameter_table(plan: Data) -> Table:
    """Show the parameters of a plan, one in a row."""
    rows = [
        (
            f"{_MARKS.get((each.get('kind') or {}).get('name', ''), '')}{each['name']}",
            type_text(each),
            str(each.get("default", "")),
            _limits(each) + str(each.get("description", "")).strip(),
        )
        for each in plan.get("parameters") or []
    ]
    return Table(("parameter", "type", "default", "meaning"), rows)


def _limits(parameter: Data) -> str:
    limits = [f"{key} {parameter[key]}" for key in ("min", "max", "step") if key in parameter]
    return f"({', '.join(limits)}) " if limits else ""


def plans(reply: Data, look: Look, _facts: Data) -> View:
    """Show plans with their parameters."""
    found = _first_map(reply)
    rows = [
        (name, signature(plan), str(plan.get("description", "")).partition("\n")[0])
        for name, plan in sorted(found.items())
    ]
    table = _shown(("plan", "parameters", "description"), rows, look)
    hint = ["More about one of them: %qserver help PLAN"] if rows else []
    return View(count(len(found), "plan"), (), table, hints=hint)


def devices(reply: Data, look: Look, _facts: Data) -> View:
    """Show devices with what they can do."""
    found = _first_map(reply)
    rows = [
        (
            name,
            str(device.get("classname", "")),
            abilities(device),
            ", ".join(device.get("components") or {}),
        )
        for name, device in sorted(found.items())
    ]
    table = _shown(("device", "class", "can be", "parts"), rows, look)
    return View(count(len(found), "device"), (), table)


def abilities(device: Data) -> str:
    """Return what can be done with a device."""
    words = {"is_readable": "read", "is_movable": "moved", "is_flyable": "flown"}
    return ", ".join(word for flag, word in words.items() if device.get(flag))


def _shown(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], look: Look) -> list[Table]:
    return [Table(headings, rows[: look.rows], len(rows) - look.rows)] if rows else []


def _first_map(reply: Data) -> Mapping[str, Any]:
    return next((value for value in reply.values() if isinstance(value, Mapping)), {})
