"""The mirror follows the events of the manager to the same state."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.client.mirror import Mirror
from qs_jupyter.manager.event_stream import MANY_ITEMS, Backlog, EventStream, LoggedEvent
from qs_jupyter.model import changes
from qs_jupyter.model.history import History, finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import BACK, FRONT, At
from qs_jupyter.model.preparation import running_form
from qs_jupyter.model.queue import Queue


def item(uid):
    return Item({"item_type": "plan", "name": "count", "item_uid": uid})


class Follower:
    """A queue with its history, and a mirror that only sees the events."""

    def __init__(self):
        self.queue = Queue()
        self.history = History()
        self.running = None
        self.stream = EventStream(None)
        self.mirror = Mirror()
        self.number = 0

    def change(self, change):
        if change is not None:
            self.stream.add_change(change, 0.0)

    def follow(self, since=0):
        texts, complete = self.stream.after(since, self.stream.epoch)
        self.mirror.apply([json.loads(text) for text in texts])
        return complete

    def new_items(self, count):
        self.number += 1
        return [item(f"{self.number}-{n}") for n in range(count)]

    def start(self):
        if self.running is None and len(self.queue):
            queued = self.queue.take(self.queue.front.uid)
            self.running = running_form(queued, 1.0)
            self.change(changes.PlanStarted(self.running, 1, queued))

    def finish(self, again):
        if self.running is not None:
            entry = finished_entry(self.running, {"exit_status": "failed"})
            self.history.append(entry)
            inserted = self.queue.insert(self.new_items(1), FRONT) if again else None
            self.change(changes.PlanFinished(entry, inserted))
            self.running = None


OPERATION = st.tuples(
    st.sampled_from(["insert", "remove", "move", "clear", "start", "finish", "trim"]),
    st.integers(0, 20),
    st.integers(0, 20),
)


@given(st.lists(OPERATION, max_size=30))
def test_a_mirror_that_sees_only_events_equals_the_queue(operations):
    world = Follower()
    for kind, one, two in operations:
        queue = world.queue
        if kind == "insert":
            world.change(queue.insert(world.new_items(1 + one % 3), At(two)))
        elif kind == "clear":
            world.change(queue.clear())
        elif kind == "start":
            world.start()
        elif kind == "finish":
            world.finish(again=one % 2)
        elif kind == "trim":
            world.change(world.history.clear(size=one % 4))
        elif len(queue):
            uids = list({queue.uid_at(one % len(queue)), queue.uid_at(two % len(queue))})
            if kind == "remove":
                world.change(queue.remove(uids))
            else:
                world.change(queue.move_batch(uids, At("front") if one % 2 else BACK))
    assert world.follow()
    mirror = world.mirror
    assert not mirror.needs_queue
    assert [i["item_uid"] for i in mirror.queue] == [i.uid for i in world.queue]
    assert [i["item_uid"] for i in mirror.history] == [e.uid for e in world.history]
    running = world.running.uid if world.running else None
    assert mirror.running_item.get("item_uid") == running


def test_events_that_a_reading_includes_are_not_applied_again():
    world = Follower()
    world.change(world.queue.insert([item("a")], BACK))
    reading = {"items": [dict(i.data) for i in world.queue], "event_seq": world.stream.seq}
    world.change(world.queue.insert([item("b")], BACK))
    world.mirror.load({}, reading, {"items": [], "event_seq": world.stream.seq})
    world.follow(since=0)
    assert [i["item_uid"] for i in world.mirror.queue] == ["a", "b"]


def test_a_long_block_is_read_and_not_told():
    world = Follower()
    world.change(world.queue.insert(world.new_items(MANY_ITEMS + 1), BACK))
    world.follow()
    assert world.mirror.needs_queue


def test_a_client_of_another_life_of_the_manager_has_to_read_anew():
    world = Follower()
    world.change(world.queue.insert([item("a")], BACK))
    texts, complete = world.stream.after(7, "another epoch")
    assert not complete
    assert len(texts) == 1


def test_a_full_backlog_drops_the_oldest_and_says_so():
    backlog = Backlog(kept_bytes=10)
    for seq in range(1, 6):
        backlog.append(LoggedEvent(seq, "x" * 4))
    assert [event.seq for event in backlog.after(0)] == [4, 5]
    assert backlog.dropped_upto == 3
    assert backlog.after(4)[0].seq == 5


async def test_waiting_for_an_event_ends_with_the_event():
    world = Follower()

    waiting = asyncio.ensure_future(world.stream.wait(0, world.stream.epoch, 30))
    await asyncio.sleep(0)
    world.stream.add("task", 0.0, {"task_uid": "t", "status": "running"})
    await asyncio.wait_for(waiting, 20)
    world.follow()
    assert world.mirror.tasks["t"]["status"] == "running"


def test_talkative_plans_do_not_push_out_what_happened_to_the_queue():
    world = Follower()
    world.change(world.queue.insert([item("a")], BACK))
    for _ in range(60):
        world.stream.add("console", 0.0, {"text": "x" * 100_000})
    texts, complete = world.stream.after(0, world.stream.epoch)
    assert not complete
    assert json.loads(texts[0])["kind"] == "queue"
