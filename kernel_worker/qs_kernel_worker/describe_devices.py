"""A device as plain data: what it can do, its class, its components."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_MISSING = object()

# What the protocols of bluesky ask for. To ask the protocols themselves takes ten times as long,
# and there may be ten thousand components.
_ABILITIES = {
    "is_readable": ("read", "describe", "name"),
    "is_movable": ("set",),
    "is_flyable": ("kickoff", "complete", "name"),
}


@dataclass
class DeviceTree:
    """Describes devices; remembers which components could not be obtained, and why.

    ``depth`` counts levels, the device itself being the first; None has no limit. Area
    detectors have hundreds of components that nobody addresses: they are not expanded unless
    ``expand_area_detectors``.
    """

    depth: int | None = None
    expand_area_detectors: bool = False
    rejected: dict[str, str] = field(default_factory=dict)

    def describe(self, name: str, device: Any) -> dict[str, Any]:
        """Return the description of the device of this name, with its components."""
        return self._describe(name, device, self.depth)

    def _describe(self, path: str, device: Any, depth: int | None) -> dict[str, Any]:
        description = {**_abilities(device), **_class_facts(type(device))}
        if depth == 1 or (not self.expand_area_detectors and is_area_detector(type(device))):
            return description
        below = None if depth is None else depth - 1
        components: dict[str, Any] = {}
        for name in component_names(device):
            component_path = f"{path}.{name}"
            lazy = _lazy_class(device, name)
            if lazy is not None:
                components[name] = self._describe_class(component_path, lazy, below)
                continue
            component = self._component(device, name, component_path)
            if component is not _MISSING:
                components[name] = self._describe(component_path, component, below)
        if components:
            description["components"] = components
        return description

    def _component(self, device: Any, name: str, path: str) -> Any:
        try:
            return getattr(device, name, _MISSING)
        except Exception as error:  # noqa: BLE001 - one broken component must not hide the rest
            self.rejected[path] = f"{type(error).__name__}: {error}"
            return _MISSING

    def _describe_class(self, path: str, cls: type, depth: int | None) -> dict[str, Any]:
        """Describe a component by its class, without creating it: that could wait for PVs."""
        description = {**_class_abilities(cls), **_class_facts(cls)}
        if depth == 1 or (not self.expand_area_detectors and is_area_detector(cls)):
            return description
        below = None if depth is None else depth - 1
        components = {
            name: self._describe_class(f"{path}.{name}", component.cls, below)
            for name, component in _definitions(cls).items()
        }
        if components:
            description["components"] = components
        return description


def is_device(candidate: Any) -> bool:
    """Return True for objects that bluesky can read or fly, and for ophyd-async devices."""
    try:
        if inspect.isclass(candidate) or inspect.ismodule(candidate):
            return False
        if _is_ophyd_async(candidate):
            return True
        abilities = _abilities(candidate)
        return bool(abilities["is_readable"] or abilities["is_flyable"]) and not _answers_all(
            candidate
        )
    except Exception:  # noqa: BLE001 - looking at attributes runs code of strangers
        return False


def is_area_detector(cls: type) -> bool:
    """Return True for classes of area detectors and their plugins."""
    # Whoever has an area detector has imported the module; nobody else pays for it.
    module = sys.modules.get("ophyd.areadetector.base")
    return module is not None and issubclass(cls, module.ADBase)


def component_names(device: Any) -> Iterator[str]:
    """Yield the names of the components that can be reached as attributes."""
    if _is_ophyd_async(device):
        for name, _ in device.children():
            # Members of vectors have numbers for names: no plan can address them.
            if isinstance(name, str) and name.isidentifier() and hasattr(device, name):
                yield name
        return
    names = getattr(device, "component_names", ())
    if isinstance(names, Iterable) and not isinstance(names, (str, Mapping)):
        yield from (name for name in names if isinstance(name, str))


def _answers_all(candidate: Any) -> bool:
    """Return True for mocks and catalogues, which have every attribute one asks for."""
    return getattr(candidate, "an_attribute_of_no_device", None) is not None


def _is_ophyd_async(candidate: Any) -> bool:
    module = sys.modules.get("ophyd_async.core")
    return module is not None and isinstance(candidate, module.Device)


def _abilities(device: Any) -> dict[str, Any]:
    return {
        ability: all(_has(device, name) for name in members)
        for ability, members in _ABILITIES.items()
    }


def _has(device: Any, name: str) -> bool:
    try:
        return getattr(device, name, None) is not None
    except Exception:  # noqa: BLE001 - a property may ask hardware that does not answer now
        return inspect.getattr_static(device, name, None) is not None


def _class_abilities(cls: type) -> dict[str, Any]:
    """Judge a class like an instance: the members are there before there is an instance."""
    return {
        ability: all(hasattr(cls, name) for name in members)
        for ability, members in _ABILITIES.items()
    }


def _class_facts(cls: type) -> dict[str, Any]:
    return {"classname": cls.__name__, "module": cls.__module__}


def _definitions(cls: type) -> dict[str, Any]:
    """Return the component definitions of an ophyd device class."""
    definitions = getattr(cls, "_sig_attrs", None)
    if not definitions:
        return {}
    return {n: c for n, c in definitions.items() if inspect.isclass(getattr(c, "cls", None))}


def _lazy_class(device: Any, name: str) -> type | None:
    """Return the class of a component that ophyd has not created yet."""
    definition = _definitions(type(device)).get(name)
    if definition is None or not getattr(definition, "lazy", False):
        return None
    created = getattr(device, "_signals", None)
    if not isinstance(created, dict) or name in created:
        return None
    return definition.cls  # type: ignore[no-any-return]
