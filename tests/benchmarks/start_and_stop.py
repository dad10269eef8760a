"""From nothing to the first answer, to an open environment, and back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

from tests.benchmarks.measuring import Measurement, benchmark
from tests.benchmarks.processes import bare_startup, processor_time, worker_of
from tests.benchmarks.service import Client, Service, opened


@benchmark
def start() -> Iterator[Measurement]:
    """Start the service, with and without its stream of console text."""
    first, ready, without = [], [], []
    for _ in range(7):
        with Service() as service:
            first.append(service.first_reply)
            ready.append(service.ready)
        with Service("--zmq-publish-console", "OFF") as service:
            without.append(service.first_reply)
    yield Measurement("start → first reply", "s", tuple(first[1:]), aim=0.30)
    yield Measurement("the same, console not published", "s", tuple(without[1:]), aim=0.30)
    yield Measurement("start → queue is served", "s", tuple(ready[1:]))


@benchmark
def environment() -> Iterator[Measurement]:
    """Open the simulated profile, close it and destroy it."""
    opening, used, closing, destroying = [], [], [], []
    with Service(startup=False) as service:
        for number in range(9):
            opening.append(service.open())
            used.append(processor_time(worker_of(service.manager_pid())))
            begin = time.perf_counter()
            destroys = number % 2
            service.client.ask("environment_destroy" if destroys else "environment_close")
            service.wait(lambda s: not s["worker_environment_exists"])
            (destroying if destroys else closing).append(time.perf_counter() - begin)
    yield Measurement("environment open, simulated profile", "s", tuple(opening[1:]), aim=1.0)
    yield Measurement("the same: processor time of the worker", "s", tuple(used[1:]))
    bare = [bare_startup()[0] for _ in range(5)]
    yield Measurement("limit: the startup files in a bare process", "s", tuple(bare[1:]))
    yield Measurement("environment close", "s", tuple(closing[1:]), aim=0.2)
    yield Measurement("environment destroy", "s", tuple(destroying), aim=0.2)


@benchmark
def killed_manager() -> Iterator[Measurement]:
    """Kill the manager process while a worker is there; a client asks on and on."""
    answering, complete = [], []
    with opened() as service:
        for _ in range(5):
            time.sleep(5.5)  # not a quick death: those are answered with a delay on purpose
            pid = service.manager_pid()
            os.kill(pid, signal.SIGKILL)
            begin = time.perf_counter()
            client = Client(service.address)
            client.ask("status")
            answering.append(time.perf_counter() - begin)
            reply = client.ask("queue_get")
            complete.append(time.perf_counter() - begin)
            assert reply["success"], json.dumps(reply)
            client.close()
            service.client.close()
            service.client = Client(service.address)
            service.idle()
    yield Measurement("manager killed → answering", "s", tuple(answering), aim=0.6)
    yield Measurement("manager killed → queue is served, worker adopted", "s", tuple(complete))


@benchmark
def killed_worker() -> Iterator[Measurement]:
    """Kill the worker; the status tells of it."""
    known, usable = [], []
    with opened() as service:
        listener = service.listen("QS_Info")
        for _ in range(5):
            pid = service.call("worker_pid")
            listener.drain()
            begin = time.time()
            os.kill(pid, signal.SIGKILL)
            known.append(listener.status_with(lambda s: not s["worker_environment_exists"]) - begin)
            service.idle()
            usable.append(service.open())
    yield Measurement("worker killed → known", "s", tuple(known), aim=0.1)
    yield Measurement("its environment opened again", "s", tuple(usable), aim=1.0)
