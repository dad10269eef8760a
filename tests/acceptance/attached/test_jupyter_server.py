"""The worker as a kernel of a real Jupyter server: over its REST API and a websocket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.acceptance.running import Home, RunningManager

LIMIT_S = 60
SERVER = Path(sys.executable).parent / "jupyter-server"


class Server:
    """A Jupyter server that offers the worker as a kernel."""

    def __init__(self, home: Home) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self._port = found.getsockname()[1]
        prefix = home.folder / "prefix"
        installed = home.run("qs-jupyter", "kernelspec", "install", "--prefix", str(prefix))
        assert installed.code == 0, installed
        self._log = home.folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(SERVER),
                    "--no-browser",
                    "--allow-root",
                    f"--port={self._port}",
                    "--ServerApp.port_retries=0",
                    "--IdentityProvider.token=",
                    "--ServerApp.disable_check_xsrf=True",
                    f"--ServerApp.root_dir={home.work}",
                ],
                env={
                    **home.environment,
                    "PATH": os.environ["PATH"],
                    "JUPYTER_PATH": str(prefix / "share" / "jupyter"),
                    "JUPYTER_RUNTIME_DIR": str(home.folder / "jupyter"),
                },
                cwd=home.work,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def ask(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request of the REST API; return the code and the answer."""
        response = await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{self._port}/api/{path}",
            method=verb,
            body=None if verb != "POST" else json.dumps(body or {}),
            raise_error=False,
            request_timeout=LIMIT_S,
        )
        return response.code, json.loads(response.body) if response.body else None

    async def ready(self) -> None:
        """Wait until the server answers; it tells nobody when it begins to listen."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                assert self._process.poll() is None, self._log.read_text()
                try:
                    if (await self.ask("GET", "status"))[0] == 200:
                        return
                except OSError:
                    await asyncio.sleep(0.1)

    @asynccontextmanager
    async def channels(self, kernel_id: str) -> AsyncIterator[Channels]:
        """Open the websocket of a kernel."""
        url = f"ws://127.0.0.1:{self._port}/api/kernels/{kernel_id}/channels"
        connection = await websocket_connect(url)
        try:
            yield Channels(connection)
        finally:
            connection.close()

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait(20)


class Channels:
    """The websocket of a notebook."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection

    async def send_cell(self, code: str) -> str:
        """Send a cell and return the id of the message."""
        msg_id = uuid.uuid4().hex
        header = {
            "msg_id": msg_id,
            "msg_type": "execute_request",
            "session": "a notebook",
            "username": "",
            "version": "5.4",
            "date": "2000-01-01T00:00:00Z",
        }
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self._connection.write_message(json.dumps({**message, "channel": "shell"}))
        return msg_id

    async def until(self, wanted: Any) -> dict[str, Any]:
        """Return the first message that is wanted."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                text = await self._connection.read_message()
                assert text is not None, "the server has closed the websocket"
                message = json.loads(text)
                if wanted(message):
                    return dict(message)

    async def run(self, code: str) -> str:
        """Run a cell that prints, and return what it has printed."""
        msg_id = await self.send_cell(code)
        shown = await self.until(
            lambda message: (
                message["msg_type"] in ("stream", "error")
                and message["parent_header"].get("msg_id") == msg_id
            )
        )
        assert shown["msg_type"] == "stream", shown["content"]
        return str(shown["content"]["text"])


@pytest.fixture
def server(manager: RunningManager) -> Iterator[Server]:
    """A server whose notebooks find the manager of this file."""
    started = Server(manager.home)
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
    for _ in range(2):
        manager.add_count(num=4, delay=0.3)
    async with server.channels(kernel["id"]) as channels:
        manager.do("queue_start")
        await asyncio.to_thread(manager.until_running)
        running = asyncio.create_task(channels.run("import time; print(time.time())"))
        code, answer = await server.ask("POST", f"kernels/{kernel['id']}/interrupt")
        assert code == 503
        assert answer["message"].startswith("Not interrupted: ")
        assert answer["message"].endswith("Not allowed to interrupt running plan")
        when = float(await running)
    history = manager.history()
    assert [item["result"]["exit_status"] for item in history] == ["completed"] * 2
    assert when >= history[-1]["result"]["time_stop"]


@pytest.mark.parametrize("kind", ["kernels", "sessions"])
async def test_without_an_environment_the_front_end_is_told_what_to_do(
    closed: RunningManager, server: Server, kind: str
) -> None:
    code, answer = await _open(server, kind)
    assert code in (500, 503)
    assert "no environment is open at the manager" in answer["message"]
    assert "qserver environment open" in answer["message"]


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
