"""Messages between kernel and view: rows by stretches, fields by name, and how many a second."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_widgets.budget import BYTES_PER_S, LONGEST_PAUSE_S, Budget
from qs_widgets.changes import Content, change_between, row_pieces
from qs_widgets.pulse import Pulse
from qs_widgets.stretches import Row
from tests.unit.hand_made import LIMIT_S, HandMadeHub


def applied(old: list[Row], pieces: list[Any]) -> list[Row]:
    """Do what the view does with pieces."""
    rows: list[Row] = []
    for piece in pieces:
        if isinstance(piece, dict):
            rows += piece["new"]
        else:
            rows += old[piece[0] : piece[0] + piece[1]]
    return rows


def made(*keys: int) -> list[Row]:
    return [(key, f"text {key}") for key in keys]


def test_nothing_is_sent_when_nothing_has_changed() -> None:
    content = Content({"a": 1}, made(1, 2))
    assert change_between(content, Content({"a": 1}, made(1, 2))) is None


def test_only_the_fields_that_differ_are_sent() -> None:
    old, new = Content({"a": 1, "b": 2}), Content({"a": 1, "b": 3, "c": None})
    assert change_between(old, new) == {"fields": {"b": 3, "c": None}}


def test_the_move_of_one_row_of_thousands_is_a_few_numbers() -> None:
    old = made(*range(5000))
    new = [*old[:10], old[4000], *old[10:4000], *old[4001:]]
    assert row_pieces(old, new) == [[0, 10], [4000, 1], [10, 3990], [4001, 999]]


def test_a_row_with_other_text_is_sent_anew() -> None:
    old = made(1, 2, 3)
    new = [old[0], (2, "other"), old[2]]
    assert row_pieces(old, new) == [[0, 1], {"new": [(2, "other")]}, [2, 1]]


def test_emptying_a_list_is_a_change() -> None:
    assert change_between(Content(rows=made(1)), Content(rows=[])) == {"rows": []}


@given(
    st.lists(st.integers(0, 20), unique=True),
    st.lists(st.integers(0, 20), unique=True),
    st.sets(st.integers(0, 20)),
)
def test_pieces_always_give_the_new_rows(
    before: list[int], after: list[int], touched: set[int]
) -> None:
    old = made(*before)
    kept = {row[0]: row for row in old}
    # Rows that stay are mostly the same objects, and need not be.
    same = {key: kept[key] for key in kept if key % 3}
    new: list[Row] = [
        (key, "other") if key in touched else same.get(key, (key, f"text {key}")) for key in after
    ]
    assert applied(old, row_pieces(old, new)) == new


def test_a_few_messages_leave_at_once_and_then_ten_a_second() -> None:
    budget, now, sent = Budget(0.0), 0.0, 0
    while now < 10.0:
        pause = budget.pause(now)
        if pause > 0:
            now += pause + 1e-9
            continue
        budget.spend(now, 100)
        sent += 1
    assert 100 <= sent <= 105


def test_large_messages_slow_the_panel_down_but_never_for_long() -> None:
    budget = Budget(0.0)
    budget.spend(0.0, 150_000)
    assert budget.pause(0.0) == pytest.approx(50_000 / BYTES_PER_S)
    budget.spend(0.0, 50_000_000)
    assert budget.pause(0.0) == pytest.approx(LONGEST_PAUSE_S)


def test_an_urgent_message_may_be_sent_before_there_is_room_for_it() -> None:
    budget = Budget(0.0)
    for _ in range(4):
        budget.spend(0.0, 400_000)
    assert budget.pause(0.0) == pytest.approx(LONGEST_PAUSE_S)
    assert budget.pause(0.0, urgent=True) == 0.0
    for _ in range(4):
        budget.spend(0.0, 100)
    assert budget.pause(0.0, urgent=True) == pytest.approx(0.2)


class Noting:
    """A part that notes when it is sent, and waits in the first delivery."""

    follows = frozenset({"status"})

    def __init__(self, name: str, patience_s: float, sent: list[str], gate: Event) -> None:
        self.name, self.patience_s, self.sent, self.gate = name, patience_s, sent, gate
        self.began = Event()

    def deliver(self) -> int:
        self.began.set()
        self.gate.wait(LIMIT_S)
        self.sent.append(self.name)
        return 0

    def complain(self, text: str) -> None:
        self.sent.append(text)


def test_the_status_goes_before_what_can_wait() -> None:
    hub: Any = HandMadeHub()
    sent: list[str] = []
    gate = Event()
    status, queue = Noting("status", 0.0, sent, gate), Noting("queue", 0.4, sent, gate)
    pulse = Pulse(hub, [status, queue])
    assert status.began.wait(LIMIT_S)
    pulse.touch(status)
    gate.set()
    assert queue.began.wait(LIMIT_S)
    pulse.close()
    assert sent == ["status", "status", "queue"]
