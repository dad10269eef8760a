"""The demo, as a newcomer runs it: to its end, interrupted, and with a manager that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LIMIT_S = 60


class Run:
    """A demo whose temporary files and processes can be told from those of others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qs_jupyter", "demo"],
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.text = ""

    def read_until(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            if words in line:
                return
        raise AssertionError(f"{words!r} never came:\n{self.text}")

    def end(self) -> int:
        assert self.process.stdout is not None
        self.text += self.process.stdout.read()
        return self.process.wait(LIMIT_S)

    def processes(self, part: str = "") -> list[int]:
        """Return the processes that this demo has started, by a part of their commands."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                environment = (path / "environ").read_bytes()
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ")
                state = (path / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            is_ours = str(self.folder).encode() in environment and state != "Z"
            if is_ours and part.encode() in command and int(path.name) != self.process.pid:
                found.append(int(path.name))
        return found

    def check_nothing_is_left(self) -> None:
        assert self.processes() == []
        assert list(self.folder.iterdir()) == []


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    run = Run(tmp_path_factory.mktemp("d"))
    yield run
    for pid in run.processes():
        os.kill(pid, signal.SIGKILL)
    run.process.kill()
    run.process.wait()
    assert run.process.stdout is not None
    run.process.stdout.close()


def test_the_demo_runs_three_plans_and_leaves_nothing_behind(demo: Run) -> None:
    assert demo.end() == 0, demo.text
    for words in (
        "$ start-re-manager --zmq-publish-console ON",
        "$ qserver environment open",
        """$ qserver queue add plan '{"name": "scan", "args": [["det1"], "motor1", -1, 1, 9]}'""",
        "$ qserver queue start",
        "plan 3 of 3: sim_multirun_plan_nested",
        "|   seq_num |       time |     motor1 |       det1 |",
        "$ qserver history get",
    ):
        assert words in demo.text
    table = demo.text.split("$ qserver history get")[1]
    assert table.count("completed") == 3
    assert "\033" not in demo.text, "colour without a terminal"
    demo.check_nothing_is_left()


@pytest.mark.parametrize("moment", ["1. A manager", "plan 1 of 3"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_everything(
    demo: Run, moment: str, number: signal.Signals
) -> None:
    demo.read_until(moment)
    demo.process.send_signal(number)
    assert demo.end() == 130, demo.text
    assert "Stopped; everything has been ended." in demo.text
    demo.check_nothing_is_left()


def test_a_demo_without_its_manager_says_so_and_ends_the_worker(demo: Run) -> None:
    demo.read_until("plan 1 of 3")
    (launcher,) = demo.processes("start-re-manager")
    os.kill(launcher, signal.SIGKILL)
    assert demo.end() == 1, demo.text
    assert "The demo failed: The manager has ended unexpectedly." in demo.text
    assert "Last output of the manager:" in demo.text
    assert "RE Manager is ready" in demo.text
    demo.check_nothing_is_left()
