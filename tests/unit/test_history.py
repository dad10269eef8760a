"""Finished items: entries, trimming, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.changes import HistoryTrimmed
from qs_jupyter.model.history import History, finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import running_form

RESULT = {
    "exit_status": "completed", "run_uids": ["r"], "scan_ids": [1], "time_start": 1.5,
    "time_stop": 2.5, "msg": "", "traceback": "",
}  # fmt: skip


def history_of(uids: str) -> History:
    history = History()
    for uid in uids:
        plan = Item({"item_type": "plan", "name": "count", "item_uid": uid})
        history.append(finished_entry(plan, RESULT))
    return history


def uids(history: History) -> str:
    return "".join(entry.uid for entry in history)


def test_an_entry_is_the_item_at_rest_with_the_new_result() -> None:
    plan = Item({"item_type": "plan", "name": "count", "item_uid": "A", "result": {"msg": "old"}})
    entry = finished_entry(running_form(plan, 1.5, immediate=True), RESULT)
    assert entry.data == {"item_type": "plan", "name": "count", "item_uid": "A", "result": RESULT}
    assert json.dumps(json.loads(entry.text)) == entry.text


def test_the_text_of_all_entries_follows_every_change() -> None:
    history = history_of("AB")
    assert [entry["item_uid"] for entry in map(json.loads, history.texts)] == ["A", "B"]
    history.clear(size=1)
    assert [entry["item_uid"] for entry in map(json.loads, history.texts)] == ["B"]


@pytest.mark.parametrize(
    ("parameters", "change", "left"),
    [
        ({}, HistoryTrimmed(0), ""), ({"size": 2}, HistoryTrimmed(2), "CD"),
        ({"size": 0}, HistoryTrimmed(0), ""), ({"size": -3}, HistoryTrimmed(0), ""),
        ({"size": 4}, None, "ABCD"), ({"size": 9}, None, "ABCD"),
        ({"item_uid": "B"}, HistoryTrimmed(2), "CD"), ({"item_uid": "D"}, HistoryTrimmed(0), ""),
        ({"item_uid": "x"}, None, "ABCD"),
    ],
)  # fmt: skip
def test_old_entries_go_first(parameters: Any, change: Any, left: str) -> None:
    history = history_of("ABCD")
    assert history.clear(**parameters) == change
    assert uids(history) == left


def test_clearing_an_empty_history_is_a_change_trimming_it_is_none() -> None:
    assert History().clear() == HistoryTrimmed(0)
    assert History().clear(size=0) is None


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"size": 1, "item_uid": "A"}, "Parameters 'size' and 'item_uid' are mutually exclusive."),
        ({"size": "ab"}, "The 'size' parameter must be an integer: size='ab'"),
        ({"size": True}, "The 'size' parameter must be an integer: size=True"),
        ({"item_uid": 1.5}, "The 'item_uid' parameter must be a string: item_uid=1.5"),
    ],
)
def test_unusable_parameters_are_refused_letter_by_letter(parameters: Any, text: str) -> None:
    history = history_of("AB")
    with pytest.raises(BadRequest) as refusal:
        history.clear(**parameters)
    assert str(refusal.value) == text
    assert uids(history) == "AB"
