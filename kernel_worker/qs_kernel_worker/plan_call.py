"""Names in a request become a call with real devices and plans."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from .jobs import METADATA_NAMES, FunctionJob, PlanJob


class CallError(Exception):
    """The plan or function can not be called like this; the text says why."""


def prepare_plan(job: PlanJob, user_ns: Mapping[str, Any]) -> Iterator[Any]:
    """Call the plan that the name means now, and return its messages, not yet run.

    Raises
    ------
    CallError
        When there is no such plan, the arguments do not fit it, or a name stands for nothing.
    """
    plan = _callable(job.name, "Plan", user_ns)
    args, kwargs = _arguments(job, plan, user_ns)
    messages = plan(*args, **kwargs)
    if not hasattr(messages, "__iter__"):
        raise CallError(
            f"Plan {job.name!r} returned {type(messages).__name__!r} instead of messages: "
            "is it a plan?"
        )
    return messages  # type: ignore[no-any-return]


def prepare_function(
    job: FunctionJob, user_ns: Mapping[str, Any]
) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
    """Return the function with the arguments it is to be called with.

    Raises
    ------
    CallError
        When there is no such function, it is a plan, or a name stands for nothing.
    """
    function = _callable(job.name, "Function", user_ns)
    # Plans of newer versions of bluesky are plain functions with a mark.
    if inspect.isgeneratorfunction(function) or getattr(function, "_is_plan_", False) is True:
        raise CallError(
            f"Object {job.name!r} defined in worker namespace is a generator function: "
            "a plan has to go through the queue"
        )
    if not job.convert:
        return function, list(job.args), dict(job.kwargs)
    args, kwargs = _arguments(job, function, user_ns)
    return function, list(args), kwargs


def find_object(name: str, user_ns: Mapping[str, Any]) -> Any:
    """Return what a dotted name stands for, walking from the namespace by attributes.

    Raises
    ------
    CallError
        When a part of the name stands for nothing.
    """
    first, *rest = name.split(".")
    if any(part.startswith("__") for part in rest):
        raise CallError(f"{name!r} does not name a device, plan or function")
    if first not in user_ns:
        raise CallError(f"{name!r} is not found in the worker namespace{_hint(first, user_ns)}")
    found = user_ns[first]
    walked = first
    for part in rest:
        try:
            found = getattr(found, part)
        except AttributeError as error:
            hint = _hint(part, getattr(found, "component_names", ()))
            raise CallError(
                f"{name!r} is not found in the worker namespace: "
                f"{walked!r} has no component {part!r}{hint}"
            ) from error
        walked = f"{walked}.{part}"
    return found


def _callable(name: str, kind: str, user_ns: Mapping[str, Any]) -> Callable[..., Any]:
    if name not in user_ns:
        public = [known for known, value in dict(user_ns).items() if callable(value)]
        raise CallError(
            f"{kind} {name!r} is not found in the worker namespace{_hint(name, public)}"
        )
    found = user_ns[name]
    if not callable(found):
        raise CallError(f"Object {name!r} defined in worker namespace is not callable")
    return found  # type: ignore[no-any-return]


def _arguments(
    job: PlanJob | FunctionJob, function: Callable[..., Any], user_ns: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Bind the arguments to the live signature and put objects in the place of names."""
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise CallError(f"The signature of {job.name!r} can not be read: {error}") from error
    unknown = [name for name in job.convert if name not in signature.parameters]
    if unknown:
        raise CallError(
            f"{job.name!r} has no parameter {unknown[0]!r}: it differs from its description. "
            "Update the environment"
        )
    try:
        bound = signature.bind(*job.args, **job.kwargs)
    except TypeError as error:
        raise CallError(f"Arguments do not fit {job.name!r}: {error}") from error
    _add_decorator_defaults(function, signature, bound.arguments)
    tentative = job.tentative if isinstance(job, PlanJob) else {}
    for name, wanted in job.convert.items():
        if name not in bound.arguments:
            continue
        objects = _objects(wanted, tentative.get(name, ()), user_ns)
        value = bound.arguments[name]
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            bound.arguments[name] = {
                key: element if key in METADATA_NAMES else _converted(element, objects)
                for key, element in value.items()
            }
        else:
            bound.arguments[name] = _converted(value, objects)
    return bound.args, bound.kwargs


def _objects(
    wanted: Collection[str], tentative: Collection[str], user_ns: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the names stand for; tentative names that stand for nothing are left out."""
    objects = {name: find_object(name, user_ns) for name in wanted if name not in tentative}
    for name in tentative:
        with suppress(CallError):
            objects[name] = find_object(name, user_ns)
    return objects


def _add_decorator_defaults(
    function: Callable[..., Any], signature: inspect.Signature, arguments: dict[str, Any]
) -> None:
    """Give parameters that were not passed the defaults of the decorator.

    Defaults of the header are Python's business.
    """
    described = getattr(function, "_custom_parameter_annotation_", None)
    if not isinstance(described, dict):
        return
    for name, facts in described.get("parameters", {}).items():
        default = facts.get("default")
        if default is not None and name in signature.parameters and name not in arguments:
            arguments[name] = default


def _converted(value: Any, objects: Mapping[str, Any]) -> Any:
    """Put objects in the place of names: in lists, and in values of mappings, never in keys."""
    if isinstance(value, str):
        return objects.get(value, value)
    if isinstance(value, Mapping):
        return {key: _converted(element, objects) for key, element in value.items()}
    if isinstance(value, tuple):
        return tuple(_converted(element, objects) for element in value)
    if isinstance(value, (list, set, frozenset)):
        return [_converted(element, objects) for element in value]
    return value


def _hint(name: str, known: Collection[str]) -> str:
    matches = get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.6)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
