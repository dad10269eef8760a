"""Messages between kernel and view: rows by stretches, fields by name, and how many a second."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_widgets.budget import BYTES_PER_S, LONGEST_PAUSE_S, Budget
from qs_widgets.changes import Content, Row, change_between, row_pieces


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
    new: list[Row] = [(key, "other") if key in touched else (key, f"text {key}") for key in after]
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
