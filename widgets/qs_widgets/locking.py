"""The lock: who holds it and why; lock and unlock.

A key comes as a message of its own, is kept by the kernel under a masked name, and is never
part of a synced trait: those are written into the notebook file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qs_jupyter.client.hub import Link
from qs_jupyter.errors import BadRequest
from qs_widgets.changes import Content
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module

if TYPE_CHECKING:
    from qs_widgets.desk import Desk


class Locking(Part):
    """Shows the lock and changes it."""

    _esm = module("locking")
    caption = "Lock"
    follows = frozenset({"status", "connection"})

    def __init__(self, desk: Desk) -> None:
        self._info: dict[str, Any] = {}
        self._uid: Any = None
        super().__init__(desk)

    def refresh(self) -> None:
        """Read who locked what when that has changed."""
        with self.desk.hub.lock:
            uid = self.desk.hub.mirror.status.get("lock_info_uid")
        if uid is not None and uid != self._uid:
            self._info = self.desk.ask("lock_info")["lock_info"]
            self._uid = uid

    def content(self) -> Content:
        """Return what is known about the lock, which a key is no part of."""
        shown = ("environment", "queue", "user", "time_str", "note", "emergency_lock_key_is_set")
        return Content(
            {
                "connected": self.desk.hub.link is Link.CONNECTED,
                "holds_key": self.desk.holds_key,
                **{name: self._info.get(name) for name in shown},
            }
        )

    def do_lock(self, params: Params) -> Done:
        """Lock, or change scope and note of an own lock."""
        key = self._key(params)
        scope = {name: bool(params.get(name)) for name in ("environment", "queue")}
        note = str(params.get("note") or "") or None
        self.desk.ask("lock", {"lock_key": key, "note": note, **scope})
        self.desk.keep_key(key)
        self.touch()
        return Done("Locked: this kernel keeps the key and can go on")

    def do_unlock(self, params: Params) -> Done:
        """Unlock with the key that was typed, or with the one that is kept."""
        self.desk.ask("unlock", {"lock_key": self._key(params)})
        self.desk.forget_key()
        self.touch()
        return Done("Unlocked")

    def do_check(self, params: Params) -> Done:
        """Tell whether a key fits, and keep it if so."""
        key = self._key(params)
        self.desk.ask("lock_info", {"lock_key": key})
        self.desk.keep_key(key)
        self.touch()
        return Done("The key fits: this kernel keeps it")

    def do_forget(self, _params: Params) -> Done:
        """Drop the key that is kept."""
        self.desk.forget_key()
        self.touch()
        return Done("This kernel has forgotten the key")

    def _key(self, params: Params) -> str:
        typed = str(params.get("key") or "")
        if typed:
            return typed
        kept = self.desk.keys.find(self.desk.address)
        if kept is None:
            raise BadRequest("Type the lock key first")
        return kept.reveal()
