"""The magics in a real Jupyter kernel, as JupyterLab and Notebook use it."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qs_jupyter.client.client import Client
from tests.contract.magics.kernel import Kernel
from tests.contract.magics.notebook import ManagerThread

KEY = "correct-horse-battery"


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

    assert kernel.types("%qserver queue add plan cou") == {"plan"}
    assert kernel.types("x = %qserver queue add plan count([det1], n") == {"parameter"}
    assert "number of readings" in kernel.inspect("%qserver queue add plan count(")

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


def test_without_anybody_to_ask_a_running_plan_is_killed_only_with_an_option(
    manager: ManagerThread, kernel: Kernel
) -> None:
    kernel.good(f"%qserver connect {manager.address}")
    kernel.good("%qserver queue add plan count([det1])\n%qserver queue start")
    manager.do(manager.running.until(manager_state="executing_queue"))
    refused = kernel.run("%qserver environment destroy")
    assert "nobody can be asked here: add -y" in refused["evalue"]
    assert manager.call("status")["manager_state"] == "executing_queue"
    kernel.good("%qserver -y environment destroy")
    manager.do(manager.running.until(worker_environment_exists=False, manager_state="idle"))


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
