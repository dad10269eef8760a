"""Which strings among the arguments of a plan stand for devices, plans and callables.

The worker only replaces the strings it is told to. The choice is made here, parameter by
parameter: by the names listed in its description, by markers in its type, by its flags, and,
for a parameter without any type, from all that the group may use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from qs_jupyter.model.annotation_types import (
    CALLABLE_MARKER,
    DEVICE_MARKERS,
    PLAN_MARKER,
    PLAN_OR_DEVICE_MARKER,
    AnnotationType,
)
from qs_kernel_worker.jobs import METADATA_NAMES

_EVERYTHING: Final = None
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class ConversionRule:
    """Which names of a parameter become objects; None means all that the group may use.

    ``is_strict`` tells that a text which stands for nothing is of no use to the plan.
    """

    devices: frozenset[str] | None = _NOTHING
    plans: frozenset[str] | None = _NOTHING
    evaluates: bool = False
    is_strict: bool = False

    @property
    def converts(self) -> bool:
        """Whether any string can become an object."""
        return self.devices != _NOTHING or self.plans != _NOTHING or self.evaluates

    def covers(self, name: str, known: KnownNames) -> bool:
        """Tell whether the string stands for an object, or may do so."""
        return self._is_listed(name, known) or (self.evaluates and known.allows_callable(name))

    def is_tentative(self, name: str, known: KnownNames) -> bool:
        """Tell whether a covered string is to stay one when nothing has this name.

        Functions are known to the worker alone, so this may be a function or just text.
        """
        return not (self.is_strict or self._is_listed(name, known))

    def _is_listed(self, name: str, known: KnownNames) -> bool:
        if name in known.devices and (self.devices is None or name in self.devices):
            return True
        if name not in known.plans:
            return False
        # A plan is a callable, too: who may run it may also have another plan run it.
        return self.evaluates or self.plans is None or name in self.plans


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What the group may use: dotted names of devices, names of plans, callables."""

    devices: Collection[str]
    plans: Collection[str]
    allows_callable: Callable[[str], bool]


def conversion_rule(parameter: Mapping[str, Any], built: AnnotationType) -> ConversionRule:
    """Return the rule of one parameter, given its type."""
    markers = built.markers
    if parameter["name"] in METADATA_NAMES:
        return ConversionRule()
    either = PLAN_OR_DEVICE_MARKER in markers
    return ConversionRule(
        _names(parameter, "device", either or bool(markers & DEVICE_MARKERS)),
        _names(parameter, "plan", either or PLAN_MARKER in markers),
        bool(parameter.get("eval_expressions")) or CALLABLE_MARKER in markers,
        built.only_callables,
    )


def _names(parameter: Mapping[str, Any], kind: str, is_marked: bool) -> frozenset[str] | None:
    annotation = parameter.get("annotation")
    flag = parameter.get(f"convert_{kind}_names")
    if flag is not None:
        return _EVERYTHING if flag else _NOTHING
    if is_marked or not annotation:
        return _EVERYTHING
    listed = annotation.get(f"{kind}s") or {}
    return frozenset(name for names in listed.values() for name in names)


def strings_in(value: Any) -> Iterator[str]:
    """Yield the strings of a value: itself, items of lists, values (not keys) of maps."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from strings_in(item)
