"""Items: maps that are kept as text while they wait."""

from __future__ import annotations

from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import BACK
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
    assert queue.text == f"[{third.text}, {first.text}]"
    queue.clear()
    assert queue.text == "[]"
