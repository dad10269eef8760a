"""Keys and formats in Redis that other installations read and write: facts, not choices.

Two lists and six strings, named ``<prefix>_<name>``, hold JSON in the spelling of
``json.dumps``. Other managers find an element of the queue by its exact text, so whatever is
written here must come out the same when it is parsed and encoded again. Our own keys are
named ``<prefix>_qsj_<name>``; none of them is needed to read queue, history, lock or
permissions:

========= ====== ==================================================================
owner     string the manager that uses the database, for as long as it renews it
lastowner string token of the manager that wrote last
running   string attempt number of the running item
extra     hash   facts by name
setaside  list   elements that could not be read
========= ====== ==================================================================
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Any, Literal

from qs_jupyter.model import changes as c
from qs_jupyter.model.item import Item
from qs_jupyter.store.store import StoredState, standing_facts

_CHUNK = 1000
# From so many items on, one pass over the list is cheaper than a search for each of them.
_MANY = 16

# KEYS: the queue. ARGV: index of the newcomers, how many go, texts that go, newcomers.
# Returns how many have gone.
_SPLICE = """
local index, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local going, gone, kept = {}, 0, {}
for i = 3, count + 2 do going[ARGV[i]] = true end
for _, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if going[text] then going[text] = nil; gone = gone + 1 else kept[#kept + 1] = text end
end
local function push(list, first, last)
  for i = first, last, 1000 do
    redis.call('RPUSH', KEYS[1], unpack(list, i, math.min(i + 999, last)))
  end
end
redis.call('DEL', KEYS[1])
push(kept, 1, math.min(index, #kept))
push(ARGV, count + 3, #ARGV)
push(kept, index + 1, #kept)
return gone
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the reply without which it has not done its work, and what it does to the
    length of the queue (None: empties it).
    """

    words: tuple[str | bytes | int, ...]
    expect: Literal["anything", "positive"] | int = "anything"
    growth: int | None = 0

    def is_answered_by(self, reply: Any) -> bool:
        """Whether the reply says that the command did its work."""
        if self.expect == "positive":
            return isinstance(reply, int) and reply > 0
        return self.expect in ("anything", reply)


class Layout:
    """The commands that carry out changes under one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}_" if prefix else ""
        self.queue = self.key("plan_queue")
        self.history = self.key("plan_history")
        self.running = self.key("running_plan")
        self.own_running = self.own_key("running")
        self.extra = self.own_key("extra")

    def key(self, name: str) -> str:
        """Return a documented key."""
        return self._prefix + name

    def own_key(self, name: str) -> str:
        """Return a key that nobody else touches."""
        return f"{self._prefix}qsj_{name}"

    @singledispatchmethod
    def commands(self, change: c.Change) -> list[Command]:
        """Return what carries out a change."""
        raise TypeError(f"The store does not know the change {change!r}")

    @commands.register
    def _(self, change: c.ItemsInserted) -> list[Command]:
        texts = [entry.item.text for entry in change.entries]
        if change.before is None:
            return self._push(self.queue, texts)
        if change.index == 0:
            return [Command(("LPUSH", self.queue, *texts[::-1]), growth=len(texts))]
        if len(texts) > _MANY:
            return [self._splice(change.index, [], texts)]
        return [
            Command(
                ("LINSERT", self.queue, "BEFORE", change.before.text, text), "positive", growth=1
            )
            for text in texts
        ]

    @commands.register
    def _(self, change: c.ItemsRemoved) -> list[Command]:
        if len(change.items) > _MANY:
            return [self._splice(0, [item.text for item in change.items], [])]
        return [self._remove(item, from_back=change.from_back) for item in change.items]

    @commands.register
    def _(self, change: c.ItemsMoved) -> list[Command]:
        if len(change.entries) > _MANY:
            texts = [entry.item.text for entry in change.entries]
            return [self._splice(change.index, texts, texts)]
        removals = [self._remove(e.item, from_back=change.from_back) for e in change.entries]
        insertion = c.ItemsInserted(change.entries, change.before, change.index)
        return removals + self.commands(insertion)

    @commands.register
    def _(self, change: c.ItemReplaced) -> list[Command]:
        old, new = change.old.text, change.entry.item.text
        return [
            Command(("LINSERT", self.queue, "BEFORE", old, new), "positive", growth=1),
            self._remove(change.old, from_back=False),
        ]

    @commands.register
    def _(self, _change: c.QueueCleared) -> list[Command]:
        return [Command(("DEL", self.queue), growth=None)]

    @commands.register
    def _(self, change: c.PlanStarted) -> list[Command]:
        queued = change.queued
        return [
            *([] if queued is None else [self._remove(queued, from_back=False)]),
            Command(("SET", self.running, change.item.text)),
            self._attempt(change.item.uid, change.attempt),
        ]

    @commands.register
    def _(self, change: c.PlanPutBack) -> list[Command]:
        return self._stop_running(change.inserted)

    @commands.register
    def _(self, change: c.PlanFinished) -> list[Command]:
        archive = Command(("RPUSH", self.history, change.entry.text))
        return [archive, *self._stop_running(change.requeued)]

    @commands.register
    def _(self, change: c.HistoryTrimmed) -> list[Command]:
        if change.kept:
            return [Command(("LTRIM", self.history, -change.kept, -1))]
        return [Command(("DEL", self.history))]

    @commands.register
    def _(self, change: c.ModeSet) -> list[Command]:
        return [self._set("plan_queue_mode", change.mode.as_dict())]

    @commands.register
    def _(self, change: c.AutostartSet) -> list[Command]:
        return [self._set("autostart_mode_info", {"enabled": change.enabled})]

    @commands.register
    def _(self, change: c.StopPendingSet) -> list[Command]:
        return [self._set("stop_pending_info", {"enabled": change.enabled})]

    @commands.register
    def _(self, change: c.LockSet) -> list[Command]:
        return [self._set("lock_info", change.lock.record())]

    @commands.register
    def _(self, change: c.PermissionsSet) -> list[Command]:
        return [self._set("user_group_permissions", change.data)]

    @commands.register
    def _(self, change: c.ExtraSet) -> list[Command]:
        if change.value is None:
            return [Command(("HDEL", self.extra, change.name))]
        return [Command(("HSET", self.extra, change.name, json.dumps(change.value)))]

    def rewriting(self, state: StoredState, history_from: int | None) -> list[Command]:
        """Return what writes the whole state anew.

        The stored history is completed from entry ``history_from`` on, or replaced if that
        is None.
        """
        history = [entry.text for entry in state.history[history_from or 0 :]]
        return [
            Command(("DEL", self.queue, self.extra), growth=None),
            *self._push(self.queue, [entry.item.text for entry in state.queue]),
            *([Command(("DEL", self.history))] if history_from is None else []),
            *self._push(self.history, history),
            *(cmd for change in standing_facts(state) for cmd in self.commands(change)),
        ]

    def setting_aside(self, raw: Sequence[bytes]) -> list[Command]:
        """Return what keeps damaged elements for a person to look at."""
        return [Command(("RPUSH", self.own_key("setaside"), element)) for element in raw]

    def _push(self, key: str, texts: Sequence[str]) -> list[Command]:
        chunks = (texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK))
        counts = key == self.queue
        return [
            Command(("RPUSH", key, *chunk), growth=len(chunk) if counts else 0) for chunk in chunks
        ]

    def _remove(self, item: Item, *, from_back: bool) -> Command:
        count = -1 if from_back else 1
        return Command(("LREM", self.queue, count, item.text), 1, growth=-1)

    def _splice(self, index: int, gone: list[str], new: list[str]) -> Command:
        words: tuple[str | int, ...] = (
            "EVAL",
            _SPLICE,
            1,
            self.queue,
            index,
            len(gone),
            *gone,
            *new,
        )
        return Command(words, len(gone), growth=len(new) - len(gone))

    def _stop_running(self, inserted: c.ItemsInserted | None) -> list[Command]:
        return [
            Command(("SET", self.running, "{}")),
            Command(("DEL", self.own_running)),
            *([] if inserted is None else self.commands(inserted)),
        ]

    def _attempt(self, item_uid: str, attempt: int) -> Command:
        record = {"item_uid": item_uid, "attempt": attempt}
        return Command(("SET", self.own_running, json.dumps(record)))

    def _set(self, name: str, value: Any) -> Command:
        return Command(("SET", self.key(name), json.dumps(value)))
