"""The real service in real processes, with a client and a subscriber of the benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

STARTUP_DIR = Path(__file__).parent / "startup"
LARGE_STARTUP_DIR = Path(__file__).parent / "startup_large"
LIMIT_S = 60.0

Status = dict[str, Any]


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """A socket and JSON, nothing else: what is measured is the service."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.RCVTIMEO, int(1000 * LIMIT_S))
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(address)

    def raw(self, frame: bytes) -> bytes:
        """Send a request that is encoded already and return the reply as it is."""
        self._socket.send(frame)
        return self._socket.recv()

    def send(self, frame: bytes) -> None:
        """Send a request, and leave it to the service when the reply comes."""
        self._socket.send(frame)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method that must succeed."""
        reply: dict[str, Any] = json.loads(self.raw(request(method, **params)))
        if not reply.get("success", True):
            raise RuntimeError(f"{method}: {reply['msg']}")
        return reply

    def close(self) -> None:
        """Close the socket."""
        self._context.destroy(linger=0)


def request(method: str, **params: Any) -> bytes:
    """Return a request as a frame."""
    return json.dumps({"method": method, "params": params}).encode()


class Subscriber:
    """Listens to status and console, with the time at which each message came."""

    def __init__(self, address: str, topic: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.RCVTIMEO, int(1000 * LIMIT_S))
        self._socket.subscribe(topic.encode())
        self._socket.connect(address)

    def next(self) -> tuple[float, Any]:
        """Return the time of arrival and the content of the next message."""
        frames = self._socket.recv_multipart()
        return time.time(), json.loads(frames[-1])["msg"]

    def status_with(self, is_wanted: Callable[[Status], bool]) -> float:
        """Return when the first status that is as wanted came."""
        while True:
            when, message = self.next()
            if is_wanted(message["status"]):
                return when

    def drain(self) -> None:
        """Forget what has come so far."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._socket.recv_multipart(zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        self._context.destroy(linger=0)


class Service:
    """A running ``start-re-manager`` with files of its own. The environment is closed."""

    def __init__(self, *options: str, startup: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="qsb")
        folder = Path(self._folder.name)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.info_address = f"tcp://127.0.0.1:{free_port()}"
        command = Path(sys.executable).parent / "start-re-manager"
        arguments = [
            *(() if "--redis-addr" in options else ("--store", str(folder / "store.sqlite"))),
            *("--runtime-dir", str(folder / "run")),
            *("--zmq-control-addr", self.address),
            *("--zmq-info-addr", self.info_address),
            *("--zmq-publish-console", "ON"),
            *("--update-existing-plans-devices", "NEVER"),
            *(("--startup-dir", str(STARTUP_DIR)) if startup else ()),
            *options,
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QSERVER_")}
        self.log = folder / "log"
        self.started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(command), *arguments], stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        self.client = Client(self.address)
        self._listeners: list[Subscriber] = []

    def __enter__(self) -> Self:
        self.client.ask("status")
        self.first_reply = time.perf_counter() - self.started
        self.client.ask("queue_get")  # answered when the manager has come up
        self.ready = time.perf_counter() - self.started
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.process.terminate()
            self.process.wait(20)
        finally:
            if kind is not None:
                print(self.log.read_text()[-4000:], file=sys.stderr)
            self.process.kill()
            self.client.close()
            for listener in self._listeners:
                listener.close()
            self._folder.cleanup()

    def listen(self, topic: str) -> Subscriber:
        """Return a subscriber that certainly gets what is published from now on."""
        listener = Subscriber(self.info_address, topic)
        self._listeners.append(listener)
        if topic == "QS_Info":
            listener.next()  # the status is published again and again
        else:
            probe = self.listen("QS_Info")
            probe.next()  # the same publisher has taken the later subscription
        return listener

    def status(self) -> Status:
        """Return the status."""
        return self.client.ask("status")

    def wait(self, is_wanted: Callable[[Status], bool]) -> None:
        """Return when the status is as wanted."""
        deadline = time.monotonic() + LIMIT_S
        while not is_wanted(self.status()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The status did not change as expected: {self.status()}")
            time.sleep(0.002)

    def idle(self) -> None:
        """Return when the manager is idle."""
        self.wait(is_idle)

    def open(self) -> float:
        """Open the environment; return how long that took."""
        begin = time.perf_counter()
        self.client.ask("environment_open")
        self.wait(lambda s: is_idle(s) and s["worker_environment_exists"])
        return time.perf_counter() - begin

    def add(self, name: str, /, *, count: int = 1, **kwargs: Any) -> None:
        """Add plans to the queue."""
        items = [plan(name, **kwargs)] * count
        self.client.ask("queue_item_add_batch", items=items, user="bench", user_group="primary")

    def call(self, name: str, /, **kwargs: Any) -> Any:
        """Call a function in the worker and return what it returned."""
        item = {"item_type": "function", "name": name, "kwargs": kwargs}
        reply = self.client.ask("function_execute", item=item, user="b", user_group="primary")
        uid = reply["task_uid"]
        while True:
            answer = self.client.ask("task_result", task_uid=uid)
            if answer["status"] == "completed":
                if not answer["result"]["success"]:
                    raise RuntimeError(answer["result"]["msg"])
                break
            time.sleep(0.002)
        self.idle()
        return answer["result"]["return_value"]

    def manager_pid(self) -> int:
        """Return the process of the manager, a child of the launcher."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])


def is_idle(status: Status) -> bool:
    """Whether nothing runs."""
    return bool(status["manager_state"] == "idle")


def is_running(status: Status) -> bool:
    """Whether a plan runs."""
    return bool(status["re_state"] == "running")


def is_paused(status: Status) -> bool:
    """Whether a plan is paused."""
    return bool(status["manager_state"] == "paused")


def plan(name: str, /, **kwargs: Any) -> dict[str, Any]:
    """Return a plan as a client sends it."""
    return {"item_type": "plan", "name": name, "args": [], "kwargs": kwargs}


@contextlib.contextmanager
def opened(*options: str) -> Iterator[Service]:
    """Give a service with an open environment with the plans of the benchmarks."""
    with Service(*options) as service:
        service.open()
        yield service
