"""Taking back edits of the queue: any sequence of edits is undone and redone exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.errors import BadRequest
from qs_jupyter.model import undo
from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import At
from qs_jupyter.model.queue import Queue
from qs_jupyter.model.undo import (
    KEPT_EDITS,
    Edit,
    Journal,
    Put,
    Shift,
    Swap,
    Take,
    carry_out,
    placements,
)


def item(uid, name="count"):
    return Item({"item_type": "plan", "name": name, "item_uid": uid})


def queue_of(text):
    return Queue.of([item(uid) for uid in text])


def order(queue):
    return "".join(i.uid for i in queue)


def test_a_removed_block_returns_to_where_each_of_it_stood():
    queue = queue_of("abcdefg")
    step = Put(placements(queue, ["g", "b", "c", "e"]))
    queue.remove(["g", "b", "c", "e"])
    _, again = carry_out(queue, step)
    assert order(queue) == "abcdefg"
    carry_out(queue, again)
    assert order(queue) == "adf"


def test_a_moved_block_returns_though_the_front_has_started_meanwhile():
    queue = queue_of("abcdef")
    step = Shift(placements(queue, ["b", "e"]))
    queue.move_batch(["e", "b"], At("front"))
    assert order(queue) == "ebacdf"
    queue.take("a")
    carry_out(queue, step)
    assert order(queue) == "bcdef"


def test_items_whose_follower_has_started_return_to_the_front():
    queue = queue_of("abc")
    step = Put(placements(queue, ["a"]))
    queue.remove(["a"])
    queue.take("b")
    carry_out(queue, step)
    assert order(queue) == "ac"


def test_a_changed_item_gets_its_old_content_back():
    queue = queue_of("abc")
    old = queue.item("b")
    queue.replace("b", item("x", "scan"))
    _, again = carry_out(queue, Swap("x", old))
    assert order(queue) == "abc"
    carry_out(queue, again)
    assert [i.name for i in queue] == ["count", "scan", "count"]


def test_an_added_item_that_has_started_cannot_be_taken_back():
    queue = queue_of("ab")
    queue.take("a")
    with pytest.raises(BadRequest, match="left the queue"):
        carry_out(queue, Take(("a",)))


def test_the_edit_of_somebody_else_is_not_taken_back_by_mistake():
    queue, journal = queue_of("ab"), Journal()
    journal.record(Edit(Take(("a",)), "added count", "mine"))
    journal.record(Edit(Take(("b",)), "added scan", "theirs"))
    with pytest.raises(BadRequest, match="somebody else's"):
        journal.undo(queue, "new", "mine")
    assert order(queue) == "ab"
    changes, description = journal.undo(queue, "new", "theirs")
    assert (len(changes), description, order(queue)) == (1, "added scan", "a")


def test_a_new_edit_ends_what_could_be_made_again():
    queue, journal = queue_of("ab"), Journal()
    journal.record(Edit(Take(("a",)), "added", "1"))
    journal.undo(queue, "2", None)
    journal.record(Edit(Take(("b",)), "added", "3"))
    with pytest.raises(BadRequest, match="nothing to redo"):
        journal.redo(queue, "4", None)


EDIT = st.tuples(
    st.sampled_from(["insert", "remove", "move", "clear"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True),
    st.integers(-5, 12),
)


@given(st.lists(EDIT, min_size=1, max_size=KEPT_EDITS))
def test_undoing_everything_restores_the_beginning_and_redoing_the_end(edits):
    queue, journal, number = queue_of("abcdef"), Journal(), 0
    made = 0
    for kind, picks, pos in edits:
        uids = list(dict.fromkeys(queue.uid_at(p % len(queue)) for p in picks if len(queue)))
        if kind == "insert":
            new = [item(f"n{number}-{i}") for i in range(len(picks))]
            number += 1
            change, back = queue.insert(new, At(pos)), Take(tuple(i.uid for i in new))
        elif kind == "clear":
            back = Put(tuple((i, None) for i in queue))
            had = len(queue)
            change = queue.clear() if had else None
        elif not uids:
            continue
        elif kind == "remove":
            back = Put(placements(queue, uids))
            change = queue.remove(uids)
        else:
            back = Shift(placements(queue, uids))
            change = queue.move_batch(uids, At(0 if pos < 3 else -1))
        if change is not None:
            journal.record(Edit(back, kind, "uid"))
            made += 1
    end = order(queue)
    for _ in range(made):
        journal.undo(queue, "u", None)
    assert order(queue) == "abcdef"
    for _ in range(made):
        journal.redo(queue, "u", None)
    assert order(queue) == end


@pytest.fixture
def ten_items_kept(monkeypatch):
    monkeypatch.setattr(undo, "KEPT_ITEMS", 10)


def cleared(count):
    return Put(tuple((item(f"{number}"), None) for number in range(count)))


@pytest.mark.usefixtures("ten_items_kept")
def test_long_edits_are_kept_as_long_as_they_have_not_too_many_items_together():
    journal = Journal()
    for number in range(4):
        journal.record(Edit(cleared(5), f"clear {number}", ""))
    assert journal.undo(Queue(), "", None)[1] == "clear 3"
    assert journal.undo(Queue(), "", None)[1] == "clear 2"
    with pytest.raises(BadRequest, match="nothing to undo"):
        journal.undo(Queue(), "", None)


@pytest.mark.usefixtures("ten_items_kept")
def test_the_last_edit_can_be_taken_back_however_long_it_was():
    journal = Journal()
    queue = Queue()
    journal.record(Edit(Take(("a",)), "added", ""))
    journal.record(Edit(cleared(11), "cleared", ""))
    assert journal.undo(queue, "", None)[1] == "cleared"
    assert len(queue) == 11
