"""Work with descriptions of plans on the client's side: check, bind, explain, simplify.

The same rules as in the manager, for programs that want to know before they send.
"""

from __future__ import annotations

import html
import inspect
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from qs_jupyter.errors import NotAllowed, did_you_mean
from qs_jupyter.model.annotation_types import AnnotationError, read_annotation
from qs_jupyter.model.catalogue import check_containers, compiled, explained
from qs_jupyter.model.devices import whole_table
from qs_jupyter.model.plans import restrict_description

NO_DESCRIPTION: Final = "Description is not available"

_CHOICES: Final = ("devices", "plans", "enums")
_LIMITS: Final = ("min", "max", "step")
_SIMPLE_TYPES: Final = {int: "int", float: "float", str: "str"}
_LISTS: Final = "list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"


def validate_plan(
    plan: Mapping[str, Any],
    *,
    allowed_plans: Mapping[str, Any] | None,
    allowed_devices: Mapping[str, Any] | None,
) -> tuple[bool, str]:
    """Tell whether a plan would be accepted, and why not; without lists of plans it would."""
    if allowed_plans is None:
        return True, ""
    try:
        with explained(plan):
            _check(plan, allowed_plans, allowed_devices)
    except NotAllowed as error:
        return False, str(error)
    return True, ""


def bind_plan_arguments(
    *,
    plan_args: Sequence[Any],
    plan_kwargs: Mapping[str, Any],
    plan_parameters: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Bind arguments to the parameters of one plan description; TypeError if they do not fit."""
    # Binding asks for no types: one that cannot be read must not stand in the way.
    described = [{**each, "annotation": None} for each in plan_parameters.get("parameters") or []]
    parameters = construct_parameters(described)
    return inspect.Signature(parameters).bind(*plan_args, **plan_kwargs)


def construct_parameters(
    param_list: Sequence[Mapping[str, Any]],
    *,
    params_decoded: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[inspect.Parameter]:
    """Return described parameters as parameters of a signature, with types and defaults.

    ``params_decoded`` may hold, by name, ready values of ``type`` and ``default``.

    Raises
    ------
    ValueError
        When a name is missing, or a type, kind or default cannot be read.
    """
    # Loads pydantic's engine with it, which programs that only send requests do not need.
    from qs_jupyter.model.plan_arguments import (  # noqa: PLC0415
        has_default,
        parameter_default,
        parameter_kind,
    )

    parameters = []
    for described in param_list:
        if "name" not in described:
            raise ValueError(f"The description of a parameter contains no name: {described!r}")
        known = (params_decoded or {}).get(described["name"], {})
        default: Any = inspect.Parameter.empty
        annotation: Any = inspect.Parameter.empty
        try:
            if "default" in described:
                default = known["default"] if "default" in known else parameter_default(described)
            elif has_default(described):
                default = ...  # it has one, which is no plain value
            if described.get("annotation"):
                annotation = known.get("type") or read_annotation(described["annotation"]).type
            kind = parameter_kind(described)
        except (NotAllowed, AnnotationError) as error:
            raise ValueError(f"Parameter {described['name']!r}: {error}") from error
        parameters.append(
            inspect.Parameter(described["name"], kind, default=default, annotation=annotation)
        )
    return parameters


def format_text_descriptions(
    item_parameters: Mapping[str, Any], *, use_html: bool = False
) -> dict[str, Any]:
    """Return texts for people: ``{"description": text, "parameters": {name: text}}``."""
    start, end, newline = ("<b>", "</b>", "<br>") if use_html else ("", "", "\n")

    def shown(text: Any) -> str:
        return html.escape(str(text)).replace("\n", newline) if use_html else str(text)

    def lines(parameter: Mapping[str, Any]) -> str:
        facts = [f"{start}{shown(key)}:{end} {shown(value)}" for key, value in _facts(parameter)]
        description = str(parameter.get("description", "")).strip()
        return newline.join([*facts, shown(description)] if description else facts)

    description = str(item_parameters.get("description") or NO_DESCRIPTION).strip()
    return {
        "description": shown(description),
        "parameters": {
            parameter["name"]: lines(parameter)
            for parameter in item_parameters.get("parameters") or []
        },
    }


def simplify_plan_descriptions(plans: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plans in a form for simple generated input fields.

    For each parameter: ``name``, ``kind``, ``is_optional`` and, where known, ``description``,
    ``type`` (``int``, ``float`` or ``str``), ``enum``, ``is_list``, ``default``, ``min``,
    ``max``, ``step``.
    """
    simple = {}
    for name, plan in plans.items():
        entry: dict[str, Any] = {"name": plan.get("name", name)}
        if "description" in plan:
            entry["description"] = plan["description"]
        if plan.get("parameters"):
            entry["parameters"] = [_simple_parameter(each) for each in plan["parameters"]]
        simple[name] = entry
    return simple


def _check(
    plan: Any, allowed_plans: Mapping[str, Any], allowed_devices: Mapping[str, Any] | None
) -> None:
    if not isinstance(plan, Mapping):
        raise NotAllowed(f"A plan must be a dictionary, not {type(plan).__name__!r}")
    name = plan.get("name")
    if not isinstance(name, str) or name not in allowed_plans:
        hint = did_you_mean(name, allowed_plans) if isinstance(name, str) else ""
        raise NotAllowed(f"Plan {name!r} is not in the list of allowed plans.{hint}")
    args, kwargs = plan.get("args", ()), plan.get("kwargs", {})
    check_containers(args, kwargs, plan.get("meta", {}))
    description = allowed_plans[name]
    if allowed_devices is not None:
        usable = whole_table(allowed_devices).usable
        description = restrict_description(
            description, usable.__contains__, allowed_plans.__contains__
        )
    compiled(description).check(args, kwargs)


def _facts(parameter: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the labelled lines about one parameter."""
    annotation = parameter.get("annotation") or {}
    facts = [("Name", parameter["name"]), ("Type", annotation.get("type", "-"))]
    for key in _CHOICES:
        for choice, names in (annotation.get(key) or {}).items():
            facts.append((choice, "(" + ", ".join(repr(name) for name in names) + ")"))
    facts.append(("Default", parameter.get("default", "-")))
    limits = [f"{key.capitalize()}: {parameter[key]}" for key in _LIMITS if key in parameter]
    first, *others = limits or [""]
    if limits:
        label, value = first.split(": ", 1)
        facts.append((label, " ".join([value, *others])))
    return facts


def _simple_parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    from qs_jupyter.model.plan_arguments import has_default, parameter_default  # noqa: PLC0415

    kind = parameter["kind"]
    is_variadic = kind.get("name") in ("VAR_POSITIONAL", "VAR_KEYWORD")
    simple: dict[str, Any] = {"name": parameter["name"], "kind": kind}
    simple["is_optional"] = is_variadic or has_default(parameter)
    if "description" in parameter:
        simple["description"] = parameter["description"]
    if "default" in parameter:
        simple["default"] = parameter_default(parameter)
    simple.update({key: float(parameter[key]) for key in _LIMITS if key in parameter})
    if parameter.get("annotation"):
        simple.update(_simple_type(parameter["annotation"]))
    return simple


def _simple_type(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``type``, ``enum`` and ``is_list`` as far as they can be told."""
    try:
        built = read_annotation(annotation).type
    except AnnotationError:
        return {}
    choices = [choice for choice in typing.get_args(built) if choice is not type(None)]
    if type(None) in typing.get_args(built) and len(choices) == 1:
        built = choices[0]
    origin = typing.get_origin(built)
    simple: dict[str, Any] = {}
    if getattr(origin, "__name__", "") in _LISTS and len(typing.get_args(built)) == 1:
        simple["is_list"] = True
        (built,) = typing.get_args(built)
    if isinstance(built, type) and issubclass(built, Enum):
        return {**simple, "type": "str", "enum": [member.value for member in built]}
    if typing.get_origin(built) is typing.Literal:
        return {**simple, "enum": list(typing.get_args(built))}
    return {**simple, "type": _SIMPLE_TYPES[built]} if built in _SIMPLE_TYPES else simple
