"""A manager under random load, and the check of everything it has promised."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qs_jupyter.client.connection import CommunicationFailure
from tests.acceptance.running import RunningManager, Status
from tests.soak.people import GONE, Conductor, Editor, Entry
from tests.soak.site import Site

LIMIT_S = 60.0
EDITORS = 3
Item = dict[str, Any]


class Campaign:
    """Editors and a conductor around one manager."""

    def __init__(self, manager: RunningManager, folder: Path, chance: random.Random) -> None:
        self.manager = manager
        self.site = Site(folder)
        self._options: list[str] = []
        address = manager.home.control
        self.editors = [
            Editor(f"editor {n}", address, random.Random(chance.random())) for n in range(EDITORS)
        ]
        self.conductor = Conductor("conductor", address, random.Random(chance.random()))
        self.people = [*self.editors, self.conductor]
        self.story: list[str] = []
        self._begun = time.monotonic()

    def start(self, *options: str) -> None:
        """Start the service, and remember how."""
        self._options = [*options, *self.site.options]
        self.manager.start(*self._options)

    def start_again(self) -> None:
        """Start the service like the first time."""
        self.manager.start(*self._options)

    def tell(self, word: str) -> None:
        """Note something for the message of a failure."""
        self.story.append(f"{time.monotonic() - self._begun:.2f} {word}")

    @contextlib.contextmanager
    def present(self) -> Iterator[None]:
        """Have the people there, and a list of plans for them."""
        self.manager.open()
        for person in self.people:
            person.start()
        try:
            yield
        finally:
            for person in self.people:
                person.leave()
            done = sum((person.done for person in self.people), Counter())
            refusals = sum((person.refusals for person in self.people), Counter())
            words = Counter(word.split()[1] for word in self.story)
            began = self.site.began().total()
            print(f"\n{dict(words)}, {began} runs\n{dict(sorted(done.items()))}")
            print(refusals.most_common(12))

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Have the people act, and let them rest at the end."""
        for person in self.people:
            person.begin()
        try:
            yield
        finally:
            for person in self.people:
                person.ask_to_rest()
            for person in self.people:
                person.rest()

    # -------------------------------------------------------------------------- what is true

    def settle(self) -> None:
        """Bring the manager to rest: nothing may be stuck."""
        deadline = time.monotonic() + LIMIT_S
        manager = self.manager
        self._ask("queue_autostart", enable=False)
        while True:
            status = self._ask("status")
            state = status.get("manager_state")
            if state == "idle" and status["store_available"]:
                if not status["queue_autostart_enabled"]:
                    return
                self._ask("queue_autostart", enable=False)
            elif state == "paused":
                self._ask("re_abort")
            elif state == "executing_queue":
                self._ask("queue_stop")
            assert time.monotonic() < deadline, self.report(f"stuck: {status}")
            with contextlib.suppress(AssertionError):
                manager.until(lambda s: s["status_uid"] != status.get("status_uid"), 0.5)  # noqa: B023

    def _ask(self, method: str, **params: Any) -> Status:
        try:
            return self.manager.ask(method, **params)
        except CommunicationFailure:
            return {}

    def check(self) -> None:
        """Compare what is there with what was promised."""
        reply = self.manager.do("queue_get")
        running = [reply["running_item"]] if reply["running_item"] else []
        queue: list[Item] = reply["items"]
        history = self.manager.history()
        problems = [
            *self._check_entries(queue, running, history),
            *self._check_uids([*queue, *running], history),
        ]
        assert not problems, self.report("\n".join(problems))

    def _check_entries(self, queue: list[Item], running: list[Item], history: list[Item]) -> Any:
        here = defaultdict(list)
        for item in [*queue, *running]:
            here[item["kwargs"]["tag"]].append(item)
        ends = defaultdict(list)
        for item in history:
            ends[item["kwargs"]["tag"]].append(item)
        ledger = self.ledger()
        for tag in [*here, *ends]:
            if tag not in ledger:
                yield f"item {tag} was never added"
        for tag, entry in ledger.items():
            yield from _check_entry(entry, here[tag], ends[tag])

    def ledger(self) -> dict[int, Entry]:
        """Return what was promised to all editors."""
        return {tag: entry for editor in self.editors for tag, entry in editor.ledger.items()}

    def _check_uids(self, present: list[Item], history: list[Item]) -> Any:
        ended = {item["item_uid"]: item["result"]["exit_status"] for item in history}
        uids = Counter([item["item_uid"] for item in [*present, *history]])
        yield from (f"{uid} is there {n} times" for uid, n in uids.items() if n > 1)
        began = self.site.began()
        for uid, number in began.items():
            if number > 1:
                yield f"{uid} was executed {number} times"
            if uid not in ended and uid not in uids:
                yield f"{uid} was executed and is nowhere"
        waiting = {item["item_uid"] for item in present} & began.keys()
        if waiting:
            yield f"executed and still there with the same uid: {waiting}"
        for uid, status in ended.items():
            if status == "completed" and began[uid] != 1:
                yield f"{uid} is called completed and was executed {began[uid]} times"

    def finish(self) -> None:
        """Run everything that is left to its end."""
        deadline = time.monotonic() + 3 * LIMIT_S
        while (status := self.manager.status())["items_in_queue"]:
            assert time.monotonic() < deadline, self.report(f"does not come to its end: {status}")
            self.manager.open()
            begun = self.manager.status()
            reply = self.manager.ask("queue_start")
            assert reply["success"], self.report(f"cannot be started: {reply} {begun}")
            self.manager.until(
                lambda s: s["manager_state"] == "idle" and s["status_uid"] != begun["status_uid"],  # noqa: B023
                LIMIT_S,
                since=self.manager.status(),
            )
        self.check()

    def report(self, problem: str) -> str:
        """Return a problem with all that may explain it."""
        story = "\n".join(self.story[-40:])
        return f"{problem}\n\n{story}\n\nTerminal:\n{self.manager.terminal()[-6000:]}"


def _check_entry(entry: Entry, here: list[Item], ends: list[Item]) -> Iterator[str]:
    what = f"item {entry.tag} ({entry.present}, notes {entry.notes})"
    gone = [item for item in ends if item["result"]["exit_status"] in GONE]
    if len(here) > 1:
        yield f"{what} is there {len(here)} times"
    if len(gone) > 1:
        yield f"{what} has ended for good {len(gone)} times: {gone}"
    if here and gone:
        yield f"{what} has ended for good and is there: {here} {gone}"
    if entry.present == {True} and not here and not gone:
        yield f"{what} is lost; its ends: {ends}"
    if entry.present == {False} and here:
        yield f"{what} was removed and is there: {here}"
    for item in [*here, *gone]:
        if item["kwargs"]["note"] not in entry.notes and entry.present != {False}:
            yield f"{what} lacks its latest edit: {item}"
