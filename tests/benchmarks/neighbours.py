"""Nobody waits for somebody else: status and edits beside requests that mean much work."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zmq

from tests.benchmarks.measuring import Measurement, benchmark, ms, times
from tests.benchmarks.queue_edits import ADD, COUNT, OWNER, checked, store_history
from tests.benchmarks.service import Client, Service, opened, request

STATUS = request("status")
CLIENTS = 50
SECONDS = 5.0


@benchmark
def neighbours() -> Iterator[Measurement]:
    """Ask for the status again and again while another client keeps the manager busy."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.sqlite"
        store_history(store, 10_000)
        with Service("--store", str(store), startup=False) as service:
            service.open()
            for what, frame, count in (
                ("10 000 entries of history are read", request("history_get"), 10),
                ("a batch of 1 000 items is added", _batch(1_000), 40),
                ("a batch of 10 000 items is added", _batch(10_000), 1),
                ("50 000 items are read", request("queue_get"), 10),
                ("the lists are loaded again", RELOAD, 5),
                ("50 000 items are cleared", request("queue_clear"), 1),
                ("50 000 items are taken back", request("queue_undo"), 1),
                ("50 000 items are cleared again", request("queue_redo"), 1),
                ("an item is added", ADD, 100),
            ):
                delays = delays_beside(service, lambda: checked(service, frame), count)  # noqa: B023
                yield ms(f"longest delay of a status, while {what}", delays, aim=5)


RELOAD = request("permissions_reload", restore_plans_devices=True)


def _batch(size: int) -> bytes:
    return request("queue_item_add_batch", items=[COUNT] * size, **OWNER)


def delays_beside(service: Service, action: Callable[[], object], count: int) -> list[float]:
    """Return the longest delay of a status beside each of ``count`` actions."""
    longest = []
    for _ in range(count):
        with while_watched(service.address) as delays:
            action()
        longest.append(max(delays))
    return longest


@benchmark
def permissions() -> Iterator[Measurement]:
    """Set the permissions of the simulated profile, while another client asks for the status."""
    with Service(startup=False) as service:
        service.open()
        data = service.client.ask("permissions_get")["user_group_permissions"]
        taken, delays = changing_permissions(service, data, 20)
    yield ms("permissions_set, simulated profile", taken, aim=5)
    yield ms("longest delay of a status meanwhile", delays, aim=5)


def changing_permissions(
    service: Service, data: dict[str, Any], count: int
) -> tuple[list[float], list[float]]:
    """Return how long changes take, with a list that has to be made anew, and delay a status."""
    taken, delays = [], []
    for number in range(count):
        groups = _variant(data, number)
        frame = request("permissions_set", user_group_permissions=groups)
        with while_watched(service.address) as found:
            taken += times(lambda: service.client.raw(frame), 1)  # noqa: B023
            service.client.raw(PLANS_ALLOWED)
        delays.append(max(found))
    return taken, delays


PLANS_ALLOWED = request("plans_allowed", user_group="primary")


def _variant(data: dict[str, Any], number: int) -> dict[str, Any]:
    groups = dict(data["user_groups"])
    groups["primary"] = {**groups["primary"], "forbidden_plans": [f"plan_{number}"]}
    return {"user_groups": groups}


@contextlib.contextmanager
def while_watched(address: str) -> Iterator[list[float]]:
    """Give the list into which another client writes how long each of its requests took."""
    delays: list[float] = []
    begun, stop = threading.Event(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(address, delays, begun, stop))
    watcher.start()
    begun.wait()
    try:
        yield delays
    finally:
        stop.set()
        watcher.join()


def _watch(
    address: str, delays: list[float], begun: threading.Event, stop: threading.Event
) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.REQ)
    socket.connect(address)
    for _ in range(5):  # the connection is made, and its way through the libraries is warm
        socket.send(STATUS)
        socket.recv()
    begun.set()
    while True:
        begin = time.perf_counter()
        socket.send(STATUS)
        socket.recv()
        delays.append(time.perf_counter() - begin)
        if stop.wait(0.001):
            break
    context.destroy(linger=0)


@benchmark
def slow_calls() -> Iterator[Measurement]:
    """Ask for the status while others wait for a worker whose plan keeps the interpreter lock."""
    with opened() as service:
        service.add("locking", seconds=3)
        service.client.ask("queue_start")
        service.wait(lambda s: s["re_state"] == "running")
        waiting = [Client(service.address) for _ in range(4)]
        for client in waiting:
            client.send(request("re_metadata"))  # only the worker knows
        with while_watched(service.address) as delays:
            service.wait(lambda s: s["manager_state"] == "idle")
        for client in waiting:
            client.close()
    yield ms("status, while four clients wait for a blocked worker", delays, aim=0.2)
    yield ms("the longest of them", [max(delays)], aim=5)


@benchmark
def many_clients() -> Iterator[Measurement]:
    """Have fifty clients add, move, remove and ask, while short plans run."""
    with opened() as service:
        service.client.ask("queue_mode_set", mode={"loop": True})
        service.add("only_a_run", count=20)
        service.client.ask("queue_start")
        requests = [STATUS, _add_back(), _move_back(), _remove_back(), request("queue_get")]
        done = subprocess.run(
            [sys.executable, "-c", _MANY, service.address, str(CLIENTS), str(SECONDS)],
            input=json.dumps([frame.decode() for frame in requests]),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        service.client.ask("queue_stop")
        service.idle()
    taken = sorted(json.loads(done.stdout))
    yield ms("a request of one of fifty clients", taken)
    yield ms("the slowest hundredth of them", [taken[-len(taken) // 100]], aim=20)
    yield Measurement("requests of fifty clients, all together", "/s", (len(taken) / SECONDS,))


def _add_back() -> bytes:
    item = {"item_type": "plan", "name": "no_run"}
    return request("queue_item_add", item=item, pos="back", **OWNER)


def _move_back() -> bytes:
    return request("queue_item_move", pos="back", pos_dest="front")


def _remove_back() -> bytes:
    return request("queue_item_remove", pos="back")


# One process and one thread for all, so that clients wait for the service and not for each other.
_MANY = """
import heapq, json, random, sys, time, zmq
address, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
requests = [text.encode() for text in json.load(sys.stdin)]
context, poller, begun, taken = zmq.Context(), zmq.Poller(), {}, []
def send(socket):
    begun[socket] = time.perf_counter()
    socket.send(random.choice(requests))
for _ in range(count):
    socket = context.socket(zmq.REQ)
    socket.connect(address)
    poller.register(socket, zmq.POLLIN)
    send(socket)
end, later = time.monotonic() + seconds, []
while time.monotonic() < end:
    for socket, _ in poller.poll(5):
        socket.recv()
        taken.append(time.perf_counter() - begun[socket])
        heapq.heappush(later, (time.monotonic() + random.expovariate(20), id(socket), socket))
    while later and later[0][0] <= time.monotonic():
        send(heapq.heappop(later)[2])
context.destroy(linger=0)
print(json.dumps(taken))
"""
