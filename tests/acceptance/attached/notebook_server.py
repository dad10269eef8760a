"""A Jupyter server as a process, its REST API, and the websocket of a kernel."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.acceptance.running import Home

LIMIT_S = 60


SESSION = "a-notebook"


class Server:
    """A Jupyter server in the home of a manager; ``command`` is what starts it there."""

    def __init__(self, home: Home, *command: str, **env: str) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self._port = found.getsockname()[1]
        self._log = home.folder / "server.log"
        with self._log.open("wb") as log:
            self._process = home.popen(
                *command,
                "--no-browser",
                "--allow-root",
                f"--port={self._port}",
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
                "--ServerApp.disable_check_xsrf=True",
                output=log,
                **{
                    "PATH": os.environ["PATH"],
                    "JUPYTER_RUNTIME_DIR": str(home.folder / "j"),
                    **env,
                },
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
                assert self._process.poll() is None, self.text()
                try:
                    if (await self.ask("GET", "status"))[0] == 200:
                        return
                except (OSError, HTTPClientError):
                    await asyncio.sleep(0.1)

    @asynccontextmanager
    async def channels(self, kernel_id: str) -> AsyncIterator[Channels]:
        """Open the websocket of a kernel."""
        # As JupyterLab does, which gives the session of its messages here as well.
        url = f"ws://127.0.0.1:{self._port}/api/kernels/{kernel_id}/channels?session_id={SESSION}"
        connection = await websocket_connect(url)
        try:
            yield Channels(connection)
        finally:
            connection.close()

    def text(self) -> str:
        """Return what the terminal of the server shows."""
        return self._log.read_text(errors="replace")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the server and return its exit code."""
        self._process.send_signal(number)
        return int(self._process.wait(40))


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
            "session": SESSION,
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
        return await self.printed(await self.send_cell(code))

    async def printed(self, msg_id: str) -> str:
        """Return what a cell prints."""
        shown = await self.until(
            lambda message: (
                message["msg_type"] in ("stream", "error")
                and message["content"].get("name") != "stderr"
                and message["parent_header"].get("msg_id") == msg_id
            )
        )
        assert shown["msg_type"] == "stream", shown["content"]
        return str(shown["content"]["text"])
