"""What a manager leaves in Redis for other programs, and what it makes of theirs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from redis import Redis

from qs_jupyter.testing.fake_kernel import FakeKernel
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings, simulated_kernel
from tests.contract.manager.words import WHO, add, history, numbers, ok, plan
from tests.contract.redis_server import RedisServer, running_server

OFF = '{"enabled": false}'
FIRST = {"user_group_permissions", "autostart_mode_info", "stop_pending_info"}
ALL = FIRST | {"plan_queue", "plan_history", "running_plan", "plan_queue_mode", "lock_info"}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_server() as server:
        yield server


class Database:
    """The keys under the prefix of a test."""

    def __init__(self, url: str) -> None:
        self.client = Redis.from_url(url, decode_responses=True)
        self.client.flushall()

    def names(self) -> set[str]:
        """Return the names that are not our own."""
        found = {str(key).removeprefix("test_") for key in self.client.keys("test_*")}
        return {name for name in found if not name.startswith("qsj_")}

    def text(self, name: str) -> str | None:
        """Return a string."""
        return self.client.get(f"test_{name}")

    def texts(self, name: str) -> list[str]:
        """Return a list."""
        return list(self.client.lrange(f"test_{name}", 0, -1))

    def put(self, name: str, content: str | list[str]) -> None:
        """Write a key as another program would."""
        if isinstance(content, list):
            self.client.rpush(f"test_{name}", *content)
        else:
            self.client.set(f"test_{name}", content)


@pytest.fixture
def database(server: RedisServer) -> Iterator[Database]:
    database = Database(server.url)
    yield database
    database.client.close()


@pytest.fixture
def kernel() -> FakeKernel:
    return simulated_kernel()


def manager(
    server: RedisServer, kernel: FakeKernel | None = None, *, is_restart: bool = False
) -> RunningManager:
    """Return a manager on the database of the test."""
    settings = quiet_settings(store=None, redis_addr=server.url, redis_name_prefix="test")
    return RunningManager(kernel, settings=settings, is_restart=is_restart)


@pytest_asyncio.fixture
async def opened(server: RedisServer, database: Database) -> AsyncIterator[RunningManager]:
    async with manager(server) as running:
        await running.open()
        yield running


async def at_rest(running: RunningManager) -> None:
    """Wait until the manager is idle, and until the store has what it shows."""
    await running.idle()
    await running.manager.core.durable()


async def test_a_first_start_leaves_the_keys_that_other_managers_expect(
    server: RedisServer, database: Database
) -> None:
    async with manager(server):
        assert database.names() == FIRST
        assert database.text("autostart_mode_info") == OFF
        assert database.text("stop_pending_info") == OFF
    assert database.names() == FIRST


async def test_switches_of_the_time_before_are_off_after_a_start_and_kept_by_a_restart(
    server: RedisServer, database: Database
) -> None:
    on = '{"enabled": true}'
    for is_restart in (True, False):
        database.put("autostart_mode_info", on)
        async with manager(server, is_restart=is_restart) as running:
            assert running.status()["queue_autostart_enabled"] is is_restart
            assert database.text("autostart_mode_info") == (on if is_restart else OFF)


async def test_a_plan_leaves_the_documented_trace(
    opened: RunningManager, database: Database
) -> None:
    await add(opened, plan(1, meta={"sample": "né"}), plan(2))
    first, second = (json.loads(text) for text in database.texts("plan_queue"))
    await ok(opened, "queue_start")
    await opened.until(re_state="running")
    running = json.loads(database.text("running_plan") or "")
    properties = running.pop("properties")
    assert (running, list(properties)) == (first, ["time_start"])
    assert [json.loads(text) for text in database.texts("plan_queue")] == [second]
    opened.kernel.end_plan("failed", msg="no beam")
    await at_rest(opened)
    assert database.text("running_plan") == "{}"
    (entry,) = (json.loads(text) for text in database.texts("plan_history"))
    result = entry.pop("result")
    assert entry == first
    assert list(result) == [
        *("exit_status", "run_uids", "scan_ids", "time_start", "time_stop", "msg", "traceback")
    ]
    assert result["time_start"] == properties["time_start"]
    again = json.loads(database.texts("plan_queue")[0])
    assert again["item_uid"] != first["item_uid"]
    assert again == {**first, "item_uid": again["item_uid"], "result": result}


async def test_an_immediate_plan_is_marked_while_it_runs(
    opened: RunningManager, database: Database
) -> None:
    await ok(opened, "queue_item_execute", item=plan(), **WHO)
    await opened.until(re_state="running")
    properties = json.loads(database.text("running_plan") or "")["properties"]
    assert properties.keys() == {"time_start", "immediate_execution"}
    assert properties["immediate_execution"] is True
    opened.kernel.end_plan()
    await at_rest(opened)
    assert "properties" not in json.loads(database.texts("plan_history")[0])
    assert "plan_queue" not in database.names()


async def test_unlocking_writes_a_record_with_all_fields_and_no_key(
    opened: RunningManager, database: Database
) -> None:
    await ok(opened, "lock", lock_key="k", user="J", note="n", queue=True)
    fields = ["environment", "queue", "lock_key", "note", "user", "time", "uid"]
    assert list(json.loads(database.text("lock_info") or "")) == fields
    await ok(opened, "unlock", lock_key="k")
    record = json.loads(database.text("lock_info") or "")
    assert record.pop("uid") == opened.status()["lock_info_uid"]
    assert record == {"environment": False, "queue": False} | dict.fromkeys(fields[2:-1])


async def test_keys_that_were_deleted_from_outside_are_gone_for_good(
    server: RedisServer, database: Database, kernel: FakeKernel
) -> None:
    async with manager(server, kernel) as first:
        await first.open()
        await add(first, plan(1), plan(2))
        await ok(first, "queue_mode_set", mode={"loop": True})
        await ok(first, "queue_start")
        await ok(first, "lock", lock_key="k", user="J", environment=True)
        await first.until(re_state="running")
        await first.end(with_worker=False)
    database.client.delete(*(f"test_{name}" for name in ALL))
    async with manager(server) as second:
        status = second.status()
        assert (status["manager_state"], status["running_item_uid"]) == ("idle", None)
        assert (status["items_in_queue"], status["items_in_history"]) == (0, 0)
        assert status["plan_queue_mode"] == {"loop": False, "ignore_failures": False}
        assert status["lock"] == {"environment": False, "queue": False}
    assert database.names() == FIRST


def spoiled(**changes: Any) -> str:
    """Return the text of an item that is not quite one; a change to None leaves the key out."""
    item = {**plan(), **WHO, "item_uid": "odd", **changes}
    return json.dumps({key: value for key, value in item.items() if value is not None})


@pytest.mark.parametrize(
    ("running", "archived"),
    [
        (spoiled(properties=[1]), True),
        (spoiled(properties={"time_start": "noon"}), True),
        (spoiled(item_uid=None), False),
        (spoiled(name=None), False),
        (spoiled(item_type=5), False),
        ('{"item_uid": "odd"}', False),
        ("null", False),
        ("[]", False),
        ("", False),
    ],
)
async def test_a_damaged_running_item_keeps_no_manager_from_starting(
    server: RedisServer, database: Database, running: str, archived: bool
) -> None:
    database.put("running_plan", running)
    async with manager(server) as found:
        assert found.status()["manager_state"] == "idle"
        entries = await history(found)
        assert [entry["result"]["exit_status"] for entry in entries] == ["unknown"] * archived
        assert all(type(entry["result"]["time_start"]) is float for entry in entries)
    assert database.text("running_plan") == "{}"


@pytest.mark.parametrize(
    ("odd", "runs"),
    [
        (spoiled(properties=[1]), True),
        (spoiled(properties={}), True),
        (spoiled(item_type=None), False),
        (spoiled(item_type=5), False),
        (spoiled(name=5), False),
        (spoiled(item_uid=5), False),
    ],
)
async def test_a_damaged_item_in_the_queue_is_run_or_set_aside(
    server: RedisServer, database: Database, odd: str, runs: bool
) -> None:
    database.put("plan_queue", [odd, json.dumps({**plan(2), **WHO, "item_uid": "good"})])
    async with manager(server) as found:
        await found.open()
        assert await numbers(found) == ([1, 2] if runs else [2])
        await ok(found, "queue_start")
        await found.until(running_item_uid="odd" if runs else "good", re_state="running")
        await ok(found, "environment_destroy")
        await found.idle()
    assert (database.texts("qsj_setaside") == [odd]) is not runs
