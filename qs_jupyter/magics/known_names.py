"""Allowed plans and devices, kept for completion and for Python items.

The lists are large and change seldom, so they are read when their UIDs in the status differ.
That happens in a thread of its own as soon as the hub hears of it; Tab uses what is there, and
waits only for the very first reading.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from qs_jupyter.client.hub import Hub, Link
from qs_jupyter.errors import QueueServerError

logger = logging.getLogger(__name__)

TAB_S = 0.05
# An empty list of plans would say that there are none.
FIRST_TAB_S = 0.3

NOTHING_READ = (None, None)

Request = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class NameTables:
    """Plans and devices by name, with the UIDs of the lists that they were read from."""

    plans: Mapping[str, Any] = field(default_factory=dict)
    devices: Mapping[str, Any] = field(default_factory=dict)
    uids: tuple[Any, Any] = NOTHING_READ

    @cached_property
    def paths(self) -> dict[str, Mapping[str, Any]]:
        """All devices and their parts by their names with dots."""
        return dict(_walk(self.devices, ""))

    @cached_property
    def all_names(self) -> frozenset[str]:
        """Every name that means a plan or a device."""
        return frozenset((*self.plans, *self.paths))


class NameCache:
    """The lists of one group at one manager."""

    def __init__(self, hub: Hub, user_group: str) -> None:
        self._hub = hub
        self._user_group = user_group
        self._tables = NameTables()
        self._wanted = threading.Event()
        self._is_fresh = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()
        self._end_listening = hub.listen(self._notice)

    def close(self) -> None:
        """End the thread that reads the lists."""
        self._end_listening()
        with self._thread_lock:
            self._is_closed = True
            thread = self._thread
        self._wanted.set()
        if thread is not None:
            thread.join(timeout=1)

    def current(self, request: Request) -> NameTables:
        """Return the lists of this moment, asking the manager whether they have changed."""
        return self._read(request, _uids(request("status")))

    def at_hand(self) -> NameTables:
        """Return the lists as known, after a short wait when they are known to be old."""
        self._notice({"status"})
        self._is_fresh.wait(TAB_S if self._tables.uids != NOTHING_READ else FIRST_TAB_S)
        return self._tables

    def peek(self) -> NameTables:
        """Return the lists as known, at once."""
        return self._tables

    def _read(self, request: Request, uids: tuple[Any, Any]) -> NameTables:
        if uids == self._tables.uids:
            return self._tables
        plans = request("plans_allowed")
        devices = request("devices_allowed")
        self._tables = NameTables(
            plans["plans_allowed"],
            devices["devices_allowed"],
            (plans["plans_allowed_uid"], devices["devices_allowed_uid"]),
        )
        return self._tables

    def _notice(self, parts: set[str]) -> None:
        """Have the lists read when they differ from the status; called in any thread."""
        if not parts & {"status", "connection"}:
            return
        uids = _uids(self._hub.mirror.status)
        if None in uids:
            # Nobody to ask; or the hub is about to know, and tells us.
            if self._hub.link is Link.NO_ANSWER:
                self._is_fresh.set()
            else:
                self._is_fresh.clear()
            return
        if uids == self._tables.uids:
            self._is_fresh.set()
            return
        self._is_fresh.clear()
        with self._thread_lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._work, name="qs-names", daemon=True)
                self._thread.start()
        self._wanted.set()

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            # In this order: what is wanted after this line is noticed in the next round.
            self._wanted.clear()
            if self._is_closed:
                return
            try:
                self._read(self._ask, _uids(self._hub.mirror.status))
            except (QueueServerError, KeyError) as error:
                logger.debug("The lists of plans and devices cannot be read now: %r", error)
            except Exception:  # the rim of the thread: the next change is to be read again
                logger.exception("The lists of plans and devices are not up to date")
            self._is_fresh.set()

    def _ask(self, method: str) -> dict[str, Any]:
        return self._hub.request(method, user_group=self._user_group)


def _uids(status: Mapping[str, Any]) -> tuple[Any, Any]:
    return status.get("plans_allowed_uid"), status.get("devices_allowed_uid")


def _walk(devices: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, description in devices.items():
        path = prefix + name
        yield path, description
        yield from _walk(description.get("components") or {}, f"{path}.")
