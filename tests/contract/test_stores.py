"""Every store: what was written is there after any end, and outages heal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from qs_jupyter.errors import ConfigurationError, StoreFailure
from qs_jupyter.model import changes as c
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.positions import BACK, FRONT
from qs_jupyter.model.queue import Queue
from qs_jupyter.settings import Settings
from qs_jupyter.store.choice import open_store
from qs_jupyter.store.durable import DurableStore, StoreTaken
from qs_jupyter.store.redis import RedisBackend, address_url, shown_address
from qs_jupyter.store.sqlite import MEMORY, SqliteBackend
from qs_jupyter.store.store import StoredState
from qs_jupyter.testing.running_manager import LIMIT_S, RunningManager, quiet_settings
from tests.contract.redis_server import RedisServer, running_server
from tests.contract.store_story import Story, open_backend
from tests.loop_clock import stopped_clock

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def session_server() -> Iterator[RedisServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def server(session_server: RedisServer) -> RedisServer:
    with Redis.from_url(session_server.url) as client:
        client.flushall()
    return session_server


@pytest.fixture(params=["sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("server").url)
    return str(tmp_path / "store.sqlite")


@pytest.fixture
def raw(server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def opened() -> AsyncIterator[list[DurableStore]]:
    """Stores to be closed when the test is over, whatever happened."""
    stores: list[DurableStore] = []
    yield stores
    for store in stores:
        await store.close()


async def read(address: str) -> StoredState:
    store = open_backend(address)
    state = await store.load()
    await store.close()
    return state


def essence(state: StoredState) -> dict[str, Any]:
    """What must be the same after a return: everything but keys of places and of locks."""
    lock = state.lock
    return {
        "queue": [entry.item.data for entry in state.queue],
        "running": state.running and state.running.data,
        "attempt": state.attempt,
        "history": [entry.text for entry in state.history],
        "facts": (state.mode, state.autostart, state.stop_pending, state.permissions),
        "extra": dict(state.extra),
        "lock": lock and replace(lock, key=None),
    }


def item(uid: str, **more: Any) -> Item:
    return Item({"item_type": "plan", "name": "count", **more, "item_uid": uid})


# -------------------------------------------------------------------------------- every store


async def test_a_new_store_is_empty(address: str) -> None:
    assert essence(await read(address)) == essence(StoredState())


async def test_memory_takes_every_kind_of_change() -> None:
    store, story = DurableStore(SqliteBackend(MEMORY)), Story(1)
    await store.load()
    for _ in range(200):
        await store.write(*story.next())
    await store.close()


@pytest.mark.parametrize("seed", range(3))
async def test_a_long_story_is_read_back_as_it_was_written(address: str, seed: int) -> None:
    store, story = open_backend(address), Story(seed)
    await store.load()
    for number in range(150):
        future = store.write(*story.next())
        if number % 7:
            await future
    await store.settled()
    assert store.available
    await store.close()
    state = await read(address)
    assert essence(state) == essence(story.snapshot())
    assert not state.repairs
    if story.lock is not None and story.lock.key is not None:
        assert state.lock is not None
        assert state.lock.fits(str(story.lock.key))


@pytest.mark.parametrize("kill_after", [1, 4, 9, 23, 60])
async def test_nothing_confirmed_is_lost_when_the_writer_is_killed(
    address: str, kill_after: int
) -> None:
    seed = kill_after
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs in this loop
        [sys.executable, "-m", "tests.contract.store_story", address, str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'kernel_worker'}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        confirmed = 0
        for line in writer.stdout:
            confirmed = int(line)
            if confirmed == kill_after:
                os.kill(writer.pid, signal.SIGKILL)
    found = essence(await read(address))
    story = Story(seed)
    for _ in range(confirmed):
        story.next()
    # What was under way when the writer died is there as a whole or not at all.
    for _ in range(2):
        if essence(story.snapshot()) == found:
            return
        story.next()
    assert found == essence(story.snapshot())


async def test_waiting_for_what_is_written_does_not_wait_for_what_comes_later(
    address: str, opened: list[DurableStore]
) -> None:
    store = open_backend(address)
    opened.append(store)
    await store.load()
    await store.settled()
    store.write(c.AutostartSet(True))
    waiting = asyncio.create_task(store.settled())
    async with asyncio.timeout(LIMIT_S):
        while not waiting.done():
            store.write(c.StopPendingSet(True))
            await asyncio.wait([waiting], return_when="FIRST_COMPLETED", timeout=0)


async def test_two_managers_can_not_use_one_store(address: str) -> None:
    store = open_backend(address)
    await store.load()
    with pytest.raises(
        ConfigurationError, match=f"in use by another manager .process {os.getpid()}"
    ):
        await read(address)
    await store.close()
    await read(address)


async def test_a_write_after_the_end_of_the_store_is_refused_in_the_future(address: str) -> None:
    store = open_backend(address)
    await store.load()
    pending = store.write(c.AutostartSet(True))
    await store.close()
    await pending
    assert not store.available
    assert (await read(address)).autostart


class TakenBackend:
    """A place that another manager has taken over by the first write."""

    async def open(self) -> StoredState:
        return StoredState()

    async def apply(self, _changes: Sequence[c.Change]) -> None:
        raise StoreTaken("the place was taken over")

    async def rewrite(self, _state: StoredState) -> None:
        raise StoreTaken("the place was taken over")

    async def watch(self, lost: Callable[[StoreFailure], None]) -> None:
        """Notice nothing."""

    async def close(self) -> None:
        """Leave it to the other."""


async def test_nobody_waits_for_ever_for_a_store_that_another_manager_has(
    opened: list[DurableStore],
) -> None:
    store = DurableStore(TakenBackend())
    opened.append(store)
    await store.load()
    store.bind(StoredState)
    store.write(c.AutostartSet(True))
    async with asyncio.timeout(10):
        with pytest.raises(StoreFailure, match="taken over"):
            await store.settled()
        with pytest.raises(StoreFailure, match="taken over"):
            await store.write(c.AutostartSet(False))
        with pytest.raises(StoreFailure, match="taken over"):
            await store.settled()


# -------------------------------------------------------------------------------------- SQLite


async def test_the_file_belongs_to_its_owner_and_holds_no_lock_key(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "store.sqlite"
    store = DurableStore(SqliteBackend(path))
    await store.load()
    await store.write(c.LockSet(Lock("l", queue=True, key="very secret", user="J")))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert b"very secret" not in file.read_bytes()
    await store.close()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_unreadable_and_newer_files_are_refused_with_a_remedy(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match=r"not a readable database.*--store"):
        await read(str(junk))
    newer = tmp_path / "newer"
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        await read(str(newer))


async def test_a_failed_transaction_is_made_good_from_memory(
    tmp_path: Path, opened: list[DurableStore]
) -> None:
    path = tmp_path / "store.sqlite"
    store, queue = DurableStore(SqliteBackend(path)), Queue()
    opened.append(store)
    await store.load()
    store.bind(lambda: StoredState(queue=queue.entries))
    states: list[bool] = []
    store.on_availability(states.append)
    await store.write(queue.insert([item("a")], BACK))  # type: ignore[arg-type]
    # Somebody else has put the next item there already: the transaction must fail.
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO queue VALUES ('b', 1, '{}')")
    db.close()
    await store.write(queue.insert([item("b")], FRONT))  # type: ignore[arg-type]
    assert states == [False, True]
    await store.close()
    assert [e.item.uid for e in (await read(str(path))).queue] == ["b", "a"]


async def test_a_file_that_could_not_be_opened_is_opened_when_it_can_be(
    tmp_path: Path, opened: list[DurableStore]
) -> None:
    path = tmp_path / "store.sqlite"
    store = DurableStore(SqliteBackend(path))
    opened.append(store)
    with sqlite3.connect(path) as another:
        another.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFailure, match="locked"):
            await store.load()
    another.close()
    assert await store.load() == StoredState()


# --------------------------------------------------------------------------------------- Redis


async def test_what_is_written_is_a_fixed_point_of_json(server: RedisServer, raw: Redis) -> None:
    store, story = open_backend(server.url), Story(5)
    await store.load()
    for _ in range(150):
        await store.write(*story.next())
    await store.close()
    texts = raw.lrange("test_plan_queue", 0, -1) + raw.lrange("test_plan_history", 0, -1)
    texts += [raw.get(key) for key in raw.keys("test_*") if raw.type(key) == "string"]
    assert len(texts) > 20
    for text in texts:
        if text[0] in "{[":
            assert json.dumps(json.loads(text)) == text
    assert [i.text for i in story.queue] == raw.lrange("test_plan_queue", 0, -1)


async def test_a_database_of_another_manager_is_taken_over(server: RedisServer, raw: Redis) -> None:
    queued = (
        '{"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1}, '
        '"user": "tester", "user_group": "primary", "item_uid": "q1", "mine": "kept"}'
    )
    running = (
        '{"name": "scan", "item_type": "plan", "item_uid": "r1", "properties": {"time_start": 1.5}}'
    )
    done = (
        '{"name": "x", "item_uid": "h1", "result": {"exit_status": "completed", "msg": "\\u00e9"}}'
    )
    lock = (
        '{"environment": false, "queue": true, "lock_key": "k1", "note": null, "user": "J", '
        '"time": 1795370134.6012688, "uid": "l1"}'
    )
    raw.rpush("qs_default_plan_queue", queued)
    raw.rpush("qs_default_plan_history", done)
    raw.set("qs_default_running_plan", running)
    raw.set("qs_default_plan_queue_mode", '{"loop": true, "ignore_failures": false}')
    raw.set("qs_default_lock_info", lock)
    raw.set("qs_default_autostart_mode_info", '{"enabled": true}')
    raw.set("qs_default_stop_pending_info", '{"enabled": false}')
    raw.set("qs_default_user_group_permissions", '{"user_groups": {"root": {}}}')
    store = DurableStore(RedisBackend(server.url))
    state = await store.load()
    assert not state.repairs
    assert [entry.item.text for entry in state.queue] == [queued]
    assert state.running is not None
    assert (state.running.text, state.attempt) == (running, 0)
    assert [entry.text for entry in state.history] == [done]
    assert state.mode.loop
    assert (state.autostart, state.stop_pending) == (True, False)
    assert state.permissions == {"user_groups": {"root": {}}}
    assert state.lock is not None
    assert state.lock.fits("k1")
    # Handing back: the other manager finds the same formats and nothing in its way.
    await store.write(c.LockSet(state.lock), c.ModeSet(state.mode))
    await store.close()
    assert raw.get("qs_default_lock_info") == lock
    assert raw.get("qs_default_plan_queue_mode") == '{"loop": true, "ignore_failures": false}'
    assert raw.lrange("qs_default_plan_queue", 0, -1) == [queued]
    assert raw.get("qs_default_qsj_owner") is None


async def test_a_key_of_another_kind_is_named_and_left_alone(
    server: RedisServer, raw: Redis
) -> None:
    raw.set("test_plan_queue", "of another program")
    with pytest.raises(StoreFailure, match=r"refuses a command: .*test_plan_queue.*WRONGTYPE"):
        await read(server.url)
    assert raw.get("test_plan_queue") == "of another program"


async def test_damage_is_repaired_once_and_bad_elements_are_set_aside(
    server: RedisServer, raw: Redis
) -> None:
    good = item("a").text
    compact = json.dumps(item("c").data, separators=(",", ":"))
    raw.rpush("test_plan_queue", good, "{broken", good, compact, '{"name": "nobody"}', "[]")
    raw.rpush("test_plan_history", "junk", '{"item_uid": "h", "result": {}}')
    raw.set("test_running_plan", "oops")
    raw.set("test_lock_info", "{")
    state = await read(server.url)
    first, twice, respelled = [entry.item for entry in state.queue]
    assert (first.uid, respelled.uid) == ("a", "c")
    assert twice.uid != "a"
    assert [entry.uid for entry in state.history] == ["h"]
    assert state.lock is not None
    assert state.lock.queue
    assert state.running is None
    assert raw.lrange("test_plan_queue", 0, -1) == [i.text for i in (first, twice, respelled)]
    assert set(raw.lrange("test_qsj_setaside", 0, -1)) == {"{broken", "[]", "junk", "oops"}
    again = await read(server.url)
    assert not again.repairs
    assert essence(again) == essence(state)


async def store_with_story(
    server: RedisServer, opened: list[DurableStore], seed: int, *, patience_s: float
) -> tuple[DurableStore, Story]:
    """Open a store in Redis whose content is what a story has told."""
    store, story = (
        DurableStore(RedisBackend(server.url, "test"), patience_s=patience_s),
        Story(seed),
    )
    opened.append(store)
    await store.load()
    store.bind(story.snapshot)
    return store, story


async def test_an_outage_refuses_after_a_while_and_heals_by_itself(
    server: RedisServer, opened: list[DurableStore]
) -> None:
    store, story = await store_with_story(server, opened, 3, patience_s=60)
    back = asyncio.Event()
    store.on_availability(lambda available: back.set() if available else back.clear())
    for _ in range(40):
        await store.write(*story.next())
    server.stop()
    store._patience_s = 0.3
    try:
        with pytest.raises(
            StoreFailure, match=r"is not confirmed, .*: Redis at .* does not answer"
        ):
            await store.write(*story.next())
        assert not store.available
        later = [store.write(*story.next()) for _ in range(20)]
        await asyncio.wait(later)
    finally:
        store._patience_s = 60
        server.start()
    async with asyncio.timeout(LIMIT_S):
        await store.settled()
        await back.wait()
    assert store.available
    await store.write(*story.next())
    await store.close()
    assert essence(await read(server.url)) == essence(story.snapshot())


async def test_a_manager_that_was_held_up_takes_its_own_delay_for_none_of_the_store(
    tmp_path: Path, opened: list[DurableStore]
) -> None:
    store = DurableStore(SqliteBackend(tmp_path / "store.sqlite"))
    opened.append(store)
    await store.load()
    with stopped_clock() as clock:
        written = store.write(c.AutostartSet(True))
        await clock.advance(10)  # longer than its patience, between two turns of the loop
        await written


async def test_a_short_outage_is_only_a_delay(
    server: RedisServer, opened: list[DurableStore]
) -> None:
    store, story = await store_with_story(server, opened, 4, patience_s=60)
    await store.write(*story.next())
    server.stop()
    waiting = [store.write(*story.next()) for _ in range(10)]
    server.start()
    await asyncio.gather(*waiting)
    await store.close()
    assert essence(await read(server.url)) == essence(story.snapshot())


async def test_a_server_that_hangs_is_an_outage_too(
    server: RedisServer, opened: list[DurableStore]
) -> None:
    store, story = await store_with_story(server, opened, 6, patience_s=0.2)
    story.flags["autostart"] = True  # memory is ahead of the store, which may look at any time
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreFailure, match="not confirmed"):
            await store.write(c.AutostartSet(True))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    async with asyncio.timeout(LIMIT_S):
        await store.settled()
    await store.close()
    assert (await read(server.url)).autostart


async def test_a_server_that_lost_everything_is_filled_again(
    server: RedisServer, raw: Redis, opened: list[DurableStore]
) -> None:
    store, story = open_backend(server.url), Story(8)
    opened.append(store)
    await store.load()
    store.bind(story.snapshot)
    for _ in range(60):
        await store.write(*story.next())
    raw.flushall()
    while not story.queue:
        story.next()
    story.flags["stop_pending"] = True
    await store.write(story.queue.clear(), c.StopPendingSet(True))
    added = story.queue.insert([item("last")], BACK)
    raw.rpush("test_plan_queue", "from outside")
    assert added is not None
    await store.write(added)
    await store.close()
    assert essence(await read(server.url)) == essence(story.snapshot())


async def test_a_manager_that_lost_its_lease_writes_nothing_any_more(
    server: RedisServer, raw: Redis, opened: list[DurableStore]
) -> None:
    store = DurableStore(RedisBackend(server.url, "test"), patience_s=0.2)
    opened.append(store)
    await store.load()
    store.bind(StoredState)
    theirs = json.dumps({"token": "t", "pid": 1, "host": "elsewhere"})
    raw.set("test_qsj_owner", theirs)
    raw.rpush("test_plan_queue", item("theirs").text)
    # The unexpected length of the queue makes the store look after its lease.
    with pytest.raises(StoreFailure):
        await store.write(c.AutostartSet(True))
    await store.close()
    assert raw.lrange("test_plan_queue", 0, -1) == [item("theirs").text]
    assert raw.get("test_qsj_owner") == theirs


async def test_a_manager_that_lost_its_lease_can_be_ended(server: RedisServer, raw: Redis) -> None:
    settings = quiet_settings(redis_addr=server.url, redis_name_prefix="test", store=None)
    async with asyncio.timeout(LIMIT_S), RunningManager(settings=settings) as running:
        await running.open()
        raw.set("test_qsj_owner", json.dumps({"token": "t", "pid": 1, "host": "elsewhere"}))
        raw.rpush("test_plan_queue", item("theirs").text)
        reply = await running.call("queue_mode_set", mode={"loop": True})
        assert not reply["success"]
        assert "taken over" in reply["msg"]


async def test_the_lease_of_a_dead_process_is_free_at_once(server: RedisServer, raw: Redis) -> None:
    store = open_backend(server.url)
    await store.load()
    lease = json.loads(raw.get("test_qsj_owner") or "{}")
    await store.close()
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:  # noqa: ASYNC220  # short
        pass
    raw.set("test_qsj_owner", json.dumps({**lease, "token": "old", "pid": dead.pid}))
    await read(server.url)
    raw.set("test_qsj_owner", json.dumps({**lease, "token": "old", "host": "elsewhere"}))
    with pytest.raises(ConfigurationError, match="on elsewhere"):
        await read(server.url)


async def test_a_missing_server_is_named_without_its_password() -> None:
    store = open_backend("redis://user:secret@127.0.0.1:1/0")
    with pytest.raises(StoreFailure, match=r"Redis at 127\.0\.0\.1:1/0 does not answer") as failure:
        await store.load()
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "redis://localhost:6379/0"), ("", "redis://localhost:6379/0"),
        ("beam", "redis://beam:6379/0"), ("beam:7000", "redis://beam:7000/0"),
        ("beam:7000/2", "redis://beam:7000/2"), ("[::1]:7000", "redis://[::1]:7000/0"),
        ("rediss://u:p@beam/1", "rediss://u:p@beam/1"), ("unix:///run/r.sock", "unix:///run/r.sock"),
    ],
)  # fmt: skip
def test_addresses_of_every_form_are_read(given: str | None, url: str) -> None:
    assert address_url(given) == url
    assert "p@" not in shown_address(url)


def test_an_address_that_makes_no_sense_is_refused() -> None:
    for bad in ("a b", "host:port", "http://beam", "beam:1/x"):
        with pytest.raises(ConfigurationError):
            address_url(bad)


async def test_the_settings_choose_the_store(tmp_path: Path, server: RedisServer) -> None:
    file = open_store(Settings(store=str(tmp_path / "s.sqlite")))
    await file.load()
    await file.close()
    assert (tmp_path / "s.sqlite").exists()
    remote = open_store(Settings(redis_addr=server.url))
    await remote.load()
    await remote.close()
