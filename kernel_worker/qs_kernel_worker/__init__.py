"""The queue server's half inside the kernel, and the names startup code may import from it.

Importing this package costs nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .annotations import parameter_annotation_decorator
    from .happi_devices import load_devices_from_happi
    from .registry import (
        clear_ipython_mode,
        clear_re_worker_active,
        global_user_namespace,
        is_ipython_mode,
        is_re_worker_active,
        register_device,
        register_plan,
        set_ipython_mode,
        set_re_worker_active,
        set_user_ns,
    )

__all__ = [
    "clear_ipython_mode",
    "clear_re_worker_active",
    "global_user_namespace",
    "is_ipython_mode",
    "is_re_worker_active",
    "load_devices_from_happi",
    "parameter_annotation_decorator",
    "register_device",
    "register_plan",
    "set_ipython_mode",
    "set_re_worker_active",
    "set_user_ns",
]

_ROOMS = {
    "parameter_annotation_decorator": "annotations",
    "load_devices_from_happi": "happi_devices",
}


def __getattr__(name: str) -> Any:
    """Load the room in which the name lives."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - this package is imported by everybody

    room = import_module(f"{__name__}.{_ROOMS.get(name, 'registry')}")
    value = globals()[name] = getattr(room, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
