"""A running manager, and the client programs that are let loose on it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from qs_jupyter.client.client import Client
from tests.clients import environment

WALKS = Path(__file__).parent / "walks"
OUR_BIN = Path(sys.executable).parent
START_LIMIT_S = 30
STOP_LIMIT_S = 20
WALK_LIMIT_S = 240


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now; taken together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def plain_environment(folder: Path) -> dict[str, str]:
    """The environment of a program that shall see nothing of ours and leave nothing behind."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("QSERVER_")}
    kept.pop("PYTHONPATH", None)
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}


@dataclass
class Program:
    """A program that runs until it is ended, with its output in a file."""

    command: list[str]
    environment: dict[str, str]
    output: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.output.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self, *, ask: Callable[[], object] | None = None) -> int:
        """Ask the program to end (by SIGINT unless told how); kill what stays."""
        if self.process.poll() is None:
            (ask or (lambda: self.process.send_signal(signal.SIGINT)))()
        try:
            return self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"still running:\n{self.text()}") from None

    def text(self) -> str:
        return self.output.read_text(errors="replace")


@dataclass
class Manager:
    """A manager program and where it is reached."""

    program: Program
    control: str
    info: str
    folder: Path

    @property
    def client_environment(self) -> dict[str, str]:
        return {
            **plain_environment(self.folder),
            "QSERVER_ZMQ_CONTROL_ADDRESS": self.control,
            "QSERVER_ZMQ_INFO_ADDRESS": self.info,
        }

    def call(self, method: str, limit_s: float = 10, **params: Any) -> dict[str, Any]:
        with Client(self.control, timeout_s=limit_s) as client:
            return client.request(method, **params)

    def walk(self, script: str, *arguments: str, **variables: str) -> str:
        """Run a script of `walks` among the clients; return what it has printed."""
        done = subprocess.run(
            [environment.BIN / "python", "-W", "ignore", WALKS / script, *arguments],
            env={**self.client_environment, **variables},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WALK_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{'-' * 30} manager\n{self.program.text()}"
        return done.stdout

    def run(self, command: str, *arguments: str, limit_s: float = 30) -> tuple[int, str, str]:
        """Run a command that the clients brought; return exit code, output and errors."""
        done = subprocess.run(
            [environment.BIN / command, *arguments],
            env=self.client_environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def stop(self) -> int:
        return self.program.end(ask=lambda: self.call("manager_stop", option="safe_off"))


StartManager = Callable[..., Manager]


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder of programs of the clients' environment."""
    try:
        environment.build()
    except environment.IndexUnreachableError as error:
        if environment.is_required():
            raise
        pytest.skip(str(error))
    return environment.BIN


@pytest.fixture(scope="module")
def start_manager(
    clients: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartManager]:
    """Starts managers: ours, or that of the clients' environment."""
    started: list[Manager] = []

    def start(*options: str, theirs: bool = False) -> Manager:
        # Short, because kernels may keep their sockets below it.
        folder = tmp_path_factory.mktemp("m")
        control, info = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
        addresses = ["--zmq-control-addr", control, "--zmq-info-addr", info]
        command = str((clients if theirs else OUR_BIN) / "start-re-manager")
        program = Program(
            [command, *addresses, "--zmq-publish-console", "ON", *options],
            plain_environment(folder),
            folder / "manager.log",
        )
        manager = Manager(program, control, info, folder)
        started.append(manager)
        manager.call("status", START_LIMIT_S)
        return manager

    yield start
    for each in started:
        try:
            each.stop()
        finally:
            shutil.rmtree(each.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def manager(start_manager: StartManager, tmp_path_factory: pytest.TempPathFactory) -> Manager:
    """Our manager as its users' clients expect it, with the simulated profile."""
    store = tmp_path_factory.mktemp("store") / "store.sqlite"
    return start_manager("--security", "compat", "--store", str(store))
