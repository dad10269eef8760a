"""Input fields from the description of a plan, and a plan from what was typed into them.

A field is a plain map for the view: ``name``, ``kind``, ``optional``, ``default``, ``hint``,
``more`` (shown only on demand), and what its kind needs. What is typed comes back as the
value of the field: a text, a list of names, rows of texts. An empty value means the default.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Field = dict[str, Any]

# Plans whose variable arguments come in groups; descriptions do not tell that.
_LINE = ("motor", "start", "stop")
_LIST = ("motor", "positions")
_GROUPS: Mapping[str, Sequence[str]] = {
    "scan": _LINE,
    "rel_scan": _LINE,
    "inner_product_scan": _LINE,
    "relative_inner_product_scan": _LINE,
    "grid_scan": (*_LINE, "num"),
    "rel_grid_scan": (*_LINE, "num"),
    "list_scan": _LIST,
    "rel_list_scan": _LIST,
    "list_grid_scan": _LIST,
    "rel_list_grid_scan": _LIST,
    "mv": ("device", "value"),
    "mvr": ("device", "value"),
}
_DEVICE_COLUMNS = ("motor", "device")
_ABILITIES = {
    "__READABLE__": "is_readable",
    "__MOVABLE__": "is_movable",
    "__FLYABLE__": "is_flyable",
    "__DEVICE__": None,
}
_LISTS = ("list", "List", "Sequence", "Iterable", "Collection", "tuple", "Tuple", "MutableSequence")
_DETECTOR_NAMES = ("detectors", "dets", "det_list")
_METADATA_NAMES = ("md", "metadata")
_DEEPEST = 2


@dataclass(frozen=True, slots=True)
class _Type:
    """A type expression: its last word and what stands in its brackets."""

    name: str
    inside: tuple[_Type, ...] = ()

    @property
    def is_list(self) -> bool:
        return self.name in _LISTS and len(self.inside) == 1


def fields_of(plan: Mapping[str, Any], devices: Mapping[str, Any]) -> list[Field]:
    """Return the input fields of a plan, given the devices that may be used."""
    plan_name = str(plan.get("name", ""))
    return [_field(plan_name, each, devices) for each in plan.get("parameters") or []]


def device_names(devices: Mapping[str, Any], ability: str | None) -> list[str]:
    """Return devices with an ability such as ``is_movable``: whole ones first, then parts."""
    return [name for depth in range(_DEEPEST) for name in _level(devices, ability, depth)]


def _level(
    devices: Mapping[str, Any], ability: str | None, depth: int, prefix: str = ""
) -> Iterator[str]:
    for name, device in devices.items():
        full = f"{prefix}{name}"
        if depth > 0:
            yield from _level(device.get("components") or {}, ability, depth - 1, f"{full}.")
        elif ability is None or device.get(ability):
            yield full


def _field(plan_name: str, parameter: Mapping[str, Any], devices: Mapping[str, Any]) -> Field:
    kind = parameter["kind"]["name"]
    annotation = parameter.get("annotation") or {}
    is_variable = kind in ("VAR_POSITIONAL", "VAR_KEYWORD")
    optional = is_variable or "default" in parameter
    field: Field = {
        "name": parameter["name"],
        "passed": kind,
        "optional": optional,
        "default": parameter.get("default"),
        "hint": str(parameter.get("description") or "").strip().replace("``", ""),
        "more": optional and not annotation and kind != "VAR_POSITIONAL",
    }
    if kind == "VAR_POSITIONAL":
        return {**field, "kind": "groups", "columns": _columns(plan_name, annotation, devices)}
    if kind == "VAR_KEYWORD":
        return {**field, "kind": "metadata"}
    described = _kind(parameter["name"], annotation, devices)
    limits = {key: float(parameter[key]) for key in ("min", "max", "step") if key in parameter}
    field |= {**described, **limits}
    field["more"] = field["more"] or described["kind"] == "metadata"
    return field


def _kind(name: str, annotation: Mapping[str, Any], devices: Mapping[str, Any]) -> Field:
    if not annotation and name in _METADATA_NAMES:
        return {"kind": "metadata"}
    found = _read(str(annotation.get("type") or ""))
    many = found.is_list
    item = found.inside[0] if many else found
    options = _options(item.name, annotation, devices)
    if many and options is None and name in _DETECTOR_NAMES and item.name == "Any":
        options = device_names(devices, "is_readable")
    if options is not None:
        is_device = item.name not in (annotation.get("enums") or {})
        return {"kind": "names" if many else "name", "options": options, "is_device": is_device}
    if item.name == "Literal" and not many:
        return {"kind": "name", "options": [each.name for each in item.inside], "is_device": False}
    if not many and item.name in ("int", "float"):
        return {"kind": "number", "integer": item.name == "int"}
    simple = {"bool": "bool", "str": "text", "dict": "metadata", "Dict": "metadata"}
    return {"kind": "literal" if many else simple.get(item.name, "literal")}


def _options(
    name: str, annotation: Mapping[str, Any], devices: Mapping[str, Any]
) -> list[str] | None:
    for key in ("devices", "plans", "enums"):
        listed = (annotation.get(key) or {}).get(name)
        if listed is not None:
            return [str(each) for each in listed]
    if name in _ABILITIES:
        return device_names(devices, _ABILITIES[name])
    return None


def _columns(
    plan_name: str, annotation: Mapping[str, Any], devices: Mapping[str, Any]
) -> list[Field]:
    movable = device_names(devices, "is_movable")
    if plan_name in _GROUPS:
        return [
            {"title": title, "options": movable if title in _DEVICE_COLUMNS else []}
            for title in _GROUPS[plan_name]
        ]
    found = _read(str(annotation.get("type") or ""))
    parts = found.inside if found.name in ("tuple", "Tuple") else (found,)
    return [
        {
            "title": "value" if len(parts) == 1 else f"{number}",
            "options": _options(part.name, annotation, devices) or [],
        }
        for number, part in enumerate(parts, start=1)
    ]


def _read(source: str) -> _Type:
    try:
        return _converted(ast.parse(source, mode="eval").body)
    except (SyntaxError, ValueError):
        return _Type("")


def _converted(node: ast.expr) -> _Type:
    """Return a type expression without its ``None``; unions of more are of no known kind."""
    if isinstance(node, ast.Name | ast.Attribute):
        return _Type(node.id if isinstance(node, ast.Name) else node.attr)
    if isinstance(node, ast.Constant):
        return _Type(str(node.value))
    if isinstance(node, ast.BinOp):
        return _united([_converted(node.left), _converted(node.right)])
    if isinstance(node, ast.Subscript):
        name = _converted(node.value).name
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        parts = tuple(_converted(each) for each in inside)
        if name in ("Union", "Optional"):
            return _united(list(parts))
        if name == "Annotated":
            return parts[0]
        return _Type(name, parts)
    raise ValueError(ast.dump(node))


def _united(parts: list[_Type]) -> _Type:
    known = [part for part in parts if part.name not in ("None", "NoneType")]
    # A device or anything else: what people choose from are the devices.
    named = [part for part in known if part.name != "Any"]
    return named[0] if len(named) == 1 else _Type("")
