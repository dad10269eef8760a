"""The worker as a kernel of a real Jupyter server: over its REST API and a websocket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.attached.notebook_server import Server
from tests.acceptance.running import RunningManager


@pytest.fixture
def server(manager: RunningManager) -> Iterator[Server]:
    """A server whose notebooks find the manager of this file."""
    prefix = manager.home.folder / "prefix"
    installed = manager.home.run("qs-jupyter", "kernelspec", "install", "--prefix", str(prefix))
    assert installed.code == 0, installed
    started = Server(manager.home, "jupyter-server", JUPYTER_PATH=str(prefix / "share" / "jupyter"))
    yield started
    started.stop()


async def _open(server: Server, kind: str = "kernels") -> tuple[int, Any]:
    await server.ready()
    if kind == "kernels":
        return await server.ask("POST", "kernels", {"name": "qs-worker"})
    wanted = {"path": "a.ipynb", "type": "notebook", "kernel": {"name": "qs-worker"}}
    return await server.ask("POST", "sessions", wanted)


async def test_a_notebook_runs_in_the_worker_and_leaves_it(
    manager: RunningManager, server: Server
) -> None:
    manager.open()
    code, kernel = await _open(server)
    assert code == 201, kernel
    async with server.channels(kernel["id"]) as channels:
        assert int(await channels.run("import os; print(os.getpid())")) == manager.worker_pid
    code, answer = await server.ask("POST", f"kernels/{kernel['id']}/restart")
    assert code == 200, answer
    async with server.channels(kernel["id"]) as channels:
        assert int(await channels.run("import os; print(os.getpid())")) == manager.worker_pid
    assert (await server.ask("DELETE", f"kernels/{kernel['id']}"))[0] == 204
    code, again = await _open(server)
    assert code == 201
    async with server.channels(again["id"]) as channels:
        assert int(await channels.run("print(os.getpid())")) == manager.worker_pid
    server.stop()
    manager.add_count()
    manager.do("queue_start")
    await asyncio.to_thread(manager.until, lambda status: status["items_in_history"] == 1)


async def test_cells_wait_for_the_queue_and_interrupts_do_not_reach_it(
    manager: RunningManager, server: Server
) -> None:
    manager.open()
    _code, kernel = await _open(server)
    first, _ = manager.add_held(), manager.add_count()
    async with server.channels(kernel["id"]) as channels:
        manager.do("queue_start")
        await asyncio.to_thread(manager.until_running, first)
        code, answer = await server.ask("POST", f"kernels/{kernel['id']}/interrupt")
        assert code == 503
        message = " ".join(answer["message"].split())
        assert message.startswith("Not interrupted: the job ")
        assert message.endswith("(plan) is running")
        cell = await channels.send_cell("import time; print(time.time())")
        await channels.until(lambda message: "Waiting: " in message["content"].get("text", ""))
        manager.gate.touch()
        when = float(await channels.printed(cell))
    history = manager.history()
    assert [item["result"]["exit_status"] for item in history] == ["completed"] * 2
    assert when >= history[-1]["result"]["time_stop"]


async def test_a_waiting_cell_is_taken_back_with_the_stop_button(
    manager: RunningManager, server: Server
) -> None:
    manager.open()
    _code, kernel = await _open(server)
    manager.add_held()
    async with server.channels(kernel["id"]) as channels:
        manager.do("queue_start")
        await asyncio.to_thread(manager.until_running)
        await channels.send_cell("typed_too_late = 1")
        await channels.until(lambda message: "Waiting: " in message["content"].get("text", ""))
        code, answer = await server.ask("POST", f"kernels/{kernel['id']}/interrupt")
        assert code == 204, answer
        reply = await channels.until(lambda message: message["msg_type"] == "execute_reply")
        assert reply["content"]["ename"] == "TakenBack"
        assert manager.status()["re_state"] == "running"
        manager.gate.touch()
        await asyncio.to_thread(manager.until_idle)
        assert await channels.run("print('typed_too_late' in globals())") == "False\n"


@pytest.mark.parametrize("kind", ["kernels", "sessions"])
async def test_without_an_environment_the_front_end_is_told_what_to_do(
    closed: RunningManager, server: Server, kind: str
) -> None:
    code, answer = await _open(server, kind)
    assert code in (500, 503)
    message = " ".join(answer["message"].split())
    assert "no environment is open at the manager" in message
    assert "qserver environment open" in message


async def test_a_notebook_is_told_at_once_that_the_worker_has_ended(
    manager: RunningManager, server: Server
) -> None:
    manager.open()
    _code, kernel = await _open(server)
    async with server.channels(kernel["id"]) as channels:
        assert await channels.run("print('here')") == "here\n"
        manager.do("environment_close")
        await channels.until(lambda message: message["content"].get("execution_state") == "dead")
    await asyncio.to_thread(manager.until_idle)
    code, _answer = await server.ask("GET", f"kernels/{kernel['id']}")
    assert code == 404, "a dead kernel is forgotten, so that a new one can be chosen"
