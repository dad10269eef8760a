"""Memory and processor time of single processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from qs_jupyter.profiles import sim_profile


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


def bare_startup() -> tuple[float, float]:
    """Run the files of the simulated profile in plain Python; return seconds and MiB."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _RUN_FILES, str(sim_profile())],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.perf_counter() - begin, int(done.stdout.split()[-1]) / 1024


_RUN_FILES = """
import os, pathlib, sys
namespace = {"__name__": "__main__"}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    namespace["__file__"] = str(path)
    exec(compile(path.read_text(), str(path), "exec"), namespace)
status = pathlib.Path("/proc/self/status").read_text()
print(status.split("VmRSS:")[1].split()[0], flush=True)
os._exit(0)
"""
