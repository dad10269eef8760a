"""The kinds of parameters: how a value from the wire is checked, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from qs_jupyter.errors import BadRequest

Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one parameter is checked.

    ``missing`` is the text for an absent required parameter. ``check`` gets the parameter's
    name and the value and returns the value to use or raises `BadRequest`.
    ``null`` tells whether null counts as absent. ``type_name`` is for documentation.
    """

    type_name: str
    check: Check
    missing: str | None = None
    null: bool = True

    def missing_text(self, name: str) -> str:
        """Text of the refusal of a request without the parameter."""
        return self.missing or f"Required parameter {name!r} is missing"


def _instance(expected: type, text: str) -> Check:
    def check(name: str, value: Any) -> Any:
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise BadRequest(text.format(name=name, value=value, type=type(value)))
        return value

    return check


def _anything(_name: str, value: Any) -> Any:
    return value


def _strings(name: str, value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise BadRequest(f"Parameter '{name}' must be a list: {value!r} (type: {type(value)})")
    wrong = [entry for entry in value if not isinstance(entry, str)]
    if wrong:
        raise BadRequest(f"Parameter '{name}' must be a list of strings, but holds {wrong[0]!r}")
    return list(value)


def _string_or_strings(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return list(value)
    raise BadRequest(
        f"'{name}' must be a string or a list of strings: {value!r} (type: {type(value)})"
    )


def _seconds(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise BadRequest(f"Parameter '{name}' must be a number of seconds: {value!r}")
    return float(value)


_INVALID = "Parameter '{name}' has incorrect type: {value!r} ({type})"

Flag = Annotated[
    bool, Kind("bool", _instance(bool, "Parameter '{name}' must be boolean: {value!r}"))
]
UidText = Annotated[
    str | None, Kind("str", _instance(str, "Parameter '{name}' must be a string: {value!r}"))
]
Position = Annotated[int | str | None, Kind("int | 'front' | 'back'", _anything)]

ItemMap = Annotated[
    dict[str, Any],
    Kind(
        "dict",
        _instance(dict, "Incorrect request format: item parameter must have type 'dict': {type}"),
        missing="Incorrect request format: request contains no item info",
    ),
]
ItemList = Annotated[
    list[dict[str, Any]],
    Kind(
        "list[dict]",
        _instance(list, "Invalid request format: parameter 'items' must be a list: {value!r}"),
        missing="Invalid request format: the list of items is not found",
    ),
]
UserName = Annotated[
    str,
    Kind(
        "str",
        _instance(str, "Incorrect request format: user name must be a string: {value!r}"),
        missing="Incorrect request format: user name is not specified",
    ),
]
UserGroup = Annotated[
    str,
    Kind(
        "str",
        _instance(str, "Incorrect request format: user group must be a string: {value!r}"),
        missing="Incorrect request format: user group is not specified",
    ),
]
UidList = Annotated[
    list[str], Kind("list[str]", _strings, missing="Request does not contain the list of UIDs")
]
PermissionsMap = Annotated[
    dict[str, Any],
    Kind("dict", _anything, missing="Parameter 'user_group_permissions' is missing", null=False),
]
ModeMap = Annotated[
    Any, Kind("dict | 'default'", _anything, missing="Parameter 'mode' is not found in request {}")
]
Enable = Annotated[
    bool,
    Kind(
        "bool",
        _instance(bool, "Required 'enable' parameter must be boolean: {value!r}"),
        missing="Required 'enable' parameter is missing in 'queue_autostart' API call.",
        null=False,
    ),
]
Script = Annotated[
    str,
    Kind(
        "str",
        _instance(str, "Type of the 'script' parameter in API call is incorrect. {type}"),
        # The doubled word is part of the text that existing clients know.
        missing="Required 'script' parameter is is missing in API call.",
    ),
]
TaskUid = Annotated[
    str,
    Kind(
        "str",
        _instance(str, "'task_uid' must be a string: {value!r} (type: {type})"),
        missing="Required 'task_uid' parameter is missing in the API call.",
    ),
]
TaskUids = Annotated[
    str | list[str],
    Kind(
        "str | list[str]",
        _string_or_strings,
        missing="Required 'task_uid' parameter is missing in the API call.",
    ),
]
HistorySize = Annotated[
    int | None,
    Kind("int", _instance(int, "The '{name}' parameter must be an integer: {name}={value!r}")),
]
HistoryUid = Annotated[
    str | None,
    Kind("str", _instance(str, "The '{name}' parameter must be a string: {name}={value!r}")),
]
ItemUid = Annotated[
    str,
    Kind(
        "str",
        _instance(str, "Parameter 'item_uid' must be a string: {value!r}"),
        missing="Required parameter 'item_uid' is missing",
    ),
]
EventNumber = Annotated[
    int, Kind("int", _instance(int, "Parameter '{name}' must be an integer: {value!r}"))
]
Seconds = Annotated[float, Kind("float (seconds)", _seconds)]
Option = Annotated[str, Kind("str", _instance(str, "Option {value!r} must be a string"))]
TestName = Annotated[
    str,
    Kind("str", _instance(str, _INVALID), missing="Required parameter 'test_name' is missing"),
]
_NO_KEY = "Lock key is not specified: Request contains no lock key"
LockKey = Annotated[Any, Kind("str", _anything, missing=_NO_KEY, null=False)]
LockUser = Annotated[Any, Kind("str", _anything, missing="User name is not specified", null=False)]
LockNote = Annotated[
    str | None,
    Kind("str", _instance(str, "Note must be a string or None: {value!r}")),
]
LOCK_KEY = Kind(
    "str", _instance(str, "Lock key must be a non-empty string or None: {name} = {value!r}")
)
# Checked together with the lock: the reply tells who locked what even when the key is none.
AskedLockKey = Annotated[Any, Kind("str", _anything)]
