"""A manager as people run it: the real commands, in a home of their own, on free ports.

Nothing here sleeps. What happens is learned from the published status and console text; every
wait has a limit and says at its end what was seen instead.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
import zmq

from qs_jupyter.client.client import Client

T = TypeVar("T")
Status = dict[str, Any]

LIMIT_S = 30.0
PROGRAMS = Path(sys.executable).parent
# Who carries this variable in its environment was started by the manager of a test.
MARK = "QS_ACCEPTANCE_HOME"
_ESSENTIAL = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
# Work that goes on until a file is there, however long anybody is kept from his next step.
HELD_WORK = """
import itertools, os
from bluesky.plans import count as _count

def held_count(num, behind, gate):
    numbers = itertools.count(1)

    def point(detectors):
        yield from bps.one_shot(detectors)
        is_held = next(numbers) == behind
        while is_held and not os.path.exists(gate):
            yield from bps.sleep(0.02)

    yield from _count([det1, det2], num=num, per_shot=point)

def func_for_test_hold(gate):
    while not os.path.exists(gate):
        ttime.sleep(0.02)
    return "held"
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    output: str
    errors: str

    @property
    def reply(self) -> dict[str, Any]:
        """The reply that ``qserver`` printed below its ``MESSAGE`` line."""
        head, found, text = self.output.partition(" - MESSAGE: \n")
        assert found, f"no reply was printed: {self}"
        assert re.search(r"^\d\d:\d\d:\d\d$", head.splitlines()[-1]), head
        reply: dict[str, Any] = ast.literal_eval(text)
        return reply

    @property
    def is_accepted(self) -> bool:
        """Whether the request was accepted without a word."""
        reply = self.reply
        return self.code == 0 and reply["success"] is True and reply["msg"] == ""

    def __getitem__(self, key: str) -> Any:
        return self.reply[key]


class Home:
    """A folder that stands for the home, the temporary folder and the machine of a user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control, self.info = free_addresses(2)
        for name in ("home", "tmp", "run", "work"):
            (folder / name).mkdir(mode=0o700)

    @property
    def work(self) -> Path:
        """The folder in which the commands are typed."""
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command; nothing of the developer's own gets in."""
        essential = {name: os.environ[name] for name in _ESSENTIAL if name in os.environ}
        return {
            **essential,
            MARK: str(self.folder),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "QSERVER_ZMQ_CONTROL_ADDRESS": self.control,
            "QSERVER_ZMQ_INFO_ADDRESS": self.info,
        }

    def popen(self, *words: str, output: Any = subprocess.PIPE, **env: str) -> Any:
        """Start a command of the product and leave it running."""
        return subprocess.Popen(
            [str(PROGRAMS / words[0]), *words[1:]],
            cwd=self.work,
            env={**self.environment, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE if output is subprocess.PIPE else subprocess.STDOUT,
        )

    def run(self, *words: str, limit_s: float = LIMIT_S, **env: str) -> Answer:
        """Carry out a command of the product."""
        done = subprocess.run(
            [str(PROGRAMS / words[0]), *words[1:]],
            cwd=self.work,
            env={**self.environment, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def qserver(self, *words: str) -> Answer:
        """Carry out ``qserver`` with these words."""
        return self.run("qserver", *words)

    def processes(self) -> list[psutil.Process]:
        """Return all living processes that belong here."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.environ().get(MARK) == str(self.folder):
                    found.append(process)
        return found

    def end_processes(self) -> list[str]:
        """Kill whatever is left here; return what it was."""
        left = self.processes()
        names = [f"{process.pid}: {_command(process)}" for process in left]
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=10)
        return names


class Watch:
    """Listens to everything a manager publishes, over its restarts too."""

    def __init__(self, address: str) -> None:
        self.statuses: list[Status] = []
        self.console = ""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.subscribe(b"")
        self._socket.connect(address)

    def until(self, look: Callable[[], T], limit_s: float, purpose: str) -> T:
        """Return what ``look`` finds, looking again with everything that is published."""
        deadline = time.monotonic() + limit_s
        while not (found := look()):
            left = deadline - time.monotonic()
            if left <= 0 or not self._socket.poll(round(left * 1000)):
                latest = self.statuses[-1] if self.statuses else None
                raise AssertionError(
                    f"{purpose}: not within {limit_s:g} s.\nLatest status: {latest}\n"
                    f"Latest output:\n{self.console[-4000:]}"
                )
            self._take(self._socket.recv_multipart())
        return found

    def _take(self, frames: list[bytes]) -> None:
        topic, payload = frames
        content = json.loads(payload)
        if topic == b"QS_Console":
            self.console += content["msg"]
        elif topic == b"QS_Info" and "status" in content["msg"]:
            self.statuses.append(content["msg"]["status"])

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._context.term()


class RunningManager:
    """``start-re-manager`` and those who talk to it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.watch = Watch(home.info)
        self.launcher: subprocess.Popen[bytes] | None = None
        self._client = Client(home.control, timeout_s=LIMIT_S)
        self._output = home.folder / "terminal.txt"

    # ------------------------------------------------------------------------ begin and end

    def start(self, *options: str, **env: str) -> RunningManager:
        """Start the service and wait until it is ready to take requests."""
        home = self.home
        begun = datetime.now().isoformat()  # noqa: DTZ005 - like the time of a status
        with self._output.open("ab") as output:
            self.launcher = home.popen(
                "start-re-manager",
                "--zmq-control-addr",
                home.control,
                "--zmq-info-addr",
                home.info,
                "--zmq-publish-console",
                "ON",
                *options,
                output=output,
                **env,
            )

        def is_ready() -> bool:
            return any(
                status["time"] > begun and status["manager_state"] != "initializing"
                for status in reversed(self.watch.statuses)
            )

        try:
            self.watch.until(is_ready, LIMIT_S, "the manager is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\nTerminal:\n{self.terminal()[-4000:]}") from None
        return self

    def stop(self) -> int:
        """End the service like Ctrl-C does; return its exit code."""
        assert self.launcher is not None
        self.launcher.send_signal(signal.SIGINT)
        return self.launcher.wait(LIMIT_S)

    def end(self) -> list[str]:
        """End everything, in order if possible; return what was still there afterwards."""
        try:
            if self.launcher is not None and self.launcher.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.stop()
        finally:
            left = self.home.end_processes()
            if self.launcher is not None:
                self.launcher.wait(10)
            self._client.close()
            self.watch.close()
        return left

    def terminal(self) -> str:
        """Return what the terminal of the service shows."""
        return self._output.read_text(errors="replace")

    # ---------------------------------------------------------------------------- processes

    @property
    def manager_pid(self) -> int:
        """The process of the manager, below its launcher."""
        assert self.launcher is not None
        (manager,) = psutil.Process(self.launcher.pid).children()
        return int(manager.pid)

    @property
    def worker_pid(self) -> int:
        """The process of the worker kernel."""
        (path,) = (self.home.folder / "run").glob("**/worker-*.process.json")
        return int(json.loads(path.read_text())["pid"])

    def kill_manager(self) -> None:
        """Kill the manager process; return when the next one answers."""
        kill_and_wait(self.manager_pid)
        self.first_answer()

    def first_answer(self, limit_s: float = LIMIT_S) -> Status:
        """Ask for the status over a connection of its own, and wait until somebody answers."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            with context.socket(zmq.REQ) as request:
                request.setsockopt(zmq.LINGER, 0)
                # A port that is not bound yet is tried again right away.
                request.setsockopt(zmq.RECONNECT_IVL, 10)
                request.connect(self.home.control)
                request.send(b'{"method": "status"}')
                assert request.poll(round(limit_s * 1000)), f"no answer within {limit_s:g} s"
                return dict(json.loads(request.recv()))
        finally:
            context.term()

    # ------------------------------------------------------------------- requests and status

    def qserver(self, *words: str) -> Answer:
        """Carry out ``qserver`` with these words."""
        return self.home.qserver(*words)

    def until_terminal(self, pattern: str, begin: int = 0) -> re.Match[str]:
        """Wait until the terminal from a position on matches; it is written by a thread."""
        return self.watch.until(
            lambda: re.compile(pattern).search(self.terminal(), begin),
            LIMIT_S,
            f"terminal like {pattern!r}",
        )  # type: ignore[return-value]

    def time_to_type(self, commands: int) -> float:
        """Return seconds in which so many commands are surely carried out on this machine now."""
        begun = time.monotonic()
        self.qserver("status")
        return max(0.5, 5 * (time.monotonic() - begun)) * commands

    def ask(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Send a request and return its reply, whatever it says."""
        return self._client.request(method, **params)

    def do(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Send a request that is expected to succeed."""
        reply = self.ask(method, **params)
        assert reply.get("success") is True, f"{method} was refused: {reply}"
        return reply

    def status(self) -> Status:
        """Return the status of this moment."""
        return self.ask("status")

    def until(
        self,
        condition: Callable[[Status], Any],
        limit_s: float = LIMIT_S,
        since: Status | None = None,
    ) -> Status:
        """Return the first published status that fits, from now or from an earlier status on."""
        begin = self.status() if since is None else since
        if since is None and condition(begin):
            return begin
        position = 0

        def look() -> Status | None:
            nonlocal position
            for status in self.watch.statuses[position:]:
                position += 1
                if status["time"] >= begin["time"] and condition(status):
                    return status
            return None

        return self.watch.until(look, limit_s, f"a status as wanted since {begin}")  # type: ignore[return-value]

    def until_ready(self) -> Status:
        """Wait until the start of the manager is over."""
        return self.until(lambda status: status["manager_state"] != "initializing")

    def until_state(self, state: str, limit_s: float = LIMIT_S) -> Status:
        """Wait for a state of the manager."""
        return self.until(lambda status: status["manager_state"] == state, limit_s)

    def until_idle(self, limit_s: float = LIMIT_S) -> Status:
        """Wait until the manager is idle."""
        return self.until_state("idle", limit_s)

    def until_running(self, uid: str | None = None) -> Status:
        """Wait until a plan, or a certain one, runs in the Run Engine."""
        return self.until(
            lambda status: (
                status["re_state"] == "running"
                and status["manager_state"] == "executing_queue"
                and (uid is None or status["running_item_uid"] == uid)
            )
        )

    def until_text(self, pattern: str, begin: int = 0, limit_s: float = LIMIT_S) -> re.Match[str]:
        """Wait until the console output from a position on matches a pattern."""
        return self.watch.until(
            lambda: re.compile(pattern).search(self.watch.console, begin),
            limit_s,
            f"output like {pattern!r}",
        )  # type: ignore[return-value]

    # ------------------------------------------------------------------------ common wishes

    def open(self) -> Status:
        """Have an open and idle environment."""
        if not self.status()["worker_environment_exists"]:
            self.do("environment_open")
        status = self.until_idle()
        assert status["worker_environment_exists"], self.ask("environment_report")
        return status

    def add_count(self, num: int = 1, delay: float = 0.0, **more: Any) -> str:
        """Append a ``count`` to the queue and return its UID."""
        kwargs = {"num": num, "delay": delay}
        item = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": kwargs}
        reply = self.do("queue_item_add", item=item, user="a test", user_group="primary", **more)
        return str(reply["item"]["item_uid"])

    @property
    def gate(self) -> Path:
        """The file that lets held work go on."""
        return self.home.folder / "gate"

    def hold_work(self) -> None:
        """Have plan and function that wait for the gate in the environment."""
        if "held_count" not in self.do("plans_existing")["plans_existing"]:
            self.do("script_upload", script=HELD_WORK)
            self.until_idle()

    def held_plan(self, num: int = 2, behind: int = 1) -> dict[str, Any]:
        """Return a plan that is held behind one of its points, before the next checkpoint."""
        self.hold_work()
        kwargs = {"num": num, "behind": behind, "gate": str(self.gate)}
        return {"item_type": "plan", "name": "held_count", "kwargs": kwargs}

    def add_held(self, num: int = 2, behind: int = 1) -> str:
        """Append a plan that is held, and return its UID."""
        item = self.held_plan(num, behind)
        reply = self.do("queue_item_add", item=item, user="a test", user_group="primary")
        return str(reply["item"]["item_uid"])

    def reset(self) -> None:
        """Be idle with an empty queue and history, whatever a test has left."""
        self.gate.unlink(missing_ok=True)
        status = self.until_ready()
        if status["manager_state"] == "paused":
            self.do("re_abort")
            status = self.until_idle()
        if status["manager_state"] != "idle":
            if status["worker_environment_exists"]:
                self.do("environment_destroy")
            self.until_idle()
        self.do("queue_autostart", enable=False)
        self.do("queue_mode_set", mode="default")
        self.do("queue_clear")
        self.do("history_clear")

    def history(self) -> list[dict[str, Any]]:
        """Return the finished items."""
        return list(self.do("history_get")["items"])

    def queue(self) -> list[dict[str, Any]]:
        """Return the waiting items."""
        return list(self.do("queue_get")["items"])


MakeHome = Callable[[], Home]
MakeManager = Callable[..., RunningManager]


def kill_and_wait(pid: int) -> None:
    """Kill a process and return when it is gone, so that it cannot take requests any more."""
    process = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        gone, _, _ = select.select([process], [], [], LIMIT_S)
        assert gone, f"process {pid} does not end"
    finally:
        os.close(process)


def free_addresses(number: int) -> list[str]:
    """Return addresses on this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()


def uids(items: Sequence[dict[str, Any]]) -> list[str]:
    """Return the UIDs of items, in their order."""
    return [str(item["item_uid"]) for item in items]


def table_rows(console: str) -> list[int]:
    """Return the sequence numbers of the rows of the tables in an output."""
    return [int(number) for number in re.findall(r"^\|\s+(\d+) \|", console, re.MULTILINE)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
