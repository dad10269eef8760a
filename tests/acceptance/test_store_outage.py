"""A store that goes away and comes back: nothing wedges, nothing acknowledged is lost."""

from __future__ import annotations

import json

import pytest
import redis

from tests.contract.redis_server import running_server

PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 2}}
OWNER = {"user": "ann", "user_group": "primary"}

pytestmark = pytest.mark.xdist_group("store outage")


@pytest.fixture
def server():
    with running_server() as server:
        yield server


@pytest.fixture
def manager(make_manager, server):
    manager = make_manager()
    manager.start("--redis-addr", server.url)
    return manager


def add(manager, item=PLAN):
    return manager.ask("queue_item_add", item=item, **OWNER)


def stored(server, name):
    with redis.Redis.from_url(server.url) as client:
        return [json.loads(text) for text in client.lrange(f"qs_default_{name}", 0, -1)]


def test_edits_are_refused_with_a_sentence_while_reads_go_on(manager, server):
    first = add(manager)["item"]["item_uid"]
    server.stop()
    refused = add(manager)
    assert refused["success"] is False
    assert "not confirmed" in refused["msg"] or "Nothing can be changed" in refused["msg"]
    again = add(manager)
    assert again["success"] is False
    assert "Nothing can be changed at present" in again["msg"]
    assert manager.ask("queue_get")["items"][0]["item_uid"] == first
    assert manager.status()["store_available"] is False
    server.start()
    manager.until(lambda status: status["store_available"])
    assert add(manager)["success"]
    in_memory = [item["item_uid"] for item in manager.ask("queue_get")["items"]]
    assert [item["item_uid"] for item in stored(server, "plan_queue")] == in_memory
    assert in_memory[0] == first


def test_a_plan_that_ends_during_an_outage_is_in_history_when_the_store_returns(manager, server):
    manager.open()
    for item in (manager.held_plan(), PLAN):
        assert add(manager, item)["success"]
    assert manager.ask("queue_start")["success"]
    manager.until(lambda status: status["re_state"] == "running")
    server.stop()
    manager.gate.touch()
    # The plan goes on and ends; the next one waits until its intent can be written.
    manager.until(lambda status: status["items_in_history"] == 1)
    server.start()
    manager.until(lambda status: status["store_available"])
    status = manager.until(lambda status: status["items_in_history"] == 2)
    assert status["items_in_queue"] == 0
    manager.until_idle()
    results = [item["result"]["exit_status"] for item in stored(server, "plan_history")]
    assert results == ["completed", "completed"]
    assert stored(server, "plan_queue") == []


def test_the_environment_is_not_closed_while_the_worker_alone_knows_an_outcome(manager, server):
    manager.open()
    assert add(manager, manager.held_plan())["success"]
    assert manager.ask("queue_start")["success"]
    manager.until(lambda status: status["re_state"] == "running")
    server.stop()
    manager.gate.touch()
    manager.until(lambda status: status["items_in_history"] == 1)
    manager.until_idle()
    refused = manager.ask("environment_close")
    assert refused["success"] is False
    assert "The outcome of a plan is not stored yet" in refused["msg"]
    # A manager that dies now learns it from the worker again.
    manager.kill_manager()
    server.start()
    manager.until(lambda status: status["store_available"] and status["items_in_history"] == 1)
    manager.until_idle()
    assert add(manager)["success"], "what is acknowledged is stored, and so is all before it"
    results = [item["result"]["exit_status"] for item in stored(server, "plan_history")]
    assert results == ["completed"]
    assert manager.ask("environment_close")["success"]
    manager.until(lambda status: not status["worker_environment_exists"])
