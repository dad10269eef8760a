"""Permissions of user groups: read, replace, reload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import Flag, PermissionsMap
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(reply={"user_group_permissions": {}}, phrases=("permissions get",))
def permissions_get(manager: Manager) -> Reply:
    """Return the permissions in force."""
    return {"user_group_permissions": manager.permissions.data}


@method(lock="queue", writes=True, phrases=("permissions set {permissions_file}",))
async def permissions_set(manager: Manager, user_group_permissions: PermissionsMap) -> Reply:
    """Replace the permissions; an invalid dictionary changes nothing."""
    await manager.permissions.set(user_group_permissions)
    await manager.core.commit()
    return {}


@method(lock="queue", writes=True, phrases=("permissions reload {restore_lists?}",))
async def permissions_reload(
    manager: Manager, restore_plans_devices: Flag = False, restore_permissions: Flag = True
) -> Reply:
    """Read the permissions from the file (or the store), and the lists file if asked.

    A file that is missing or not valid is named, and nothing changes.
    """
    permissions = await manager.permissions.read(from_file=restore_permissions)
    tried = await manager.lists.tried(permissions)
    if restore_plans_devices:
        await manager.lists.reload_file()
    manager.permissions.use(permissions, tried)
    await manager.core.commit()
    return {}
