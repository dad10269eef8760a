"""A running manager, and the client programs that are let loose on it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
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
COMMAND_LIMIT_S = 30


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
    """A program that runs until it is ended; its output is kept."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)
    _text: str = ""

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="program output")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grown:
                self._text += line.decode(errors="replace")
                self._grown.notify_all()

    def wait_for(self, text: str, limit_s: float = START_LIMIT_S) -> None:
        """Wait until the program has printed a text."""
        with self._grown:
            assert self._grown.wait_for(lambda: text in self._text, limit_s), self._text

    def end(self, *, ask: Callable[[], object] | None = None) -> int:
        """Ask the program to end (by SIGINT unless told how); kill what stays."""
        if self.process.poll() is None:
            (ask or (lambda: self.process.send_signal(signal.SIGINT)))()
        try:
            return self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self._text}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._reader.join()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def text(self) -> str:
        with self._grown:
            return self._text


@dataclass
class Manager:
    """A manager program and where it is reached."""

    program: Program
    control: str
    info: str
    folder: Path
    encoding: str = "json"
    public_key: str = ""

    @property
    def client_environment(self) -> dict[str, str]:
        key = {"QSERVER_ZMQ_PUBLIC_KEY": self.public_key} if self.public_key else {}
        return {
            **plain_environment(self.folder),
            "QSERVER_ZMQ_CONTROL_ADDRESS": self.control,
            "QSERVER_ZMQ_INFO_ADDRESS": self.info,
            "QSERVER_ZMQ_ENCODING": self.encoding,
            **key,
        }

    def client(self, limit_s: float = 10) -> Client:
        return Client(
            self.control,
            encoding=self.encoding,
            public_key=self.public_key or None,
            timeout_s=limit_s,
        )

    def call(self, method: str, /, limit_s: float = 10, **params: Any) -> dict[str, Any]:
        with self.client(limit_s) as client:
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

    def run(
        self, command: str, *arguments: str, bin: Path = environment.BIN, **variables: str
    ) -> tuple[int, str, str]:
        """Run a command, of the clients unless told; return exit code, output and errors."""
        done = subprocess.run(
            [bin / command, *arguments],
            env={**self.client_environment, **variables},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
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

    def start(
        *options: str,
        theirs: bool = False,
        encoding: str = "json",
        keys: tuple[str, str] = ("", ""),
    ) -> Manager:
        # Short, because kernels may keep their sockets below it.
        folder = tmp_path_factory.mktemp("m")
        control, info = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
        addresses = ["--zmq-control-addr", control, "--zmq-info-addr", info]
        command = str((clients if theirs else OUR_BIN) / "start-re-manager")
        options = (*addresses, "--zmq-publish-console", "ON", "--zmq-encoding", encoding, *options)
        variables = plain_environment(folder) | {"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": keys[0]}
        program = Program([command, *options], variables, folder)
        manager = Manager(program, control, info, folder, encoding, keys[1])
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


@pytest.fixture(scope="module")
def http_server(
    manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The HTTP server of the clients in front of our manager: its address and API key."""
    api_key = secrets.token_hex(16)
    port = free_ports(1)[0]
    command = str(environment.BIN / "start-bluesky-httpserver")
    program = Program(
        [command, "--host", "127.0.0.1", "--port", str(port)],
        manager.client_environment | {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": api_key},
        tmp_path_factory.mktemp("http"),
    )
    program.wait_for("Uvicorn running on")
    yield {"SERVER": f"http://127.0.0.1:{port}", "API_KEY": api_key}
    program.end()
