"""What was typed into the fields of a form becomes a plan, and a plan becomes what was typed."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.client.plan_tools import bind_plan_arguments
from qs_widgets import wording
from qs_widgets.form_fields import Field

Values = Mapping[str, Any]
_NOTHING = object()


@dataclass(slots=True)
class Typed:
    """A call read from a form, and what is wrong with it by field."""

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def collect(fields: Sequence[Field], values: Values) -> Typed:
    """Return the call that was typed.

    What is required comes first and without names, what is optional by name, except in front
    of variable arguments, where Python wants places.
    """
    typed = Typed()
    read = {each["name"]: _read(each, values.get(each["name"]), typed) for each in fields}
    variable = next((each for each in fields if each["passed"] == "VAR_POSITIONAL"), None)
    by_place = variable is not None and read[variable["name"]] is not _NOTHING
    for each in fields:
        _place(each, read[each["name"]], typed, by_place=by_place)
        by_place = by_place and each is not variable
    return typed


def _place(each: Field, value: Any, typed: Typed, *, by_place: bool) -> None:
    name, passed = each["name"], each["passed"]
    if value is _NOTHING and by_place and passed != "KEYWORD_ONLY" and each["optional"]:
        value = _default(each)
    if value is _NOTHING:
        if not each["optional"] and name not in typed.errors:
            typed.errors[name] = "This is needed"
    elif passed == "VAR_POSITIONAL":
        typed.args.extend(value)
    elif passed == "VAR_KEYWORD":
        typed.kwargs.update(value)
    elif by_place or passed == "POSITIONAL_ONLY" or _comes_first(each, typed):
        typed.args.append(value)
    else:
        typed.kwargs[name] = value


def _comes_first(each: Field, typed: Typed) -> bool:
    is_plain = each["passed"] == "POSITIONAL_OR_KEYWORD"
    return is_plain and not each["optional"] and not typed.kwargs


def _default(each: Field) -> Any:
    try:
        return ast.literal_eval(str(each["default"]))
    except (SyntaxError, ValueError):
        return _NOTHING


def _read(each: Field, value: Any, typed: Typed) -> Any:
    if value in (None, "", []):
        return _NOTHING
    try:
        return _READERS[each["kind"]](each, value)
    except ValueError as error:
        typed.errors[each["name"]] = str(error)
        return _NOTHING


def _number(each: Field, value: Any) -> Any:
    try:
        number = int(value) if each["integer"] else float(value)
    except ValueError:
        kind = "a whole number" if each["integer"] else "a number"
        raise ValueError(f"{value!r} is not {kind}") from None
    if each.get("min") is not None and number < each["min"]:
        raise ValueError(f"{number} is below the minimum {each['min']:g}")
    if each.get("max") is not None and number > each["max"]:
        raise ValueError(f"{number} is above the maximum {each['max']:g}")
    # 1.0 was typed as 1: keep what people see.
    return int(number) if number == int(number) and "." not in str(value) else number


def _pairs(_each: Field, value: Any) -> Any:
    found: dict[str, Any] = {}
    for key, text in value:
        if not str(key).strip():
            if str(text).strip():
                raise ValueError(f"A name is missing for {text!r}")
            continue
        found[str(key).strip()] = _loose(str(text))
    return found or _NOTHING


def _groups(each: Field, value: Any) -> Any:
    found: list[Any] = []
    for row in value:
        cells = [str(cell).strip() for cell in row]
        if not any(cells):
            continue
        titles = [column["title"] for column in each["columns"]]
        missing = [title for title, cell in zip(titles, cells, strict=False) if not cell]
        if missing:
            raise ValueError(f"{', '.join(missing)} is missing in a row")
        found += [wording.value_of(cell) for cell in cells]
    return found or _NOTHING


def _loose(text: str) -> Any:
    """Read a value of metadata: Python if it is, else the text itself."""
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        return text


_READERS = {
    "number": _number,
    "bool": lambda _each, value: value in (True, "True"),
    "text": lambda _each, value: str(value),
    "name": lambda _each, value: str(value),
    "names": lambda _each, value: [str(each) for each in value],
    "literal": lambda _each, value: wording.value_of(str(value)),
    "metadata": _pairs,
    "groups": _groups,
}


def typed_values(
    plan: Mapping[str, Any], fields: Sequence[Field], item: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what has to be typed to get an item.

    Raises
    ------
    TypeError
        The arguments do not fit the plan.
    """
    bound = bind_plan_arguments(
        plan_args=item.get("args") or [],
        plan_kwargs=item.get("kwargs") or {},
        plan_parameters=plan,
    ).arguments
    by_name = {each["name"]: each for each in fields}
    values = {name: _shown(by_name[name], value) for name, value in bound.items()}
    _part_number(fields, values)
    return values


def _part_number(fields: Sequence[Field], values: dict[str, Any]) -> None:
    """Take a number of points that was given behind the groups to its own field."""
    groups = next((each for each in fields if each["kind"] == "groups"), None)
    if groups is None or "num" not in {each["name"] for each in fields} or values.get("num"):
        return
    rows = values.get(groups["name"]) or []
    if rows and len(rows[-1]) == 1 and len(groups["columns"]) > 1:
        values["num"] = rows.pop()[0]


def _shown(each: Field, value: Any) -> Any:
    kind = each["kind"]
    if value is None:
        return ""
    if kind == "names" and isinstance(value, list | tuple):
        return [str(name) for name in value]
    if kind == "metadata" and isinstance(value, Mapping):
        return [[str(key), _bare(each)] for key, each in value.items()]
    if kind == "groups":
        width = len(each["columns"])
        cells = [_bare(cell) for cell in _flat(value, width)]
        return [cells[at : at + width] for at in range(0, len(cells), width)]
    if kind in ("number", "bool", "text", "name"):
        return str(value)
    return wording.literal(value, lambda text: text.isidentifier())


def _flat(value: Sequence[Any], width: int) -> list[Any]:
    """Return variable arguments in one row; groups may have come as lists of their own."""
    if width > 1 and all(isinstance(each, list | tuple) and len(each) == width for each in value):
        return [cell for each in value for cell in each]
    return list(value)


def _bare(value: Any) -> str:
    return value if isinstance(value, str) else wording.literal(value, lambda _text: False)
