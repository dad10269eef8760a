"""Those who use a manager at random, and what they were promised.

An editor keeps a ledger of its own items: what must be there, what must not, and what may be
either because no reply came. A conductor keeps the queue going, and pauses, stops, destroys
and opens at random. Both go on whatever happens; a gate lets them rest together.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import CommunicationFailure

WHO = {"user": "soak", "user_group": "primary"}
LONGEST_QUEUE = 30
UNSURE = "not confirmed"
# Ends after which an item does not return to the queue.
GONE = ("completed", "stopped", "unknown")

Reply = dict[str, Any]
_tags = itertools.count(1)


@dataclass
class Entry:
    """What may be true of an item: whether it was added for good, and its latest edit."""

    tag: int
    present: set[bool]
    notes: set[int] = field(default_factory=lambda: {0})
    uid: str = ""


class Person(threading.Thread):
    """Does one thing after the other until told to rest or to leave."""

    def __init__(self, name: str, address: str, chance: random.Random) -> None:
        super().__init__(name=name)
        self.chance = chance
        self.error: BaseException | None = None
        self.done: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self._address = address
        self._may_act = threading.Event()
        self._rests = threading.Event()
        self._leaves = threading.Event()

    def run(self) -> None:
        with Client(self._address, timeout_s=2.5) as self._client:
            while not self._leaves.is_set():
                self._rests.set()
                self._may_act.wait()
                self._rests.clear()
                if self._leaves.is_set():
                    break
                try:
                    self.act()
                except BaseException as error:  # noqa: BLE001 - told at the end of the round
                    self.error = error
                    self._may_act.clear()
                self._leaves.wait(self.chance.expovariate(30))
            self._rests.set()

    def act(self) -> None:
        """Do one thing."""
        raise NotImplementedError

    def ask(self, method: str, /, **params: Any) -> Reply | None:
        """Send a request; None when nobody answered."""
        try:
            reply = self._client.request(method, **params)
        except CommunicationFailure:
            self.done["no reply"] += 1
            return None
        accepted = reply.get("success", True)
        if not accepted:
            self.refusals[f"{method}: {reply['msg'][:90]}"] += 1
        self.done[f"{method} {'ok' if accepted else 'refused'}"] += 1
        return reply

    def begin(self) -> None:
        """Let the person act."""
        self._rests.clear()
        self._may_act.set()

    def ask_to_rest(self) -> None:
        """Let the person finish what it does."""
        self._may_act.clear()

    def rest(self) -> None:
        """Return when the person has finished what it did."""
        self._may_act.clear()
        assert self._rests.wait(30), f"{self.name} does not come to rest"
        if self.error is not None:
            raise self.error

    def leave(self) -> None:
        """End."""
        self._leaves.set()
        self._may_act.set()
        self.join(30)


class Editor(Person):
    """Adds, changes, moves and removes items of its own."""

    def __init__(self, name: str, address: str, chance: random.Random) -> None:
        super().__init__(name, address, chance)
        self.ledger: dict[int, Entry] = {}
        self._waiting = 0

    def act(self) -> None:
        """Do an edit."""
        acts: list[Callable[[], None]] = [self._update, self._update, self._remove, self._move]
        room = self._waiting < LONGEST_QUEUE
        acts += [self._add] * 4 + [self._add_batch] if room else []
        self.chance.choice(acts)()

    def _item(self, tag: int, note: int) -> dict[str, Any]:
        num, delay = self.chance.randint(1, 3), self.chance.choice([0, 0.01, 0.05, 0.2])
        kwargs = {"tag": tag, "note": note, "num": num, "delay": delay}
        if tag % 12 == 0:
            kwargs["fail"] = True
        return {"item_type": "plan", "name": "steps", "kwargs": kwargs}

    def _add(self) -> None:
        entry = self._new()
        pos = self.chance.choice(["front", "back", "back", 1, -2])
        reply = self.ask("queue_item_add", item=self._item(entry.tag, 0), pos=pos, **WHO)
        if self._count(reply):
            entry.present, entry.uid = {True}, reply["item"]["item_uid"]  # type: ignore[index]
        elif _refused(reply):
            entry.present = {False}

    def _add_batch(self) -> None:
        entries = [self._new() for _ in range(self.chance.randint(2, 4))]
        items = [self._item(entry.tag, 0) for entry in entries]
        reply = self.ask("queue_item_add_batch", items=items, **WHO)
        if self._count(reply):
            for entry, item in zip(entries, reply["items"], strict=True):  # type: ignore[index]
                entry.present, entry.uid = {True}, item["item_uid"]
        elif _refused(reply):
            for entry in entries:
                entry.present = {False}

    def _update(self) -> None:
        entry = self._some()
        if entry is None:
            return
        note = max(entry.notes) + 1
        entry.notes.add(note)
        item = {**self._item(entry.tag, note), "item_uid": entry.uid}
        reply = self.ask("queue_item_update", item=item, **WHO)
        if self._count(reply):
            entry.notes = {note}
        elif _refused(reply):
            entry.notes.discard(note)
            self._forget_uid(entry, reply)

    def _remove(self) -> None:
        entry = self._some()
        if entry is None:
            return
        before, entry.present = entry.present, {True, False}
        reply = self.ask("queue_item_remove", uid=entry.uid)
        if self._count(reply):
            entry.present = {False}
        elif _refused(reply):
            entry.present = before
            self._forget_uid(entry, reply)

    def _move(self) -> None:
        entry = self._some()
        if entry is not None:
            to = self.chance.choice(["front", "back", 0, -2])
            self.ask("queue_item_move", uid=entry.uid, pos_dest=to)

    def _new(self) -> Entry:
        entry = Entry(next(_tags), {True, False})
        self.ledger[entry.tag] = entry
        return entry

    def _some(self) -> Entry | None:
        known = [e for e in self.ledger.values() if e.uid and True in e.present]
        return self.chance.choice(known[-20:]) if known else None

    def _count(self, reply: Reply | None) -> bool:
        if reply is None or not reply["success"]:
            return False
        self._waiting = reply["qsize"] if reply.get("qsize") is not None else self._waiting
        return True

    def _forget_uid(self, entry: Entry, reply: Reply | None) -> None:
        """An item that has run, or has returned with another uid, cannot be edited here."""
        if reply is not None and "store" not in reply["msg"]:
            entry.uid = ""


class Conductor(Person):
    """Keeps the queue going, and disturbs it."""

    def act(self) -> None:
        """Look at the status, and do something that fits or does not."""
        status = self.ask("status")
        if status is None:
            return
        state, chance = status["manager_state"], self.chance.random()
        if chance < 0.05:
            self._anything()
        elif state == "idle":
            self._be_idle(status, chance)
        elif state == "paused":
            odds = ["re_resume"] * 6 + ["re_stop", "re_abort", "re_halt"]
            self.ask(self.chance.choice(odds))
        elif state == "executing_queue":
            self._leaves.wait(self.chance.uniform(0, 0.6))
            if chance < 0.3:
                self.ask("re_pause", option=self.chance.choice(["immediate", "deferred"]))
            elif chance < 0.36:
                self.ask("environment_destroy")
            elif chance < 0.5:
                self.ask(self.chance.choice(["queue_stop", "queue_stop", "queue_stop_cancel"]))
        else:
            self._leaves.wait(self.chance.uniform(0, 0.3))

    def _anything(self) -> None:
        methods = [
            *("queue_start", "queue_stop", "re_pause", "re_resume", "re_abort", "history_get"),
            *("environment_update", "environment_open", "plans_allowed", "queue_get"),
        ]
        method = self.chance.choice(methods)
        self.ask(method, **({"user_group": "primary"} if method == "plans_allowed" else {}))

    def _be_idle(self, status: Reply, chance: float) -> None:
        if not status["worker_environment_exists"]:
            self.ask("environment_open")
        elif status["re_state"] == "panicked" or chance < 0.08:
            self.ask("environment_close")
        elif chance < 0.13:
            self.ask("script_upload", script="import time; time.sleep(0.1)")
        elif chance < 0.18:
            item = {"item_type": "function", "name": "quick_function"}
            self.ask("function_execute", item=item, **WHO)
        elif chance < 0.25:
            self.ask("queue_autostart", enable=self.chance.random() < 0.5)
        else:
            self.ask("queue_start")


def _refused(reply: Reply | None) -> bool:
    """Whether it is certain that nothing was done."""
    return reply is not None and not reply["success"] and UNSURE not in reply["msg"]
