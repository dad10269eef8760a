"""The queue against a list that does the same the naive way, and the texts of refusals."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.changes import (
    ItemReplaced,
    ItemsInserted,
    ItemsMoved,
    ItemsRemoved,
    QueueCleared,
)
from qs_jupyter.model.item import Item
from qs_jupyter.model.order_keys import GAP, make_room
from qs_jupyter.model.positions import BACK, FRONT, After, At, Before, Named
from qs_jupyter.model.preparation import (
    MOST_LEVELS,
    prepare_item,
    resting_form,
    running_form,
)
from qs_jupyter.model.queue import Queue
from qs_jupyter.model.queue_mode import QueueMode


def item(uid: str, **more: Any) -> Item:
    return Item({"item_type": "plan", "name": "count", **more, "item_uid": uid})


def queue_of(uids: str) -> Queue:
    return Queue.of([item(uid) for uid in uids])


def order(queue: Queue) -> str:
    return "".join(i.uid for i in queue)


def check_invariants(queue: Queue) -> None:
    entries = queue.entries
    keys = [entry.key for entry in entries]
    assert keys == sorted(set(keys))
    assert len(queue) == len(entries) == len(set(queue))
    assert [queue.index(i.uid) for i in queue] == list(range(len(queue)))
    assert [json.loads(text) for text in queue.texts] == [i.data for i in queue]
    assert queue.texts == tuple(json.dumps(i.data) for i in queue)


# ---------------------------------------------------------------------- insertions and moves


@pytest.mark.parametrize(
    ("pos", "after"),
    [
        (0, "xABC"), (1, "AxBC"), (3, "ABCx"), (9, "ABCx"), (-1, "ABCx"), (-2, "ABxC"),
        (-4, "xABC"), (-9, "xABC"), ("front", "xABC"), ("back", "ABCx"),
    ],
)  # fmt: skip
def test_an_item_is_inserted_at_an_index_of_either_sign(pos: Any, after: str) -> None:
    queue = queue_of("ABC")
    change = queue.insert([item("x")], At(pos))
    assert order(queue) == after
    assert change is not None
    assert change.index == after.index("x")
    follower = after[change.index + 1 : change.index + 2]
    assert (change.before.uid if change.before else "") == follower


def test_insertion_beside_the_running_item_is_the_front_or_refused() -> None:
    queue = queue_of("AB")
    queue.insert([item("x")], After("R"), running_uid="R")
    assert order(queue) == "xAB"
    with pytest.raises(BadRequest, match="before a currently running plan"):
        queue.insert([item("y")], Before("R"), running_uid="R")
    with pytest.raises(BadRequest, match="Plan with UID 'zz' is not in the queue"):
        queue.insert([item("y")], Before("zz"), running_uid="R")
    assert order(queue) == "xAB"


@pytest.mark.parametrize(
    ("source", "place", "after"),
    [
        (At(1), At(4), "ACDEBFG"), (At(4), At(1), "AEBCDFG"), (FRONT, BACK, "BCDEFGA"),
        (BACK, FRONT, "GABCDEF"), (At(0), At(-2), "BCDEFAG"), (At(-1), At(0), "GABCDEF"),
        (Named("C"), Before("A"), "CABDEFG"), (Named("C"), After("F"), "ABDEFCG"),
        (Named("F"), After("B"), "ABFCDEG"), (Named("B"), Before("G"), "ACDEFBG"),
    ],
)  # fmt: skip
def test_a_moved_item_ends_where_it_was_sent(source: Any, place: Any, after: str) -> None:
    queue = queue_of("ABCDEFG")
    assert isinstance(queue.move(source, place), ItemsMoved)
    assert order(queue) == after
    check_invariants(queue)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (At(1), At(1)), (Named("B"), Before("B")), (Named("B"), After("B")),
        (Named("B"), After("A")), (Named("B"), Before("C")), (BACK, At(-1)),
    ],
)  # fmt: skip
def test_a_move_onto_itself_changes_nothing(source: Any, place: Any) -> None:
    queue = queue_of("ABC")
    before = queue.entries
    assert queue.move(source, place) is None
    assert queue.entries == before


@pytest.mark.parametrize(
    ("uids", "place", "reorder", "after"),
    [
        ("CA", FRONT, False, "CABDE"), ("DA", FRONT, True, "ADBCE"), ("AB", BACK, False, "CDEAB"),
        ("EA", Before("C"), False, "BEACD"), ("AE", After("C"), False, "BCAED"),
        ("AE", At(1), False, "BAECD"), ("AB", At(4), False, "CDEAB"), ("DE", At(0), True, "DEABC"),
    ],
)  # fmt: skip
def test_a_batch_is_moved_as_a_block(uids: str, place: Any, reorder: bool, after: str) -> None:
    queue = queue_of("ABCDE")
    queue.move_batch(list(uids), place, reorder=reorder)
    assert order(queue) == after
    check_invariants(queue)


def test_empty_batches_and_identical_updates_change_nothing() -> None:
    queue = queue_of("AB")
    assert queue.insert([], BACK) is None
    assert queue.remove([]) is None
    assert queue.remove(["x"], ignore_missing=True) is None
    assert queue.move_batch([], FRONT) is None
    assert queue.replace("A", item("A")) is None
    assert order(queue) == "AB"


def test_clearing_is_a_change_even_when_nothing_was_queued() -> None:
    queue = Queue()
    assert queue.clear() == QueueCleared()
    assert queue.texts == ()
    assert queue.front is None


def test_an_update_may_bring_another_uid() -> None:
    queue = queue_of("ABC")
    change = queue.replace("B", item("x", args=[1]))
    assert isinstance(change, ItemReplaced)
    assert change.old.uid == "B"
    assert order(queue) == "AxC"
    check_invariants(queue)


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        (lambda q: q.get(At(100)), "Index '100' is out of range (parameter pos = '100')"),
        (lambda q: q.get(Named("zz"), "R"), "Item with UID 'zz' is not in the queue."),
        (lambda q: q.get(Named("R"), "R"), "is currently running"),
        (
            lambda q: q.remove_one(Named("R"), "R"),
            "Can not remove an item which is currently running.",
        ),
        (lambda q: q.remove_one(Named("zz")), "Plan with UID 'zz' is not in the queue."),
        (lambda q: q.remove_one(At(-4)), "Index '-4' is out of range"),
        (
            lambda q: q.remove(["9", "A"]),
            "The queue does not contain items with the following UIDs: ['9']",
        ),
        (lambda q: q.remove(["A", "A"]), "The list of contains repeated UIDs (1 UIDs)"),
        (lambda q: q.move(At(50), FRONT), "Source plan (position 50) was not found: "),
        (
            lambda q: q.move(Named("nonexistent"), FRONT),
            "Source plan (UID 'nonexistent') was not found: ",
        ),
        (lambda q: q.move(FRONT, At(50)), "Destination plan (position 50) was not found"),
        (lambda q: q.move(FRONT, After("zz")), "Destination plan (UID 'zz') was not found"),
        (
            lambda q: q.move_batch(["A", "B"], Before("B")),
            "Parameter 'before_uid': item with UID 'B' is in the batch",
        ),
        (lambda q: q.move_batch(["A"], After("zz")), "Destination plan (UID 'zz')"),
        (
            lambda q: q.replace("incorrect_uid", item("A")),
            "Failed to replace item: Item with UID 'incorrect_uid' is not in the queue",
        ),
        (lambda q: q.replace("R", item("R"), "R"), "is currently running"),
        (lambda q: q.insert([item("A")], BACK), "in the queue already"),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(attempt: Any, text: str) -> None:
    queue = queue_of("ABC")
    before = queue.entries
    with pytest.raises(BadRequest) as refusal:
        attempt(queue)
    assert text in str(refusal.value)
    assert queue.entries == before


def test_an_empty_queue_says_that_it_is_empty() -> None:
    with pytest.raises(BadRequest, match="Queue is empty"):
        Queue().remove_one(BACK)


# ------------------------------------------------------------------------ against a naive list


class Naive:
    """The same operations on a plain list of uids."""

    def __init__(self) -> None:
        self.uids: list[str] = []

    def place(self, place: Any) -> int:
        if isinstance(place, At):
            return place.insertion_index(len(self.uids))
        return self.uids.index(place.uid) + isinstance(place, After)


POSITIONS = st.one_of(st.integers(-12, 12), st.sampled_from(["front", "back"]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_random_operations_do_what_a_plain_list_does(data: st.DataObject) -> None:
    queue, naive, numbers = Queue(), Naive(), itertools.count()
    stored: dict[str, int] = {}
    for _ in range(data.draw(st.integers(1, 25))):
        step = data.draw(st.sampled_from([_insert, _remove, _move, _move_batch, _replace]))
        follow(stored, step(data, queue, naive, numbers))
        assert [i.uid for i in queue] == naive.uids
        assert sorted(stored, key=stored.__getitem__) == naive.uids
        check_invariants(queue)


def follow(stored: dict[str, int], change: Any) -> None:
    """Follow the changes like a store that keeps one row an item."""
    if isinstance(change, ItemsRemoved):
        for gone in change.items:
            del stored[gone.uid]
    if isinstance(change, ItemReplaced):
        del stored[change.old.uid]
        stored[change.entry.item.uid] = change.entry.key
    if isinstance(change, ItemsInserted | ItemsMoved):
        stored.update(change.rekeyed)
        stored.update({entry.item.uid: entry.key for entry in change.entries})


def _place(data: st.DataObject, naive: Naive) -> Any:
    if naive.uids and data.draw(st.booleans()):
        kind = data.draw(st.sampled_from([Before, After]))
        return kind(data.draw(st.sampled_from(naive.uids)))
    return At(data.draw(POSITIONS))


def _some(data: st.DataObject, naive: Naive) -> list[str]:
    return data.draw(st.lists(st.sampled_from(naive.uids), unique=True)) if naive.uids else []


def _insert(data: st.DataObject, queue: Queue, naive: Naive, numbers: Any) -> Any:
    new = [str(next(numbers)) for _ in range(data.draw(st.integers(0, 4)))]
    place = _place(data, naive)
    index = naive.place(place)
    naive.uids[index:index] = new
    return queue.insert([item(uid) for uid in new], place)


def _remove(data: st.DataObject, queue: Queue, naive: Naive, _numbers: Any) -> Any:
    gone = _some(data, naive)
    naive.uids = [uid for uid in naive.uids if uid not in gone]
    return queue.remove(gone)


def _move(data: st.DataObject, queue: Queue, naive: Naive, _numbers: Any) -> Any:
    if not naive.uids:
        return None
    uid, place = data.draw(st.sampled_from(naive.uids)), _place(data, naive)
    before = list(naive.uids)
    if isinstance(place, At):
        index = place.existing_index(len(before))
        if index is None:
            with pytest.raises(BadRequest, match="Destination plan"):
                queue.move(Named(uid), place)
            return None
        naive.uids.remove(uid)
        naive.uids.insert(index, uid)
    elif place.uid != uid:
        naive.uids.remove(uid)
        naive.uids.insert(naive.place(place), uid)
    change = queue.move(Named(uid), place)
    assert (change is None) == (naive.uids == before)
    return change


def _move_batch(data: st.DataObject, queue: Queue, naive: Naive, _numbers: Any) -> Any:
    uids, place = _some(data, naive), _place(data, naive)
    reorder = data.draw(st.booleans())
    if not uids or (not isinstance(place, At) and place.uid in uids):
        return None
    if isinstance(place, At) and place.existing_index(len(naive.uids)) is None:
        return None
    size, ordered = len(naive.uids), sorted(uids, key=naive.uids.index) if reorder else uids
    rest = [uid for uid in naive.uids if uid not in uids]
    if isinstance(place, At):
        index = min(place.existing_index(size) or 0, len(rest))
    else:
        index = rest.index(place.uid) + isinstance(place, After)
    naive.uids = rest[:index] + ordered + rest[index:]
    return queue.move_batch(uids, place, reorder=reorder)


def _replace(data: st.DataObject, queue: Queue, naive: Naive, numbers: Any) -> Any:
    if not naive.uids:
        return None
    uid, new = data.draw(st.sampled_from(naive.uids)), f"r{next(numbers)}"
    naive.uids[naive.uids.index(uid)] = new
    return queue.replace(uid, item(new))


def test_many_insertions_at_one_place_make_room_by_moving_few_neighbours() -> None:
    queue = Queue.of([item(f"a{n}") for n in range(300)])
    moved = 0
    for n in range(2000):
        change = queue.insert([item(f"n{n}")], After("a149"))
        assert change is not None
        moved += len(change.rekeyed)
    check_invariants(queue)
    assert moved / 2000 < 20


def test_keys_stay_within_64_bits_when_a_batch_does_not_fit_between_neighbours() -> None:
    spacing = make_room([GAP, GAP + 1, GAP + 2], 2, 1000)
    keys = [GAP, GAP + 1, GAP + 2]
    keys[spacing.start : spacing.start + len(spacing.moved)] = spacing.moved
    keys[2:2] = spacing.new
    assert keys == sorted(set(keys))
    assert max(map(abs, keys)) < 2**62


# --------------------------------------------------------------------------------- preparation


def test_a_prepared_item_keeps_the_order_of_its_keys_and_loses_strangers() -> None:
    raw = {"name": "count", "item_type": "plan", "color": "red", "args": [1], "result": {}}
    prepared = prepare_item(raw, "Jane", "primary", "u1")
    assert list(prepared.data) == ["name", "item_type", "args", "user", "user_group", "item_uid"]
    assert prepared.uid == "u1"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, "request contains no item info"),
        ([], "item parameter must have type 'dict'"),
        ({}, "'item_type' key is not found"),
        (
            {"item_type": "unsupported"},
            "unsupported 'item_type' value: 'unsupported', "
            "supported item types ('plan', 'instruction')",
        ),
        ({"item_type": "instruction", "name": "nope"}, "Unrecognized instruction: {"),
        (
            {"item_type": "plan", "name": "count", "args": [{1, 2}]},
            "can not be represented as JSON",
        ),
    ],
)
def test_what_is_not_an_item_is_refused(raw: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        prepare_item(raw, "Jane", "primary", "u1")
    assert text in str(refusal.value)


@pytest.mark.parametrize(
    ("begin", "end", "levels"), [("[", "]", 1), ('{"a": ', "}", 1), ('[1, {"[": ', "}]", 2)]
)
def test_an_item_is_nested_as_deep_as_every_client_can_follow_and_no_deeper(
    begin: str, end: str, levels: int
) -> None:
    def nested(times: int) -> dict[str, Any]:
        return {"item_type": "plan", "args": json.loads(begin * times + "1" + end * times)}

    most = (MOST_LEVELS - 1) // levels  # the item itself is one
    assert prepare_item(nested(most), "Jane", "primary", "u1").uid == "u1"
    with pytest.raises(BadRequest, match="The item is nested too deeply: more than 200 levels"):
        prepare_item(nested(most + 1), "Jane", "primary", "u1")


def test_many_lists_beside_each_other_are_not_deep() -> None:
    raw = {"item_type": "plan", "name": "scan", "args": [[[1.5]]] * 5000}
    assert prepare_item(raw, "Jane", "primary", "u1").data["args"] == raw["args"]


def test_an_owner_and_for_updates_a_uid_are_required() -> None:
    raw = {"item_type": "plan", "name": "count"}
    with pytest.raises(BadRequest, match="user group is not specified"):
        prepare_item(raw, "Jane", None, "u1")
    with pytest.raises(BadRequest, match="user name is not specified"):
        prepare_item(raw, None, "primary", "u1")
    with pytest.raises(BadRequest, match="Item description contains no UID and UID generation is"):
        prepare_item(raw, "Jane", "primary", None)


def test_a_running_item_shows_its_start_and_forgets_it_afterwards() -> None:
    waiting = item("A", properties={"note": 1}, result={"exit_status": "failed"})
    running = running_form(waiting, 12.5, immediate=True)
    assert running.data["properties"] == {
        "note": 1,
        "time_start": 12.5,
        "immediate_execution": True,
    }
    assert "result" not in running.data
    assert resting_form(running).data["properties"] == {"note": 1}
    assert "properties" not in resting_form(running_form(item("B"), 1.0)).data


# ------------------------------------------------------------------------------------ the mode


def test_the_mode_is_changed_in_part_or_reset() -> None:
    mode = QueueMode().changed({"loop": True})
    assert mode.as_dict() == {"loop": True, "ignore_failures": False}
    assert mode.changed({}) == mode
    assert mode.changed("default") == QueueMode()
    assert QueueMode.from_record({"loop": 1, "ignore_failures": True}) == QueueMode(False, True)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ("loop", "Queue mode is passed using object of unsupported type '<class 'str'>'"),
        ({"unsupported_key": True}, "Unsupported plan queue mode parameter 'unsupported_key'"),
        ({"loop": 10}, "Unsupported type '<class 'int'>' of the parameter 'loop'"),
    ],
)
def test_an_unknown_mode_is_refused(request_: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        QueueMode().changed(request_)
    assert text in str(refusal.value)
