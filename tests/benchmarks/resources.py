"""Memory and processor time of a service that waits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measuring import Measurement, benchmark
from tests.benchmarks.queue_edits import COUNT, OWNER
from tests.benchmarks.service import Service

IDLE_S = 10.0


@benchmark
def resources() -> Iterator[Measurement]:
    """Look at the processes while nothing happens."""
    with Service(startup=False) as service:
        launcher, manager = service.process.pid, service.manager_pid()
        service.open()
        worker = _worker_of(manager)
        time.sleep(2)
        yield _memory("memory: launcher", launcher)
        yield _memory("memory: manager, environment open", manager, aim=50)
        yield _memory("memory: worker, idle", worker, aim=110)
        pids = (launcher, manager, worker)
        before = [_cpu(pid) for pid in pids]
        time.sleep(IDLE_S)
        used = [_cpu(pid) - b for pid, b in zip(pids, before, strict=True)]
        for name, seconds in zip(("launcher", "manager", "worker"), used, strict=True):
            yield Measurement(f"idle processor: {name}", "%", (100 * seconds / IDLE_S,))
        yield Measurement("idle processor: all", "%", (100 * sum(used) / IDLE_S,), aim=0.3)
        for _ in range(50):
            service.client.ask("queue_item_add_batch", items=[COUNT] * 1000, **OWNER)
        yield _memory("memory: manager with 50k items", manager)
        service.client.ask("queue_get")
        yield _memory("memory: manager with 50k items, after queue_get", manager)
        total = sum(_resident(pid) for pid in pids)
        yield Measurement("memory: all with 50k items", "MiB", (total,), aim=200)


def _memory(what: str, pid: int, *, aim: float | None = None) -> Measurement:
    return Measurement(what, "MiB", (_resident(pid),), aim)


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"Process {pid} tells nothing about its memory")


def _cpu(pid: int) -> float:
    """Return the processor time of a process with all its threads, in seconds."""
    schedule = Path(f"/proc/{pid}/task")
    return sum(int((t / "schedstat").read_text().split()[0]) for t in schedule.iterdir()) / 1e9


def _worker_of(manager: int) -> int:
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes()
                parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"qs_kernel_worker" in command and int(parent) == manager:
                return int(process.name)
    raise LookupError("The worker was not found")
