"""Which devices a group may use, as the tree that clients see and as a set of names.

A node that may not be used but has something usable below stays in the tree, marked
``excluded``. Subtrees in which nothing changes are shared with the tree they come from, so
the tables of several groups cost little more than one. Nothing here is changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qs_jupyter.model.permissions import NameRule
from qs_kernel_worker.name_patterns import select_devices


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """The devices of a group: descriptions by top-level name, and all usable dotted names."""

    tree: Mapping[str, Any]
    usable: frozenset[str]


def whole_table(devices: Mapping[str, Any]) -> DeviceTable:
    """Return the table in which every device and component is usable."""
    return DeviceTable(devices, frozenset(_names(devices, "")))


def restrict(table: DeviceTable, rule: NameRule) -> DeviceTable:
    """Return what is left of the table under the rule; nothing comes back that was barred."""
    selected = rule.devices(table.tree)
    if selected is None or table.usable <= selected:
        return table
    usable = table.usable & selected
    tree = {}
    for name, node in table.tree.items():
        kept = _trimmed(name, node, usable)
        if kept is not None:
            tree[name] = kept
    return DeviceTable(tree, usable)


def left_open(table: DeviceTable, rule: NameRule) -> list[str]:
    """Return the forbidden devices of which something below may still be used."""
    parents = set()
    for name in table.usable:
        parent = name.rpartition(".")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition(".")[0]
    return sorted(select_devices(rule.forbidden, table.tree) & parents)


def _names(devices: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, node in devices.items():
        path = prefix + name
        if not node.get("excluded"):
            yield path
        components = node.get("components")
        if components:
            yield from _names(components, path + ".")


def _trimmed(
    path: str, node: Mapping[str, Any], usable: frozenset[str]
) -> Mapping[str, Any] | None:
    """Return the node without barred parts, itself when it has none, None when none is left."""
    is_usable = path in usable
    components: Mapping[str, Any] = node.get("components") or {}
    kept = {}
    is_changed = is_usable == bool(node.get("excluded"))
    for name, child in components.items():
        trimmed = _trimmed(f"{path}.{name}", child, usable)
        is_changed = is_changed or trimmed is not child
        if trimmed is not None:
            kept[name] = trimmed
    if not is_usable and not kept:
        return None
    if not is_changed:
        return node
    result = {key: value for key, value in node.items() if key not in ("components", "excluded")}
    if not is_usable:
        result["excluded"] = True
    if kept:
        result["components"] = kept
    return result
