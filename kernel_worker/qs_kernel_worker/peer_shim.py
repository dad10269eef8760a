"""Keeps ``from bluesky_queueserver import …`` in users' startup code working.

When that package is installed beside us it is used as it is: its switches are environment
variables that the worker sets anyway, its registry is read, its namespace object is told.
When it is not, a finder at the very end of the import path offers the same names; being the
last one asked, it can never hide an installed package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
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

_NAMES: dict[str, tuple[str, ...]] = {
    _ROOT: _TOOLS + _REGISTRATION + _DECORATOR,
    f"{_ROOT}.manager": (),
    f"{_ROOT}.manager.annotation_decorator": _DECORATOR,
    f"{_ROOT}.manager.profile_ops": _REGISTRATION,
    f"{_ROOT}.manager.profile_tools": _TOOLS,
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


def install() -> None:
    """Offer the names from now on in this process."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def remove() -> None:
    """Take the names away again, with the modules that were made of them."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    for name in _NAMES:
        if _is_shim(sys.modules.get(name)):
            del sys.modules[name]


def publish_namespace(user_ns: dict[str, Any], *, use_ipython: bool) -> None:
    """Tell the installed package about the namespace, if startup code has loaded it."""
    tools = _installed("profile_tools")
    if tools is not None:
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
