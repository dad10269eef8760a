"""Other clients of the worker: a terminal with ``qserver-console``, and cells of a notebook."""

from __future__ import annotations

import re
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
from jupyter_client.blocking import BlockingKernelClient

from tests.acceptance.running import LIMIT_S, PROGRAMS, Home, RunningManager, Status

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")
_PLAIN_TERMINAL = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}


class Notebook:
    """A stock Jupyter client of the worker, without a person at it."""

    def __init__(self, connection_file: str) -> None:
        self._client = BlockingKernelClient()
        self._client.load_connection_file(connection_file)
        self._client.start_channels(stdin=False, hb=False)

    @property
    def session(self) -> str:
        """The session by which the worker knows this client."""
        return str(self._client.session.session)

    def close(self) -> None:
        """Leave."""
        self._client.stop_channels()
        self._client.context.term()

    def ask(self, request: str, *arguments: Any, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Send a request like ``complete`` or ``inspect`` and return the content of its reply."""
        return self.reply(getattr(self._client, request)(*arguments), limit_s)

    def send(self, code: str) -> str:
        """Send a cell and return its id."""
        return str(self._client.execute(code))

    def run(self, code: str) -> dict[str, Any]:
        """Run a cell and return its reply."""
        return self.reply(self.send(code))

    def reply(self, msg_id: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Wait for the reply to a request."""
        return self._reply(self._client.get_shell_msg, msg_id, limit_s)

    def has_reply(self) -> bool:
        """Whether a reply lies there."""
        return bool(self._client.shell_channel.msg_ready())

    def shut_down(self) -> dict[str, Any]:
        """Ask the worker to end, as the menu of a notebook does."""
        return self._reply(self._client.get_control_msg, self._client.shutdown(), LIMIT_S)

    @staticmethod
    def _reply(get: Callable[..., Any], msg_id: str, limit_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        while True:
            message = get(timeout=max(0.0, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") == msg_id:
                return dict(message["content"])


class Terminal:
    """``qserver-console``, or another program, in a terminal with somebody typing."""

    def __init__(self, home: Home, *words: str) -> None:
        program, *arguments = words or ("qserver-console",)
        self._process = pexpect.spawn(
            str(PROGRAMS / program),
            arguments,
            cwd=str(home.work),
            env={**home.environment, **_PLAIN_TERMINAL},
            encoding="utf-8",
            timeout=LIMIT_S,
            dimensions=(40, 100),
        )

    def until(self, pattern: str) -> None:
        """Wait until the terminal shows something."""
        self._process.expect(pattern)

    def until_prompt(self) -> None:
        """Wait for the prompt of a cell."""
        # The words of the prompt have colours of their own.
        self.until(r"In (\x1b\S*?)?\[(\x1b\S*?m)?\d+")

    def type(self, text: str) -> None:
        """Type something."""
        self._process.send(text)

    def enter(self, text: str) -> None:
        """Type a line and the return key."""
        self._process.send(text + "\r")

    def stays_without_prompt(self, seconds: float) -> bool:
        """Whether no new prompt appears for so long."""
        # What a prompt begins with, and what is not drawn anew with it.
        return bool(self._process.expect([r"\x1b\[\?2004h", pexpect.TIMEOUT], timeout=seconds))

    def until_cell_runs(self) -> None:
        """Wait until a cell has left the prompt, where Ctrl-C is a key and no signal."""
        deadline = time.monotonic() + LIMIT_S
        while not self._process.getecho():  # a terminal tells nobody of its mode
            assert time.monotonic() < deadline, "still at the prompt"
            select.select([], [], [], 0.02)

    def type_end(self) -> None:
        """Press Ctrl-D."""
        self._process.send("\x04")

    def exit_code(self) -> int:
        """Wait for the end of the program and return its exit code."""
        self._process.expect(pexpect.EOF)
        self._process.close()
        return int(self._process.exitstatus)

    def hang_up(self) -> None:
        """Close the window in the midst of work; return when the program has noticed."""
        self._process.kill(signal.SIGHUP)
        self._process.expect(pexpect.EOF)

    def read(self) -> str:
        """Return what was shown before the latest find, without colours."""
        return _ESCAPES.sub("", self._process.before or "")

    def close(self) -> None:
        """Close the window, whatever goes on in it."""
        self._process.close(force=True)


@contextmanager
def attached(manager: RunningManager) -> Iterator[Notebook]:
    """Yield a client of the worker of a manager."""
    notebook = Notebook(connection_file(manager))
    try:
        notebook.ask("kernel_info")
        yield notebook
    finally:
        notebook.close()


@contextmanager
def terminal(home: Home, *words: str) -> Iterator[Terminal]:
    """Yield a terminal with a program in it."""
    window = Terminal(home, *words)
    try:
        yield window
    finally:
        window.close()


def connection_file(manager: RunningManager) -> str:
    """Return the path of the worker's connection file."""
    path = manager.do("config_get")["config"]["ip_connection_file"]
    assert Path(path).is_file()
    return str(path)


def story(manager: RunningManager, since: Status, *keys: str) -> list[tuple[Any, ...]]:
    """Return what these keys of the published status went through, from a status to now."""
    latest = manager.status()["status_uid"]
    statuses = manager.watch.statuses
    manager.watch.until(
        lambda: any(status["status_uid"] == latest for status in reversed(statuses)),
        LIMIT_S,
        "the latest status",
    )
    rows: list[tuple[Any, ...]] = []
    for status in statuses:
        row = tuple(status[key] for key in keys)
        if status["time"] >= since["time"] and rows[-1:] != [row]:
            rows.append(row)
    return rows


def in_order(rows: list[tuple[Any, ...]], *wanted: tuple[Any, ...]) -> bool:
    """Whether rows have happened in this order, with whatever between them."""
    rest = iter(rows)
    return all(row in rest for row in wanted)
