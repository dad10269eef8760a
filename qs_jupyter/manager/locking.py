"""Locking and unlocking, as clients ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qs_jupyter.errors import Refusal
from qs_jupyter.manager.core import Core
from qs_jupyter.model import changes
from qs_jupyter.model.lock import Lock, LockRequest

Reply = Mapping[str, Any]


class Locking:
    """Carries out the methods about the lock."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def lock(
        self, key: Any, user: Any, *, environment: bool, queue: bool, note: str | None
    ) -> Reply:
        """Lock, or change an own lock."""
        core = self._core
        request = LockRequest.parse(key, user, environment, queue, note)
        lock = core.lock.locked_by(
            request,
            now=core.now(),
            uid=core.new_uid(),
            emergency_key=core.settings.emergency_lock_key,
        )
        await self._use(lock)
        return self._reply()

    async def unlock(self, key: Any) -> Reply:
        """Unlock."""
        core = self._core
        try:
            lock = core.lock.unlocked_by(
                key, uid=core.new_uid(), emergency_key=core.settings.emergency_lock_key
            )
        except Refusal as refusal:
            if isinstance(key, str) and key:
                refusal.reply.update(self._reply())
            raise
        await self._use(lock)
        return self._reply()

    def info(self, key: Any) -> Reply:
        """Return what is known about the lock, whether or not the key fits."""
        try:
            self._core.lock.check_info_key(key, emergency_key_is_set=self._emergency_key_is_set)
        except Refusal as refusal:
            refusal.reply.update(self._reply())
            raise
        return self._reply()

    async def _use(self, lock: Lock) -> None:
        core = self._core
        if lock is not core.lock:
            core.lock = lock
            core.record(changes.LockSet(lock))
            core.changed()
        await core.commit()

    def _reply(self) -> Reply:
        lock = self._core.lock
        info = lock.info(emergency_key_is_set=self._emergency_key_is_set)
        return {"lock_info": info, "lock_info_uid": lock.uid}

    @property
    def _emergency_key_is_set(self) -> bool:
        return self._core.settings.emergency_lock_key is not None
