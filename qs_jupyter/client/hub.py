"""One hub per process: follows a manager in the background and carries its requests.

A thread waits for numbered events at the control socket and keeps a `Mirror` up to date.
It holds no lock of the caller and prints nothing, so a notebook cell that computes for
minutes does not stop it, and it never writes into somebody's cell. Requests use a socket of
their own and may come from any thread.

With a manager that has no numbered events the hub asks for the status once a second and
reads queue and history again when their UIDs differ.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from qs_jupyter.client.bell import Bell
from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import Connection
from qs_jupyter.client.line import Line
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.errors import Failure

logger = logging.getLogger(__name__)

WAIT_S = 20.0
GRACE_S = 5.0
POLL_S = 1.0
JOIN_S = 5.0
RETRY_S = (0.5, 1.0, 2.0, 5.0)


class Link(StrEnum):
    """How things stand between hub and manager."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    NO_ANSWER = "no answer"
    CONNECTED = "connected"


class _Life:
    """The thread of a hub from one start to its end."""

    def __init__(self, follow: Callable[[_Life], None]) -> None:
        self.bell = Bell()
        self.is_over = threading.Event()
        self._follow = follow
        self._thread = threading.Thread(target=self._run, name="qs-hub", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._follow(self)
        finally:
            self.bell.put_away()

    def end(self) -> None:
        self.is_over.set()
        self.bell.ring()
        if threading.current_thread() is not self._thread:  # a listener may close its hub
            self._thread.join(JOIN_S)


Listener = Callable[[set[str]], None]
DocumentBatch = tuple[str | None, list[dict[str, Any]]]


class Hub:
    """Follows one manager.

    Listeners are called in the hub's thread with the names of the parts of the mirror that
    have changed; they must be quick. Reading the mirror from another thread is done under
    `lock`.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        encoding: str | None = None,
        public_key: str | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        self.connection = Connection.choose(address, encoding, public_key, timeout_s=timeout_s)
        self.mirror = Mirror()
        self.lock = threading.RLock()
        self.link = Link.OFFLINE
        self._changed = threading.Condition(self.lock)
        self._listeners: list[Listener] = []
        self._client_lock = threading.Lock()
        self._client = Client(**self.connection.arguments())
        self._life_lock = threading.Lock()
        self._life: _Life | None = None
        self._document_feeds: list[queue.SimpleQueue[DocumentBatch]] = []
        self._line: Line | None = None
        self._since = 0
        self._epoch: str | None = None
        # Up to which event the mirror is current; written under the lock.
        self._shown_epoch: str | None = None
        self._shown_seq = 0

    # ------------------------------------------------------------------------- life

    def start(self) -> None:
        """Begin to follow the manager; a second call does nothing."""
        with self._life_lock:
            if self._life is None:
                self._life = _Life(self._follow)

    def close(self) -> None:
        """Stop following and close the sockets."""
        with self._life_lock:
            if self._life is not None:
                self._life.end()
                self._life = None
        with self._client_lock:
            self._client.close()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have a listener called after changes; call what is returned to end that."""
        with self.lock:
            self._listeners.append(listener)

        def end() -> None:
            with self.lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    # --------------------------------------------------------------------- requests

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Call an API method and return its reply.

        Raises
        ------
        CommunicationFailure
            The manager did not answer.
        """
        return self.call(method, params)

    def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Like `request`, with the parameters in a map and a time limit of its own."""
        with self._client_lock:
            return self._client.call(method, params, timeout_s=timeout_s)

    def catch_up(self, timeout_s: float = 5.0) -> bool:
        """Wait until the mirror shows everything that has happened before this call.

        Returns False when the hub has no manager, or cannot tell within the time.
        """
        reply = self.request("events_get", since=2**62)
        if not reply.get("success"):
            # Without numbered events the next reading of everything is the one that counts.
            count = self.mirror.revisions["status"]
            return self.wait(lambda mirror: mirror.revisions["status"] > count, timeout_s)
        epoch, seq = str(reply["epoch"]), int(reply["seq"])
        with self._changed:
            return self._changed.wait_for(
                lambda: self._shown_epoch == epoch and self._shown_seq >= seq, timeout_s
            )

    def wait(self, is_reached: Callable[[Mirror], bool], timeout_s: float | None = None) -> bool:
        """Wait until the mirror satisfies a condition; False when the time was over before."""
        with self._changed:
            return self._changed.wait_for(lambda: is_reached(self.mirror), timeout_s)

    # -------------------------------------------------------------------- documents

    @contextmanager
    def following_documents(self) -> Iterator[queue.SimpleQueue[DocumentBatch]]:
        """Have the worker send documents; yield a queue of ``(item_uid, documents)``.

        The mirror's `live` runs are filled for as long as somebody follows.
        """
        feed: queue.SimpleQueue[DocumentBatch] = queue.SimpleQueue()
        with self.lock:
            self._document_feeds.append(feed)
            is_first = len(self._document_feeds) == 1
        try:
            life = self._life
            if is_first and life is not None:
                life.bell.ring()
            yield feed
        finally:
            with self.lock:
                self._document_feeds.remove(feed)

    def documents(self, item_uid: str, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield the slim documents of a queue item until its plan is over.

        Each is a map with ``name`` (``start``, ``descriptor``, ``event``, ``event_page``,
        ``stop``) and the fields that a live view needs.

        Raises
        ------
        TimeoutError
            Nothing came for ``timeout_s`` seconds.
        """
        with self.following_documents() as feed:
            while True:
                is_over = self._is_over(item_uid)
                try:
                    # What was sent before the end has arrived before the end was seen.
                    of_item, documents = feed.get(timeout=0 if is_over else timeout_s)
                except queue.Empty:
                    if is_over:
                        return
                    raise TimeoutError(f"no document of item {item_uid!r}") from None
                if of_item == item_uid:
                    yield from documents

    def _is_over(self, item_uid: str) -> bool:
        with self.lock:
            return any(item["item_uid"] == item_uid for item in reversed(self.mirror.history))

    # ------------------------------------------------------------------- the thread

    def _follow(self, life: _Life) -> None:
        failures = 0
        while not life.is_over.is_set():
            try:
                self._follow_once(life.bell)
                failures = 0
                continue
            except Failure as failure:
                logger.debug("The hub has no manager: %s", failure)
            except Exception:  # the rim of the thread: a hub that ends in silence would lie
                logger.exception("The hub lost the thread; it begins anew")
            self._hang_up()
            self._epoch = None
            self._set_link(Link.NO_ANSWER)
            life.bell.listen(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1
        self._hang_up()
        self._set_link(Link.OFFLINE)

    def _follow_once(self, bell: Bell) -> None:
        if self._epoch is None:
            self._set_link(Link.CONNECTING)
            self._load(bell)
            if self._epoch is not None:
                self._set_link(Link.CONNECTED)
        elif self.mirror.needs_queue:
            self._read_queue(bell)
        elif self._epoch == "":
            if not bell.listen(POLL_S):
                self._load(bell)
        else:
            self._take_events(bell)

    def _load(self, bell: Bell) -> None:
        """Read everything anew, and from where on events continue it."""
        events = self._ask(bell, "events_get", {"since": 2**62}, self.connection.timeout_s)
        if events is None:
            return
        status = self._ask(bell, "status", {}, self.connection.timeout_s)
        if status is None:
            return
        has_events = bool(events.get("success"))
        known = self.mirror.status
        if self._epoch == "" and all(
            known.get(uid) == status.get(uid) for uid in ("plan_queue_uid", "plan_history_uid")
        ):
            self._publish(lambda: self.mirror.apply([{"kind": "status", "status": status}]))
            return
        # Managers without events do not know the parameter.
        params = {"event_seq": True} if has_events else {}
        items = self._ask(bell, "queue_get", params, self.connection.timeout_s)
        if items is None:
            return
        history = self._ask(bell, "history_get", params, self.connection.timeout_s)
        if history is None:
            return
        # Only now: a reading that was interrupted on the way is begun anew.
        self._epoch, self._since = (events["epoch"], events["seq"]) if has_events else ("", 0)
        self._publish(lambda: self.mirror.load(status, items, history))

    def _take_events(self, bell: Bell) -> None:
        params = {"since": self._since, "epoch": self._epoch, "wait": WAIT_S}
        if self._document_feeds:
            params["documents"] = True
        reply = self._ask(bell, "events_get", params, WAIT_S + GRACE_S)
        if reply is None:
            return
        if not reply.get("success") or not reply.get("complete"):
            self._epoch = None
            return
        self._since = reply["seq"]
        self._publish(lambda: self.mirror.apply(reply["events"]))
        self._feed_documents(reply["events"])

    def _read_queue(self, bell: Bell) -> None:
        # The reading says up to which event it is current; later events continue it.
        params = {"event_seq": True}
        items = self._ask(bell, "queue_get", params, self.connection.timeout_s)
        if items is not None:
            self._publish(lambda: self._loaded_queue(items))

    def _feed_documents(self, events: list[dict[str, Any]]) -> None:
        batches = [(e["item_uid"], e["documents"]) for e in events if e["kind"] == "documents"]
        with self.lock:
            feeds = list(self._document_feeds)
        is_over = any(e["kind"] == "history" for e in events)
        for feed in feeds:
            for batch in batches:
                feed.put(batch)
            if is_over:
                # Wakes whoever waits for documents of a plan that has ended without any.
                feed.put((None, []))

    def _loaded_queue(self, items: dict[str, Any]) -> set[str]:
        self.mirror.load_queue(items)
        return {"queue"}

    def _ask(
        self, bell: Bell, method: str, params: dict[str, Any], limit_s: float
    ) -> dict[str, Any] | None:
        """Send a request and return its reply; None when the bell rang before."""
        if self._line is None:
            self._line = Line(self.connection)
        reply = self._line.ask(bell.ear, method, params, limit_s)
        if reply is None:
            # The question is given up, and its answer must not be taken for the next one's.
            self._hang_up()
            bell.silence()
        return reply

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _publish(self, change: Callable[[], set[str]]) -> None:
        with self._changed:
            parts = change()
            self._shown_epoch, self._shown_seq = self._epoch, self._since
            self._changed.notify_all()
            listeners = list(self._listeners)
        self._tell(listeners, parts)

    def _set_link(self, link: Link) -> None:
        with self._changed:
            if link is self.link:
                return
            self.link = link
            self.mirror.revisions["connection"] += 1
            self._changed.notify_all()
            listeners = list(self._listeners)
        self._tell(listeners, {"connection"})

    def _tell(self, listeners: list[Listener], parts: set[str]) -> None:
        if not parts:
            return
        for listener in listeners:
            try:
                listener(parts)
            except Exception:  # the rim of somebody else's code in our thread
                logger.exception("A listener of the hub failed")


_hubs: dict[Connection, Hub] = {}
_hubs_lock = threading.Lock()


def shared_hub(
    address: str | None = None,
    *,
    encoding: str | None = None,
    public_key: str | None = None,
    timeout_s: float = 2.0,
) -> Hub:
    """Return this process's hub for a manager, following it already."""
    hub = Hub(address, encoding=encoding, public_key=public_key, timeout_s=timeout_s)
    with _hubs_lock:
        hub = _hubs.setdefault(hub.connection, hub)
    hub.start()
    return hub
