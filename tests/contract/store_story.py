"""A story of changes, the same for the same seed: told by a writer, checked by a reader.

Run as a program it writes its story into a store and says after each chapter that it is
durable, until somebody kills it.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

from qs_jupyter.model import changes as c
from qs_jupyter.model.history import History, finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.positions import BACK, FRONT, At
from qs_jupyter.model.preparation import running_form
from qs_jupyter.model.queue import Queue
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.store.durable import DurableStore
from qs_jupyter.store.redis import RedisBackend
from qs_jupyter.store.sqlite import SqliteBackend
from qs_jupyter.store.store import StoredState


def open_backend(address: str) -> DurableStore:
    """Open the store that a test is about: a path, or a URL of Redis."""
    if "://" in address:
        return DurableStore(RedisBackend(address, "test"))
    return DurableStore(SqliteBackend(address))


class Story:
    """The memory of a manager that does random things."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.queue = Queue()
        self.history = History()
        self.running: Item | None = None
        self.attempt = 0
        self.mode = QueueMode()
        self.flags = {"autostart": False, "stop_pending": False}
        self.lock: Lock | None = None
        self.permissions: dict[str, Any] | None = None
        self.extra: dict[str, Any] = {}
        self.number = 0

    def snapshot(self) -> StoredState:
        return StoredState(
            queue=self.queue.entries,
            running=self.running,
            attempt=self.attempt,
            history=self.history.entries,
            mode=self.mode,
            lock=self.lock,
            permissions=self.permissions,
            extra=dict(self.extra),
            **self.flags,
        )

    def new_item(self) -> Item:
        self.number += 1
        return Item(
            {
                "item_type": "plan",
                "name": "count",
                "args": [["dét1", 'quo"te']],
                "kwargs": {"num": self.number, "delay": 0.1 + self.number, "x": 1e22},
                "item_uid": f"u{self.number}",
            }
        )

    def next(self) -> list[c.Change]:
        """Do something and return its changes."""
        kinds = [self._add, self._add, self._move, self._remove, self._replace, self._fact]
        kinds += [self._finish] if self.running else [self._start]
        found: list[c.Change | None] = self.chance.choice(kinds)()
        return [change for change in found if change is not None]

    def _at(self) -> At:
        return At(self.chance.randrange(len(self.queue)))

    def _add(self) -> list[c.Change | None]:
        count = self.chance.choice([1, 1, 3, 20])
        items = [self.new_item() for _ in range(count)]
        place = self.chance.choice([FRONT, BACK, At(len(self.queue) // 2)])
        return [self.queue.insert(items, place)]

    def _move(self) -> list[c.Change | None]:
        if not self.queue:
            return []
        if self.chance.random() < 0.5:
            return [self.queue.move(self._at(), self._at())]
        count = self.chance.randint(1, len(self.queue))
        uids = self.chance.sample([item.uid for item in self.queue], min(count, 20))
        return [self.queue.move_batch(uids, self._at())]

    def _remove(self) -> list[c.Change | None]:
        if self.chance.random() < 0.05:
            return [self.queue.clear()]
        count = self.chance.randint(0, len(self.queue))
        uids = self.chance.sample([item.uid for item in self.queue], min(count, 18))
        return [self.queue.remove(uids)]

    def _replace(self) -> list[c.Change | None]:
        if not self.queue:
            return []
        uid = self.queue.get(self._at()).uid
        return [self.queue.replace(uid, self.new_item().with_changes(item_uid=uid))]

    def _start(self) -> list[c.Change | None]:
        front = self.queue.front
        if front is None:
            return []
        queued = self.queue.take(front.uid)
        self.running, self.attempt = running_form(queued, 12.5), 3
        return [c.PlanStarted(self.running, 3, queued)]

    def _finish(self) -> list[c.Change | None]:
        item, self.running, self.attempt = self.running, None, 0
        assert item is not None
        if self.chance.random() < 0.2:
            inserted = self.queue.insert([item.with_changes(properties=None)], FRONT)
            return [c.PlanPutBack(inserted)]
        entry = finished_entry(item, {"exit_status": "failed", "msg": "ü"})
        self.history.append(entry)
        copy = self.new_item().with_changes(result={"msg": "ü"})
        place = self.chance.choice([FRONT, BACK])
        finished = c.PlanFinished(entry, self.queue.insert([copy], place))
        trim = self.history.clear(size=5) if self.chance.random() < 0.3 else None
        return [finished, trim]

    def _fact(self) -> list[c.Change | None]:
        n, on = self.number, self.chance.random() < 0.5
        kind = self.chance.randrange(6)
        if kind == 0:
            self.mode = QueueMode(loop=on)
            return [c.ModeSet(self.mode)]
        if kind == 1:
            self.flags["autostart"] = on
            return [c.AutostartSet(on)]
        if kind == 2:
            self.flags["stop_pending"] = on
            return [c.StopPendingSet(on)]
        if kind == 3:
            key = f"key{n}" if on else None
            self.lock = Lock(f"l{n}", queue=on, key=key, user="J" if on else None)
            return [c.LockSet(self.lock)]
        if kind == 4:
            self.permissions = {"user_groups": {"root": {"n": n, "é": None}}}
            return [c.PermissionsSet(self.permissions)]
        self.extra = {**self.extra, "tasks": [n]} if on else {}
        return [c.ExtraSet("tasks", [n] if on else None)]


async def tell(address: str, seed: int) -> None:
    """Write the story; after each chapter print how many are durable."""
    store, story, chapter = open_backend(address), Story(seed), 0
    await store.load()
    store.bind(story.snapshot)
    while True:
        await store.write(*story.next())
        chapter += 1
        print(chapter, flush=True)


if __name__ == "__main__":
    asyncio.run(tell(sys.argv[1], int(sys.argv[2])))
