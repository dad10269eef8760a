"""Locking and unlocking, as clients ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.errors import Refusal
from qs_jupyter.model import changes
from qs_jupyter.model.lock import Lock, LockRequest

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


class Locking:
    """Carries out the methods about the lock."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def lock(
        self, key: Any, user: Any, *, environment: bool, queue: bool, note: str | None
    ) -> Reply:
        """Lock, or change an own lock."""
        manager = self._manager
        request = LockRequest.parse(key, user, environment, queue, note)
        lock = manager.lock.locked_by(
            request,
            now=manager.now(),
            uid=manager.new_uid(),
            emergency_key=manager.settings.emergency_lock_key,
        )
        await self._use(lock)
        return self._reply()

    async def unlock(self, key: Any) -> Reply:
        """Unlock."""
        manager = self._manager
        try:
            lock = manager.lock.unlocked_by(
                key, uid=manager.new_uid(), emergency_key=manager.settings.emergency_lock_key
            )
        except Refusal as refusal:
            if isinstance(key, str) and key:
                refusal.reply.update(self._reply())
            raise
        await self._use(lock)
        return self._reply()

    def info(self, key: str | None) -> Reply:
        """Return what is known about the lock, whether or not the key fits."""
        try:
            self._manager.lock.check_info_key(key, emergency_key_is_set=self._emergency_key_is_set)
        except Refusal as refusal:
            refusal.reply.update(self._reply())
            raise
        return self._reply()

    async def _use(self, lock: Lock) -> None:
        manager = self._manager
        if lock is not manager.lock:
            manager.lock = lock
            manager.record(changes.LockSet(lock))
            manager.changed()
        await manager.commit()

    def _reply(self) -> Reply:
        lock = self._manager.lock
        info = lock.info(emergency_key_is_set=self._emergency_key_is_set)
        return {"lock_info": info, "lock_info_uid": lock.uid}

    @property
    def _emergency_key_is_set(self) -> bool:
        return self._manager.settings.emergency_lock_key is not None
