"""A plan as plain data: its parameters, their types and defaults, texts for people."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .annotation_text import annotation_text
from .annotations import (
    ATTRIBUTE,
    CALLABLE_MARKER,
    DEVICE_MARKERS,
    FLAG_KEYS,
    LIST_KEYS,
    NUMBER_KEYS,
    PLAN_MARKERS,
    check_type_expression,
    used_names,
)
from .docstrings import Texts, read_docstring
from .name_patterns import select_devices, select_names

_NO_MODULE = "<run_path>"
_MAX_REPR = 200


class InvalidPlanError(Exception):
    """A plan can not be described; says which and why."""


@dataclass(frozen=True)
class Names:
    """What the name lists of decorators choose from: device descriptions, names of plans."""

    devices: Mapping[str, Any]
    plans: Collection[str]


def is_plan(candidate: Any) -> bool:
    """Return True for generator functions, and for what is marked as a plan."""
    try:
        return inspect.isgeneratorfunction(candidate) or (
            # The very value: mocks and proxies answer any question with something true.
            getattr(candidate, "_is_plan_", False) is True and not inspect.isclass(candidate)
        )
    except Exception:  # noqa: BLE001 - looking at attributes runs code of strangers
        return False


def describe_plan(
    name: str, plan: Callable[..., Any], names: Names, *, strict: bool = False
) -> dict[str, Any]:
    """Return the description of a plan under its name in the namespace.

    With ``strict`` every default must be plain data; else one that is not is only noted.

    Raises
    ------
    InvalidPlanError
        When the signature can not be read, or the decorator says something impossible.
    """
    try:
        return _described(name, plan, names, strict=strict)
    except (TypeError, ValueError) as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - signatures, defaults and attributes of strangers
        reason = f"{type(error).__name__}: {error}"
    raise InvalidPlanError(f"Failed to create description of plan {name!r}: {reason}")


def _described(
    name: str, plan: Callable[..., Any], names: Names, *, strict: bool
) -> dict[str, Any]:
    decorator = _decorator(plan)
    texts = _texts(plan)
    signature = inspect.signature(plan)
    hints = _header_types(plan, signature)
    parameters = [
        _describe_parameter(parameter, hints, decorator, texts, names)
        for parameter in signature.parameters.values()
    ]
    if strict:
        _refuse_unknown_defaults(parameters)
    description: dict[str, Any] = {
        "name": name,
        "properties": {"is_generator": inspect.isgeneratorfunction(plan)},
        "parameters": parameters,
    }
    module = getattr(_innermost(plan), "__module__", None)
    if isinstance(module, str) and module != _NO_MODULE:
        description["module"] = module
    text = decorator.get("description") or texts.description
    if text:
        description["description"] = text
    return description


def _texts(plan: Callable[..., Any]) -> Texts:
    try:
        return read_docstring(inspect.getdoc(_innermost(plan)))
    except Exception:  # noqa: BLE001 - texts are for people only, and no reason to lose a plan
        return Texts()


def _describe_parameter(
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    decorator: Mapping[str, Any],
    texts: Texts,
    names: Names,
) -> dict[str, Any]:
    facts = decorator.get("parameters", {}).get(parameter.name, {})
    kind = {"name": parameter.kind.name, "value": int(parameter.kind)}
    description: dict[str, Any] = {"name": parameter.name, "kind": kind}
    text = facts.get("description") or texts.parameters.get(parameter.name)
    if text:
        description["description"] = text
    annotation = _annotation(parameter.name, facts, hints)
    if annotation is not None:
        description["annotation"] = _expanded(annotation, names)
        description.update(_flags(annotation))
    description.update({key: facts[key] for key in FLAG_KEYS if key in facts})
    description.update(_default(parameter, facts))
    description.update({k: _number_text(k, facts[k]) for k in NUMBER_KEYS if k in facts})
    return description


# ------------------------------------------------------------------------------------- types


def _header_types(plan: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return the annotations of the header; those written as text are evaluated one by one."""
    function = inspect.unwrap(_innermost(plan))
    global_names = getattr(function, "__globals__", {})
    types: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        annotation = parameter.annotation
        if isinstance(annotation, str):
            try:
                annotation = _evaluated(annotation, global_names)
            except Exception:  # noqa: BLE001 - what can not be evaluated is no type
                continue
        if annotation is not parameter.empty:
            types[name] = annotation
    return types


def _evaluated(annotation: str, global_names: dict[str, Any]) -> Any:
    """Evaluate a postponed annotation where it was written, as ``typing`` does."""
    holder = type("Holder", (), {"__annotations__": {"value": annotation}})
    return typing.get_type_hints(holder, globalns=global_names)["value"]


def _annotation(
    name: str, facts: Mapping[str, Any], hints: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the type of a parameter, with the lists of the decorator as they were written."""
    if "annotation" not in facts:
        # Lists of names mean nothing without the type that uses them.
        text = annotation_text(hints[name]) if name in hints else None
        return None if text is None else {"type": text}
    lists = {key: facts[key] for key in LIST_KEYS if facts.get(key)}
    custom_types = [type_name for types in lists.values() for type_name in types]
    repeated = {n for n in custom_types if custom_types.count(n) > 1}
    if repeated:
        raise ValueError(f"parameter {name!r}: types {sorted(repeated)} are defined twice")
    check_type_expression(facts["annotation"], custom_types)
    return {"type": facts["annotation"], **lists}


def _expanded(annotation: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Replace the patterns in the lists by the names they select."""
    expanded: dict[str, Any] = {"type": annotation["type"]}
    if "devices" in annotation:
        expanded["devices"] = {
            name: _sorted_names(select_devices(list(entries), names.devices))
            for name, entries in annotation["devices"].items()
        }
    if "plans" in annotation:
        expanded["plans"] = {
            name: _sorted_names(select_names(list(entries), names.plans))
            for name, entries in annotation["plans"].items()
        }
    if "enums" in annotation:
        expanded["enums"] = {n: list(values) for n, values in annotation["enums"].items()}
    return expanded


def _sorted_names(names: Collection[str]) -> list[str]:
    # By capitals, as other servers do: "motors" stands before "motor_x".
    return sorted(names, key=lambda name: (name.upper(), name))


def _flags(annotation: Mapping[str, Any]) -> dict[str, bool]:
    """Say what is to be converted, judging by the markers in the type."""
    custom = {name for key in LIST_KEYS for name in annotation.get(key, {})}
    used = used_names(annotation["type"]) - custom
    flags = {
        "convert_device_names": not used.isdisjoint(DEVICE_MARKERS),
        "convert_plan_names": not used.isdisjoint(PLAN_MARKERS),
        "eval_expressions": CALLABLE_MARKER in used,
    }
    return {name: True for name, is_set in flags.items() if is_set}


# ------------------------------------------------------------------------- defaults, numbers


def _default(parameter: inspect.Parameter, facts: Mapping[str, Any]) -> dict[str, Any]:
    in_decorator = facts.get("default")
    if in_decorator is not None:
        if parameter.default is parameter.empty:
            raise ValueError(
                f"parameter {parameter.name!r} has a default in the decorator, "
                "but none in the header of the plan"
            )
        text = _literal(in_decorator)
        if text is None:
            raise ValueError(
                f"parameter {parameter.name!r}: the default {_short_repr(in_decorator)} "
                "of the decorator is no plain value"
            )
        return {"default": text, "default_defined_in_decorator": True}
    if parameter.default is parameter.empty:
        return {}
    text = _literal(parameter.default)
    # The parameter stays optional; clients only can not show what it will be.
    return {"x_default_repr": _short_repr(parameter.default)} if text is None else {"default": text}


def _refuse_unknown_defaults(parameters: list[dict[str, Any]]) -> None:
    for parameter in parameters:
        if "x_default_repr" in parameter:
            raise ValueError(
                f"parameter {parameter['name']!r}: The expression {parameter['x_default_repr']!r} "
                "can not be evaluated: the default is no plain value"
            )


def _literal(value: Any) -> str | None:
    """Return the ``repr`` of a value that can be read back, else None."""
    try:
        text = repr(value)
        ast.literal_eval(text)
    except Exception:  # noqa: BLE001 - a repr of strangers may be any text, or fail
        return None
    return text


def _short_repr(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - user classes may raise anything here
        text = f"<{type(value).__name__} ({type(error).__name__} in repr)>"
    return text if len(text) <= _MAX_REPR else f"{text[: _MAX_REPR - 1]}…"


def _number_text(key: str, value: Any) -> str:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(
            f"{key!r} must be a finite number, not {value!r}; leave it out for no limit"
        )
    return str(int(number)) if number.is_integer() else str(number)


# ---------------------------------------------------------------------------- inside the plan


def _decorator(plan: Callable[..., Any]) -> dict[str, Any]:
    described = getattr(_innermost(plan), ATTRIBUTE, None)
    return described if isinstance(described, dict) else {}


def _innermost(plan: Any) -> Any:
    """Return the function inside partial objects: it has the name, module and texts."""
    while isinstance(plan, functools.partial):
        plan = plan.func
    return plan
