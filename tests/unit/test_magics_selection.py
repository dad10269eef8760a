"""Which item a word means."""

from __future__ import annotations

from typing import Any

import pytest

from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.selection import find, task_uid


def item(uid: str, name: str = "count", **more: Any) -> dict[str, Any]:
    return {"item_uid": uid, "name": name, "args": [], "kwargs": {}, **more}


FIRST, SECOND = item("aaaa-1"), item("bbbb-2")


def test_an_item_that_ended_between_two_readings_is_one_item() -> None:
    ended = item("aaaa-1", result={"exit_status": "failed"})
    for word in ("aaaa-1", "aaaa", "count"):
        assert find(word, [FIRST, ended]) is ended
    assert find("count", [FIRST, SECOND, ended], last=True) is ended


def test_two_items_of_a_name_are_told_with_their_uids() -> None:
    with pytest.raises(MagicFailure, match=r"'count' may be any of 2 items: aaaa-1 .*, bbbb-2 "):
        find("count", [FIRST, SECOND])
    assert find("count", [FIRST, SECOND], last=True) is SECOND


def test_the_shortest_beginning_of_a_uid_is_told() -> None:
    assert find("bbbb", [FIRST, SECOND]) is SECOND
    with pytest.raises(MagicFailure, match="'bb' is too short for a UID"):
        find("bb", [FIRST, SECOND])
    with pytest.raises(MagicFailure, match="did you mean count"):
        find("coutn", [FIRST, SECOND])


def test_where_no_task_is_known_none_is_the_latest() -> None:
    with pytest.raises(MagicFailure, match="no task was begun from here"):
        task_uid("", [])
