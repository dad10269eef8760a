"""Items: maps that are kept as text while they wait."""

from __future__ import annotations

import json

from qs_jupyter.huge_json import MANY_VALUES, is_huge
from qs_jupyter.model.history import finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import BACK
from qs_jupyter.model.preparation import resting_form, running_form
from qs_jupyter.model.queue import Queue

DATA = {"item_uid": "u1", "item_type": "plan", "name": "count", "args": [["det"]], "user": "ü"}


def test_a_packed_item_tells_the_same_as_before() -> None:
    item, packed = Item(DATA), Item(DATA)
    packed.pack()
    assert packed == item
    assert packed.text == item.text
    assert (packed.uid, packed.name, packed.item_type) == ("u1", "count", "plan")
    assert packed.data == DATA
    assert list(packed.data) == list(DATA)


def test_items_with_other_content_differ_even_with_the_same_uid() -> None:
    assert Item(DATA) != Item({**DATA, "name": "scan"})
    assert Item(DATA).with_changes(user=None) == Item({k: DATA[k] for k in list(DATA)[:-1]})


def test_the_text_of_the_queue_follows_every_change() -> None:
    queue = Queue()
    first, second, third = (Item({**DATA, "item_uid": uid}) for uid in "abc")
    queue.insert([first, second], BACK)
    queue.remove(["a"])
    queue.replace("b", third)
    queue.insert([first], BACK)
    queue.move_batch(["a"], BACK)
    assert queue.texts == (third.text, first.text)
    queue.clear()
    assert queue.texts == ()


HUGE = {**DATA, "kwargs": {"numbers": [0.5] * (MANY_VALUES + 1)}, "properties": {"a": 1}}


def test_a_huge_item_and_its_copies_have_the_text_of_any_other() -> None:
    huge, plain = Item.huge(HUGE), Item(HUGE)
    assert is_huge(HUGE)
    assert huge.text == plain.text
    for copy_of in (
        lambda item: item.with_changes(item_uid="new", user=None, meta={"sample": "ü"}),
        lambda item: running_form(item, 12.5, immediate=True),
        lambda item: resting_form(running_form(item, 12.5)).with_changes(result={"msg": "x"}),
        lambda item: finished_entry(running_form(item, 12.5), {"exit_status": "failed"}),
    ):
        assert copy_of(huge).text == copy_of(plain).text == json.dumps(copy_of(plain).data)


def test_a_huge_item_in_the_queue_need_not_be_decoded_to_run() -> None:
    queue, huge = Queue(), Item.huge(HUGE)
    queue.insert([huge], BACK)
    assert queue.item("u1").data is huge.data
    assert huge.with_changes(name="other").data["kwargs"] is HUGE["kwargs"]
