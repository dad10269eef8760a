"""Items in words: as the Python call that people know, and how they ended."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

IsName = Callable[[str], bool]

LONGEST = 300
ENDS = {
    "completed": ("✓", "completed"),
    "failed": ("✗", "failed"),
    "stopped": ("■", "stopped"),
    "aborted": ("⊘", "aborted"),
    "halted": ("⊗", "halted"),
    "unknown": ("?", "unknown"),
}
BAD_ENDS = ("failed", "aborted", "halted", "unknown")


def parameters(item: Mapping[str, Any], is_name: IsName) -> str:
    """Return the arguments of an item as they stand between the brackets of a call."""
    args = [literal(value, is_name) for value in item.get("args") or ()]
    kwargs = [
        f"{key}={literal(value, is_name)}" for key, value in (item.get("kwargs") or {}).items()
    ]
    return ", ".join(args + kwargs)


def call(item: Mapping[str, Any], is_name: IsName) -> str:
    """Return an item as Python source; an instruction is its name with a hyphen."""
    if item.get("item_type") == "instruction":
        return str(item.get("name", "")).replace("_", "-")
    return f"{item.get('name', '')}({parameters(item, is_name)})"


def literal(value: Any, is_name: IsName) -> str:
    """Return a value as Python source, with the names of plans and devices bare."""
    if isinstance(value, str):
        return value if is_name(value) else repr(value)
    if isinstance(value, Mapping):
        inside = (f"{key!r}: {literal(each, is_name)}" for key, each in value.items())
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(each, is_name) for each in value) + "]"
    return repr(value)


def note(meta: Any, is_name: IsName) -> str:
    """Return the metadata of an item in one line, what is called a note first and bare."""
    maps = [each for each in (meta if isinstance(meta, list) else [meta]) if each]
    pairs = {
        key: value for each in maps if isinstance(each, Mapping) for key, value in each.items()
    }
    first = [str(pairs.pop("note"))] if "note" in pairs else []
    rest = [f"{key}: {_bare(value, is_name)}" for key, value in pairs.items()]
    return " · ".join([*first, *rest])


def _bare(value: Any, is_name: IsName) -> str:
    return value if isinstance(value, str) else literal(value, is_name)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text that fits into a cell of a table."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def counted(number: int, what: str) -> str:
    """Return a number of things."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """Return a time span for people."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02}"


def called(source: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Read a call such as ``count([det1], num=3)``; bare names become texts.

    Raises
    ------
    ValueError
        The text is not one call, or holds more than names and plain values.
    """
    try:
        node = ast.parse(source.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{source.strip()!r} is not a call: {error.msg}") from error
    if not isinstance(node, ast.Call):
        raise ValueError(  # noqa: TRY004 - the text is wrong, not its type
            f"{source.strip()!r} is not a call such as count([det1], num=3)"
        )
    kwargs = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError("'**' cannot be used here: write the parameters out")
        kwargs[keyword.arg] = _plain(keyword.value)
    return str(_plain(node.func)), [_plain(each) for each in node.args], kwargs


def value_of(source: str) -> Any:
    """Read one value: a plain Python literal in which bare names stand for themselves.

    Raises
    ------
    ValueError
        The text is something else.
    """
    try:
        return _plain(ast.parse(source.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"{source.strip()!r} is not a Python value") from error


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_plain(node.value)}.{node.attr}"
    if isinstance(node, ast.List | ast.Tuple):
        return [_plain(each) for each in node.elts]
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_plain(key) for key in node.keys if key is not None]
        return dict(zip(keys, (_plain(each) for each in node.values), strict=True))
    try:
        return ast.literal_eval(node)
    except ValueError:
        text = ast.unparse(node)
        raise ValueError(
            f"{text!r} is not a plain value: use numbers, texts, lists and names"
        ) from None
