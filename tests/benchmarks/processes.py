"""Memory and processor time of single processes, from the process table."""

from __future__ import annotations

import os
from pathlib import Path


def resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"Process {pid} tells nothing about its memory")


def processor_time(pid: int) -> float:
    """Return the processor time of a process with all its threads, in seconds."""
    schedule = Path(f"/proc/{pid}/task")
    return sum(int((t / "schedstat").read_text().split()[0]) for t in schedule.iterdir()) / 1e9


def worker_of(manager: int) -> int:
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
