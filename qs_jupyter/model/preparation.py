"""What a client sends becomes an item; items on their way to the worker and back.

Only the structure is looked at here. Whether a plan exists and its arguments fit is the
business of the catalogue of plans.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.errors import BadRequest, did_you_mean
from qs_jupyter.model.item import ITEM_KEYS, Item

QUEUE_ITEM_TYPES = ("plan", "instruction")
INSTRUCTIONS = ("queue_stop",)

# Of lists and maps, one in the other. What is nested deeper than the encoding or the display of a
# client can follow would hide the whole queue from it.
MOST_LEVELS = 200

_KEPT_KEYS = frozenset(ITEM_KEYS) - {"result"}
_RUNNING_PROPERTIES = ("time_start", "immediate_execution")


def prepare_item(
    raw: Any,
    user: Any,
    user_group: Any,
    new_uid: str | None,
    item_types: tuple[str, ...] = QUEUE_ITEM_TYPES,
    make: Callable[[Mapping[str, Any]], Item] = Item,
) -> Item:
    """Return the item a client described, with its owner; unknown keys are left out.

    Without ``new_uid`` the item keeps its own uid and must have one. ``make`` is `Item.huge`
    for what is huge.
    """
    check_structure(raw, item_types)
    check_owner(user, user_group)
    data = {key: value for key, value in raw.items() if key in _KEPT_KEYS}
    data["user"] = user
    data["user_group"] = user_group
    data["item_uid"] = item_uid_of(raw) if new_uid is None else new_uid
    try:
        item = make(data)
        item.text  # noqa: B018  # encoded here, where it can be refused; it is kept
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"The item can not be represented as JSON: {error}") from error
    _check_nesting(item)
    return item


def _check_nesting(item: Item) -> None:
    if item.text.count("[") + item.text.count("{") <= MOST_LEVELS:
        return
    containers: list[Any] = [item.data]
    for _ in range(MOST_LEVELS):
        parts = itertools.chain.from_iterable(
            container.values() if isinstance(container, Mapping) else container
            for container in containers
        )
        containers = [part for part in parts if isinstance(part, Mapping | list | tuple)]
    if containers:
        raise BadRequest(f"The item is nested too deeply: more than {MOST_LEVELS} levels")


def check_structure(raw: Any, item_types: tuple[str, ...] = QUEUE_ITEM_TYPES) -> None:
    """Refuse what is not an item of one of these types."""
    if raw is None:
        raise BadRequest("Incorrect request format: request contains no item info")
    if not isinstance(raw, Mapping):
        raise BadRequest(
            "Incorrect request format: item parameter must have type 'dict', "
            f"not '{type(raw).__name__}'"
        )
    if "item_type" not in raw:
        raise BadRequest("Incorrect request format: 'item_type' key is not found")
    item_type = raw["item_type"]
    if item_type not in item_types:
        raise BadRequest(
            f"Incorrect request format: unsupported 'item_type' value: '{item_type}', "
            f"supported item types {item_types}{did_you_mean(item_type, item_types)}"
        )
    if item_type == "instruction" and raw.get("name") not in INSTRUCTIONS:
        hint = did_you_mean(str(raw.get("name")), INSTRUCTIONS)
        raise BadRequest(f"Unrecognized instruction: {dict(raw)}{hint}")


def check_owner(user: Any, user_group: Any) -> None:
    """Refuse a request without the names of a user and a user group."""
    for what, value in (("user group", user_group), ("user name", user)):
        if value is None:
            raise BadRequest(f"Incorrect request format: {what} is not specified")
        if not isinstance(value, str):
            raise BadRequest(f"Incorrect request format: {what} must be a string, not {value!r}")


def item_uid_of(raw: Mapping[str, Any]) -> str:
    """Return the uid by which a client names the item that it changes."""
    uid = raw.get("item_uid")
    if uid is None:
        raise BadRequest("Item description contains no UID and UID generation is skipped")
    if not isinstance(uid, str):
        raise BadRequest(f"Item UID must be a string: {uid!r}")
    return uid


def running_form(item: Item, time_start: float, *, immediate: bool = False) -> Item:
    """Return the item as it is shown and stored while it runs.

    A result kept from an earlier failure does not belong to the new attempt.
    """
    properties = {**properties_of(item), "time_start": time_start}
    if immediate:
        properties["immediate_execution"] = True
    return item.with_changes(result=None, properties=properties)


def resting_form(item: Item) -> Item:
    """Return the item without what was added while it ran."""
    properties = item.data.get("properties")
    if not isinstance(properties, Mapping):
        return item
    kept = {k: v for k, v in properties.items() if k not in _RUNNING_PROPERTIES}
    return item.with_changes(properties=kept or None)


def properties_of(item: Item) -> Mapping[str, Any]:
    """Return the properties of an item; other programs may have put anything in their place."""
    properties = item.data.get("properties")
    return properties if isinstance(properties, Mapping) else {}
