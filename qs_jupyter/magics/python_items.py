"""Python calls become queue items: ``count([det1, det2], num=3)``, alone or in a whole cell.

The code runs in a namespace made for it and thrown away afterwards. A name means, in this
order: what the code itself has defined, an allowed plan, an allowed device, a variable of the
notebook, a builtin. Plans and devices are only names there: calling a plan makes an item, and
``motor.user_setpoint`` is that name with dots. Nothing reaches the real objects.
"""

from __future__ import annotations

import ast
import builtins
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import CodeType
from typing import Any

from qs_jupyter.api.phrase_slots import parse_map
from qs_jupyter.errors import BadRequest
from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.plain import (
    DeviceName,
    PlanName,
    PlannedItem,
    UnknownPartError,
    UnsendableError,
    plain,
)

CELL = "<%%qserver>"
QUEUE_STOP = "queue_stop"


class UnknownNameError(NameError):
    """Neither plan nor device, neither variable nor builtin has the name."""


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What names mean: allowed plans and devices by name, and the notebook's variables."""

    plans: Mapping[str, Any] = field(default_factory=dict)
    devices: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


class Namespace(dict[str, Any]):
    """The globals of the code; asks for what the code itself has not defined."""

    def __init__(self, known: KnownNames) -> None:
        super().__init__(__builtins__=builtins, __name__="__qserver__")
        self._known = known
        self.items_made: list[PlannedItem] = []

    def __missing__(self, name: str) -> Any:
        known = self._known
        if name in known.plans:
            return PlanName(name, self.items_made.append)
        if name in known.devices:
            return DeviceName(name, known.devices[name])
        if name in known.variables:
            return known.variables[name]
        if name == QUEUE_STOP:
            return PlanName(name, self.items_made.append, "instruction")
        if hasattr(builtins, name):
            return getattr(builtins, name)
        raise UnknownNameError(self._unknown(name), name=name)

    def _unknown(self, name: str) -> str:
        known = self._known
        hint = suggestion(name, (*known.plans, *known.devices, *_public(known.variables)))
        if not hint and not known.plans:
            hint = "; no plan is known yet: open the environment first"
        return f"unknown name {name!r}{hint}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean det2 or det?``, or nothing when no name is close."""
    close = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def items_of_cell(source: str, known: KnownNames) -> list[dict[str, Any]]:
    """Run the code of a cell; return an item for each plan that it calls, in this order.

    Raises
    ------
    MagicFailure
        The code cannot be read, or a line of it fails; the text has the number of the line.
    """
    namespace = Namespace(known)
    try:
        exec(_compiled(source, "exec"), namespace)
    except MagicFailure:
        raise
    except Exception as error:
        raise MagicFailure(_place(error) + _reason(error)) from error
    return [made.item for made in namespace.items_made]


def item_of_text(text: str, known: KnownNames) -> dict[str, Any]:
    """Return the plan that a text stands for: JSON, a map, or a Python call.

    Raises
    ------
    MagicFailure
        The text is none of them, or holds something that cannot be sent.
    """
    if text.startswith("{"):
        try:
            return {**parse_map(text, "ITEM"), "item_type": "plan"}
        except BadRequest:
            # Perhaps names stand in the map, as in ``{"name": "count", "args": [[det1]]}``.
            pass
    if text.replace("-", "_") == QUEUE_STOP:
        return {"item_type": "instruction", "name": QUEUE_STOP}
    value = _value(text, Namespace(known))
    if isinstance(value, PlannedItem):
        return value.item
    if isinstance(value, PlanName):
        raise MagicFailure(f"{value} is a plan, and an item is a call of it: {value}(…)")
    if isinstance(value, Mapping) and "name" in value:
        return {"item_type": "plan", **_sendable(value)}
    raise MagicFailure(f"{text!r} is no call of a plan, like count([det1], num=3)")


def value_of_text(text: str, known: KnownNames) -> Any:
    """Return the value of one argument as it is sent.

    Raises
    ------
    MagicFailure
        The text cannot be read, or its value cannot be sent.
    """
    return _sendable(_value(text, Namespace(known)))


def function_of_text(text: str, known: KnownNames) -> dict[str, Any]:
    """Return the function call that a text stands for: JSON, a map, or a Python call.

    The name of the function need not be known here; its arguments are read like a plan's.

    Raises
    ------
    MagicFailure
        The text is none of them, or holds something that cannot be sent.
    """
    source = text.strip()
    if source.startswith("{"):
        return {**parse_map(source, "FUNCTION"), "item_type": "function"}
    call = _tree(source, "eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise MagicFailure(f"{source!r} is no call of a function, like function_sleep(20)")
    made: list[PlannedItem] = []
    namespace = Namespace(known)
    namespace[call.func.id] = PlanName(call.func.id, made.append, "function")
    _run(_compiled(source, "eval"), namespace)
    return made[-1].item


# --------------------------------------------------------------------------- running the code


def _value(text: str, namespace: Namespace) -> Any:
    return _run(_compiled(text.strip(), "eval"), namespace)


def _run(code: CodeType, namespace: Namespace) -> Any:
    try:
        return eval(code, namespace)  # the user's own code, in the user's own kernel
    except Exception as error:
        raise MagicFailure(_reason(error)) from error


def _compiled(source: str, mode: str) -> CodeType:
    return compile(_tree(source, mode), CELL, mode)


def _tree(source: str, mode: str) -> Any:
    try:
        return ast.parse(source, CELL, mode)
    except SyntaxError as error:
        place = f"line {error.lineno}: " if error.lineno and "\n" in source else ""
        shown = f": {error.text.strip()}" if error.text else ""
        raise MagicFailure(f"{place}{error.msg}{shown}") from None
    except ValueError as error:
        raise MagicFailure(str(error)) from None


def _place(error: Exception) -> str:
    """Return the number of the last line of the cell that took part."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == CELL]
    return f"line {lines[-1]}: " if lines else ""


def _reason(error: Exception) -> str:
    if isinstance(error, UnknownNameError | UnknownPartError | UnsendableError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _sendable(value: Any) -> Any:
    try:
        return plain(value)
    except UnsendableError as error:
        raise MagicFailure(str(error)) from None


def _public(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]
