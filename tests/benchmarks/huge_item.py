"""One plan with a million numbers as its argument, and what it means for everybody else."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.benchmarks.measuring import Measurement, benchmark, ms
from tests.benchmarks.service import Service, is_idle, plan, request

NUMBERS = 1_000_000
ROUNDS = 3
OWNER = {"user": "bench", "user_group": "primary"}
SCRIPT = """
def take_numbers(numbers: list[float]):
    assert len(numbers) > 0
    yield from []
"""


@benchmark
def huge_item() -> Iterator[Measurement]:
    """Add, read and run a plan with a million numbers, while another client asks for the status."""
    numbers = [random.random() for _ in range(NUMBERS)]
    add = request("queue_item_add", item=plan("take_numbers", numbers=numbers), **OWNER)
    queue_get = request("queue_get")
    with Service() as service:
        service.open()
        service.client.ask("script_upload", script=SCRIPT)
        service.idle()

        def add_one() -> None:
            _checked(service, add)

        def run() -> None:
            done = service.status()["items_in_history"]
            service.client.ask("queue_start")
            service.wait(lambda s: is_idle(s) and s["items_in_history"] == done + 1)

        def clear() -> None:
            service.client.ask("queue_clear")
            service.client.ask("history_clear")

        yield from _watched(service, "queue_item_add", add_one, after=clear)
        add_one()
        yield from _watched(service, "queue_get", lambda: service.client.raw(queue_get))
        clear()
        yield from _watched(service, "running it", run, before=add_one, after=clear)


def _nothing() -> None:
    pass


def _watched(
    service: Service,
    what: str,
    action: Callable[[], object],
    *,
    before: Callable[[], object] = _nothing,
    after: Callable[[], object] = _nothing,
) -> Iterator[Measurement]:
    """Measure an action, and the longest delay of a status meanwhile."""
    taken, longest = [], []
    for _ in range(ROUNDS):
        before()
        watcher = _Watcher(service.address)
        begin = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begin)
        longest.append(watcher.longest_s())
        after()
    yield ms(f"{what}, {NUMBERS // 10**6} million numbers", taken)
    yield ms(f"longest delay of a status meanwhile ({what})", longest, aim=50)


class _Watcher:
    """Asks for the status all the time, in a process of its own: ours is busy with numbers."""

    def __init__(self, address: str) -> None:
        command = [sys.executable, "-c", _WATCH, address]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it has got its first answer

    def longest_s(self) -> float:
        """End it and return the longest time that an answer took."""
        return float(self._process.communicate("enough\n")[0])


_WATCH = """
import select, sys, time, zmq
socket = zmq.Context().socket(zmq.REQ)
socket.connect(sys.argv[1])
longest = 0.0
def ask():
    socket.send(b'{"method": "status"}')
    socket.recv()
ask()
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    begin = time.perf_counter()
    ask()
    longest = max(longest, time.perf_counter() - begin)
print(longest)
"""


def _checked(service: Service, frame: bytes) -> None:
    reply = json.loads(service.client.raw(frame))
    if not reply["success"]:
        raise RuntimeError(reply["msg"][:1000])
