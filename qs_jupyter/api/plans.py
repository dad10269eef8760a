"""Lists of plans and devices: what exists, and what a user group may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import UserGroup
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(
    refused="",
    reply={"plans_allowed": {}, "plans_allowed_uid": None},
    phrases=("allowed plans",),
)
async def plans_allowed(manager: Manager, user_group: UserGroup) -> Reply:
    """Return the plans that a group may run, with their parameters."""
    return await manager.lists.reply("plans", user_group)


@method(
    refused="",
    reply={"devices_allowed": {}, "devices_allowed_uid": None},
    phrases=("allowed devices",),
)
async def devices_allowed(manager: Manager, user_group: UserGroup) -> Reply:
    """Return the devices that a group may use, with their components."""
    return await manager.lists.reply("devices", user_group)


@method(
    refused="",
    reply={"plans_existing": {}, "plans_existing_uid": None},
    phrases=("existing plans",),
)
async def plans_existing(manager: Manager) -> Reply:
    """Return all plans of the startup code."""
    return await manager.lists.reply("plans")


@method(
    refused="",
    reply={"devices_existing": {}, "devices_existing_uid": None},
    phrases=("existing devices",),
)
async def devices_existing(manager: Manager) -> Reply:
    """Return all devices of the startup code."""
    return await manager.lists.reply("devices")
