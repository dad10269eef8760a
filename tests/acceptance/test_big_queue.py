"""A queue of 50 000 items is as quick as one of ten.

Only ratios within one run are compared: it is about work that grows with the queue, not about
the speed of a machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.running import RunningManager, uids

pytestmark = pytest.mark.xdist_group("big queue")

ITEMS = 50_000
BATCH = 2500
ROUNDS = 200
RATIO = 5
PLAN = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 1}}
WHO = {"user": "a test", "user_group": "primary"}


def undisturbed_s(work: Callable[[int], Any]) -> float:
    """Return how long one call takes when nothing else on the machine is in its way."""
    times = []
    for number in range(ROUNDS):
        begun = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - begun)
    return sorted(times)[ROUNDS // 10]


def measure(manager: RunningManager) -> dict[str, float]:
    """Return how long each kind of edit takes; the queue is the same afterwards."""
    size = manager.status()["items_in_queue"]
    places = [size * tenth // 10 for tenth in range(10)]
    added: list[str] = []

    def add(number: int) -> None:
        reply = manager.do("queue_item_add", item=PLAN, pos=places[number % 10], **WHO)
        added.append(reply["item"]["item_uid"])

    def move(number: int) -> None:
        manager.do("queue_item_move", pos=places[number % 10], pos_dest=places[(3 * number) % 10])

    def remove(number: int) -> None:
        manager.do("queue_item_remove", uid=added[number])

    result = {
        name: undisturbed_s(work)
        for name, work in {
            "add": add,
            "move": move,
            "status": lambda _: manager.status(),
            "remove": remove,
        }.items()
    }
    assert manager.status()["items_in_queue"] == size
    return result


@pytest.mark.timeout(240)
def test_edits_do_not_slow_down_with_the_length_of_the_queue(manager: RunningManager) -> None:
    manager.do("queue_item_add_batch", items=[PLAN] * 10, **WHO)
    measure(manager)  # to be warm
    small = measure(manager)
    batches = []
    for _ in range(ITEMS // BATCH):
        begun = time.perf_counter()
        reply = manager.do("queue_item_add_batch", items=[PLAN] * BATCH, **WHO)
        batches.append(time.perf_counter() - begun)
        assert len(reply["items"]) == BATCH
    assert manager.status()["items_in_queue"] == ITEMS + 10
    big = measure(manager)
    ratios = {name: big[name] / small[name] for name in small}
    assert max(ratios.values()) <= RATIO, (ratios, small, big)
    middle = len(batches) // 2
    assert min(batches[middle:]) / min(batches[:middle]) <= RATIO, batches

    # All of it is there, in order, after the process was killed.
    before = uids(manager.queue())
    assert len(set(before)) == ITEMS + 10
    manager.kill_manager()
    manager.until_ready()
    assert uids(manager.queue()) == before
    manager.do("queue_clear")
    assert manager.status()["items_in_queue"] == 0
