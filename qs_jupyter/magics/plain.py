"""Stand-ins for plans and devices, and the plain data that arguments become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from difflib import get_close_matches
from enum import Enum
from typing import Any

_LEAVES = (str, int, float, bool, type(None))
# What tells that an object of the notebook is a device, whatever library it comes from.
_DEVICE_METHODS = ("read", "set", "trigger", "kickoff", "describe")


class UnknownPartError(AttributeError):
    """A device has no part of that name."""


class UnsendableError(TypeError):
    """A value has no form in which it could be sent."""


class DeviceName:
    """A device or a part of it, as its name with dots; its attributes are its parts."""

    __slots__ = ("_components", "_name")

    def __init__(self, name: str, description: Mapping[str, Any]) -> None:
        self._name = name
        self._components: Mapping[str, Any] = description.get("components") or {}

    def __getattr__(self, name: str) -> Any:
        if name in self._components:
            return DeviceName(f"{self._name}.{name}", self._components[name])
        if name == "name":
            return self._name
        if name.startswith("__"):
            raise AttributeError(name)
        close = get_close_matches(name, list(self._components), n=2)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UnknownPartError(f"{self._name} has no part {name!r}{hint}")

    def __str__(self) -> str:
        return self._name

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceName | str) and str(other) == self._name

    def __hash__(self) -> int:
        return hash(self._name)


class PlannedItem:
    """What the call of a plan returns: the item that will be sent."""

    __slots__ = ("item",)

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item

    def __repr__(self) -> str:
        return f"<item {call_text(self.item)}>"


class PlanName:
    """A plan as its name; calling it makes an item and hands it to ``record``."""

    __slots__ = ("_item_type", "_name", "_record")

    def __init__(
        self, name: str, record: Callable[[PlannedItem], object], item_type: str = "plan"
    ) -> None:
        self._name = name
        self._record = record
        self._item_type = item_type

    def __call__(self, /, *args: Any, **kwargs: Any) -> PlannedItem:
        """Make an item of the call."""
        item: dict[str, Any] = {"item_type": self._item_type, "name": self._name}
        if args:
            item["args"] = plain(args)
        if kwargs:
            item["kwargs"] = plain(kwargs)
        made = PlannedItem(item)
        self._record(made)
        return made

    def __str__(self) -> str:
        return self._name

    __repr__ = __str__


def plain(value: Any) -> Any:
    """Return a copy of a value in the types that JSON has.

    Names of devices and plans become strings, and so do devices of the notebook. Numbers and
    arrays of numpy become numbers and lists.

    Raises
    ------
    UnsendableError
        Something in the value has no such form.
    """
    if type(value) in _LEAVES:
        return value
    if isinstance(value, DeviceName | PlanName):
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | Set | range):
        return [plain(entry) for entry in value]
    return _converted(value)


def _converted(value: Any) -> Any:
    if isinstance(value, PlannedItem):
        raise UnsendableError(
            f"the plan {value.item['name']!r} cannot be an argument of another plan"
        )
    if isinstance(value, Enum):
        return plain(value.value)
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return plain(value.tolist())
    # Subclasses of the plain types.
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    name = getattr(value, "name", None)
    is_device = any(hasattr(value, method) for method in _DEVICE_METHODS)
    if isinstance(name, str) and name and is_device:
        return name
    raise UnsendableError(f"a value of type {type(value).__name__!r} cannot be sent: {value!r:.60}")


def _key(key: Any) -> str:
    return str(plain(key)) if not isinstance(key, str) else str(key)


# ------------------------------------------------------------------------ items for the reader


def call_text(item: Mapping[str, Any], names: Set[str] = frozenset()) -> str:
    """Return an item as Python code; strings among ``names`` are shown without quotes."""
    if item.get("item_type") == "instruction":
        return f"{item.get('name')}()"
    parts = [value_text(value, names) for value in item.get("args") or ()]
    kwargs = item.get("kwargs") or {}
    parts += [f"{name}={value_text(value, names)}" for name, value in kwargs.items()]
    return f"{item.get('name')}({', '.join(parts)})"


def value_text(value: Any, names: Set[str] = frozenset()) -> str:
    """Return a value as Python code."""
    if isinstance(value, str):
        return value if value in names else repr(value)
    if isinstance(value, Mapping):
        entries = (f"{key!r}: {value_text(entry, names)}" for key, entry in value.items())
        return f"{{{', '.join(entries)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(value_text(entry, names) for entry in value)}]"
    return repr(value)
