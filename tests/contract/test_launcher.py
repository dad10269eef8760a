"""The launcher with real processes: restarts, silence, signals, exit codes."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zmq

from qs_jupyter.client.client import Client

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("QSERVER_")},
    "PYTHONPATH": f"{ROOT}:{ROOT / 'kernel_worker'}",
}


class Launched:
    """A launcher process and the diary of its managers."""

    def __init__(self, diary: Path, wish: str, **limits: float) -> None:
        os.mkfifo(diary)
        # Open for writing too: the pipe then has no end between two managers.
        self._diary = os.open(diary, os.O_RDWR | os.O_NONBLOCK)
        self._text = ""
        command = [sys.executable, str(HERE / "run_launcher.py"), str(diary), wish]
        self.process = subprocess.Popen(
            [*command, json.dumps(limits)],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def entries(self, event: str) -> list[dict[str, Any]]:
        while select.select([self._diary], [], [], 0)[0]:
            self._text += os.read(self._diary, 65536).decode()
        entries = map(json.loads, self._text.splitlines())
        return [entry for entry in entries if entry["event"] == event]

    def wait_for(self, event: str, count: int = 1, limit_s: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        while len(self.entries(event)) < count:
            ready = select.select([self._diary], [], [], max(0, deadline - time.monotonic()))
            assert ready[0], f"no {event} number {count}"
        return self.entries(event)[count - 1]

    def end(self, limit_s: float = 20) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=limit_s)
        return self.process.returncode, output, errors

    def close(self) -> None:
        for entry in self.entries("start"):
            if is_alive(entry["pid"]):
                os.kill(entry["pid"], signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self._diary)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def moments_of(log: str, pattern: str) -> list[datetime]:
    """Return when something was written into a log."""
    found = re.findall(rf"^\[\w (\S+ \S+) .*\] {pattern}", log, re.MULTILINE)
    return [datetime.strptime(each, "%Y-%m-%d %H:%M:%S,%f") for each in found]  # noqa: DTZ007


def wait_until_gone(pid: int, limit_s: float = 20) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], limit_s)[0], f"process {pid} is still there"
    finally:
        os.close(descriptor)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    launched: list[Launched] = []

    def start(wish: str = "serve", **limits: float) -> Launched:
        launched.append(Launched(tmp_path / f"diary{len(launched)}", wish, **limits))
        return launched[-1]

    yield start
    for each in launched:
        each.close()


def test_settings_reach_the_manager_through_the_pipe_only(launch):
    run = launch()
    started = run.wait_for("start")
    assert started["key"] == "a secret"
    assert "secret" not in started["arguments"]
    assert not started["is_restart"]


def test_an_ordered_end_of_the_manager_ends_the_program_with_0(launch):
    code, output, errors = launch("end").end()
    assert (code, errors) == (0, "")
    assert "started again" not in output


def test_a_killed_manager_is_started_again_at_once_and_knows_it(launch):
    # Whoever waited for one of these would come too late.
    run = launch(silence=60, exit=60, first_delay=60)
    first = run.wait_for("ready")["pid"]
    os.kill(first, signal.SIGKILL)
    second = run.wait_for("ready", 2)
    assert second["pid"] != first
    assert run.entries("start")[1]["is_restart"]
    assert run.process.poll() is None


def test_a_manager_that_crashes_is_started_again(launch):
    run = launch("crash")
    run.wait_for("ready", 2)
    run.process.send_signal(signal.SIGTERM)
    _code, output, errors = run.end()
    assert "exit code 70" in output
    assert "a bug" in errors


def test_a_silent_manager_is_killed_and_started_again(launch):
    run = launch("freeze", silence=1.0)
    first = run.wait_for("ready")["pid"]
    run.wait_for("ready", 2)
    assert not is_alive(first)
    run.process.send_signal(signal.SIGINT)
    code, output, _errors = run.end()
    assert code == 0
    assert "has been silent for" in output


def test_repeated_quick_deaths_slow_the_restarts_down(launch):
    run = launch(first_delay=0.3, quick_death=60)
    for number in (1, 2, 3):
        os.kill(run.wait_for("ready", number)["pid"], signal.SIGKILL)
    run.wait_for("ready", 4)
    run.process.send_signal(signal.SIGTERM)
    _code, output, _errors = run.end()
    gone = moments_of(output, "The manager has gone")
    started = moments_of(output, r"Manager process \d+ was started")[1:]
    _at_once, second, third = [b - a for a, b in zip(gone, started, strict=True)]
    # The times in the log are cut to milliseconds.
    assert (second > timedelta(seconds=0.298), third > timedelta(seconds=0.598)) == (True, True)


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
def test_signals_let_the_manager_end_in_order(launch, number, expected):
    run = launch()
    manager = run.wait_for("ready")["pid"]
    run.process.send_signal(number)
    code, _output, errors = run.end()
    assert (code, errors) == (expected, "")
    assert not is_alive(manager)
    reason = "interrupt" if number == signal.SIGINT else "terminate"
    assert [entry["reason"] for entry in run.entries("stop")] == [reason]


def test_a_manager_that_does_not_stop_in_time_is_killed(launch):
    run = launch("deaf", stop=0.5)
    manager = run.wait_for("ready")["pid"]
    run.process.send_signal(signal.SIGTERM)
    code, output, _errors = run.end()
    assert code == 1
    assert not is_alive(manager)
    assert "did not end within 0.5 s" in output


def test_when_a_manager_vanishes_while_stopping_one_more_ends_what_it_left(launch):
    run = launch("deaf once", stop=60)
    first = run.wait_for("ready")["pid"]
    run.process.send_signal(signal.SIGINT)
    run.wait_for("stop")
    os.kill(first, signal.SIGKILL)
    code, _output, _errors = run.end()
    assert code == 0
    assert [entry["reason"] for entry in run.entries("stop")] == ["interrupt", "interrupt"]
    assert run.entries("stop")[1]["pid"] != first


def test_a_manager_notices_that_its_launcher_was_killed_and_ends(launch):
    run = launch()
    manager = run.wait_for("ready")["pid"]
    run.process.kill()
    wait_until_gone(manager)
    assert [entry["reason"] for entry in run.entries("stop")] == ["launcher_gone"]


def test_a_manager_that_cannot_begin_ends_the_program_with_one_sentence(launch):
    code, output, errors = launch("refuse").end()
    assert code == 1
    assert errors == "start-re-manager: the port is taken\n"
    assert "started again" not in output


def test_a_manager_that_is_killed_before_it_has_begun_is_tried_again_a_few_times(launch):
    run = launch("killed at birth once")
    assert not run.wait_for("start", 2)["is_restart"]
    run.wait_for("ready")
    hopeless = launch("killed at birth", first_delay=0.01)
    code, output, _errors = hopeless.end()
    assert code == 1
    assert len(hopeless.entries("start")) == 3
    assert "ended before it could begin" in output


def test_a_manager_that_crashes_before_it_has_begun_ends_the_program(launch):
    run = launch("crash at birth")
    code, output, errors = run.end()
    assert code == 1
    assert "a bug" in errors
    assert "ended before it could begin" in output
    assert len(run.entries("start")) == 1


def test_a_restarted_manager_that_cannot_begin_is_tried_again(launch):
    run = launch("refuse restart once", first_delay=0.05)
    os.kill(run.wait_for("ready")["pid"], signal.SIGKILL)
    run.wait_for("ready", 2)
    assert len(run.entries("start")) == 3


# ------------------------------------------------------------------------- the whole program


def start_re_manager(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qs_jupyter", "start-re-manager", *arguments],
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--nonsense"], 2, "unrecognized arguments: --nonsense. 'start-re-manager --help'"),
        (["--zmq-contrl-addr=x"], 2, "(did you mean '--zmq-control-addr'?)"),
        (["--zmq-control=x"], 2, "unrecognized arguments: --zmq-control=x"),
        (["--verbose", "--quiet"], 2, "not allowed with argument"),
        (["--zmq-encoding=pickle"], 1, "start-re-manager: Option --zmq-encoding: 'pickle'"),
        (["--config=/no/such/file"], 1, "start-re-manager: Config file '/no/such/file' does not"),
        (["--zmq-control-addr=tcp://*:60615"], 1, "--security compat"),
        (["--startup-dir=/no/such"], 1, "Startup directory '/no/such' does not exist"),
    ],
)
def test_a_bad_configuration_ends_the_program_with_a_readable_sentence(arguments, code, sentence):
    result = start_re_manager(*arguments)
    assert result.returncode == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@contextmanager
def real_program(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    address = f"ipc://{folder}/control"
    places = [f"--store={folder}/store.sqlite", f"--runtime-dir={folder}/run"]
    command = ["start-re-manager", f"--zmq-control-addr={address}", *places, *arguments]
    process = subprocess.Popen(
        [sys.executable, "-m", "qs_jupyter", *command],
        env={**ENVIRONMENT, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with Client(address, timeout_s=20) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    # Paths of local sockets must be short.
    with tempfile.TemporaryDirectory(prefix="qs", dir="/tmp") as folder:
        yield Path(folder)


def test_the_program_serves_and_ends_on_request_without_a_word_when_told_so(short_folder):
    with real_program(short_folder, "--console-output=OFF") as (process, client):
        assert client.request("status")["manager_state"] in ("initializing", "idle")
        assert client.request("manager_stop", option="safe_off", check=True)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "", "")


def test_the_program_is_usable_again_after_its_manager_was_killed(short_folder):
    with real_program(short_folder) as (process, client):
        client.request("status")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        # A request given to the connection of the old manager would be lost with it.
        client.close()
        wait_until_gone(int(children[0]))
        assert client.request("status")["manager_state"] in ("initializing", "idle")
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (1, "")
    assert "settings" in output


@pytest.mark.parametrize("option", ["--zmq-control-addr", "--zmq-info-addr"])
def test_a_taken_port_ends_the_program_with_a_readable_sentence(short_folder, option):
    addresses = {
        "--zmq-control-addr": f"ipc://{short_folder}/control",
        "--zmq-info-addr": f"ipc://{short_folder}/info",
    }
    with zmq.Context() as context, context.socket(zmq.REP) as taken:
        port = taken.bind_to_random_port("tcp://127.0.0.1")
        addresses[option] = f"tcp://127.0.0.1:{port}"
        result = start_re_manager(
            *(f"{name}={address}" for name, address in addresses.items()),
            "--zmq-publish-console=ON",
            f"--store={short_folder}/s.sqlite",
            TMPDIR=str(short_folder),
        )
    assert result.returncode == 1
    assert str(port) in result.stderr
    assert "Is another manager running" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_redis_that_is_not_there_ends_the_program_with_a_readable_sentence(short_folder):
    result = start_re_manager(
        f"--zmq-control-addr=ipc://{short_folder}/control",
        "--redis-addr=redis://somebody:secret@127.0.0.1:9/0",
        TMPDIR=str(short_folder),
    )
    assert result.returncode == 1
    assert "127.0.0.1:9" in result.stderr
    assert "secret" not in result.stderr + result.stdout
    assert result.stderr.count("\n") == 1
