"""The decorator with which authors describe parameters, and the type expressions it takes.

The decorator only checks and attaches; the list of plans is where its words take effect.
"""

from __future__ import annotations

import ast
import collections
import copy
import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
_TYPE_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")

ATTRIBUTE = "_custom_parameter_annotation_"
LIST_KEYS = ("devices", "plans", "enums")
NUMBER_KEYS = ("min", "max", "step")
FLAG_KEYS = ("convert_plan_names", "convert_device_names")

DEVICE_MARKERS = frozenset(
    {"__DEVICE__", "__READABLE__", "__MOVABLE__", "__FLYABLE__", "__PLAN_OR_DEVICE__"}
)
PLAN_MARKERS = frozenset({"__PLAN__", "__PLAN_OR_DEVICE__"})
CALLABLE_MARKER = "__CALLABLE__"
MARKERS = DEVICE_MARKERS | PLAN_MARKERS | {CALLABLE_MARKER}

_SIMPLE_TYPES = frozenset(
    cls.__name__
    for cls in (
        *(int, float, complex, str, bytes, bool),
        *(list, tuple, set, frozenset, dict, object, type(None)),
    )
)
_PROTOCOLS = "bluesky.protocols"
_MODULES = {
    "typing": typing,
    "collections": collections,
    "collections.abc": collections.abc,
}
_TYPE_EXPRESSION_NODES = (
    ast.Expression,
    ast.Name,
    ast.Load,
    ast.Attribute,
    ast.Subscript,
    ast.Tuple,
    ast.List,
    ast.Constant,
    ast.BinOp,
    ast.BitOr,
    ast.UnaryOp,
    ast.USub,
)


def parameter_annotation_decorator(annotation: dict[str, Any]) -> Callable[[_F], _F]:
    """Describe a plan and its parameters for the queue server.

    The plan itself runs as before. The dictionary may hold ``description``, a text, and
    ``parameters``, a dictionary that gives for each parameter any of

    ``description``
        A text.
    ``annotation``
        A type expression as text, in which names of ``typing`` and ``collections.abc`` are
        written in full, and which may use the types defined under the next three keys.
    ``devices``, ``plans``
        Types whose values are names: ``{"Detectors": ["det1", ":^sim"]}``. Entries are names
        or patterns.
    ``enums``
        Types whose values are the given strings.
    ``default``
        A default that replaces the one in the header of the plan.
    ``min``, ``max``, ``step``
        Numbers for the range and for the steps of input fields.
    ``convert_device_names``, ``convert_plan_names``
        Whether strings are replaced by the devices or plans of that name.

    Raises
    ------
    ValueError
        When a parameter is not in the header of the plan, or a key is unknown.
    TypeError
        When a value has the wrong type.
    """
    _check(annotation)

    def decorate(func: _F) -> _F:
        known = inspect.signature(func).parameters
        for name in annotation.get("parameters", {}):
            if name not in known:
                raise ValueError(
                    f"Parameter {name!r} is described in the decorator, but the function "
                    f"{getattr(func, '__name__', func)!r} has no such parameter"
                )
        # A wrapper, so that the undecorated function stays as it is.
        if inspect.isgeneratorfunction(func):

            @functools.wraps(func)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return (yield from func(*args, **kwargs))
        else:

            @functools.wraps(func)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return func(*args, **kwargs)

        setattr(wrapper, ATTRIBUTE, copy.deepcopy(annotation))
        return wrapper  # type: ignore[return-value]

    return decorate


# --------------------------------------------------------------------- what the dict may hold


def _check(annotation: Any) -> None:
    _expect_mapping(annotation, "Annotation of the plan")
    _expect_keys(annotation, ("description", "parameters"), "Annotation of the plan")
    if "description" in annotation:
        _expect_type(annotation["description"], str, "Description of the plan")
    parameters = annotation.get("parameters", {})
    _expect_mapping(parameters, "'parameters' of the plan's annotation")
    for name, facts in parameters.items():
        _check_parameter(name, facts)


def _check_parameter(name: Any, facts: Any) -> None:
    what = f"Annotation of parameter {name!r}"
    _expect_mapping(facts, what)
    _expect_keys(
        facts,
        ("description", "annotation", *LIST_KEYS, "default", *NUMBER_KEYS, *FLAG_KEYS),
        what,
    )
    for key, value in facts.items():
        label = f"{key!r} of parameter {name!r}"
        if key in ("description", "annotation"):
            _expect_type(value, str, label)
        elif key in LIST_KEYS:
            _check_types(value, label)
        elif key in NUMBER_KEYS:
            _expect_number(value, label)
        elif key in FLAG_KEYS:
            _expect_type(value, bool, label)


def _check_types(types: Any, label: str) -> None:
    _expect_mapping(types, label)
    for name, entries in types.items():
        if not isinstance(name, str) or not _TYPE_NAME.fullmatch(name):
            raise ValueError(
                f"{label}: {name!r} is no name of a type: letters, digits and underscores only"
            )
        if not isinstance(entries, (list, tuple)) or not all(isinstance(e, str) for e in entries):
            raise TypeError(f"{label}: {name!r} must be a list of strings, not {entries!r}")


def _expect_mapping(value: Any, what: str) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} must be a dictionary, not {type(value).__name__!r}")


def _expect_keys(value: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    unknown = [key for key in value if key not in known]
    if unknown:
        raise ValueError(f"{what} has unknown keys {unknown}. Known keys: {list(known)}")


def _expect_type(value: Any, expected: type, what: str) -> None:
    if not isinstance(value, expected):
        raise TypeError(
            f"{what} must have type {expected.__name__!r}, not {type(value).__name__!r}"
        )


def _expect_number(value: Any, what: str) -> None:
    # Numbers of numpy are welcome, but neither True nor "5".
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise TypeError(f"{what} must be a number, not {value!r}")


# -------------------------------------------------------------------------- type expressions


def check_type_expression(text: str, custom_types: Collection[str]) -> None:
    """Make sure that a client can decode a type expression without running code.

    Raises
    ------
    ValueError
        When it is no expression, uses an unknown name or does not use a defined one.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"Type {text!r} is no valid expression: {error}") from error
    for node in ast.walk(tree):
        if not isinstance(node, _TYPE_EXPRESSION_NODES):
            kind = type(node).__name__
            raise ValueError(f"Type {text!r} may not contain {kind!r}")  # noqa: TRY004 - no type
        if isinstance(node, ast.Attribute) and not _is_known(node):
            raise ValueError(f"Type {text!r}: name {ast.unparse(node)!r} is not defined")
    used = used_names(text)
    known = {*custom_types, *MARKERS, *_SIMPLE_TYPES, "typing", "collections", "bluesky"}
    for name in sorted(used - known):
        raise ValueError(f"Type {text!r}: name {name!r} is not defined")
    unused = sorted(set(custom_types) - used)
    if unused:
        raise ValueError(f"Type {text!r} does not use the defined types {unused}")


def _is_known(node: ast.Attribute) -> bool:
    place = ast.unparse(node.value)
    if place == _PROTOCOLS:
        # Whoever writes down a protocol of bluesky has bluesky loaded.
        protocol = getattr(sys.modules.get(_PROTOCOLS), node.attr, None)
        return getattr(protocol, "_is_protocol", False) is True
    if ast.unparse(node) == _PROTOCOLS:
        return True  # the name behind it decides
    module = _MODULES.get(place)
    return module is not None and not node.attr.startswith("_") and hasattr(module, node.attr)


def used_names(text: str) -> set[str]:
    """Return the plain names in a type expression."""
    tree = ast.parse(text.strip(), mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
