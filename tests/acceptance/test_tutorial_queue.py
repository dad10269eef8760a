"""Tutorials: adding items to the queue; starting and stopping the queue."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.acceptance.running import RunningManager, uids

pytestmark = pytest.mark.xdist_group("tutorial queue")


def queue_get(manager: RunningManager) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    reply = manager.qserver("queue", "get").reply
    assert reply["success"] is True
    return reply["items"], reply["running_item"]


def slow_count(manager: RunningManager, commands: int) -> dict[str, Any]:
    """Return parameters of a plan that runs while so many commands are typed."""
    return {"num": 5, "delay": manager.time_to_type(commands) / 4}


def add_slow(manager: RunningManager, number: int, commands: int) -> list[str]:
    kwargs = slow_count(manager, commands)
    plan = json.dumps({"name": "count", "args": [["det1", "det2"]], "kwargs": kwargs})
    answers = [manager.qserver("queue", "add", "plan", plan) for _ in range(number)]
    return uids([answer["item"] for answer in answers])


# ------------------------------------------------------------------------------ adding items


def test_allowed_plans_and_devices_are_shown_by_name(manager: RunningManager) -> None:
    reply = manager.qserver("allowed", "plans").reply
    assert reply["success"] is True
    assert {"count", "scan", "adaptive_scan", "count_bundle_test", "x2x_scan"} <= set(
        reply["plans_allowed"]
    )
    assert set(reply["plans_allowed"].values()) == {"{...}"}
    assert reply["plans_allowed_uid"] == manager.status()["plans_allowed_uid"]

    reply = manager.qserver("allowed", "devices").reply
    assert {"det1", "det2", "motor", "sim_bundle_A", "sim_bundle_B"} <= set(
        reply["devices_allowed"]
    )
    assert reply["devices_allowed_uid"] == manager.status()["devices_allowed_uid"]


def test_a_cleared_queue_is_empty(manager: RunningManager) -> None:
    manager.add_count()
    assert manager.qserver("queue", "clear").is_accepted
    assert manager.qserver("status")["items_in_queue"] == 0
    reply = manager.qserver("queue", "get").reply
    assert reply["items"] == []
    assert reply["running_item"] == {}
    assert reply["plan_queue_uid"] == manager.status()["plan_queue_uid"]


def test_items_are_added_at_the_back_the_front_and_by_position(manager: RunningManager) -> None:
    plan = '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 1}}'
    before = manager.status()["plan_queue_uid"]
    count = manager.qserver("queue", "add", "plan", plan).reply
    assert count["success"] is True
    assert count["msg"] == ""
    assert count["qsize"] == 1
    count_uid = count["item"]["item_uid"]
    assert count["item"] == {
        "item_type": "plan",
        "name": "count",
        "args": [["det1", "det2"]],
        "kwargs": {"num": 10, "delay": 1},
        "item_uid": count_uid,
        "user": "qserver-cli",
        "user_group": "primary",
    }
    assert manager.qserver("status")["items_in_queue"] == 1
    assert manager.status()["plan_queue_uid"] != before
    items, running = queue_get(manager)
    assert items == [count["item"]]
    assert running == {}

    plan = '{"name": "scan", "args": [["det1", "det2"], "motor", -1, 1, 10]}'
    scan = manager.qserver("queue", "add", "plan", plan).reply
    assert scan["qsize"] == 2
    assert scan["item"]["args"] == [["det1", "det2"], "motor", -1, 1, 10]
    assert "kwargs" not in scan["item"]
    assert queue_get(manager)[0] == [count["item"], scan["item"]]

    plan = '{"name": "scan", "args": [["det1"], "motor", -2, 2, 5]}'
    front = manager.qserver("queue", "add", "plan", "front", plan).reply
    assert front["qsize"] == 3
    assert queue_get(manager)[0] == [front["item"], count["item"], scan["item"]]

    stop = manager.qserver("queue", "add", "instruction", "-2", "queue-stop").reply
    assert stop["qsize"] == 4
    assert stop["item"] == {
        "item_type": "instruction",
        "name": "queue_stop",
        "item_uid": stop["item"]["item_uid"],
        "user": "qserver-cli",
        "user_group": "primary",
    }
    items = [front["item"], count["item"], stop["item"], scan["item"]]
    # The new item ends at the position that was given, counted in the new queue.
    assert queue_get(manager)[0] == items


def test_items_are_addressed_by_position_and_by_uid(manager: RunningManager) -> None:
    first, second, third = (manager.add_count(num=n) for n in (1, 2, 3))
    assert manager.qserver("queue", "item", "get")["item"]["item_uid"] == third
    assert manager.qserver("queue", "item", "get", "front")["item"]["item_uid"] == first
    assert manager.qserver("queue", "item", "get", second)["item"]["item_uid"] == second
    answer = manager.qserver("queue", "item", "move", "back", "front")
    assert answer["item"]["item_uid"] == third
    assert uids(manager.queue()) == [third, first, second]
    answer = manager.qserver("queue", "item", "move", third, "after", second)
    assert uids(manager.queue()) == [first, second, third]
    answer = manager.qserver("queue", "item", "remove", "-2")
    assert answer["item"]["item_uid"] == second
    assert answer["qsize"] == 2
    assert manager.qserver("queue", "item", "move", "1", "3").code == 2


def test_a_plan_is_updated_in_place_and_replaced_under_a_new_uid(manager: RunningManager) -> None:
    uid = manager.add_count()
    plan = '{"name": "count", "args": [["det1"]], "kwargs": {"num": 7}}'
    assert manager.qserver("queue", "update", "plan", uid, plan)["item"]["item_uid"] == uid
    (item,) = manager.queue()
    assert item["kwargs"] == {"num": 7}
    replaced = manager.qserver("queue", "replace", "plan", uid, plan)["item"]["item_uid"]
    assert replaced != uid
    assert uids(manager.queue()) == [replaced]


def test_a_plan_that_does_not_exist_is_refused_with_a_reason(manager: RunningManager) -> None:
    answer = manager.qserver("queue", "add", "plan", '{"name": "nope", "args": []}')
    assert answer.code == 2
    assert answer["success"] is False
    assert answer["msg"].startswith("Failed to add an item: Plan validation failed: ")
    assert "Plan 'nope' is not in the list of allowed plans" in answer["msg"]
    assert manager.status()["items_in_queue"] == 0


# -------------------------------------------------------------- starting and stopping the queue


def test_a_started_queue_runs_all_plans_and_archives_them(opened: RunningManager) -> None:
    first, second, third = add_slow(opened, 3, commands=2)
    parameters = opened.queue()[0]["kwargs"]
    opened.do(
        "queue_item_update",
        item={**opened.queue()[1], "kwargs": {}},
        user="qserver-cli",
        user_group="primary",
    )
    assert opened.qserver("history", "clear").is_accepted
    status = opened.qserver("status").reply
    assert (status["items_in_queue"], status["items_in_history"]) == (3, 0)

    assert opened.qserver("queue", "start").is_accepted
    items, running = queue_get(opened)
    assert uids(items) == [second, third]
    assert running["item_uid"] == first
    assert running["name"] == "count"
    assert running["kwargs"] == parameters
    assert opened.status()["running_item_uid"] == first

    opened.until(lambda status: status["items_in_history"] == 3)
    status = opened.until_idle()
    assert (status["items_in_queue"], status["items_in_history"]) == (0, 3)
    assert status["running_item_uid"] is None
    history = opened.history()
    assert uids(history) == [first, second, third]
    assert {entry["result"]["exit_status"] for entry in history} == {"completed"}
    assert all("properties" not in entry for entry in history)
    for earlier, later in itertools.pairwise(history):
        assert earlier["result"]["time_stop"] <= later["result"]["time_start"]


def test_the_queue_is_edited_while_it_runs(opened: RunningManager) -> None:
    running = opened.add_count(**slow_count(opened, 6))
    last = opened.add_count()
    opened.do("queue_start")
    opened.until_running(running)

    plan = '{"name": "count", "args": [["det1"]], "kwargs": {"num": 2}}'
    added = opened.qserver("queue", "add", "plan", "front", plan)["item"]["item_uid"]
    assert uids(opened.queue()) == [added, last]
    opened.qserver("queue", "item", "move", added, "back")
    assert uids(opened.queue()) == [last, added]
    opened.qserver("queue", "item", "remove", last)
    answer = opened.qserver("queue", "item", "remove", running)
    assert answer.code == 2
    assert "Can not remove an item which is currently running." in answer["msg"]
    answer = opened.qserver("queue", "add", "plan", "after", running, plan)
    after_running = answer["item"]["item_uid"]
    answer = opened.qserver("queue", "add", "plan", "before", running, plan)
    assert answer.code == 2
    assert "Can not insert a plan in the queue before a currently running plan." in answer["msg"]

    opened.until(lambda status: status["items_in_history"] == 3)
    opened.until_idle()
    assert uids(opened.history()) == [running, after_running, added]


def test_clearing_the_queue_leaves_the_running_plan_alone(opened: RunningManager) -> None:
    running = opened.add_count(**slow_count(opened, 2))
    opened.add_count()
    opened.do("queue_start")
    opened.until_running(running)
    assert opened.qserver("queue", "clear").is_accepted
    assert queue_get(opened)[1]["item_uid"] == running
    opened.until_idle()
    assert uids(opened.history()) == [running]


def test_a_stopped_queue_ends_behind_the_running_plan(opened: RunningManager) -> None:
    first, second = add_slow(opened, 2, commands=2)
    opened.do("queue_start")
    assert opened.qserver("queue", "stop").is_accepted
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["queue_stop_pending"] is True

    status = opened.until_idle()
    assert status["queue_stop_pending"] is False
    assert status["items_in_queue"] == 1
    assert [entry["result"]["exit_status"] for entry in opened.history()] == ["completed"]
    assert uids(opened.history()) == [first]
    assert uids(opened.queue()) == [second]


def test_a_pending_stop_is_taken_back(opened: RunningManager) -> None:
    added = add_slow(opened, 2, commands=5)
    opened.qserver("queue", "start")
    opened.qserver("queue", "stop")
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["queue_stop_pending"] is True

    assert opened.qserver("queue", "stop", "cancel").is_accepted
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["queue_stop_pending"] is False

    status = opened.until_idle()
    assert status["items_in_queue"] == 0
    assert uids(opened.history()) == added


def test_the_queue_cannot_be_stopped_while_it_does_not_run(opened: RunningManager) -> None:
    answer = opened.qserver("queue", "stop")
    assert answer.code == 2
    assert "Queue is not running" in answer["msg"]


def test_the_instruction_queue_stop_stops_the_queue_once(opened: RunningManager) -> None:
    first = opened.add_count()
    opened.qserver("queue", "add", "instruction", "queue-stop")
    last = opened.add_count()
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    assert uids(opened.history()) == [first]
    assert uids(opened.queue()) == [last]
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()
    assert opened.queue() == []


def test_in_loop_mode_finished_plans_come_back_under_new_uids(opened: RunningManager) -> None:
    uid = opened.add_count()
    opened.add_count(num=3, delay=0.3)
    assert opened.qserver("queue", "mode", "set", "loop", "True").is_accepted
    assert opened.status()["plan_queue_mode"] == {"loop": True, "ignore_failures": False}
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.do("queue_stop")
    opened.until_idle()
    assert len(opened.history()) == 2
    items = opened.queue()
    assert [item["kwargs"]["num"] for item in items] == [1, 3]
    assert uid not in uids(items)


def test_with_autostart_an_added_plan_runs_by_itself(opened: RunningManager) -> None:
    assert opened.qserver("queue", "autostart", "enable").is_accepted
    assert opened.status()["queue_autostart_enabled"] is True
    for number in (1, 2):
        begun = opened.status()
        opened.add_count()
        opened.until(
            lambda status, number=number: status["items_in_history"] == number, since=begun
        )
    status = opened.until_idle()
    assert status["queue_autostart_enabled"] is True
    assert opened.qserver("queue", "autostart", "disable").is_accepted


def test_history_is_cleared_in_part_and_as_a_whole(opened: RunningManager) -> None:
    added = [opened.add_count() for _ in range(4)]
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 4)
    opened.until_idle()
    assert opened.qserver("history", "clear", "3").is_accepted
    assert uids(opened.history()) == added[1:]
    assert opened.qserver("history", "clear", added[2]).is_accepted
    assert uids(opened.history()) == added[3:]
    assert opened.qserver("history", "clear").is_accepted
    assert opened.history() == []
