"""Lists of plans and devices from outside, checked before anything relies on their shape.

They come from a file that another program may have written. An entry of the wrong shape is
left out with a warning; the others stay usable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.errors import BadRequest


@dataclass(frozen=True, slots=True)
class ExistingLists:
    """Descriptions of plans and devices by name, and what was left out of them."""

    plans: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_existing(data: Any) -> ExistingLists:
    """Read ``{"existing_plans": {…}, "existing_devices": {…}}``.

    Raises
    ------
    BadRequest
        When the outer shape is wrong, so that nothing can be read.
    """
    if not isinstance(data, Mapping):
        raise BadRequest(f"Lists of plans and devices: must be a map, not {type(data).__name__!r}")
    plans, plan_warnings = _sound(data, "existing_plans", _plan_problem)
    devices, device_warnings = _sound(data, "existing_devices", _device_problem)
    return ExistingLists(plans, devices, (*plan_warnings, *device_warnings))


def _sound(
    data: Mapping[str, Any], key: str, problem: Callable[[Any], str]
) -> tuple[dict[str, Any], list[str]]:
    entries = data.get(key) or {}
    if not isinstance(entries, Mapping):
        raise BadRequest(f"Lists of plans and devices: {key!r} must be a map")
    kept, warnings = {}, []
    for name, description in entries.items():
        reason = problem(description) if isinstance(name, str) else "the name is no text"
        if reason:
            warnings.append(f"{key}: {name!r} is left out: {reason}")
        else:
            kept[name] = description
    return kept, warnings


def _plan_problem(description: Any) -> str:
    """Say what is wrong with the shape of a plan description; an empty text means nothing."""
    if not isinstance(description, Mapping):
        return "its description is no map"
    parameters = description.get("parameters") or []
    if not isinstance(parameters, list):
        return "its parameters are no list"
    for parameter in parameters:
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("name"), str):
            return "a parameter has no name"
        if not _is_sound_annotation(parameter.get("annotation") or {}):
            return f"the annotation of parameter {parameter['name']!r} is malformed"
    return ""


def _is_sound_annotation(annotation: Any) -> bool:
    if not isinstance(annotation, Mapping):
        return False
    choices = [annotation.get(key) or {} for key in ("devices", "plans", "enums")]
    return all(
        isinstance(listed, Mapping) and all(map(_is_list_of_texts, listed.values()))
        for listed in choices
    )


def _is_list_of_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _device_problem(description: Any) -> str:
    """Say what is wrong with the shape of a device tree; an empty text means nothing."""
    if not isinstance(description, Mapping):
        return "its description is no map"
    components = description.get("components") or {}
    if not isinstance(components, Mapping) or not all(isinstance(n, str) for n in components):
        return "its components are no map of names"
    for name, component in components.items():
        problem = _device_problem(component)
        if problem:
            return f"component {name!r}: {problem}"
    return ""
