"""Which plans and devices exist in the user's namespace."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import peer_shim, registry
from .describe_devices import DeviceTree, is_device
from .describe_plans import InvalidPlanError, Names, describe_plan, is_plan

__all__ = ["ExistingLists", "InvalidPlanError", "existing_lists"]

# IPython keeps inputs and results under these names; they are nobody's plans or devices.
_HISTORY = re.compile(r"_+|_\d+|_i{1,3}|_i\d+|_[dio]h|In|Out")


@dataclass(frozen=True)
class ExistingLists:
    """Descriptions of all plans and devices, and what was left out, with the reasons."""

    plans: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    rejected_plans: dict[str, str] = field(default_factory=dict)
    rejected_devices: dict[str, str] = field(default_factory=dict)


def existing_lists(
    user_ns: Mapping[str, Any],
    *,
    ignore_invalid_plans: bool = False,
    device_max_depth: int = 0,
) -> ExistingLists:
    """Describe the plans and devices of the namespace.

    Parameters
    ----------
    user_ns
        The namespace of startup code, plans and scripts.
    ignore_invalid_plans
        Leave out a plan that can not be described, instead of failing. Without it, a default
        that is no plain value makes a plan invalid, too.
    device_max_depth
        How many levels of components to list: 1 the devices alone, 0 all.

    Raises
    ------
    InvalidPlanError
        When a plan can not be described and ``ignore_invalid_plans`` is False.
    """
    lists = ExistingLists()
    # A copy: threads of the user may add names while we look.
    objects = {n: v for n, v in dict(user_ns).items() if _is_user_name(n) and v is not None}
    registered_devices, registered_plans = peer_shim.registrations()
    devices = _chosen(objects, is_device, registered_devices, "device", lists)
    for name, device in devices.items():
        _add_device(name, device, registered_devices.get(name), device_max_depth, lists)
    plans = _chosen(objects, is_plan, registered_plans, "plan", lists)
    names = Names(lists.devices, tuple(plans))
    for name, plan in plans.items():
        _add_plan(name, plan, names, lists, ignore_invalid=ignore_invalid_plans)
    return lists


def _is_user_name(name: Any) -> bool:
    return isinstance(name, str) and not _HISTORY.fullmatch(name)


def _chosen(
    objects: Mapping[str, Any],
    is_wanted: Callable[[Any], bool],
    registered: Mapping[str, Any],
    kind: str,
    lists: ExistingLists,
) -> dict[str, Any]:
    """Return the objects of one kind, less those that registration excludes."""
    chosen = {name: value for name, value in objects.items() if is_wanted(value)}
    for name, registration in registered.items():
        if registration.exclude:
            chosen.pop(name, None)
        elif name not in chosen:
            problem = f"is no {kind}" if name in objects else "does not exist"
            lists.warnings.append(f"Registered {kind} {name!r} {problem}. It is not listed")
    return chosen


def _add_plan(
    name: str,
    plan: Callable[..., Any],
    names: Names,
    lists: ExistingLists,
    *,
    ignore_invalid: bool,
) -> None:
    try:
        lists.plans[name] = describe_plan(name, plan, names, strict=not ignore_invalid)
    except InvalidPlanError as error:
        if not ignore_invalid:
            raise
        lists.rejected_plans[name] = str(error)
        lists.warnings.append(f"{error}. The plan is left out")


def _add_device(
    name: str,
    device: Any,
    registration: registry.RegisteredDevice | None,
    max_depth: int,
    lists: ExistingLists,
) -> None:
    depth = registration.depth if registration else max_depth
    tree = DeviceTree(
        depth=depth if depth > 0 else None, expand_area_detectors=registration is not None
    )
    try:
        lists.devices[name] = tree.describe(name, device)
    except Exception as error:  # noqa: BLE001 - one broken device must not hide the others
        tree.rejected[name] = f"{type(error).__name__}: {error}"
    for path, reason in tree.rejected.items():
        lists.rejected_devices[path] = reason
        lists.warnings.append(f"Device {path!r} can not be described: {reason}. It is left out")
