"""Devices out of a happi database, put into the namespace of startup code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_NAME = re.compile(r"[a-z][_a-z0-9]*")


def load_devices_from_happi(
    device_names: Sequence[str | tuple[str, str]], *, namespace: dict[str, Any], **search: Any
) -> list[str]:
    """Build devices described in the happi database and put them into ``namespace``.

    Parameters
    ----------
    device_names
        Names in the database, or pairs of the name there and the name in the namespace
        (``""`` keeps the name).
    namespace
        Where the devices are put, usually ``globals()``.
    **search
        More criteria for the search, for instance ``active=True``.

    Returns
    -------
    list
        Names of the devices as they are now in the namespace.

    Raises
    ------
    TypeError
        When an argument has a wrong type, or a new name is not made of lower-case letters,
        digits and underscores.
    RuntimeError
        When no device, or more than one, has a name.
    """
    # A lone name would be taken letter by letter, and each letter looked for.
    if not isinstance(device_names, (tuple, list)):
        raise TypeError(f"Parameter 'device_names' must be a tuple or a list, not {device_names!r}")
    if not isinstance(namespace, dict):
        raise TypeError(f"Parameter 'namespace' must be a dictionary, not {namespace!r}")
    wanted = [_names(item) for item in device_names]
    from happi import Client, load_devices  # noqa: PLC0415 - not installed everywhere

    client = Client.from_config()
    found = [_the_one(client, database_name, search) for database_name, _ in wanted]
    loaded = load_devices(*[result.item for result in found], use_cache=False)
    for database_name, new_name in wanted:
        namespace[new_name] = getattr(loaded, database_name)
    return [new_name for _, new_name in wanted]


def _names(item: Any) -> tuple[str, str]:
    if isinstance(item, str):
        return item, item
    if (
        not isinstance(item, (tuple, list))
        or len(item) != 2
        or not all(isinstance(name, str) for name in item)
    ):
        raise TypeError(f"{item!r} must be a name, or a pair of names in database and namespace")
    database_name, new_name = item
    if new_name and not _NAME.fullmatch(new_name):
        raise TypeError(
            f"New name {new_name!r} of device {database_name!r} must begin with a lower-case "
            "letter and consist of lower-case letters, digits and underscores"
        )
    return database_name, new_name or database_name


def _the_one(client: Any, name: str, search: dict[str, Any]) -> Any:
    results = client.search(name=name, **search)
    if len(results) != 1:
        count = "No device" if not results else f"{len(results)} devices"
        raise RuntimeError(f"{count} named {name!r} in the happi database, expected exactly one")
    return results[0]
