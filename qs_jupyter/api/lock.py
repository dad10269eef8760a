"""The lock: keeps other people's hands off environment and queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import AskedLockKey, Flag, LockKey, LockNote, LockUser
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(
    writes=True,
    reply={"lock_info": {}, "lock_info_uid": None},
    phrases=("lock {lock_scope} {note?}",),
)
async def lock(
    manager: Manager,
    lock_key: LockKey,
    user: LockUser,
    environment: Flag = False,
    queue: Flag = False,
    note: LockNote = None,
) -> Reply:
    """Lock environment, queue or both with a key; repeat it to change scope or note."""
    return await manager.locking.lock(
        lock_key, user, environment=environment, queue=queue, note=note
    )


@method(
    writes=True,
    reply={"lock_info": {}, "lock_info_uid": None},
    phrases=("unlock",),
)
async def unlock(manager: Manager, lock_key: LockKey) -> Reply:
    """Unlock with the key that locked, or with the emergency key."""
    return await manager.locking.unlock(lock_key)


@method(reply={"lock_info": {}, "lock_info_uid": None}, phrases=("lock info",))
def lock_info(manager: Manager, lock_key: AskedLockKey = None) -> Reply:
    """Return who locked what and why; with a key also whether that key fits."""
    return manager.locking.info(lock_key)
