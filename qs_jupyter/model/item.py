"""A queue item: plan, instruction or function; identity, owner, copies.

Items stay the maps that clients sent, in the order of their keys: unknown programs read
them back. `Item` adds the identity and a text that is encoded once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from qs_jupyter import huge_json

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


class Item:
    """An item with a uid. It never changes; neither may the map ``data``.

    After `pack` it is its text only, a third of the size, until somebody asks for the map.

    A huge item is never packed, and copies of it take the long parts of the text over: to
    decode or encode it in the middle of other work would hold up everybody.
    """

    __slots__ = ("_data", "_parts", "_text", "uid")

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        text: str | None = None,
        parts: Mapping[str, slice] | None = None,
    ) -> None:
        self._data: Mapping[str, Any] | None = data
        self._text = text
        # Where in the text the values of a huge item are, by their keys.
        self._parts = parts
        self.uid = str(data["item_uid"])

    @classmethod
    def huge(cls, data: Mapping[str, Any]) -> Self:
        """Return an item with its text; takes long and is meant for threads."""
        values = {key: huge_json.dumps(value) for key, value in data.items()}
        text, parts = _written(values)
        return cls(data, text=text, parts=parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.uid)

    def __repr__(self) -> str:
        return f"Item({dict(self.data)!r})"

    @property
    def data(self) -> Mapping[str, Any]:
        """The item as a map."""
        if self._data is None:
            assert self._text is not None, "an item without content was packed"
            self._data = json.loads(self._text)
        return self._data

    @property
    def text(self) -> str:
        """The item as JSON in the spelling that all stores and clients share; encoded once."""
        if self._text is None:
            self._text = json.dumps(self._data)
        return self._text

    def pack(self) -> None:
        """Keep the text only, until somebody asks for the map."""
        if self.text and self._parts is None:
            self._data = None

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

    def with_changes(self, **changes: Any) -> Item:
        """Return a copy with other values; a value of None drops the key."""
        data = {**self.data, **changes}
        data = {k: v for k, v in data.items() if not (k in changes and v is None)}
        text, parts = self._text, self._parts
        if parts is None or text is None:
            return Item(data)
        values = {k: json.dumps(v) if k in changes else text[parts[k]] for k, v in data.items()}
        new_text, new_parts = _written(values)
        return Item(data, text=new_text, parts=new_parts)


def _written(values: Mapping[str, str]) -> tuple[str, dict[str, slice]]:
    """Return the text of a map of texts, and where each of them stands in it."""
    parts: dict[str, slice] = {}
    pieces: list[str] = []
    at = 0
    for key, value in values.items():
        name = f"{', ' if pieces else '{'}{json.dumps(key)}: "
        parts[key] = slice(at + len(name), at + len(name) + len(value))
        pieces += [name, value]
        at = parts[key].stop
    return "".join([*pieces, "}"]), parts
