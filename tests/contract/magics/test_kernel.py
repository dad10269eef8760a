"""The magics in a real Jupyter kernel, as JupyterLab and Notebook use it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from qs_jupyter.client.client import Client
from tests.contract.magics.notebook import ManagerThread

LIMIT_S = 60.0
KEY = "correct-horse-battery"


class Kernel:
    """A kernel and everything that it says."""

    def __init__(self, home: Path) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("QSERVER")
        }
        environment.update(HOME=str(home), XDG_RUNTIME_DIR=str(home), IPYTHONDIR=str(home / "ipy"))
        self._manager = KernelManager()
        self._manager.start_kernel(env=environment, cwd=str(home))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT_S)
        self.said: list[dict[str, Any]] = []

    def interrupt(self) -> None:
        """Do what the stop button does."""
        self._manager.interrupt_kernel()

    def run(
        self, cell: str, typed: str | None = None, at_bar: Callable[[], object] | None = None
    ) -> dict[str, Any]:
        """Run a cell; type something when it asks, do something when it shows a bar."""
        asked: list[Any] = []
        deeds = [at_bar] if at_bar is not None else []

        def listen(message: dict[str, Any]) -> None:
            self.said.append(message["content"])
            if "<progress" in message["content"].get("data", {}).get("text/html", "") and deeds:
                deeds.pop()()

        def answer(message: dict[str, Any]) -> None:
            asked.append(message["content"])
            self._client.input(typed or "")

        reply = self._client.execute_interactive(
            cell,
            allow_stdin=typed is not None,
            stdin_hook=answer,
            output_hook=listen,
            timeout=LIMIT_S,
        )
        self.said.append(reply["content"])
        assert all(question["password"] for question in asked)
        content: dict[str, Any] = reply["content"]
        return content

    def complete(self, text: str) -> list[str]:
        """Return what Tab offers."""
        reply = self._client.complete(text, len(text), reply=True, timeout=LIMIT_S)
        matches: list[str] = reply["content"]["matches"]
        return matches

    def close(self) -> None:
        """End the kernel as Jupyter does; harmless when done before."""
        if not self._manager.has_kernel:
            return
        self._client.stop_channels()
        self._manager.shutdown_kernel()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for the sockets of a worker."""
    folder = Path(tempfile.mkdtemp(prefix="qs"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def kernel(home: Path) -> Iterator[Kernel]:
    """A kernel with the magics loaded."""
    kernel = Kernel(home)
    try:
        assert kernel.run("%load_ext qs_jupyter")["status"] == "ok"
        yield kernel
    finally:
        kernel.close()


def test_a_notebook_shows_tables_fails_in_one_line_completes_and_keeps_its_key_to_itself(
    manager: ManagerThread, kernel: Kernel
) -> None:
    assert kernel.run(f"%qserver connect {manager.address}")["status"] == "ok"
    assert kernel.run("%%qserver queue add\ncount([det1])\nmv(motor, 1)")["status"] == "ok"
    assert any("<table" in each.get("data", {}).get("text/html", "") for each in kernel.said)
    failed = kernel.run("%qserver queue add plan count([dett1])")
    assert failed["status"] == "error"
    assert len(failed["traceback"]) == 1
    assert "did you mean det1" in failed["traceback"][0]
    assert "det1" in kernel.complete("%qserver queue add plan count([de")
    assert "det1" in kernel.complete("%%qserver queue add\nfor x in range(3):\n    count([de")

    assert kernel.run("%qserver lock queue 'a note'", typed=KEY)["status"] == "ok"
    assert kernel.run("r = %qserver queue add plan null()\nr")["status"] == "ok"
    assert kernel.run("%qserver whoami")["status"] == "ok"
    assert kernel.run("In, Out, %history -n")["status"] == "error"
    assert kernel.run("print(In, Out)\n%history -n")["status"] == "ok"
    assert kernel.run("%qserver queue item get 99")["status"] == "error"
    assert kernel.run("%qserver unlock")["status"] == "ok"
    assert "nobody can be asked" in kernel.run("%qserver unlock")["evalue"]
    assert KEY not in json.dumps(kernel.said, default=str)


def test_a_wait_shows_a_bar_and_the_stop_button_ends_only_the_wait(
    manager: ManagerThread, kernel: Kernel
) -> None:
    kernel.run(f"%qserver connect {manager.address}")
    kernel.run("%qserver queue add plan count([det1])\n%qserver queue start")
    manager.do(manager.running.until(manager_state="executing_queue"))
    stopped = kernel.run("%qserver wait", at_bar=kernel.interrupt)
    assert stopped["status"] == "error"
    assert "no longer waiting; the manager goes on" in stopped["evalue"]
    assert manager.call("status")["manager_state"] == "executing_queue"
    end = manager.running.kernel.end_plan
    assert kernel.run("%qserver wait idle", at_bar=lambda: manager.touch(end))["status"] == "ok"
    # What stays in the notebook is empty.
    bars = [each for each in kernel.said if each.get("transient") and "text/html" in each["data"]]
    assert bars[-1]["data"] == {"text/plain": "", "text/html": ""}


def test_a_launched_manager_outlives_the_kernel(home: Path, kernel: Kernel) -> None:
    control, info = _free_address(), _free_address()
    cell = (
        f"reply = %qserver launch --zmq-control-addr {control} --zmq-info-addr {info} "
        f"--store {home}/queue.sqlite\nreply"
    )
    assert kernel.run(cell)["status"] == "ok", kernel.said
    try:
        assert kernel.run("%qserver queue get")["status"] == "ok"
        assert kernel.run("%qserver launch")["status"] == "ok"
        assert "runs already" in json.dumps(kernel.said)
        kernel.close()
        with Client(control) as client:
            assert client.request("ping")["manager_state"] == "idle"
    finally:
        with Client(control, timeout_s=10) as client:
            assert client.request("manager_stop")["success"]


def test_a_manager_that_cannot_start_tells_why(kernel: Kernel) -> None:
    failed = kernel.run(f"%qserver launch --zmq-control-addr {_free_address()} --no-such-option")
    assert "the manager has ended" in failed["evalue"]
    assert "--no-such-option" in failed["evalue"]


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"
