"""The pattern language with which lists name devices, plans and functions.

An entry is an explicit name (``det1``, ``stage.x``) or, when it holds a colon, a pattern::

    pattern = [ keyword ] 1*( ":" level )
    level   = [ "+" | "-" ] regex             one component of a device path
    last    = "?" regex [ ":depth=" N ]       may stand for the last level: searched in the
                                              whole remaining path of every node below

Regular expressions are Python's, searched unanchored. A matching level is selected unless
it carries ``-``; the last level is always selected. A keyword keeps, of what is selected,
only devices of that kind; it does not limit what is walked through.

Devices are trees of plain descriptions: mappings with ``is_readable``, ``is_movable``,
``is_flyable`` and, for a node with children, ``components``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_DOTTED = re.compile(r"[_a-zA-Z](?:[_a-zA-Z0-9.]*[_a-zA-Z0-9])?")
_DEPTH = "depth="

_KINDS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "": lambda node: True,
    "__READABLE__": lambda node: bool(node.get("is_readable")),
    "__FLYABLE__": lambda node: bool(node.get("is_flyable")),
    "__DETECTOR__": lambda node: bool(node.get("is_readable")) and not node.get("is_movable"),
    "__MOTOR__": lambda node: bool(node.get("is_readable")) and bool(node.get("is_movable")),
}

KEYWORDS = tuple(keyword for keyword in _KINDS if keyword)


class Searchable(Protocol):
    """A compiled regular expression."""

    @property
    def pattern(self) -> str:
        """The text it was compiled from."""

    def search(self, string: str, /) -> Any:
        """Return something true when the text contains a match."""


Compile = Callable[[str], Searchable]


@dataclass(frozen=True)
class Level:
    """One component of a device path; ``selects`` is False for a level marked with ``-``."""

    regex: Searchable
    selects: bool = True


@dataclass(frozen=True)
class Pattern:
    """A parsed entry: either an explicit ``name``, or levels and perhaps a final path search.

    ``path`` is the regular expression after ``?``; ``depth`` bounds how many levels it
    reaches, None means all.
    """

    text: str
    name: str | None = None
    keyword: str | None = None
    levels: tuple[Level, ...] = ()
    path: Searchable | None = None
    depth: int | None = None


Entry = str | Pattern


def parse_entry(text: str, compile_regex: Compile = re.compile) -> Pattern:
    """Read one entry of a list of device names.

    ``compile_regex`` compiles the regular expressions in it; raises ``re.error``.

    Raises
    ------
    TypeError
        When the entry is no string.
    ValueError
        When it does not follow the grammar; the text says which part is wrong.
    """
    if not isinstance(text, str):
        raise TypeError(f"Entry {text!r} has type {type(text).__name__!r}: must be a string")
    if ":" not in text:
        return Pattern(text, name=_explicit_name(text))
    # Blanks may separate the parts of a pattern; no device name contains one.
    keyword, *parts = "".join(text.split()).split(":")
    if keyword and keyword not in _KINDS:
        raise ValueError(
            f"Pattern {text!r}: Device type {keyword!r} is not supported. "
            f"Supported types: {', '.join(KEYWORDS)}"
        )
    if not all(part.lstrip("?") if part.startswith("?") else part for part in parts):
        raise ValueError(f"Pattern {text!r} contains empty components")
    path_at = next((n for n, part in enumerate(parts) if part.startswith("?")), None)
    if path_at is None:
        levels = tuple(_level(part, text, compile_regex) for part in parts)
        return Pattern(text, keyword=keyword or None, levels=levels)
    return Pattern(
        text,
        keyword=keyword or None,
        levels=tuple(_level(part, text, compile_regex) for part in parts[:path_at]),
        path=_regex(parts[path_at][1:], text, compile_regex),
        depth=_depth(parts[path_at + 1 :], parts[path_at], text),
    )


def parse_name_entry(text: str, compile_regex: Compile = re.compile) -> Pattern:
    """Read one entry of a list of plan or function names: one level, no keyword, no depth.

    ``compile_regex`` compiles the regular expression in it; raises ``re.error``.

    Raises
    ------
    TypeError
        When the entry is no string.
    ValueError
        When it does not follow the grammar; the text says which part is wrong.
    """
    pattern = parse_entry(text, compile_regex)
    if pattern.name is not None:
        if "." in pattern.name:
            raise ValueError(
                f"Name {text!r} contains invalid characters: "
                "names of plans and functions have no components"
            )
        return pattern
    if pattern.keyword is not None:
        raise ValueError(
            f"Pattern {text!r}: device type {pattern.keyword!r} can not be used "
            "with names of plans and functions"
        )
    if pattern.depth is not None:
        raise ValueError(
            f"Pattern {text!r}: depth specification can not be used "
            "with names of plans and functions"
        )
    count = len(pattern.levels) + (pattern.path is not None)
    if count > 1:
        raise ValueError(
            f"Pattern {text!r} contains {count} levels: names of plans and functions have only one"
        )
    return pattern


def select_devices(entries: Iterable[Entry] | Entry, devices: Mapping[str, Any]) -> set[str]:
    """Return the dotted names of all nodes selected by the entries.

    An explicit name is returned as it stands, whether or not such a device exists.
    """
    selected: set[str] = set()
    for pattern in _parsed(entries, parse_entry):
        if pattern.name is not None:
            selected.add(pattern.name)
        else:
            selected.update(_matches(pattern, devices))
    return selected


def select_names(entries: Iterable[Entry] | Entry, names: Iterable[str]) -> set[str]:
    """Return the names of plans or functions selected by the entries.

    An explicit name is returned as it stands, whether or not ``names`` contains it.
    """
    candidates = tuple(names)
    selected: set[str] = set()
    for pattern in _parsed(entries, parse_name_entry):
        if pattern.name is not None:
            selected.add(pattern.name)
        else:
            regex = pattern.path or pattern.levels[0].regex
            selected.update(name for name in candidates if regex.search(name))
    return selected


def _parsed(entries: Iterable[Entry] | Entry, parse: Callable[[str], Pattern]) -> Iterator[Pattern]:
    listed = (entries,) if isinstance(entries, (str, Pattern)) else entries
    for entry in listed:
        yield entry if isinstance(entry, Pattern) else parse(entry)


def _matches(pattern: Pattern, devices: Mapping[str, Any]) -> Iterator[str]:
    """Walk the tree level by level, then search the rest of the paths."""
    is_kind = _KINDS[pattern.keyword or ""]
    nodes: list[tuple[str, Mapping[str, Any]]] = [("", devices)]
    for position, level in enumerate(pattern.levels, start=1):
        is_last = position == len(pattern.levels) and pattern.path is None
        below: list[tuple[str, Mapping[str, Any]]] = []
        for prefix, children in nodes:
            for name, node in children.items():
                if not level.regex.search(name):
                    continue
                if (level.selects or is_last) and is_kind(node):
                    yield prefix + name
                below.append((f"{prefix}{name}.", node.get("components") or {}))
        nodes = below
    if pattern.path is None:
        return
    for prefix, children in nodes:
        for path, node in _paths(children, pattern.depth):
            if pattern.path.search(path) and is_kind(node):
                yield prefix + path


def _paths(
    children: Mapping[str, Any], depth: int | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, node in children.items():
        yield name, node
        components = node.get("components")
        if components and depth != 1:
            for path, child in _paths(components, None if depth is None else depth - 1):
                yield f"{name}.{path}", child


def _explicit_name(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError(f"Name {text!r} is an empty string")
    parts = name.split(".")
    if not _DOTTED.fullmatch(name) or not all(
        _IDENTIFIER.fullmatch(part) for part in parts if part
    ):
        raise ValueError(
            f"Name {text!r} contains invalid characters: names consist of letters, digits and "
            "underscores, joined by dots; a regular expression begins with ':'"
        )
    if not all(parts):
        raise ValueError(f"Component of the name {text!r} is an empty string")
    return name


def _level(part: str, text: str, compile_regex: Compile) -> Level:
    if part.startswith(_DEPTH):
        raise ValueError(
            f"Pattern {text!r}: depth specification {part!r} "
            "is allowed only after a level that begins with '?'"
        )
    sign, regex = (part[0], part[1:]) if part[0] in "+-" else ("+", part)
    if not regex:
        raise ValueError(f"Pattern {text!r} contains empty components")
    return Level(_regex(regex, text, compile_regex), selects=sign == "+")


def _regex(source: str, text: str, compile_regex: Compile) -> Searchable:
    try:
        return compile_regex(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"Pattern {text!r} contains invalid regular expression {source!r}: {error}"
        ) from error


def _depth(after: list[str], path: str, text: str) -> int | None:
    """Read what follows the ``?`` level: nothing, or one depth specification."""
    if not after:
        return None
    if not after[0].startswith(_DEPTH):
        raise ValueError(
            f"Pattern {text!r}: component {path!r} "
            f"can be only followed by the depth specification, not by {after[0]!r}"
        )
    if len(after) > 1:
        raise ValueError(f"Pattern {text!r}: depth specification {after[0]!r} must be the last")
    number = after[0][len(_DEPTH) :]
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"Pattern {text!r}: depth specification {after[0]!r} has incorrect format")
    if int(number) < 1:
        raise ValueError(
            f"Pattern {text!r}: depth in {after[0]!r} "
            "must be positive integer greater or equal to 1"
        )
    return int(number)
