"""Memory and processor time of single processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from qs_jupyter.profiles import sim_profile


@dataclass(frozen=True)
class Memory:
    """Memory of a process in MiB.

    ``resident`` has files in it, like libraries, that several processes share; ``own`` leaves
    them out.
    """

    resident: float
    own: float


def memory_of(pid: int) -> Memory:
    """Return the memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    mib = {name: int(rest.split()[0]) / 1024 for name, _, rest in (s.partition(":") for s in lines)}
    return Memory(mib["Rss"], mib["Anonymous"])


def processor_time(pid: int) -> float:
    """Return the processor time of a process with all its threads, in seconds."""
    schedule = Path(f"/proc/{pid}/task")
    return sum(int((t / "schedstat").read_text().split()[0]) for t in schedule.iterdir()) / 1e9


def worker_of(manager: int) -> int:
    """Return the worker of a manager, its child."""
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
