"""Memory and processor time: of a service that waits, with a long queue, and after many plans."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measuring import Measurement, benchmark
from tests.benchmarks.processes import (
    Memory,
    bare_startup,
    memory_of,
    processor_time,
    worker_of,
)
from tests.benchmarks.queue_edits import COUNT, OWNER
from tests.benchmarks.service import Service, opened

IDLE_S = 10.0
PLANS = 1000
# The manager keeps some megabytes of events for clients that were away.
UNTIL_BACKLOGS_ARE_FULL = 8 * PLANS
PHASES = 4
AT_A_TIME = 200


@benchmark
def resources() -> Iterator[Measurement]:
    """Look at the processes while nothing happens, and with a long queue."""
    with Service(startup=False) as service:
        launcher, manager = service.process.pid, service.manager_pid()
        service.open()
        worker = worker_of(manager)
        time.sleep(2)
        yield from _memory("launcher", memory_of(launcher))
        yield from _memory("manager, environment open", memory_of(manager), aim=50)
        yield from _memory("worker, idle", memory_of(worker), aim=110)
        bare = bare_startup()[1]
        yield Measurement("limit: a bare process with the startup files", "MiB", (bare,))
        pids = (launcher, manager, worker)
        before = [processor_time(pid) for pid in pids]
        time.sleep(IDLE_S)
        used = [processor_time(pid) - b for pid, b in zip(pids, before, strict=True)]
        for name, seconds in zip(("launcher", "manager", "worker"), used, strict=True):
            yield Measurement(f"idle processor: {name}", "%", (100 * seconds / IDLE_S,))
        yield Measurement("idle processor: all", "%", (100 * sum(used) / IDLE_S,), aim=0.3)
        for _ in range(50):
            service.client.ask("queue_item_add_batch", items=[COUNT] * 1000, **OWNER)
        service.client.ask("queue_get")
        time.sleep(5)  # what the reply has taken is given back
        yield from _memory("manager with 50k items", memory_of(manager))
        parts = [memory_of(pid) for pid in pids]
        yield Measurement(
            "memory: all with 50k items", "MiB", (sum(p.resident for p in parts),), 200
        )
        own = sum(part.own for part in parts)
        yield Measurement("of that, their own", "MiB", (own,))


def _memory(what: str, memory: Memory, *, aim: float | None = None) -> Iterator[Measurement]:
    yield Measurement(f"memory: {what}", "MiB", (memory.resident,), aim)
    yield Measurement("of that, its own", "MiB", (memory.own,))


@benchmark
def endurance() -> Iterator[Measurement]:
    """Run some thousands of short plans, and see what grows once all buffers are full."""
    with opened() as service:
        manager = service.manager_pid()
        pids = {"manager": manager, "worker": worker_of(manager)}
        _run(service, UNTIL_BACKLOGS_ARE_FULL)
        sizes = [_sizes(pids)]
        rates = []
        for _ in range(PHASES):
            begin = time.perf_counter()
            _run(service, PLANS)
            rates.append(PLANS / (time.perf_counter() - begin))
            sizes.append(_sizes(pids))
    yield Measurement("plans with an empty run", "/s", tuple(rates))
    for who in pids:
        own = [size[who][0] for size in sizes]
        growth = tuple(b - a for a, b in itertools.pairwise(own))
        yield Measurement(f"growth of the {who}, per 1 000 plans", "MiB", growth, aim=0.3)
        files = [size[who][1] for size in sizes]
        yield Measurement(
            f"more open files of the {who} at the end", "files", (files[-1] - files[0],), 0
        )


def _run(service: Service, count: int) -> None:
    """Run plans, and have them forgotten."""
    for _ in range(count // AT_A_TIME):
        service.add("only_a_run", count=AT_A_TIME)
        service.client.ask("queue_start")
        service.wait(lambda s: s["manager_state"] == "idle" and not s["items_in_queue"])
        service.client.ask("history_clear")
        service.call("forget_stamps")  # results of functions are kept for a while


def _sizes(pids: dict[str, int]) -> dict[str, tuple[float, int]]:
    """Return memory of their own in MiB and open files of processes."""
    return {
        who: (memory_of(pid).own, len(list(Path(f"/proc/{pid}/fd").iterdir())))
        for who, pid in pids.items()
    }
