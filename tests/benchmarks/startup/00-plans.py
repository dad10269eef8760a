"""Plans that do next to nothing, and functions that tell when they did it."""

import ctypes
import os
import time

import bluesky.plan_stubs as bps
from bluesky import RunEngine

RE = RunEngine({})

stamps = []
RE.subscribe(lambda name, document: stamps.append((name, time.time())))


def only_a_run():
    """Open a run and close it."""
    yield from bps.open_run()
    yield from bps.close_run()


def no_run():
    """Do nothing."""
    stamps.append(("enter", time.time()))
    yield from bps.null()
    stamps.append(("leave", time.time()))


def long_plan():
    """Go on, with a checkpoint now and then, until somebody ends it."""
    while True:
        yield from bps.checkpoint()
        yield from bps.sleep(0.005)


def locking(seconds: int = 1):
    """Tell that it runs, then do something in C that keeps the interpreter lock."""
    yield from bps.sleep(0.2)
    ctypes.PyDLL(None).sleep(seconds)


def printing(lines: int = 1):
    """Print numbered lines."""
    yield from bps.null()
    for number in range(lines):
        print(f"line {number}")


def take_stamps():
    """Return the times noted so far and forget them."""
    taken = list(stamps)
    stamps.clear()
    return taken


def forget_stamps():
    """Forget the times noted so far."""
    stamps.clear()


def run_bare(name: str, count: int):
    """Run a plan without a queue: the limit that the Run Engine sets."""
    plan = globals()[name]
    begin = time.perf_counter()
    for _ in range(count):
        RE(plan())
    return (time.perf_counter() - begin) / count


def print_now():
    """Print the time, to be compared with its arrival."""
    print(f"now {time.time():.6f}")


def nothing():
    """Do nothing."""


def worker_pid():
    """Return the process that this is."""
    return os.getpid()
