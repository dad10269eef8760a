"""Items: what is stored of a request, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from qs_jupyter.testing.running_manager import RunningManager, quiet_settings
from tests.contract.manager.words import STOP, WHO, add, ok, plan, queue, refused

ADD = "Failed to add an item: "


async def test_an_item_is_stored_with_its_owner_and_a_new_uid(closed: RunningManager) -> None:
    item = {
        "name": "count",
        "item_type": "plan",
        "args": [["det1"]],
        "kwargs": {"num": 2},
        "meta": {"sample": "gold"},
        "properties": {"colour": "red"},
        "item_uid": "mine",
        "user": "somebody",
        "user_group": "root",
        "result": {"exit_status": "failed"},
        "unknown": 5,
    }
    reply = await ok(closed, "queue_item_add", item=item, **WHO)
    stored = reply["item"]
    assert reply["qsize"] == 1
    assert stored["item_uid"] != "mine"
    assert (stored["user"], stored["user_group"]) == ("Jane", "primary")
    assert "result" not in stored
    assert "unknown" not in stored
    kept = ("name", "item_type", "args", "kwargs", "meta", "properties")
    assert {key: stored[key] for key in kept} == {key: item[key] for key in kept}
    assert list(stored)[:6] == list(kept)
    assert await queue(closed) == [stored]
    assert (await ok(closed, "queue_item_get"))["item"] == stored


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"name": "count"}, "'item_type' key is not found"),
        (
            {"item_type": "unsupported", "name": "count"},
            "unsupported 'item_type' value: 'unsupported', "
            "supported item types ('plan', 'instruction')",
        ),
        ({"item_type": "function", "name": "f"}, "unsupported 'item_type' value: 'function'"),
        ({"item_type": "instruction", "name": "jump"}, "Unrecognized instruction: {"),
        (
            plan(name="nope"),
            "Plan validation failed: Plan 'nope' is not in the list of allowed plans.",
        ),
        (
            {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"abc": 1}},
            "Plan validation failed: got an unexpected keyword argument 'abc'",
        ),
        (plan(meta="text"), "Plan parameter 'meta' must be a dictionary or a list of dictionaries"),
    ],
)
async def test_an_item_that_does_not_fit_is_refused_and_returned(
    closed: RunningManager, item: dict[str, Any], text: str
) -> None:
    reply = await closed.call("queue_item_add", item=item, **WHO)
    assert reply["success"] is False
    assert reply["msg"].startswith(ADD)
    assert text in reply["msg"]
    assert reply["qsize"] is None
    assert reply["item"] == item
    assert await queue(closed) == []


@pytest.mark.parametrize("method", ["queue_item_add", "queue_item_execute"])
async def test_an_unknown_group_is_refused(closed: RunningManager, method: str) -> None:
    text = await refused(closed, method, item=plan(), user="Jane", user_group="no_such_group")
    assert text.endswith("Unknown user group: 'no_such_group'")


async def test_an_item_without_owner_or_content_is_refused(closed: RunningManager) -> None:
    group = {"user_group": "primary"}
    assert "user name is not specified" in await refused(
        closed, "queue_item_add", item=plan(), **group
    )
    assert "user group is not specified" in await refused(
        closed, "queue_item_add", item=plan(), user="Jane"
    )
    assert "request contains no item info" in await refused(closed, "queue_item_add", **WHO)
    assert "item parameter must have type 'dict'" in await refused(
        closed, "queue_item_add", item=[], **WHO
    )


async def test_a_list_of_metadata_is_accepted_and_earlier_maps_win(opened: RunningManager) -> None:
    await add(opened, plan(meta=[{"a": 1, "b": 1}, {"b": 2, "c": 2}]))
    await ok(opened, "queue_start")
    metadata = opened.kernel.jobs[-1].metadata  # type: ignore[union-attr]
    assert {key: metadata[key] for key in "abc"} == {"a": 1, "b": 1, "c": 2}


async def test_an_update_keeps_or_renews_the_uid(closed: RunningManager) -> None:
    first, second = await add(closed, plan(1), plan(2))
    reply = await ok(closed, "queue_item_update", item=plan(5, item_uid=first), **WHO)
    assert reply["item"]["item_uid"] == first
    assert reply["qsize"] == 2
    reply = await ok(
        closed, "queue_item_update", item={**STOP, "item_uid": second}, **WHO, replace=True
    )
    assert reply["item"]["item_uid"] not in (first, second)
    assert [item["name"] for item in await queue(closed)] == ["count", "queue_stop"]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (
            plan(item_uid="incorrect_uid"),
            "Failed to replace item: Item with UID 'incorrect_uid' is not in the queue",
        ),
        (plan(), "Item description contains no UID and UID generation is skipped"),
        (plan(name="nope", item_uid="x"), "Plan 'nope' is not in the list of allowed plans."),
    ],
)
async def test_an_update_that_is_not_possible_is_refused(
    closed: RunningManager, item: dict[str, Any], text: str
) -> None:
    reply = await closed.call("queue_item_update", item=item, **WHO)
    assert reply["success"] is False
    assert text in reply["msg"]
    assert reply["qsize"] == 0


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("text", "Queue mode is passed using object of unsupported type '<class 'str'>'"),
        ({"unsupported_key": True}, "Unsupported plan queue mode parameter 'unsupported_key'"),
        ({"loop": 10}, "Unsupported type '<class 'int'>' of the parameter 'loop'"),
    ],
)
async def test_a_wrong_mode_is_refused(closed: RunningManager, mode: Any, text: str) -> None:
    words = await refused(closed, "queue_mode_set", mode=mode)
    assert words.startswith("Failed to set queue mode: ")
    assert text in words


async def test_the_mode_is_changed_in_parts_and_reset(closed: RunningManager) -> None:
    await ok(closed, "queue_mode_set", mode={"loop": True})
    await ok(closed, "queue_mode_set", mode={"ignore_failures": True})
    both = {"loop": True, "ignore_failures": True}
    assert closed.status()["plan_queue_mode"] == both
    await ok(closed, "queue_mode_set", mode={})
    assert closed.status()["plan_queue_mode"] == both
    await ok(closed, "queue_mode_set", mode="default")
    assert closed.status()["plan_queue_mode"] == {"loop": False, "ignore_failures": False}


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"size": 1, "item_uid": "x"}, "Parameters 'size' and 'item_uid' are mutually exclusive."),
        ({"size": "ab"}, "The 'size' parameter must be an integer: size='ab'"),
        ({"item_uid": 1.5}, "The 'item_uid' parameter must be a string: item_uid=1.5"),
    ],
)
async def test_trimming_is_refused_in_exactly_these_words(
    closed: RunningManager, params: dict[str, Any], text: str
) -> None:
    assert await refused(closed, "history_clear", **params) == f"Error: {text}"


@pytest.mark.parametrize("kind", ["plans", "devices"])
async def test_lists_of_an_unknown_group_are_refused(closed: RunningManager, kind: str) -> None:
    method = f"{kind}_allowed"
    reply = await closed.call(method, user_group="zz")
    assert reply == {
        "success": False,
        "msg": "Unknown user group: 'zz'",
        method: {},
        f"{method}_uid": None,
    }
    reply = await closed.call(method)
    assert reply["msg"] == "Incorrect request format: user group is not specified"


@pytest.mark.parametrize(
    ("permissions", "text"),
    [
        ([], "User group permissions: Invalid type '<class 'list'>', must be 'dict'"),
        ({}, "'user_groups' is a required property"),
        ({"user_groups": {"root": {}}, "more": 1}, "Additional properties are not allowed"),
        ({"user_groups": {"primary": {}}}, "Missing required user group: 'root'"),
    ],
)
async def test_invalid_permissions_change_nothing(
    closed: RunningManager, permissions: Any, text: str
) -> None:
    before = await ok(closed, "permissions_get")
    assert text in await refused(closed, "permissions_set", user_group_permissions=permissions)
    assert await ok(closed, "permissions_get") == before


async def test_runs_are_listed_by_their_state(opened: RunningManager) -> None:
    await add(opened, plan())
    await ok(opened, "queue_start")
    kernel = opened.kernel
    first, second = kernel.open_run(), kernel.open_run()
    kernel.close_run(first)

    async def listed(**params: Any) -> list[str]:
        reply = await ok(opened, "re_runs", **params)
        assert reply["run_list_uid"] == opened.status()["run_list_uid"]
        return [run["uid"] for run in reply["run_list"]]

    assert await listed() == await listed(option="active") == [first, second]
    assert await listed(option="open") == [second]
    assert await listed(option="closed") == [first]
    run = (await ok(opened, "re_runs", option="closed"))["run_list"][0]
    assert set(run) == {"uid", "scan_id", "is_open", "exit_status"}
    assert (run["is_open"], run["exit_status"]) == (False, "success")
    kernel.end_plan()
    await opened.idle()
    assert await listed() == []
    assert await refused(opened, "re_runs", option="zz") == (
        "Error: Option 'zz' is not supported. Available options: ('active', 'open', 'closed')"
    )


async def test_metadata_of_the_run_engine_is_read_and_filtered(opened: RunningManager) -> None:
    opened.kernel.metadata = {"sample": {"name": "gold"}, "scan_id": 3}
    reply = await ok(opened, "re_metadata")
    assert reply["re_metadata"] == opened.kernel.metadata
    await ok(opened, "environment_close")
    await opened.idle()
    text = await refused(opened, "re_metadata")
    assert text == "Environment does not exist. Cannot retrieve RE metadata."


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        (
            "json",
            "Failed to serialize RE metadata with JSON: "
            "Object of type ndarray is not JSON serializable",
        ),
        (
            "msgpack",
            "Failed to serialize RE metadata with MSGPACK: "
            "can not serialize 'numpy.ndarray' object",
        ),
    ],
)
async def test_metadata_that_is_no_json_is_named_where_it_may_be_seen(
    encoding: str, words: str
) -> None:
    settings = quiet_settings(zmq_encoding=encoding, permitted_re_metadata_keys=("/a", "/c/d"))
    async with RunningManager(settings=settings) as running:
        await running.open()
        running.kernel.metadata = {"a": [1], "b": numpy.array([1]), "c": {"e": {1, 2}, "d": 5}}
        reply = await ok(running, "re_metadata")
        assert reply["re_metadata"] == {"a": [1], "c": {"d": 5}}
        running.kernel.metadata["c"]["d"] = [numpy.array([1])]
        assert await refused(running, "re_metadata") == f"{words} (at '/c/d')"
        running.kernel.metadata = 5
        text = await refused(running, "re_metadata")
        assert text.startswith("Error: ")
        assert "Failed to convert Run Engine metadata to dictionary" in text


async def test_the_connection_is_told_without_its_key(closed: RunningManager) -> None:
    assert (await ok(closed, "config_get"))["config"]["ip_connect_info"] == {}
    await closed.open()
    config = (await ok(closed, "config_get"))["config"]
    assert config["ip_connect_info"]["shell_port"] == 50_000
    assert "key" not in config["ip_connect_info"]
