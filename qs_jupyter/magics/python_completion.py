"""What may stand at the cursor in Python items: plans, parameters, fitting devices, values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qs_jupyter.magics.described import signature, type_text
from qs_jupyter.magics.known_names import NameTables
from qs_jupyter.magics.python_context import Place, place_in
from qs_jupyter.magics.python_items import QUEUE_STOP

Parameter = Mapping[str, Any]
Device = Mapping[str, Any]

_MARKERS = {
    "__READABLE__": "is_readable",
    "__MOVABLE__": "is_movable",
    "__FLYABLE__": "is_flyable",
}
WIDEST = 60
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may be inserted, what it is, and more about it."""

    text: str
    kind: str
    detail: str = ""

    @property
    def label(self) -> str:
        """What a terminal shows beside the text; IPython has no other place for a signature."""
        return f"{self.kind} {self.detail}".rstrip()


def python_candidates(
    text: str, tables: NameTables, variables: Mapping[str, Any]
) -> tuple[str, list[Candidate], bool]:
    """Return the beginning to be replaced, what may stand there, and whether that is all.

    It is not all where any Python code may stand, which others complete.
    """
    place = place_in(text, tables.plans)
    if place.string is not None:
        return place.string, list(_in_string(place, tables)), True
    found = list(_in_call(place, tables)) if place.plan else list(_outside(tables))
    begun = place.begun
    if begun:
        found += [
            Candidate(name, "variable")
            for name in variables
            if not name.startswith("_") and isinstance(name, str)
        ]
    unique = {each.text: each for each in reversed(found)}
    fitting = [each for each in reversed(unique.values()) if each.text.startswith(begun)]
    return begun, fitting, bool(fitting) or (place.plan is not None and not begun)


def _outside(tables: NameTables) -> Iterator[Candidate]:
    for name in sorted(tables.plans):
        yield Candidate(name, "plan", short_signature(tables.plans[name]))
    yield Candidate(QUEUE_STOP, "instruction")
    for name in sorted(tables.devices):
        yield Candidate(name, "device", str(tables.devices[name].get("classname", "")))


def short_signature(plan: Mapping[str, Any]) -> str:
    """Return the parameters of a plan, no longer than a popup is wide."""
    text = signature(plan)
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}…"


def _in_call(place: Place, tables: NameTables) -> Iterator[Candidate]:
    plan = tables.plans[place.plan or ""]
    parameters = plan.get("parameters") or []
    if "." not in place.begun and place.is_direct and place.keyword is None:
        yield from _parameter_names(place, parameters)
    parameter = _parameter_at(place, parameters)
    yield from _values(parameter, is_quoted=True)
    yield from _devices(parameter, tables, place.begun)
    yield from _plans(parameter, tables)


def _parameter_names(place: Place, parameters: list[Parameter]) -> Iterator[Candidate]:
    for index, parameter in enumerate(parameters):
        kind = parameter["kind"]["name"]
        is_free = index >= place.index or kind == "KEYWORD_ONLY"
        if (
            kind in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")
            and is_free
            and (parameter["name"] not in place.used)
        ):
            yield Candidate(f"{parameter['name']}=", "parameter", _about(parameter))


def _about(parameter: Parameter) -> str:
    """Return type and default of a parameter."""
    default = parameter.get("default")
    return f"{type_text(parameter)}{f' = {default}' if default is not None else ''}".strip()


def _parameter_at(place: Place, parameters: list[Parameter]) -> Parameter | None:
    """Return the parameter that the value at the cursor goes to."""
    if place.keyword is not None:
        return next((each for each in parameters if each["name"] == place.keyword), None)
    for index, parameter in enumerate(parameters):
        if parameter["kind"]["name"] == "VAR_POSITIONAL":
            return parameter
        if index == place.index:
            return parameter if parameter["kind"]["name"] != "KEYWORD_ONLY" else None
    return None


def _devices(parameter: Parameter | None, tables: NameTables, begun: str) -> Iterator[Candidate]:
    """Yield devices that the parameter accepts; of their parts those below what is typed."""
    accepted = _accepted(parameter)
    head = begun.rpartition(".")[0]
    for path, device in tables.paths.items():
        if path.rpartition(".")[0] != head:
            continue
        fits = not device.get("excluded") and _fits(path, device, accepted)
        # A device that does not fit may have parts that do.
        if fits or (accepted is not None and _has_fitting_part(path, device, accepted)):
            yield Candidate(path, "device", str(device.get("classname", "")))


@dataclass(frozen=True, slots=True)
class _Accepted:
    """Names that are accepted, or flags of which a device must have one."""

    names: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    nothing: bool = False


def _accepted(parameter: Parameter | None) -> _Accepted | None:
    """Return which devices a parameter accepts, None for any."""
    annotation = (parameter or {}).get("annotation") or {}
    listed = annotation.get("devices")
    if listed:
        return _Accepted(names=frozenset(name for names in listed.values() for name in names))
    type_text = str(annotation.get("type", ""))
    flags = frozenset(flag for marker, flag in _MARKERS.items() if marker in type_text)
    if flags:
        return _Accepted(flags=flags)
    words = _WORDS.findall(type_text)
    is_values_only = bool(words) and words[0] in ("int", "float", "str", "bool", "dict")
    if annotation.get("enums") or annotation.get("plans") or is_values_only:
        return _Accepted(nothing=True)
    return None


def _fits(path: str, device: Device, accepted: _Accepted | None) -> bool:
    if accepted is None:
        return True
    if accepted.names:
        return path in accepted.names
    return any(device.get(flag) for flag in accepted.flags)


def _has_fitting_part(path: str, device: Device, accepted: _Accepted) -> bool:
    if accepted.nothing:
        return False
    for name, part in (device.get("components") or {}).items():
        below = f"{path}.{name}"
        if _fits(below, part, accepted) or _has_fitting_part(below, part, accepted):
            return True
    return False


def _plans(parameter: Parameter | None, tables: NameTables) -> Iterator[Candidate]:
    annotation = (parameter or {}).get("annotation") or {}
    listed = annotation.get("plans") or {}
    names = {name for group in listed.values() for name in group}
    if "__PLAN__" in str(annotation.get("type", "")):
        names |= set(tables.plans)
    yield from (Candidate(name, "plan") for name in sorted(names))


def _values(parameter: Parameter | None, *, is_quoted: bool) -> Iterator[Candidate]:
    """Yield the values that a parameter is limited to."""
    annotation = (parameter or {}).get("annotation") or {}
    for group in (annotation.get("enums") or {}).values():
        yield from (Candidate(repr(v) if is_quoted else str(v), "value") for v in group)
    type_text = str(annotation.get("type", ""))
    for value in _literals(type_text):
        if is_quoted or isinstance(value, str):
            yield Candidate(repr(value) if is_quoted else str(value), "value")
    if is_quoted and "bool" in _WORDS.findall(type_text):
        yield from (Candidate(word, "value") for word in ("True", "False"))


def _literals(type_text: str) -> list[Any]:
    match = re.search(r"Literal(\[[^\]]*\])", type_text)
    try:
        return list(ast.literal_eval(match[1])) if match else []
    except (ValueError, SyntaxError):
        return []


def _in_string(place: Place, tables: NameTables) -> Iterator[Candidate]:
    """Yield names and values for a text in quotes, which means the same as the bare name."""
    typed = place.string or ""
    plan = tables.plans.get(place.plan or "", {})
    parameter = _parameter_at(place, plan.get("parameters") or []) if plan else None
    for each in (*_values(parameter, is_quoted=False), *_devices(parameter, tables, typed)):
        if each.text.startswith(typed):
            yield each
