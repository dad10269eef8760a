"""What the parts of one panel share: the hub, who is asking, and the lists of allowed names."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.methods import METHODS
from qs_jupyter.errors import BadRequest, Refusal
from qs_jupyter.magics.keys import KeyRing, LockKey
from qs_widgets.durations import Durations

if TYPE_CHECKING:
    from qs_jupyter.client.hub import Hub
    from qs_widgets.pulse import Pulse

Reply = dict[str, Any]

SHOWN_REASONS = 3


class Desk:
    """Carries the requests of all parts of a panel.

    ``open_form``, ``show`` and ``show_run`` are set by the panel and its parts: they put an item
    into the form, bring a part to the front, and plot the runs of a finished item. ``read_only``
    has all parts refuse what would change anything.
    """

    def __init__(
        self,
        hub: Hub,
        user: str | None = None,
        user_group: str = "primary",
        keys: KeyRing | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self.hub = hub
        self.read_only = read_only
        self.user = user or os.environ.get("JUPYTERHUB_USER") or _login_name()
        self.user_group = user_group
        self.keys = keys if keys is not None else KeyRing(_nobody_answers)
        self.lists = Lists(self)
        self.edits = Edits()
        self.pulse: Pulse | None = None
        self.durations = Durations()
        self.open_form: Callable[[Mapping[str, Any], str | None], None] | None = None
        self.show: Callable[[str], bool] = _shows_nothing
        self.show_run: Callable[[str], None] = _plots_nothing

    @property
    def address(self) -> str:
        """The address of the manager."""
        return self.hub.connection.address

    @property
    def holds_key(self) -> bool:
        """Whether this kernel keeps a key for the manager."""
        return self.keys.find(self.address) is not None

    def keep_key(self, key: str) -> None:
        """Keep a lock key for the requests to come."""
        self.keys.keep(self.address, LockKey(key))

    def forget_key(self) -> None:
        """Drop the lock key."""
        self.keys.forget(self.address)

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Reply:
        """Call an API method; who asks and, if there is a lock, the key are added.

        Raises
        ------
        Refusal
            The manager refused; the text is its own.
        CommunicationFailure
            The manager did not answer.
        """
        declared = METHODS[method]
        complete = dict(params or {})
        known = [parameter.name for parameter in declared.parameters]
        for name, value in (("user", self.user), ("user_group", self.user_group)):
            if name in known:
                complete.setdefault(name, value)
        if declared.lock is not None and self._is_locked(declared.lock):
            key = self.keys.find(self.address)
            if key is not None:
                complete["lock_key"] = key.reveal()
        reply = self.hub.request(method, **complete)
        if reply.get("success") is False:
            raise Refusal(refusal_text(method, reply))
        return reply

    def _is_locked(self, scope: str) -> bool:
        with self.hub.lock:
            return bool((self.hub.mirror.status.get("lock") or {}).get(scope))


def refusal_text(method: str, reply: Mapping[str, Any]) -> str:
    """Return why a request was refused; of a batch, also what was wrong with its items."""
    text = str(reply.get("msg") or f"{method} was refused")
    reasons = [
        f"{number}: {result.get('msg')}"
        for number, result in enumerate(reply.get("results") or (), start=1)
        if not result.get("success")
    ]
    return "\n".join([text, *reasons[:SHOWN_REASONS]])


class Edits:
    """What this panel did to the queue, so that undo takes nobody else's work back.

    Each entry is the UID of the queue right after the edit. ``touch`` is called after changes.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.undone: list[str] = []
        self.touch: Callable[[], None] = _nothing

    def note(self, reply: Mapping[str, Any]) -> None:
        """Remember the edit that a reply is about."""
        uid = reply.get("plan_queue_uid")
        if uid:
            self.done.append(str(uid))
            self.undone.clear()
            self.touch()

    def turned(self, reply: Mapping[str, Any], *, back: bool) -> None:
        """Remember that the last edit was taken back, or made again."""
        source, target = (self.done, self.undone) if back else (self.undone, self.done)
        source.pop()
        target.append(str(reply["plan_queue_uid"]))
        self.touch()


def _nothing() -> None:
    pass


def _plots_nothing(_uid: str) -> None:
    raise BadRequest("This panel has no plot: open it with the section 'running'")


def _shows_nothing(_name: str) -> bool:
    return False


class Lists:
    """The plans and devices that the user's group may use, read again when they change."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._uids: tuple[Any, Any] = (None, None)
        self.plans: dict[str, Any] = {}
        self.devices: dict[str, Any] = {}
        self.names: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Read the lists if they have changed."""
        with self._desk.hub.lock:
            status = self._desk.hub.mirror.status
            uids = (status.get("plans_allowed_uid"), status.get("devices_allowed_uid"))
        if uids == self._uids or None in uids:
            return
        plans = self._desk.ask("plans_allowed")
        devices = self._desk.ask("devices_allowed")
        self.plans, self.devices = plans["plans_allowed"], devices["devices_allowed"]
        self.names = frozenset((*self.plans, *device_names(self.devices)))
        self._uids = uids

    def is_name(self, text: str) -> bool:
        """Tell whether a text is the name of a plan or device, as far as that is known."""
        if self.names:
            return text in self.names
        return all(part.isidentifier() for part in text.split("."))


def device_names(devices: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of devices and of everything below them."""
    for name, device in devices.items():
        full = f"{prefix}{name}"
        yield full
        yield from device_names(device.get("components") or {}, f"{full}.")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "notebook"


def _nobody_answers(_question: str) -> str:
    raise EOFError
