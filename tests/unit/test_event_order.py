"""Events of the worker arrive in order and once, whatever is lost or doubled on the way."""

from __future__ import annotations

import random
from typing import Any

import pytest

from qs_jupyter.kernel.event_order import EventOrder


def copy(seq: int, *, epoch: str = "e", content: bool = True) -> dict[str, Any]:
    event = {"event": {"type": "TaskStarted", "uid": str(seq), "name": "n", "time_start": 0.0}}
    return {"epoch": epoch, "seq": seq, "time": 0.0, **(event if content else {})}


class Taker:
    def __init__(self) -> None:
        self.taken: list[int] = []
        self.asked = 0
        self.order = EventOrder(lambda event: self.taken.append(event.seq), self._ask)

    def _ask(self) -> None:
        self.asked += 1


@pytest.fixture
def taker() -> Taker:
    taker = Taker()
    taker.order.begin("e", 0)
    taker.order.take_replay([], 0)
    return taker


def test_copies_in_order_are_delivered_at_once(taker) -> None:
    for seq in (1, 2, 3):
        taker.order.take(copy(seq))
    assert taker.taken == [1, 2, 3]
    assert taker.asked == 0


def test_a_gap_is_filled_before_anything_later_is_delivered(taker) -> None:
    taker.order.take(copy(1))
    taker.order.take(copy(3))
    taker.order.take(copy(4))
    assert (taker.taken, taker.asked) == ([1], 1)
    taker.order.take_replay([copy(2), copy(3)], 3)
    assert taker.taken == [1, 2, 3, 4]


def test_a_copy_without_content_is_fetched(taker) -> None:
    taker.order.take(copy(1, content=False))
    assert taker.asked == 1
    taker.order.take_replay([copy(1)], 1)
    assert taker.taken == [1]


def test_doubles_and_copies_of_another_process_are_left_out(taker) -> None:
    for each in (copy(1), copy(1), copy(2, epoch="other"), copy(2)):
        taker.order.take(each)
    assert taker.taken == [1, 2]


def test_copies_before_the_greeting_wait_for_it() -> None:
    taker = Taker()
    taker.order.take(copy(5))
    taker.order.take(copy(4, epoch="old"))
    taker.order.begin("e", 2)
    taker.order.take_replay([copy(3), copy(4)], 4)
    assert taker.taken == [3, 4, 5]


def test_numbers_that_the_worker_has_forgotten_are_skipped(taker) -> None:
    taker.order.take(copy(9))
    taker.order.take_replay([copy(4), copy(9)], 9)
    taker.order.take(copy(10))
    assert taker.taken == [4, 9, 10]
    assert taker.asked == 1


@pytest.mark.parametrize(("number", "content"), [(2, False), (3, True)])
def test_what_arrives_while_a_replay_is_on_its_way_is_missed_by_nobody(
    taker, number, content
) -> None:
    taker.order.take(copy(1, content=False))
    taker.order.take(copy(number, content=content))  # after the worker has answered
    taker.order.take_replay([copy(1)], 1)
    assert (taker.taken, taker.asked) == ([1], 2)
    taker.order.take_replay([copy(seq) for seq in range(2, number + 1)], number)
    assert (taker.taken, taker.asked) == (list(range(1, number + 1)), 2)


def test_copies_without_content_before_the_greeting_are_left_to_the_replay() -> None:
    taker = Taker()
    taker.order.take(copy(1, content=False))
    taker.order.begin("e", 0)
    taker.order.take(copy(2))
    taker.order.take_replay([copy(1), copy(2)], 2)
    assert taker.taken == [1, 2]


def test_after_a_failed_replay_the_next_copy_asks_again(taker) -> None:
    taker.order.take(copy(2))
    taker.order.replay_failed()
    taker.order.take(copy(3))
    assert taker.asked == 2


def test_an_event_of_a_newer_worker_is_passed_over(taker) -> None:
    taker.order.take({"epoch": "e", "seq": 1, "time": 0.0, "event": {"type": "NeverHeardOf"}})
    taker.order.take(copy(2))
    assert taker.taken == [2]


@pytest.mark.parametrize("seed", range(20))
def test_any_loss_and_any_order_ends_in_the_whole_story(seed) -> None:
    chance = random.Random(seed)
    taker = Taker()
    taker.order.begin("e", 0)
    answers = 0
    sent = [copy(seq, content=chance.random() > 0.2) for seq in range(1, 60)]
    seen = 0
    for each in sent:
        seen = each["seq"]
        if chance.random() > 0.3:
            taker.order.take(each)
        if taker.asked > answers and chance.random() > 0.5:
            answers = taker.asked
            missing = range(taker.order.last + 1, seen + 1)
            taker.order.take_replay([copy(seq) for seq in missing], seen)
    missing = range(taker.order.last + 1, seen + 1)
    taker.order.take_replay([copy(seq) for seq in missing], seen)
    assert taker.taken == list(range(1, 60))
