"""Which plans a group may use, with the names it may choose from in each parameter.

Descriptions that need no change are shared with the list they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.model.permissions import NameRule

IsAllowed = Callable[[str], bool]


def restrict_names(plans: Mapping[str, Any], rule: NameRule) -> dict[str, Any]:
    """Return the plans whose names pass the rule, in their order."""
    names = rule.names(plans)
    return {name: description for name, description in plans.items() if name in names}


def restrict_choices(
    plans: Mapping[str, Any], devices: Mapping[str, Any] | frozenset[str]
) -> dict[str, Any]:
    """Return the plans with every choice of devices and plans cut down to what is there.

    ``devices`` are the dotted names that may be used; of plans, those in ``plans`` may.
    """
    return {
        name: restrict_description(description, devices.__contains__, plans.__contains__)
        for name, description in plans.items()
    }


def restrict_description(
    description: Mapping[str, Any], has_device: IsAllowed, has_plan: IsAllowed
) -> Mapping[str, Any]:
    """Return the description with its choices cut down; itself when nothing is cut."""
    parameters = description.get("parameters") or []
    restricted = [_parameter(parameter, has_device, has_plan) for parameter in parameters]
    if all(new is old for new, old in zip(restricted, parameters, strict=True)):
        return description
    return {**description, "parameters": restricted}


def chosen_devices(plans: Mapping[str, Any]) -> frozenset[str]:
    """Return the dotted names of all devices that the plans list as choices."""
    return frozenset(
        name
        for description in plans.values()
        for parameter in description.get("parameters") or ()
        for names in ((parameter.get("annotation") or {}).get("devices") or {}).values()
        for name in names
    )


def _parameter(
    parameter: Mapping[str, Any], has_device: IsAllowed, has_plan: IsAllowed
) -> Mapping[str, Any]:
    annotation = parameter.get("annotation")
    if not annotation:
        return parameter
    changed = {}
    for key, is_allowed in (("devices", has_device), ("plans", has_plan)):
        choices = annotation.get(key)
        if choices and not all(is_allowed(name) for names in choices.values() for name in names):
            changed[key] = {
                choice: [name for name in names if is_allowed(name)]
                for choice, names in choices.items()
            }
    return {**parameter, "annotation": {**annotation, **changed}} if changed else parameter
