"""Memory and processor time of a service that waits."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.measuring import Measurement, benchmark
from tests.benchmarks.processes import bare_startup, processor_time, resident, worker_of
from tests.benchmarks.queue_edits import COUNT, OWNER
from tests.benchmarks.service import Service

IDLE_S = 10.0


@benchmark
def resources() -> Iterator[Measurement]:
    """Look at the processes while nothing happens."""
    with Service(startup=False) as service:
        launcher, manager = service.process.pid, service.manager_pid()
        service.open()
        worker = worker_of(manager)
        time.sleep(2)
        yield _memory("memory: launcher", launcher)
        yield _memory("memory: manager, environment open", manager, aim=50)
        yield _memory("memory: worker, idle", worker, aim=110)
        yield Measurement(
            "limit: memory of a bare process with the startup files", "MiB", (bare_startup()[1],)
        )
        pids = (launcher, manager, worker)
        before = [processor_time(pid) for pid in pids]
        time.sleep(IDLE_S)
        used = [processor_time(pid) - b for pid, b in zip(pids, before, strict=True)]
        for name, seconds in zip(("launcher", "manager", "worker"), used, strict=True):
            yield Measurement(f"idle processor: {name}", "%", (100 * seconds / IDLE_S,))
        yield Measurement("idle processor: all", "%", (100 * sum(used) / IDLE_S,), aim=0.3)
        for _ in range(50):
            service.client.ask("queue_item_add_batch", items=[COUNT] * 1000, **OWNER)
        yield _memory("memory: manager with 50k items", manager)
        service.client.ask("queue_get")
        yield _memory("memory: manager with 50k items, after queue_get", manager)
        total = sum(resident(pid) for pid in pids)
        yield Measurement("memory: all with 50k items", "MiB", (total,), aim=200)


def _memory(what: str, pid: int, *, aim: float | None = None) -> Measurement:
    return Measurement(what, "MiB", (resident(pid),), aim)
