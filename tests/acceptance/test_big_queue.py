"""A queue of 50 000 items, over the death of its manager."""

from __future__ import annotations

import pytest

from tests.acceptance.running import RunningManager, uids

ITEMS = 50_000
BATCH = 2500
PLAN = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 1}}
WHO = {"user": "a test", "user_group": "primary"}


@pytest.mark.timeout(240)
def test_a_queue_of_50_000_items_is_edited_and_kept(manager: RunningManager) -> None:
    expected: list[str] = []
    for _ in range(ITEMS // BATCH):
        reply = manager.do("queue_item_add_batch", items=[PLAN] * BATCH, **WHO)
        expected += uids(reply["items"])
    assert len(set(expected)) == ITEMS
    for place in range(0, ITEMS, ITEMS // 100):
        added = manager.do("queue_item_add", item=PLAN, pos=place, **WHO)["item"]["item_uid"]
        expected.insert(place, added)
        manager.do("queue_item_move", pos=place, pos_dest=ITEMS - place)
        expected.insert(ITEMS - place, expected.pop(place))
        manager.do("queue_item_remove", uid=expected.pop(ITEMS // 2))
    assert uids(manager.queue()) == expected
    manager.kill_manager()
    manager.until_ready()
    assert uids(manager.queue()) == expected
    manager.do("queue_clear")
    assert manager.status()["items_in_queue"] == 0
