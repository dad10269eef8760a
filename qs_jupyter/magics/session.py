"""To whom a notebook talks, as whom, with which key, and what it knows of plans and devices."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from qs_jupyter.api.methods import METHODS
from qs_jupyter.client.connection import NoReply
from qs_jupyter.client.hub import Hub, Link, shared_hub
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.edits import Edits
from qs_jupyter.magics.failures import NoAnswer, NoManager, RequestRejected
from qs_jupyter.magics.keys import Ask, KeyRing, LockKey
from qs_jupyter.magics.known_names import NameCache
from qs_jupyter.magics.python_items import KnownNames

HUB_USER_VARIABLE = "JUPYTERHUB_USER"
PROBE_S = 0.3
# How long the display of a reply waits for what the hub has still to read.
GLANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the configuration says; what is None is taken from the environment variables."""

    address: str | None = None
    encoding: str | None = None
    public_key: str | None = None
    user: str | None = None
    user_group: str = "primary"
    timeout_s: float = 2.0


class Session:
    """One manager and one speaker; connects when the first request is sent."""

    def __init__(
        self,
        wishes: Callable[[], Wishes],
        *,
        ask: Ask = getpass.getpass,
        variables: Mapping[str, Any] | None = None,
        connect: Callable[..., Hub] = shared_hub,
    ) -> None:
        self._configured = wishes
        self._overrides: dict[str, Any] = {}
        self._of_this_line: dict[str, Any] = {}
        self._variables = variables if variables is not None else {}
        self._connect = connect
        self._caches: dict[tuple[str, str], NameCache] = {}
        self._edits: dict[str, Edits] = {}
        self._hubs: list[Hub] = []
        self._open: dict[Any, ExitStack] = {}
        self.keys = KeyRing(ask)
        self._marks: dict[str, frozenset[str]] = {}
        # The task that a request from here began last.
        self.last_task: str | None = None
        # Notes of locks that were set from here, for completion.
        self.notes: list[str] = []

    # ------------------------------------------------------------------------- who and where

    @property
    def wishes(self) -> Wishes:
        """The configuration with what was typed since, and with this line."""
        return replace(self._configured(), **{**self._overrides, **self._of_this_line})

    def change(self, **overrides: Any) -> dict[str, Any]:
        """Let typed values win over the configuration; return those that did before."""
        before, self._overrides = self._overrides, {**self._overrides, **overrides}
        return before

    def restore(self, before: dict[str, Any]) -> None:
        """Go back to what `change` returned."""
        self._overrides = before

    @contextmanager
    def for_this_line(self, **overrides: Any) -> Iterator[None]:
        """Let the options of one line win over everything."""
        before, self._of_this_line = self._of_this_line, overrides
        try:
            yield
        finally:
            self._of_this_line = before

    @property
    def user(self) -> str:
        """The name that items carry. It is a label: nobody checks it."""
        return self.wishes.user or os.environ.get(HUB_USER_VARIABLE) or _login_name()

    @property
    def user_group(self) -> str:
        """The group whose permissions apply."""
        return self.wishes.user_group

    @property
    def hub(self) -> Hub:
        """The hub of the manager, following it."""
        wishes = self.wishes
        hub = self._connect(wishes.address, encoding=wishes.encoding, public_key=wishes.public_key)
        if hub not in self._hubs:
            self._hubs.append(hub)
        return hub

    @property
    def has_begun(self) -> bool:
        """Whether a manager is followed already."""
        return bool(self._hubs)

    @property
    def address(self) -> str:
        """The address of the manager."""
        return self.hub.connection.address

    @property
    def edits(self) -> Edits:
        """What was done from here to the queue of the manager."""
        return self._edits.setdefault(self.address, Edits())

    def close(self) -> None:
        """Stop following all managers that this session has talked to."""
        for stack in self._open.values():
            stack.close()
        for cache in self._caches.values():
            cache.close()
        self._open.clear()
        for hub in self._hubs:
            hub.close()
        self._hubs.clear()
        self._caches.clear()

    def keep_open(self, key: Any, make: Callable[[], AbstractContextManager[Any]]) -> bool:
        """Enter a context until this session is closed; False if one of the key is entered."""
        if key in self._open:
            return False
        self._open[key] = ExitStack()
        self._open[key].enter_context(make())
        return True

    # ------------------------------------------------------------------------------ requests

    def request(
        self, method: str, params: Mapping[str, Any] | None = None, *, key: LockKey | None = None
    ) -> dict[str, Any]:
        """Call an API method; user, group and lock key are added where the method takes them.

        Raises
        ------
        RequestRejected
            The manager refused.
        NoManager, NoAnswer
            There was no reply.
        """
        reply = self._exchange(method, self._complete(method, params or {}, key))
        if reply.get("success") is False:
            raise RequestRejected(method, reply)
        return reply

    def _complete(
        self, method: str, params: Mapping[str, Any], key: LockKey | None
    ) -> dict[str, Any]:
        declared = METHODS.get(method)
        if declared is None:
            return dict(params)
        names = declared.parameter_names
        added: dict[str, Any] = {"user": self.user, "user_group": self.user_group}
        # Only methods that a lock can bar need the key; a question about the lock does not.
        found = key or (self.keys.find(self.address) if declared.lock is not None else None)
        if found is not None:
            added["lock_key"] = found.reveal()
        return {**{name: value for name, value in added.items() if name in names}, **params}

    def _exchange(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        hub = self.hub
        address, limit = hub.connection.address, self.wishes.timeout_s
        # Following says at once that somebody is there. Otherwise a refused connection tells
        # within milliseconds what a missing reply tells after seconds.
        if hub.link is not Link.CONNECTED and listens(address) is False:
            raise NoManager(address)
        try:
            return hub.call(method, params, timeout_s=limit)
        except NoReply:
            is_there = listens(address)
            if is_there is False:
                raise NoManager(address) from None
            raise NoAnswer(address, limit, is_sure=bool(is_there)) from None

    def task_uids(self) -> list[str]:
        """Return the tasks that are known here, oldest first; the last one began here."""
        with self.hub.lock:
            known = list(self.hub.mirror.tasks)
        own = [self.last_task] if self.last_task is not None else []
        return [*(uid for uid in known if uid not in own), *own]

    def mark_history(self) -> None:
        """Remember what has ended, so that a wait that follows tells of everything since."""
        with self.mirror_at_hand() as mirror:
            if mirror.revisions["history"]:
                self._marks[self.address] = mirror.ended_uids()

    def take_history_mark(self) -> frozenset[str] | None:
        """Return what had ended at the mark, once; None without a mark."""
        return self._marks.pop(self.address, None)

    @contextmanager
    def mirror_at_hand(self) -> Iterator[Mirror]:
        """Yield what the hub knows of the manager, after a short wait if it has just begun."""
        hub = self.hub
        hub.wait(lambda mirror: mirror.revisions["history"] > 0, GLANCE_S)
        with hub.lock:
            yield hub.mirror

    # --------------------------------------------------------------------------------- names

    @property
    def names(self) -> NameCache:
        """The allowed plans and devices of the group."""
        hub, group = self.hub, self.user_group
        where = (hub.connection.address, group)
        if where not in self._caches:
            self._caches[where] = NameCache(hub, group)
        return self._caches[where]

    def known_names(self) -> KnownNames:
        """Return what names mean in Python items, as the manager knows it now."""
        tables = self.names.current(self.request)
        return KnownNames(tables.plans, tables.devices, self._variables)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables of the notebook."""
        return self._variables


def listens(address: str) -> bool | None:
    """Tell whether somebody listens at an address; None when that cannot be told."""
    parts = urlsplit(address)
    if parts.scheme == "ipc":
        place = parts.netloc + parts.path
        # Linux has names that are no files; 0MQ spells them with an at sign.
        name = f"\0{place[1:]}" if place.startswith("@") else place
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_S)
            try:
                return probe.connect_ex(name) == 0
            except OSError:  # too long for a socket; whoever connects says so
                return None
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme != "tcp" or host is None or port is None:
        return None
    with suppress(OSError), socket.create_connection((host, port), timeout=PROBE_S):
        return True
    return False


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "qserver"
