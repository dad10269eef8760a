"""Keeps ``from bluesky_queueserver import …`` in users' startup code working.

When that package is installed beside us it is used as it is: its switches are environment
variables that the worker sets anyway, its registry is read, its namespace object is told, at
the moment when it is imported and whenever the namespace changes. When it is not, a finder at
the very end of the import path offers the same names; being the last one asked, it can never
hide an installed package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from . import registry

_ROOT = "bluesky_queueserver"
_TOOLS = (
    "clear_ipython_mode",
    "clear_re_worker_active",
    "global_user_namespace",
    "is_ipython_mode",
    "is_re_worker_active",
    "load_devices_from_happi",
    "set_ipython_mode",
    "set_re_worker_active",
    "set_user_ns",
)
_REGISTRATION = ("register_device", "register_plan")
_DECORATOR = ("parameter_annotation_decorator",)

_NAMESPACE_ROOM = f"{_ROOT}.manager.profile_tools"

_NAMES: dict[str, tuple[str, ...]] = {
    _ROOT: _TOOLS + _REGISTRATION + _DECORATOR,
    f"{_ROOT}.manager": (),
    f"{_ROOT}.manager.annotation_decorator": _DECORATOR,
    f"{_ROOT}.manager.profile_ops": _REGISTRATION,
    _NAMESPACE_ROOM: _TOOLS,
}


class _Loader(Loader):
    """Fills a module with our names."""

    def exec_module(self, module: ModuleType) -> None:
        import qs_kernel_worker  # noqa: PLC0415 - loads its rooms on demand

        for name in _NAMES[module.__name__]:
            setattr(module, name, getattr(qs_kernel_worker, name))


_LOADER = _Loader()


class _Finder(MetaPathFinder):
    """Knows the modules of `_NAMES`, as long as their parent is not a real package."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in _NAMES:
            return None
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if parent is not None and getattr(parent.__spec__, "loader", None) is not _LOADER:
            return None
        is_package = any(name.startswith(f"{fullname}.") for name in _NAMES)
        return ModuleSpec(fullname, _LOADER, is_package=is_package)


_FINDER = _Finder()


class _TellingLoader(Loader):
    """Loads the tools of the installed package as ever, then tells them the namespace."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._usual
        self._usual.exec_module(module)
        known = registry.global_user_namespace
        _tell(module, known.user_ns, use_ipython=known.use_ipython)


class _Watcher(MetaPathFinder):
    """Stands at the front of the path and minds one module of the installed package."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != _NAMESPACE_ROOM:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _TellingLoader(spec.loader)
        return spec


_WATCHER = _Watcher()


def install() -> None:
    """Offer the names from now on in this process."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    if _WATCHER not in sys.meta_path:
        sys.meta_path.insert(0, _WATCHER)


def remove() -> None:
    """Take the names away again, with the modules that were made of them."""
    for finder in (_FINDER, _WATCHER):
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
    for name in _NAMES:
        if _is_shim(sys.modules.get(name)):
            del sys.modules[name]


def publish_namespace(user_ns: dict[str, Any], *, use_ipython: bool) -> None:
    """Tell the installed package about the namespace, if startup code has loaded it."""
    tools = _installed("profile_tools")
    if tools is not None:
        _tell(tools, user_ns, use_ipython=use_ipython)


def _tell(tools: ModuleType, user_ns: dict[str, Any], *, use_ipython: bool) -> None:
    tools.global_user_namespace.set_user_namespace(user_ns=user_ns, use_ipython=use_ipython)


def registrations() -> tuple[
    dict[str, registry.RegisteredDevice], dict[str, registry.RegisteredPlan]
]:
    """Return all registered devices and plans, whichever package they were registered with."""
    devices = dict(registry.registered_devices)
    plans = dict(registry.registered_plans)
    items = getattr(_installed("profile_ops"), "reg_ns_items", None)
    if items is not None:
        for name, facts in items.reg_devices.items():
            devices[name] = registry.RegisteredDevice(facts["depth"], facts["exclude"])
        for name, facts in items.reg_plans.items():
            plans[name] = registry.RegisteredPlan(facts["exclude"])
    return devices, plans


def _installed(room: str) -> ModuleType | None:
    module = sys.modules.get(f"{_ROOT}.manager.{room}")
    return None if _is_shim(module) else module


def _is_shim(module: ModuleType | None) -> bool:
    return module is not None and getattr(module.__spec__, "loader", None) is _LOADER
