"""A queue item: plan, instruction or function; identity, owner, copies.

Items stay the maps that clients sent, in the order of their keys: unknown programs read
them back. `Item` adds the identity and a text that is encoded once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

ITEM_KEYS = (
    "item_uid",
    "item_type",
    "name",
    "args",
    "kwargs",
    "meta",
    "user",
    "user_group",
    "properties",
    "result",
)

NewUid = Callable[[], str]


@dataclass(frozen=True)
class Item:
    """An item with a uid. ``data`` is never changed in place."""

    data: Mapping[str, Any] = field(hash=False)

    @property
    def uid(self) -> str:
        """Identity of the item, unique in queue and running item."""
        return str(self.data["item_uid"])

    @property
    def name(self) -> str:
        """Name of the plan, instruction or function."""
        return str(self.data["name"])

    @property
    def item_type(self) -> str:
        """``plan``, ``instruction`` or ``function``."""
        return str(self.data["item_type"])

    @property
    def user_group(self) -> str:
        """The group whose permissions hold for the item."""
        return str(self.data.get("user_group", ""))

    @cached_property
    def text(self) -> str:
        """The item as JSON in the spelling that all stores and clients share."""
        return json.dumps(self.data)

    def with_changes(self, **changes: Any) -> Item:
        """Return a copy with other values; a value of None drops the key."""
        data = {**self.data, **changes}
        return Item({k: v for k, v in data.items() if not (k in changes and v is None)})
