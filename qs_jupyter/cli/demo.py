"""``qs-jupyter demo``: a queue of simulated plans, from nothing to its history.

A manager is started with a store, ports and a folder of its own, so nothing that is already
there is touched and nothing is left behind. Each step is shown as the command that somebody
would type, and that very command is what is carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrase_slots import Speaker
from qs_jupyter.api.phrases import Grammar
from qs_jupyter.cli.private_manager import ManagerEnded, PrivateManager
from qs_jupyter.client.connection import CommunicationFailure, RequestRefused
from qs_jupyter.errors import Failure

LIMIT_S = 90.0
FAILED = 1
INTERRUPTED = 130

PLANS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "Take five readings of two detectors",
        {"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 5, "delay": 0.1}},
    ),
    (
        "Scan a detector across a motor",
        {"name": "scan", "args": [["det1"], "motor1", -1, 1, 9]},
    ),
    (
        "Two runs, the second inside the first, slow enough to watch",
        {"name": "sim_multirun_plan_nested", "kwargs": {"npts": 6, "delay": 0.3}},
    ),
)

_BOLD, _DIM, _GREEN, _RED, _END = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"
_USAGE = """\
usage: qs-jupyter demo

Start a manager of its own, run three simulated plans, show their history, end everything.
"""


class Narrator:
    """Tells what happens; in colour on a terminal only."""

    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def step(self, text: str) -> None:
        """Begin a step."""
        print(f"\n{self._in(_BOLD, text)}", flush=True)

    def command(self, *words: str) -> None:
        """Show a command as it would be typed."""
        print(self._in(_GREEN, f"  $ {shlex.join(words)}"), flush=True)

    def note(self, text: str) -> None:
        """Add a remark."""
        print(self._in(_DIM, f"  {text}"), flush=True)

    def output(self, text: str) -> None:
        """Show output of a plan, as it comes."""
        print(text, end="", flush=True)

    def failure(self, text: str) -> None:
        """Tell what went wrong."""
        print(self._in(_RED, f"\nThe demo failed: {text}"), file=sys.stderr, flush=True)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_END}" if self._coloured else text


class Demo:
    """The steps of the demo, with one manager."""

    def __init__(self, manager: PrivateManager, narrator: Narrator) -> None:
        self._manager = manager
        self._tell = narrator
        self._grammar = Grammar(METHODS)
        self._status: Mapping[str, Any] = {}
        self._names: dict[str, str] = {}

    async def run(self) -> None:
        """Take all steps."""
        tell = self._tell
        tell.step("1. A manager; without other orders it uses a simulated profile")
        tell.command("start-re-manager", *self._manager.arguments)
        await self._manager.ready()
        tell.note("It keeps its queue in an SQLite file; there is no server to set up.")
        async with contextlib.aclosing(self._manager.messages()) as stream:
            await self._open(stream)
            await self._add()
            await self._run_queue(stream)
        await self._show_history()
        tell.step("6. The end")
        await self._do("environment", "close")
        await self._wait_closed()
        tell.command("qserver", "manager", "stop")
        if (code := await self._manager.stop()) != 0:
            raise ManagerEnded(f"The manager ended with exit code {code}.")
        tell.note("Worker and manager have ended; the demo leaves no files behind.")

    async def _open(self, stream: AsyncGenerator[tuple[str, Any], None]) -> None:
        self._tell.step(
            "2. The environment: a Jupyter kernel with the startup files of the profile"
        )
        await self._do("environment", "open")
        await self._follow(stream, lambda s: s["manager_state"] == "idle")
        report = (await self._request("environment_report"))["environment_report"] or {}
        if not self._status["worker_environment_exists"]:
            raise Failure(f"The environment could not be opened: {report.get('msg')}")
        files = report.get("report", {}).get("files", [])
        seconds = sum(file.get("seconds") or 0.0 for file in files)
        self._tell.note(f"{len(files)} startup files, {seconds:.1f} s.")

    async def _add(self) -> None:
        self._tell.step("3. Three plans")
        for purpose, plan in PLANS:
            self._tell.note(f"{purpose}:")
            reply = await self._do("queue", "add", "plan", json.dumps(plan))
            self._names[reply["item"]["item_uid"]] = plan["name"]

    async def _run_queue(self, stream: AsyncGenerator[tuple[str, Any], None]) -> None:
        self._tell.step("4. The queue runs")
        await self._do("queue", "start")
        await self._follow(
            stream,
            lambda s: s["manager_state"] == "idle" and s["items_in_history"] == len(PLANS),
            narrate=True,
        )

    async def _show_history(self) -> None:
        self._tell.step("5. The history")
        reply = await self._do("history", "get")
        print(history_table(reply["items"]))
        failed = [item for item in reply["items"] if item["result"]["exit_status"] != "completed"]
        if failed:
            raise Failure(f"The plan '{failed[0]['name']}' failed: {failed[0]['result']['msg']}")

    async def _wait_closed(self) -> None:
        async with contextlib.aclosing(self._manager.messages()) as stream:
            await self._follow(stream, lambda s: not s["worker_environment_exists"])

    # ------------------------------------------------------------------------------- parts

    async def _do(self, *words: str) -> dict[str, Any]:
        """Show a command of ``qserver`` and carry it out."""
        self._tell.command("qserver", *words)
        command = self._grammar.read(words, Speaker())
        return await self._request(command.method, **command.params)

    async def _request(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._manager.client.request(method, check=True, **params)

    async def _follow(
        self,
        stream: AsyncGenerator[tuple[str, Any], None],
        until: Callable[[Mapping[str, Any]], bool],
        *,
        narrate: bool = False,
    ) -> None:
        """Take published messages, show the output of plans, until the status fits."""
        # The streams may still bring a status from before the request that we wait for.
        self._status = await self._request_status()
        reached = self._status["status_uid"] if until(self._status) else None
        async for topic, message in stream:
            if topic == "QS_Console" and message.get("source") == "item" and narrate:
                self._tell.output(message["msg"])
            status = message["msg"].get("status") if topic == "QS_Info" else None
            if status is None:
                continue
            if narrate:
                self._announce(status["running_item_uid"])
            self._status = status
            if status["status_uid"] == reached or (reached is None and until(status)):
                return

    async def _request_status(self) -> dict[str, Any]:
        return await self._manager.client.request("status")

    def _announce(self, uid: str | None) -> None:
        if uid is not None and uid != self._status["running_item_uid"]:
            number = list(self._names).index(uid) + 1
            self._tell.step(f"   plan {number} of {len(self._names)}: {self._names[uid]}")


def history_table(items: Sequence[Mapping[str, Any]]) -> str:
    """Return finished items as a table: plan, arguments, status, duration, first run."""
    rows = [("plan", "arguments", "status", "duration", "runs")]
    for item in items:
        result = item["result"]
        seconds = result["time_stop"] - result["time_start"]
        arguments = [*map(_short, item.get("args", []))]
        arguments += [f"{name}={_short(value)}" for name, value in item.get("kwargs", {}).items()]
        duration, runs = f"{seconds:.1f} s", _runs(result["run_uids"])
        rows.append((item["name"], ", ".join(arguments), result["exit_status"], duration, runs))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(f"  {line}" for line in lines)


def _runs(uids: Sequence[str]) -> str:
    """Return the beginning of the first run's uid, and how many follow."""
    more = f" and {len(uids) - 1} more" if len(uids) > 1 else ""
    return f"{uids[0][:8]}{more}" if uids else "-"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return str(value)


async def _run(narrator: Narrator) -> int:
    this = asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    manager = PrivateManager()
    try:
        async with manager, asyncio.timeout(LIMIT_S):
            await Demo(manager, narrator).run()
    except (Failure, RequestRefused, CommunicationFailure, TimeoutError) as error:
        is_late = isinstance(error, TimeoutError)
        narrator.failure("it took too long." if is_late else str(error))
        print("Last output of the manager:", file=sys.stderr)
        print("\n".join(f"  {line}" for line in manager.last_lines), file=sys.stderr)
        return FAILED
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        is_help = words[0] in ("-h", "--help")
        print(_USAGE, end="", file=sys.stdout if is_help else sys.stderr)
        return 0 if is_help else 2
    narrator = Narrator()
    print("A queue server for Bluesky, from start to end. Press Ctrl-C to stop at any time.")
    try:
        return asyncio.run(_run(narrator))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nStopped; everything has been ended.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
