"""Where a campaign takes place: a startup profile that notes what it runs, time, chance."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Shares of the time that all campaigns have together.
MINUTES = float(os.environ.get("QS_SOAK_MINUTES", "5"))
SEED = int(os.environ.get("QS_SOAK_SEED", "1"))

STARTUP = """
import ctypes
import os
import time

import bluesky.plan_stubs as bps
from bluesky import RunEngine
from ophyd.sim import det1

RE = RunEngine({{}})
_began = os.open({notes!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_failed = set()


def _note(_name, document):
    os.write(_began, (document["queue_item_uid"] + "\\n").encode())


RE.subscribe(_note, "start")


def steps(tag: int = 0, note: int = 0, num: int = 2, delay: float = 0.02, fail: bool = False):
    yield from bps.open_run()
    for _ in range(num):
        yield from bps.checkpoint()
        yield from bps.sleep(delay)
    yield from bps.close_run()
    if fail and tag not in _failed:
        _failed.add(tag)
        raise RuntimeError("as planned")


def tiny():
    yield from bps.open_run()
    yield from bps.close_run()


def leave():
    yield from bps.open_run()
    os._exit(7)


def crash():
    yield from bps.open_run()
    ctypes.string_at(0)


def spin():
    yield from bps.open_run()
    while True:
        pass


def stall(seconds: int = 3600):
    yield from bps.open_run()
    yield from bps.sleep(1)  # first let the manager hear that it runs
    # A function called through PyDLL keeps the interpreter lock.
    ctypes.PyDLL(None).sleep(seconds)
    yield from bps.close_run()


def quick_function():
    return 1
"""

PERMISSIONS = """
user_groups:
  root: {allowed_plans: [null], allowed_devices: [null], allowed_functions: [null]}
  primary: {allowed_plans: [":.*"], allowed_devices: [":?.*"], allowed_functions: [":.*"]}
"""


class Site:
    """A startup folder, and the file in which the Run Engine notes every run that begins."""

    def __init__(self, folder: Path) -> None:
        self.startup = folder / "startup"
        self.startup.mkdir()
        self._notes = folder / "began.txt"
        self._notes.touch()
        source = STARTUP.format(notes=str(self._notes))
        (self.startup / "00-plans.py").write_text(source)
        (self.startup / "user_group_permissions.yaml").write_text(PERMISSIONS)

    @property
    def options(self) -> list[str]:
        """Options of the manager that make it use this profile."""
        return ["--startup-dir", str(self.startup)]

    def began(self) -> Counter[str]:
        """Count the runs that have begun, by the uid of the item."""
        return Counter(self._notes.read_text().split())


def rounds(share: float, name: str) -> Iterator[tuple[int, random.Random]]:
    """Yield numbers and chances for rounds, for this share of the time; at least one."""
    deadline = time.monotonic() + share * MINUTES * 60
    number = 0
    while number == 0 or time.monotonic() < deadline:
        yield number, random.Random(f"{name} {SEED} {number}")
        number += 1
