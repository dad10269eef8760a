"""A copy of what the manager knows, kept up to date by its numbered events.

Plain data and no input or output: the hub fills it, panels and magics read it. It holds the
status, the queue in order, the running item, finished items, runs, tasks, and the latest
console text. Each part has a revision that grows with every change of it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.client.estimates import Estimates
from qs_jupyter.client.live_runs import LiveRuns

KEPT_LINES = 5000
LEARNT_ITEMS = 5000
PARTS = ("status", "queue", "history", "runs", "tasks", "console", "documents", "connection")

Item = dict[str, Any]


@dataclass
class Mirror:
    """The state of a manager as its events tell it.

    ``revisions`` counts the changes of each part of `PARTS`. ``console`` holds the latest
    pieces of text as ``{"time", "text", "source", …}``.
    """

    status: dict[str, Any] = field(default_factory=dict)
    queue: list[Item] = field(default_factory=list)
    running_item: Item = field(default_factory=dict)
    history: list[Item] = field(default_factory=list)
    run_list: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    console: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    live: LiveRuns = field(default_factory=LiveRuns)
    estimates: Estimates = field(default_factory=Estimates)
    revisions: Counter[str] = field(default_factory=Counter)
    # Numbers of the last events that the readings of queue and history include.
    queue_seq: int = 0
    history_seq: int = 0
    # The last event changed the queue in a way that only a fresh reading shows.
    needs_queue: bool = False

    def load(
        self, status: Mapping[str, Any], queue: Mapping[str, Any], history: Mapping[str, Any]
    ) -> set[str]:
        """Take over whole replies of ``status``, ``queue_get`` and ``history_get``."""
        self.status = dict(status)
        self.history = list(history.get("items", []))
        self.history_seq = history.get("event_seq", 0)
        self.estimates.learn(self.history[-LEARNT_ITEMS:])
        self.load_queue(queue)
        return self._touched({"status", "queue", "history"})

    def load_queue(self, queue: Mapping[str, Any]) -> None:
        """Take over a whole reply of ``queue_get``."""
        self.queue = list(queue.get("items", []))
        self.queue_seq = queue.get("event_seq", 0)
        self.running_item = dict(queue.get("running_item") or {})
        self.needs_queue = False
        self.revisions["queue"] += 1

    def apply(self, events: Iterable[Mapping[str, Any]]) -> set[str]:
        """Let events happen, oldest first; return which parts have changed."""
        parts: set[str] = set()
        for event in events:
            handler = _HANDLERS.get(str(event.get("kind")))
            if handler is not None:
                parts.add(handler(self, event))
        return self._touched(parts)

    def _touched(self, parts: set[str]) -> set[str]:
        self.revisions.update(parts)
        return parts

    def running_left(self, now: float) -> float | None:
        """Return how many seconds the running item will go on, None when nothing tells."""
        known = self.estimates.left(self.running_item, now)
        runs = self.live.of_item(str(self.running_item.get("item_uid")))
        # A plan that takes longer than it did before is judged by its own pace.
        return known or (runs[-1].seconds_left if runs else None) or known

    def queue_left(self, now: float) -> tuple[float, int]:
        """Return how long the running item and the queue take, and how many are unknown."""
        seconds, unknown = self.estimates.queue_seconds(self.queue)
        left = self.running_left(now) if self.running_item else 0.0
        return (seconds, unknown + 1) if left is None else (seconds + left, unknown)

    def ended_uids(self) -> frozenset[str]:
        """Return the items of the history by their UIDs."""
        return frozenset(str(item.get("item_uid")) for item in self.history)

    def find(self, uid: str) -> Item | None:
        """Return a queued, running or finished item by its uid."""
        if self.running_item.get("item_uid") == uid:
            return self.running_item
        both = (*self.queue, *reversed(self.history))
        return next((item for item in both if item.get("item_uid") == uid), None)


def _status(mirror: Mirror, event: Mapping[str, Any]) -> str:
    mirror.status = dict(event["status"])
    if mirror.status.get("running_item_uid") is None:
        mirror.running_item = {}
    return "status"


def _queue(mirror: Mirror, event: Mapping[str, Any]) -> str:
    if event["seq"] > mirror.queue_seq:
        _QUEUE_HANDLERS[event["op"]](mirror, event)
    return "queue"


def _index(mirror: Mirror, uid: str | None) -> int:
    if uid is None:
        return len(mirror.queue)
    for index, item in enumerate(mirror.queue):
        if item["item_uid"] == uid:
            return index
    mirror.needs_queue = True
    return len(mirror.queue)


def _insert(mirror: Mirror, event: Mapping[str, Any]) -> None:
    index = _index(mirror, event["before"])
    mirror.queue[index:index] = event["items"]


def _move(mirror: Mirror, event: Mapping[str, Any]) -> None:
    uids = set(event["uids"])
    moved = {item["item_uid"]: item for item in mirror.queue if item["item_uid"] in uids}
    if len(moved) != len(event["uids"]):
        mirror.needs_queue = True
        return
    mirror.queue = [item for item in mirror.queue if item["item_uid"] not in uids]
    index = _index(mirror, event["before"])
    mirror.queue[index:index] = [moved[uid] for uid in event["uids"]]


def _remove(mirror: Mirror, event: Mapping[str, Any]) -> None:
    uids = set(event["uids"])
    mirror.queue = [item for item in mirror.queue if item["item_uid"] not in uids]


def _replace(mirror: Mirror, event: Mapping[str, Any]) -> None:
    index = _index(mirror, event["uid"])
    mirror.queue[index : index + 1] = [event["item"]]


def _clear(mirror: Mirror, _event: Mapping[str, Any]) -> None:
    mirror.queue = []


def _start(mirror: Mirror, event: Mapping[str, Any]) -> None:
    mirror.running_item = event["item"]
    if event["queued"]:
        _remove(mirror, {"uids": [event["item"]["item_uid"]]})


def _reload(mirror: Mirror, _event: Mapping[str, Any]) -> None:
    mirror.needs_queue = True


def _history(mirror: Mirror, event: Mapping[str, Any]) -> str:
    if event["seq"] <= mirror.history_seq:
        return "history"
    if event["op"] == "append":
        mirror.history.append(event["item"])
        mirror.estimates.learn([event["item"]])
        mirror.running_item = {}
    else:
        mirror.history = mirror.history[len(mirror.history) - event["kept"] :]
    return "history"


def _runs(mirror: Mirror, event: Mapping[str, Any]) -> str:
    mirror.run_list = event["run_list"]
    return "runs"


def _task(mirror: Mirror, event: Mapping[str, Any]) -> str:
    known = mirror.tasks.setdefault(event["task_uid"], {})
    known.update({k: v for k, v in event.items() if k not in ("epoch", "seq", "kind")})
    return "tasks"


def _documents(mirror: Mirror, event: Mapping[str, Any]) -> str:
    for document in event["documents"]:
        mirror.live.take(event["item_uid"], document)
    return "documents"


def _console(mirror: Mirror, event: Mapping[str, Any]) -> str:
    mirror.console.append({k: v for k, v in event.items() if k not in ("epoch", "kind")})
    return "console"


_QUEUE_HANDLERS = {
    "insert": _insert,
    "move": _move,
    "remove": _remove,
    "replace": _replace,
    "clear": _clear,
    "start": _start,
    "reload": _reload,
}
_HANDLERS = {
    "status": _status,
    "queue": _queue,
    "history": _history,
    "runs": _runs,
    "task": _task,
    "console": _console,
    "documents": _documents,
}
