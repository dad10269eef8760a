"""Where items go: the rules of positions, for one item and for batches."""

from __future__ import annotations

from typing import Any

import pytest

from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.words import WHO, add, numbers, ok, plan, queue, refused

LETTERS = "ABCDEFG"


async def seven(running: RunningManager) -> dict[str, str]:
    """Fill the queue with A to G; return their uids."""
    uids = await add(running, *(plan(i + 1) for i in range(7)))
    return dict(zip(LETTERS, uids, strict=True))


async def order(running: RunningManager) -> str:
    return "".join(
        "?" if n is None else (LETTERS + "N" * 99)[n - 1] for n in await numbers(running)
    )


NEW = plan(8)


@pytest.mark.parametrize(
    ("pos", "expected"),
    [
        (None, "ABCDEFGN"),
        (0, "NABCDEFG"),
        (1, "ANBCDEFG"),
        (6, "ABCDEFNG"),
        (7, "ABCDEFGN"),
        (100, "ABCDEFGN"),
        (-1, "ABCDEFGN"),
        (-2, "ABCDEFNG"),
        (-7, "ANBCDEFG"),
        (-8, "NABCDEFG"),
        (-100, "NABCDEFG"),
        ("front", "NABCDEFG"),
        ("back", "ABCDEFGN"),
    ],
)
@pytest.mark.parametrize("method", ["queue_item_add", "queue_item_add_batch"])
async def test_insertion_at_a_position(
    closed: RunningManager, method: str, pos: Any, expected: str
) -> None:
    await seven(closed)
    items: dict[str, Any] = {"item": NEW} if method == "queue_item_add" else {"items": [NEW]}
    place = {} if pos is None else {"pos": pos}
    reply = await ok(closed, method, **items, **WHO, **place)
    assert reply["qsize"] == 8
    assert await order(closed) == expected


@pytest.mark.parametrize(
    ("side", "letter", "expected"),
    [
        ("before_uid", "A", "NABCDEFG"),
        ("before_uid", "D", "ABCNDEFG"),
        ("after_uid", "D", "ABCDNEFG"),
        ("after_uid", "G", "ABCDEFGN"),
    ],
)
async def test_insertion_beside_an_item(
    closed: RunningManager, side: str, letter: str, expected: str
) -> None:
    uids = await seven(closed)
    await ok(closed, "queue_item_add", item=NEW, **WHO, **{side: uids[letter]})
    assert await order(closed) == expected


async def test_insertion_beside_the_running_item(opened: RunningManager) -> None:
    (running,) = await add(opened, plan(1))
    await ok(opened, "queue_start")
    await add(opened, plan(2))
    await ok(opened, "queue_item_add", item=plan(3), **WHO, after_uid=running)
    assert await numbers(opened) == [3, 2]
    assert await refused(opened, "queue_item_add", item=NEW, **WHO, before_uid=running) == (
        "Failed to add an item: Can not insert a plan in the queue before a currently running plan."
    )
    assert "currently running" in await refused(opened, "queue_item_get", uid=running)
    assert await refused(opened, "queue_item_remove", uid=running) == (
        "Failed to remove an item: Can not remove an item which is currently running."
    )
    update = {"item": plan(4, item_uid=running), **WHO}
    assert "currently running" in await refused(opened, "queue_item_update", **update)
    await refused(opened, "queue_item_move", uid=running, pos_dest=0)
    await refused(opened, "queue_item_move", pos=0, before_uid=running)
    await ok(opened, "queue_item_move", pos="back", after_uid=running)
    assert await numbers(opened) == [2, 3]
    reply = await ok(opened, "queue_item_remove_batch", uids=[running])
    assert reply["items"] == []


@pytest.mark.parametrize("method", ["queue_item_get", "queue_item_remove"])
@pytest.mark.parametrize(
    ("pos", "number"),
    [(None, 7), (0, 1), (6, 7), (-1, 7), (-7, 1), (3, 4), ("front", 1), ("back", 7)],
)
async def test_one_item_by_its_position(
    closed: RunningManager, method: str, pos: Any, number: int
) -> None:
    await seven(closed)
    reply = await ok(closed, method, **({} if pos is None else {"pos": pos}))
    assert reply["item"]["kwargs"]["num"] == number
    assert len(await queue(closed)) == (7 if method == "queue_item_get" else 6)


@pytest.mark.parametrize("pos", [7, -8, 100, -100])
async def test_an_index_that_does_not_exist_is_refused(closed: RunningManager, pos: int) -> None:
    uids = await seven(closed)
    words = f"Index '{pos}' is out of range (parameter pos = '{pos}')"
    assert await refused(closed, "queue_item_get", pos=pos) == f"Failed to get an item: {words}"
    assert await refused(closed, "queue_item_remove", pos=pos) == (
        f"Failed to remove an item: {words}"
    )
    text = await refused(closed, "queue_item_move", pos=pos, pos_dest=0)
    assert text.startswith(f"Failed to move the item: Source plan (position {pos}) was not found: ")
    text = await refused(closed, "queue_item_move", pos=0, pos_dest=pos)
    assert text.startswith(
        f"Failed to move the item: Destination plan (position {pos}) was not found"
    )
    assert await order(closed) == LETTERS
    assert len(uids) == 7


async def test_a_uid_that_is_not_queued_is_refused(closed: RunningManager) -> None:
    await seven(closed)
    assert await refused(closed, "queue_item_get", uid="zz") == (
        "Failed to get an item: Item with UID 'zz' is not in the queue."
    )
    assert await refused(closed, "queue_item_remove", uid="zz") == (
        "Failed to remove an item: Plan with UID 'zz' is not in the queue."
    )
    for side in ("before_uid", "after_uid"):
        text = await refused(closed, "queue_item_add", item=NEW, **WHO, **{side: "zz"})
        assert text == "Failed to add an item: Plan with UID 'zz' is not in the queue."
        text = await refused(closed, "queue_item_move", pos=0, **{side: "zz"})
        assert "Destination plan (UID 'zz') was not found" in text
    text = await refused(closed, "queue_item_move", uid="nonexistent", pos_dest=0)
    assert "Source plan (UID 'nonexistent') was not found: " in text


async def test_an_empty_queue_has_no_item_to_get_or_remove(closed: RunningManager) -> None:
    assert "Queue is empty" in await refused(closed, "queue_item_remove")
    await refused(closed, "queue_item_get")
    assert "out of range" in await refused(closed, "queue_item_get", pos=0)


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (1, 4, "ACDEBFG"),
        (4, 1, "AEBCDFG"),
        ("front", "back", "BCDEFGA"),
        ("back", "front", "GABCDEF"),
        (0, -2, "BCDEFAG"),
        (-1, 0, "GABCDEF"),
        (3, 3, "ABCDEFG"),
        (-3, -1, "ABCDFGE"),
        (0, 6, "BCDEFGA"),
    ],
)
async def test_a_move_ends_at_the_index(
    closed: RunningManager, source: Any, destination: Any, expected: str
) -> None:
    uids = await seven(closed)
    reply = await ok(closed, "queue_item_move", pos=source, pos_dest=destination)
    assert reply["qsize"] == 7
    assert await order(closed) == expected
    moved = {"front": "A", "back": "G"}.get(source) or LETTERS[source]
    assert reply["item"]["item_uid"] == uids[moved]


async def test_a_move_back_restores_the_order(closed: RunningManager) -> None:
    await seven(closed)
    await ok(closed, "queue_item_move", pos=1, pos_dest=4)
    await ok(closed, "queue_item_move", pos=4, pos_dest=1)
    assert await order(closed) == LETTERS


@pytest.mark.parametrize(
    ("letter", "side", "other", "expected"),
    [
        ("B", "before_uid", "F", "ACDEBFG"),
        ("B", "after_uid", "F", "ACDEFBG"),
        ("F", "before_uid", "B", "AFBCDEG"),
        ("F", "after_uid", "B", "ABFCDEG"),
        ("A", "before_uid", "A", "ABCDEFG"),
        ("A", "after_uid", "A", "ABCDEFG"),
    ],
)
async def test_a_move_beside_an_item(
    closed: RunningManager, letter: str, side: str, other: str, expected: str
) -> None:
    uids = await seven(closed)
    await ok(closed, "queue_item_move", uid=uids[letter], **{side: uids[other]})
    assert await order(closed) == expected


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("queue_item_add", {"item": NEW, **WHO, "pos": 0, "before_uid": "A"}),
        ("queue_item_add", {"item": NEW, **WHO, "pos": 0, "after_uid": "A"}),
        ("queue_item_add", {"item": NEW, **WHO, "before_uid": "A", "after_uid": "B"}),
        ("queue_item_get", {"pos": 0, "uid": "A"}),
        ("queue_item_remove", {"pos": 0, "uid": "A"}),
        ("queue_item_move", {"pos": 0, "uid": "A", "pos_dest": 1}),
        ("queue_item_move", {"pos": 0, "pos_dest": 1, "before_uid": "A"}),
        ("queue_item_move", {"pos": 0, "before_uid": "B", "after_uid": "A"}),
    ],
)
async def test_contradicting_places_are_refused(
    closed: RunningManager, method: str, params: dict[str, Any]
) -> None:
    uids = await seven(closed)
    known = {k: uids.get(v, v) if isinstance(v, str) else v for k, v in params.items()}
    assert "Ambiguous parameters" in await refused(closed, method, **known)
    assert await order(closed) == LETTERS


async def test_a_batch_at_contradicting_places_is_refused_item_by_item(
    closed: RunningManager,
) -> None:
    uids = await seven(closed)
    place = {"before_uid": uids["A"], "after_uid": uids["B"]}
    reply = await closed.call("queue_item_add_batch", items=[NEW, plan(9)], **WHO, **place)
    assert reply["msg"] == (
        "Failed to add all items: validation of 2 out of 2 submitted items failed"
    )
    assert reply["qsize"] == 7
    assert reply["items"] == [NEW, plan(9)]
    for result in reply["results"]:
        assert "Ambiguous parameters" in result["msg"]
    assert await order(closed) == LETTERS


async def test_a_move_needs_source_and_destination(closed: RunningManager) -> None:
    await seven(closed)
    prefix = "Failed to move the item: "
    assert await refused(closed, "queue_item_move", pos_dest=0) == (
        f"{prefix}Source position or UID is not specified."
    )
    assert await refused(closed, "queue_item_move", pos=0) == (
        f"{prefix}Destination position or UID is not specified."
    )


@pytest.mark.parametrize("bad", ["middle", 1.5])
@pytest.mark.parametrize(
    ("method", "params", "name", "what"),
    [
        ("queue_item_add", {"item": NEW, **WHO}, "pos", "value"),
        ("queue_item_remove", {}, "pos", "value"),
        ("queue_item_get", {}, "pos", "type"),
        ("queue_item_move", {"pos_dest": 0}, "pos", "type"),
        ("queue_item_move", {"pos": 0}, "pos_dest", "type"),
    ],
)
async def test_a_position_that_is_none_is_named(
    closed: RunningManager, method: str, params: dict[str, Any], name: str, what: str, bad: Any
) -> None:
    text = await refused(closed, method, **params, **{name: bad})
    assert f"Parameter '{name}' has incorrect {what}: " in text


# ---------------------------------------------------------------------------------- batches


@pytest.mark.parametrize(
    "place", [{"pos": "some"}, {"before_uid": "nosuch"}, {"pos": 0, "after_uid": "nosuch"}]
)
async def test_a_good_item_at_a_bad_place_is_returned_as_it_would_have_been_added(
    closed: RunningManager, place: dict[str, Any]
) -> None:
    reply = await closed.call("queue_item_add", item=plan(1), **WHO, **place)
    assert reply["success"] is False
    item = reply["item"]
    assert (item["user"], item["user_group"]) == (WHO["user"], WHO["user_group"])
    assert item["item_uid"]
    assert await numbers(closed) == []


async def test_a_batch_is_added_as_one_block(closed: RunningManager) -> None:
    uids = await seven(closed)
    items = [plan(8, item_uid="mine"), plan(8)]
    reply = await ok(closed, "queue_item_add_batch", items=items, **WHO, after_uid=uids["B"])
    assert await order(closed) == "ABNNCDEFG"
    assert reply["qsize"] == 9
    assert reply["results"] == [{"success": True, "msg": ""}] * 2
    stored = (await queue(closed))[2:4]
    assert reply["items"] == stored
    assert len({item["item_uid"] for item in stored} - {"mine"}) == 2


async def test_an_empty_batch_is_a_success(closed: RunningManager) -> None:
    reply = await ok(closed, "queue_item_add_batch", items=[], **WHO)
    assert (reply["qsize"], reply["items"], reply["results"]) == (0, [], [])
    await ok(closed, "queue_item_add_batch", items=[], **WHO, before_uid="nosuch")
    reply = await ok(closed, "queue_item_move_batch", uids=[], pos_dest="front")
    assert (reply["qsize"], reply["items"]) == (0, [])
    for ignore in (True, False):
        reply = await ok(closed, "queue_item_remove_batch", uids=[], ignore_missing=ignore)
        assert (reply["qsize"], reply["items"]) == (0, [])


async def test_a_batch_with_a_bad_item_adds_nothing_and_tells_which(
    closed: RunningManager,
) -> None:
    await add(closed, plan(1))
    items = [
        plan(2),
        plan(3, name="nope"),
        {"item_type": "instruction", "name": "queue_stop"},
        plan(4, args=[], kwargs={"abc": 5}),
        plan(5),
    ]
    reply = await closed.call("queue_item_add_batch", items=items, **WHO)
    assert reply["success"] is False
    assert reply["msg"] == (
        "Failed to add all items: validation of 2 out of 5 submitted items failed"
    )
    assert reply["items"] == items
    assert reply["qsize"] == 1
    results = reply["results"]
    assert [result["success"] for result in results] == [True, False, True, False, True]
    assert [bool(result["msg"]) for result in results] == [False, True, False, True, False]
    assert results[1]["msg"].startswith(
        "Failed to add a plan: Plan validation failed: "
        "Plan 'nope' is not in the list of allowed plans."
    )
    assert results[3]["msg"].startswith("Failed to add a plan: Plan validation failed: ")
    assert await numbers(closed) == [1]


async def test_a_batch_that_cannot_be_inserted_tells_so_of_its_items(
    closed: RunningManager,
) -> None:
    items = [plan(1), plan(2)]
    reply = await closed.call("queue_item_add_batch", items=items, **WHO, before_uid="zz")
    assert reply["success"] is False
    assert reply["msg"].startswith("Failed to add all items: ")
    assert reply["items"] == items
    assert all(
        result["msg"].startswith("Failed to add item to queue: ") for result in reply["results"]
    )
    assert await numbers(closed) == []


@pytest.mark.parametrize("without", ["user", "user_group", "items"])
async def test_a_batch_request_without_its_parameters_has_no_results(
    closed: RunningManager, without: str
) -> None:
    await add(closed, plan(1))
    params: dict[str, Any] = {"items": [plan(1)], **WHO}
    params.pop(without)
    reply = await closed.call("queue_item_add_batch", **params)
    words = {
        "user": "user name is not specified",
        "user_group": "user group is not specified",
        "items": "Invalid request format: the list of items is not found",
    }
    assert reply["success"] is False
    assert reply["msg"].startswith("Failed to add an item: ")
    assert words[without] in reply["msg"]
    assert (reply["qsize"], reply["items"], reply["results"]) == (1, [], [])


@pytest.mark.parametrize("items", [[NEW, plan(9)], []])
async def test_a_batch_of_an_unknown_group_is_refused_as_a_whole(
    closed: RunningManager, items: list[dict[str, Any]]
) -> None:
    await add(closed, plan(1))
    reply = await closed.call("queue_item_add_batch", items=items, user="Max", user_group="zz")
    assert reply == {
        "success": False,
        "msg": "Failed to add an item: Unknown user group: 'zz'",
        "qsize": 1,
        "items": [],
        "results": [],
    }


async def test_a_batch_is_removed_in_its_order(closed: RunningManager) -> None:
    uids = await seven(closed)
    wanted = [uids["E"], "stranger", uids["B"], uids["E"]]
    reply = await ok(closed, "queue_item_remove_batch", uids=wanted)
    assert [item["item_uid"] for item in reply["items"]] == [uids["E"], uids["B"]]
    assert reply["qsize"] == 5
    assert await order(closed) == "ACDFG"


async def test_a_strict_removal_refuses_the_whole_batch(closed: RunningManager) -> None:
    uids = await seven(closed)
    prefix = "Failed to remove a batch of items: "
    strict = {"ignore_missing": False}
    assert await refused(closed, "queue_item_remove_batch", uids=[uids["A"]] * 2, **strict) == (
        f"{prefix}The list of contains repeated UIDs (1 UIDs)"
    )
    assert await refused(closed, "queue_item_remove_batch", uids=[uids["A"], "9"], **strict) == (
        f"{prefix}The queue does not contain items with the following UIDs: ['9']"
    )
    assert await refused(closed, "queue_item_remove_batch") == (
        f"{prefix}Request does not contain the list of UIDs"
    )
    assert (await refused(closed, "queue_item_remove_batch", uids="A")).startswith(
        f"{prefix}Parameter 'uids' must be a list: "
    )
    assert await order(closed) == LETTERS


@pytest.mark.parametrize(
    ("batch", "place", "reorder", "expected"),
    [
        ("FB", {"pos_dest": "front"}, False, "FBACDEG"),
        ("FB", {"pos_dest": "front"}, True, "BFACDEG"),
        ("FB", {"pos_dest": "back"}, False, "ACDEGFB"),
        ("FB", {"pos_dest": "back"}, True, "ACDEGBF"),
        ("FB", {"before_uid": "D"}, False, "ACFBDEG"),
        ("FB", {"after_uid": "D"}, True, "ACDBFEG"),
        ("AB", {"after_uid": "G"}, False, "CDEFGAB"),
        ("AB", {"pos_dest": 2}, False, "CDABEFG"),
        ("ABCDEFG", {"pos_dest": "back"}, False, "ABCDEFG"),
        ("GFEDCBA", {"pos_dest": "front"}, False, "GFEDCBA"),
        ("C", {"pos_dest": "front"}, False, "CABDEFG"),
    ],
)
async def test_a_batch_is_moved_as_one_block(
    closed: RunningManager, batch: str, place: dict[str, Any], reorder: bool, expected: str
) -> None:
    uids = await seven(closed)
    place = {k: uids.get(v, v) if isinstance(v, str) else v for k, v in place.items()}
    wanted = [uids[letter] for letter in batch]
    reply = await ok(closed, "queue_item_move_batch", uids=wanted, **place, reorder=reorder)
    assert await order(closed) == expected
    in_order = sorted(batch) if reorder else list(batch)
    assert [item["item_uid"] for item in reply["items"]] == [uids[letter] for letter in in_order]
    assert reply["qsize"] == 7


async def test_a_batch_move_is_refused_with_the_documented_words(closed: RunningManager) -> None:
    uids = await seven(closed)
    a, b = uids["A"], uids["B"]
    prefix = "Failed to move the batch of items: "

    async def text(**params: Any) -> str:
        return await refused(closed, "queue_item_move_batch", **params)

    assert await text(pos_dest="back") == f"{prefix}Request does not contain the list of UIDs"
    assert await text(uids=[a]) == f"{prefix}Destination for the batch is not specified"
    assert "more than one mutually exclusive parameter" in await text(
        uids=[a], pos_dest="back", before_uid=b
    )
    assert await text(uids=[a, b], before_uid=b) == (
        f"{prefix}Parameter 'before_uid': item with UID '{b}' is in the batch"
    )
    assert await text(uids=[a, a], pos_dest="back") == (
        f"{prefix}The list of contains repeated UIDs (1 UIDs)"
    )
    assert await text(uids=[a, "9"], pos_dest="back") == (
        f"{prefix}The queue does not contain items with the following UIDs: ['9']"
    )
    assert await order(closed) == LETTERS
