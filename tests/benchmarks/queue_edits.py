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
from tests.benchmarks.answering import while_watched
from tests.benchmarks.measuring import Measurement, benchmark, ms, times
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
        first = times(lambda: _checked(service, ADD), 1)
        yield ms("queue_item_add, the first after the start", first, aim=5)
        yield from _growing(service, ((1_000, 1), (10_000, 4), (50_000, 20)))


@benchmark
def queue_in_redis() -> Iterator[Measurement]:
    """Do the same in a Redis server that makes every write durable."""
    binary = server_binary()
    if binary is None:
        return
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
        label = f"{size // 1000}k"
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


def _checked(service: Service, frame: bytes) -> None:
    reply = service.client.raw(frame)
    if not reply.startswith(b'{"success": true'):
        raise RuntimeError(reply[:1000].decode())


def _adding(service: Service) -> list[float]:
    return times(lambda: _checked(service, ADD), 200, warm_up=20)


def _fill(service: Service, size: int) -> tuple[float, ...]:
    frame = request("queue_item_add_batch", items=[COUNT] * BATCH, **OWNER)
    present = service.status()["items_in_queue"]
    rates = []
    while present < size:
        begin = time.perf_counter()
        _checked(service, frame)
        rates.append(BATCH / (time.perf_counter() - begin))
        present += BATCH
    return tuple(rates)


def _after_a_change(service: Service, frame: bytes) -> float:
    _checked(service, ADD)
    return times(lambda: service.client.raw(frame), 1)[0]


def _edits(service: Service, size: int) -> Iterator[Measurement]:
    if size <= 10:
        service.client.ask("queue_item_add_batch", items=[COUNT] * size, **OWNER)
    ends = [
        request("queue_item_move", pos="back", pos_dest="front"),
        request("queue_item_move", pos="front", pos_dest="back"),
    ]
    moves = iter(ends * 100)
    yield ms(f"move, {size} items", times(lambda: _checked(service, next(moves)), 100), aim=1)
    middle = request("queue_item_remove", pos=size // 2)
    taken = []
    for _ in range(50):
        taken += times(lambda: _checked(service, middle), 1)
        _checked(service, ADD)
    yield ms(f"remove, {size} items", taken, aim=1)


@benchmark
def neighbours() -> Iterator[Measurement]:
    """Ask for the status while another client keeps the manager busy."""
    with Service(startup=False) as service:
        service.open()
        batch = request("queue_item_add_batch", items=[COUNT] * BATCH, **OWNER)
        with while_watched(service.address) as delays:
            for _ in range(50):
                _checked(service, batch)
        yield from _delays("batches of 1 000 items are added", delays)
        with while_watched(service.address) as delays:
            for _ in range(50):
                service.client.raw(request("queue_get"))
        yield from _delays("50 000 items are read", delays)
        with while_watched(service.address) as delays:
            for _ in range(2000):
                _checked(service, ADD)
        yield from _delays("items are added one by one", delays)


def _delays(what: str, delays: list[float]) -> Iterator[Measurement]:
    yield ms(f"status, while {what}", delays)
    worst = sorted(delays)[-max(1, len(delays) // 100) :]
    yield ms(f"status, while {what}: the slowest hundredth", worst, aim=15)


@benchmark
def history() -> Iterator[Measurement]:
    """Read a history of 1 000 and of 10 000 plans."""
    for size, aim in ((1_000, 1), (10_000, 6)):
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store.sqlite"
            asyncio.run(_store_history(store, size))
            with Service("--store", str(store)) as service:
                frame = request("history_get")
                first = times(lambda: service.client.raw(frame), 1)  # noqa: B023
                again = times(lambda: service.client.raw(frame), 15)  # noqa: B023
                assert len(json.loads(service.client.raw(frame))["items"]) == size
        yield ms(f"history_get, {size // 1000}k entries, the first after the start", first)
        yield ms(f"history_get, {size // 1000}k entries", again, aim=aim)


async def _store_history(path: Path, size: int) -> None:
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
    backend = SqliteBackend(path)
    await backend.open()
    await backend.rewrite(StoredState(history=entries))
    await backend.close()
