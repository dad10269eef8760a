"""What systemd is told by a service of ``Type=notify``, with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qs_jupyter.client.client import Client
from qs_jupyter.service_manager import ServiceManager

LIMIT_S = 30


class Listener:
    """The socket of a service manager."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.settimeout(LIMIT_S)

    def until(self, word: str) -> str:
        while word not in (message := self.socket.recv(4096).decode()):
            pass
        return message


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, because names of sockets must be.
    with tempfile.TemporaryDirectory(prefix="qs") as name:
        yield Path(name)


@pytest.fixture
def listener(folder: Path) -> Iterator[Listener]:
    made = Listener(folder)
    yield made
    made.socket.close()


@pytest.mark.parametrize("launcher", [True, False], ids=["launcher", "no launcher"])
def test_the_service_is_ready_when_it_answers_stays_alive_and_tells_its_end(
    folder: Path, listener: Listener, launcher: bool
) -> None:
    control = f"ipc://{folder}/control"
    service = subprocess.Popen(
        [
            *(sys.executable, "-m", "qs_jupyter", "start-re-manager"),
            *([] if launcher else ["--no-launcher"]),
            *("--zmq-control-addr", control, "--zmq-info-addr", f"ipc://{folder}/info"),
            *("--store", str(folder / "store.sqlite"), "--runtime-dir", str(folder / "run")),
        ],
        env={**os.environ, "NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "300000"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert "STATUS=Requests are answered" in listener.until("READY=1")
        with Client(control, timeout_s=LIMIT_S) as client:
            assert client.request("ping")["manager_state"] == "idle"
        listener.until("WATCHDOG=1")
        listener.until("WATCHDOG=1")
        service.send_signal(signal.SIGINT)
        listener.until("STOPPING=1")
        _, errors = service.communicate(timeout=LIMIT_S)
        assert (service.returncode, errors) == (0, "")
    finally:
        service.kill()
        service.communicate()


def test_the_variables_are_for_this_process_alone(folder: Path, listener: Listener) -> None:
    environment = {
        "NOTIFY_SOCKET": listener.address,
        "WATCHDOG_USEC": "1000000",
        "WATCHDOG_PID": "1",
        "PATH": "/bin",
    }
    service = ServiceManager.of(environment)
    assert environment == {"PATH": "/bin"}
    # The watchdog waits for another process.
    service.alive()
    service.stopping()
    assert listener.socket.recv(4096).decode().startswith("STOPPING=1")


def test_nobody_is_told_when_nobody_asked_or_listens(folder: Path) -> None:
    ServiceManager.of({}).ready()
    gone = ServiceManager(str(folder / "gone"), watchdog_s=1)
    gone.ready()
    gone.alive()


def test_a_name_without_a_file_is_an_abstract_socket() -> None:
    name = f"qs-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
        abstract.bind(f"\0{name}")
        abstract.settimeout(LIMIT_S)
        ServiceManager(f"@{name}").ready()
        assert abstract.recv(4096).decode().startswith("READY=1")
