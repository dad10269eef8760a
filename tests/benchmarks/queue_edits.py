"""Edits and reads of short and long queues and histories."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from qs_jupyter.model.history import finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.store.sqlite import SqliteBackend
from qs_jupyter.store.store import StoredState
from tests.benchmarks.measuring import Measurement, Skipped, benchmark, ms, times
from tests.benchmarks.service import Service, request
from tests.contract.redis_server import RedisServer, server_binary

OWNER = {"user": "bench", "user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10}}
BATCH = 1000
ADD = request("queue_item_add", item=COUNT, **OWNER)


@benchmark
def queue() -> Iterator[Measurement]:
    """Edit the queue with few items, with 10 000 and with 50 000, in an SQLite file."""
    with Service(startup=False) as service:
        service.open()
        first = times(lambda: checked(service, ADD), 1)
        yield ms("queue_item_add, the first after the start", first, aim=5)
        yield from _growing(service, ((1_000, 1), (10_000, 4), (50_000, 20)))


@benchmark
def queue_in_redis() -> Iterator[Measurement]:
    """Do the same in a Redis server that makes every write durable."""
    binary = server_binary()
    if binary is None:
        raise Skipped("no Redis or Valkey server here")
    with tempfile.TemporaryDirectory(prefix="qsr") as folder:
        server = RedisServer(binary, Path(folder))
        server.start()
        try:
            with Service("--redis-addr", server.url, startup=False) as service:
                service.open()
                yield from _growing(service, ((1_000, 1), (10_000, 4)))
        finally:
            server.stop()


def _growing(service: Service, sizes: tuple[tuple[int, float], ...]) -> Iterator[Measurement]:
    yield ms("queue_item_add, empty queue", _adding(service), aim=0.6)
    service.client.ask("queue_clear")
    yield from _edits(service, 10)
    for size, aim in sizes:
        rate = _fill(service, size)
        label = _label(size)
        yield Measurement(f"batch add, to {label} items", "/s", rate, aim=15_000)
        frame = request("queue_get")
        yield ms(
            f"queue_get, {label} items, after a change",
            [_after_a_change(service, frame) for _ in range(15)],
            aim=aim,
        )
        if size > 1000:
            yield ms(f"queue_item_add, {label} items", _adding(service), aim=0.6)
            yield from _edits(service, size)


def _label(size: int) -> str:
    return f"{size // 1000}k" if size >= 1000 else str(size)


def checked(service: Service, frame: bytes) -> None:
    """Send a request that must succeed."""
    reply = service.client.raw(frame)
    if not reply.startswith(b'{"success": true'):
        raise RuntimeError(reply[:1000].decode())


def _adding(service: Service) -> list[float]:
    return times(lambda: checked(service, ADD), 200, warm_up=20)


def _fill(service: Service, size: int) -> tuple[float, ...]:
    frame = request("queue_item_add_batch", items=[COUNT] * BATCH, **OWNER)
    present = service.status()["items_in_queue"]
    rates = []
    while present < size:
        begin = time.perf_counter()
        checked(service, frame)
        rates.append(BATCH / (time.perf_counter() - begin))
        present += BATCH
    return tuple(rates)


def _after_a_change(service: Service, frame: bytes) -> float:
    checked(service, ADD)
    return times(lambda: service.client.raw(frame), 1)[0]


def _edits(service: Service, size: int) -> Iterator[Measurement]:
    if size <= 10:
        service.client.ask("queue_item_add_batch", items=[COUNT] * size, **OWNER)
    ends = [
        request("queue_item_move", pos="back", pos_dest="front"),
        request("queue_item_move", pos="front", pos_dest="back"),
    ]
    moves = iter(ends * 100)
    yield ms(
        f"move to an end, {_label(size)} items",
        times(lambda: checked(service, next(moves)), 100),
        aim=1,
    )
    inner = [
        request("queue_item_move", pos=size // 4, pos_dest=size // 2 + size // 4),
        request("queue_item_move", pos=size // 2, pos_dest=size // 4),
    ]
    moves = iter(inner * 50)
    yield ms(
        f"move to a position, {_label(size)} items",
        times(lambda: checked(service, next(moves)), 100),
        aim=1,
    )
    middle = request("queue_item_remove", pos=size // 2)
    taken = []
    for _ in range(50):
        taken += times(lambda: checked(service, middle), 1)
        checked(service, ADD)
    yield ms(f"remove, {_label(size)} items", taken, aim=1)


@benchmark
def history() -> Iterator[Measurement]:
    """Read a history of 1 000 and of 10 000 plans."""
    for size, aim in ((1_000, 1), (10_000, 6)):
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store.sqlite"
            store_history(store, size)
            with Service("--store", str(store)) as service:
                frame = request("history_get")
                first = times(lambda: service.client.raw(frame), 1)  # noqa: B023
                again = times(lambda: service.client.raw(frame), 15)  # noqa: B023
                assert len(json.loads(service.client.raw(frame))["items"]) == size
        yield ms(f"history_get, {size // 1000}k entries, the first after the start", first)
        yield ms(f"history_get, {size // 1000}k entries", again, aim=aim)


def store_history(path: Path, size: int) -> None:
    """Write a history as a manager that has run for long would have left it."""
    result = {
        "exit_status": "completed",
        "run_uids": [str(uuid.uuid4())],
        "scan_ids": [1],
        "time_start": time.time(),
        "time_stop": time.time(),
        "msg": "",
        "traceback": "",
    }
    items = (Item({**COUNT, **OWNER, "item_uid": str(uuid.uuid4())}) for _ in range(size))
    entries = tuple(finished_entry(item, result) for item in items)
    asyncio.run(_write(SqliteBackend(path), StoredState(history=entries)))


async def _write(backend: SqliteBackend, state: StoredState) -> None:
    await backend.open()
    await backend.rewrite(state)
    await backend.close()
