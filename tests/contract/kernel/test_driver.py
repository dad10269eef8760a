"""The driver: finds a worker again, notices its death, misses no event, cleans up behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel.driver import WorkerBusyError
from qs_jupyter.kernel.jupyter import JupyterDriver
from qs_jupyter.kernel.runtime import RuntimeFolder
from qs_kernel_worker.messages import (
    Acknowledge,
    GetEvents,
    GetStacks,
    GetStatus,
    Hold,
    JobDone,
    Opened,
    RunEngineChanged,
    ScriptJob,
)
from tests.contract.kernel.conftest import LIMIT_S
from tests.contract.kernel.signs import Blocker, gate
from tests.loop_clock import stopped_clock

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANAGER = """
import asyncio, sys
from pathlib import Path
from qs_jupyter.kernel.jupyter import JupyterDriver
from qs_jupyter.kernel.runtime import RuntimeFolder
from qs_jupyter.settings import Settings
from qs_kernel_worker.messages import PlanJob, Opened, RunEngineChanged


class Listener:
    def __init__(self):
        self.opened, self.runs = asyncio.Event(), asyncio.Event()

    def worker_event(self, event):
        if isinstance(event.event, Opened):
            self.opened.set()
        if getattr(event.event, "state", None) == "running":
            self.runs.set()

    def worker_documents(self, item_uid, documents):
        pass

    def worker_text(self, text):
        pass

    def worker_died(self, cause):
        pass


async def main(runtime, startup, name, plan):
    listener = Listener()
    settings = Settings(runtime_dir=runtime, startup_dir=startup)
    driver = JupyterDriver(settings, RuntimeFolder(Path(runtime)), listener, worker_name=name)
    await driver.start()
    await listener.opened.wait()
    await driver.submit(PlanJob("kept", 1, "item-kept", plan, [], {}))
    await listener.runs.wait()
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
"""


async def killed_manager(bench, name: str, plan: str) -> None:
    """Let a manager of its own start a worker with a plan, then kill the manager."""
    settings = bench.settings
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MANAGER,
        str(settings.runtime_dir),
        str(settings.startup_dir),
        name,
        plan,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'kernel_worker'}"},
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), LIMIT_S) == b"ready\n"
    process.kill()
    await process.wait()


async def test_a_plan_outlives_its_manager_and_is_found_again(new_bench) -> None:
    bench = new_bench()
    await killed_manager(bench, "new1", "held")
    report = await bench.driver.adopt()
    assert report.re_state == "running"
    assert report.job["uid"] == "kept"
    await bench.let_go()
    done = await bench.done("kept")
    assert (done.outcome, done.item_uid) == ("completed", "item-kept")
    assert (await bench.plan("empty")).outcome == "completed"
    await bench.driver.shutdown()


async def test_what_ended_without_a_manager_is_told_to_the_next(new_bench) -> None:
    bench = new_bench()
    await killed_manager(bench, "new1", "steps")
    report = await bench.driver.adopt()
    done = await bench.done("kept")
    assert done.outcome == "completed"
    opened = [e for e in bench.recorder.events if isinstance(e.event, Opened)]
    assert len(opened) == 1
    assert report.phase == "ready"
    await bench.driver.kill()


async def test_without_a_worker_there_is_nothing_to_adopt(new_bench) -> None:
    bench = new_bench()
    assert await bench.driver.adopt() is None


async def test_a_process_that_got_the_pid_of_a_worker_is_left_alone(new_bench) -> None:
    bench = new_bench()
    files = bench.runtime.worker("new1")
    files.process.write_text(
        json.dumps({"pid": os.getpid(), "start": 1, "connection_file": str(files.connection)})
    )
    assert await bench.driver.adopt() is None
    assert not files.process.exists()


async def test_events_are_numbered_without_gaps_after_letting_go(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    await bench.plan("empty")
    seq = bench.seq
    await bench.driver.detach()
    assert not bench.driver.is_running
    await bench.driver.adopt(since=seq)
    await bench.plan("empty")
    numbers = [event.seq for event in bench.recorder.events]
    assert numbers == list(range(1, len(numbers) + 1))
    await bench.driver.shutdown()


async def test_lost_copies_of_events_are_fetched(bench) -> None:
    channels = bench.driver._link._channels
    take = channels._on_event
    lost = []

    def lose_some(data):
        if len(lost) < 3:
            lost.append(data["seq"])
        else:
            take(data)

    channels._on_event = lose_some
    try:
        assert (await bench.plan("steps", number=1)).outcome == "completed"
    finally:
        channels._on_event = take
    assert lost
    numbers = [event.seq for event in bench.recorder.events]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_result_too_big_for_a_broadcast_arrives_whole(bench) -> None:
    await bench.script("def big():\n    return 'x' * 1_000_000\n")
    done = await bench.function("big")
    assert done.return_value == "x" * 1_000_000


async def test_acknowledged_events_are_forgotten(bench) -> None:
    await bench.plan("empty")
    await bench.driver.request(Acknowledge(bench.seq))
    assert (await bench.driver.request(GetEvents(0)))["events"] == []
    await bench.plan("empty")
    bench.driver.acknowledge(bench.seq)


async def test_death_is_noticed_at_once(new_bench) -> None:
    bench = new_bench()
    report = await bench.driver.start()
    await bench.recorder.event(Opened)
    job = await bench.submit_plan("held")
    with stopped_clock():  # a look now and then would never come
        os.kill(report.pid, signal.SIGKILL)
        await bench.recorder.until(lambda: bench.recorder.deaths)
    assert "SIGKILL" in bench.recorder.deaths[0]
    assert not bench.driver.is_running
    assert not await bench.answers()
    with pytest.raises(KernelFailure, match="There is no worker"):
        await bench.driver.request(GetStatus())
    assert not any(isinstance(e.event, JobDone) for e in bench.recorder.events), job
    assert (await bench.open()).ok, "a new worker can be started"


async def test_a_crash_in_c_code_leaves_its_stack_in_the_cause(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    uid = bench.uid("crash")
    # The word that it took the job may die with the worker.
    with contextlib.suppress(KernelFailure):
        await bench.driver.submit(ScriptJob(uid, 1, "import ctypes\nctypes.string_at(0)\n"))
    await bench.recorder.until(lambda: bench.recorder.deaths)
    assert "SIGSEGV" in bench.recorder.deaths[0]
    assert "Fatal Python error: Segmentation fault" in bench.recorder.deaths[0]


async def test_an_adopted_worker_that_dies_is_noticed(new_bench) -> None:
    bench = new_bench()
    await killed_manager(bench, "new1", "held")
    report = await bench.driver.adopt()
    os.kill(report.pid, signal.SIGKILL)
    await bench.recorder.until(lambda: bench.recorder.deaths)
    assert not bench.driver.is_running


async def block(bench, folder: Path) -> None:
    """Let the worker sit in C code that never lets Python go on."""
    blocker = Blocker(folder)
    await bench.driver.submit(ScriptJob("block", 1, blocker.code))
    await blocker.has_blocked()


async def test_blocked_python_is_told_from_death(new_bench, tmp_path) -> None:
    bench = new_bench()
    await bench.open()
    assert await bench.answers()
    await block(bench, tmp_path)
    assert not await bench.answers(limit_s=0.3)
    assert bench.driver.is_running
    await bench.driver.kill()
    assert not bench.driver.is_running
    assert bench.recorder.deaths == [], "it was asked to go"


async def test_ending_a_worker_removes_its_files(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    files = bench.runtime.worker("new1")
    assert bench.runtime.path.stat().st_mode & 0o777 == 0o700
    assert stat.S_IMODE(files.connection.stat().st_mode) == 0o600
    info = bench.driver.connection_info()
    assert (info["transport"], info["ip"]) == ("ipc", files.socket_prefix)
    await bench.driver.shutdown()
    left = [path.name for path in bench.runtime.path.glob("*new1*")]
    assert left == ["worker-new1.log"]
    assert bench.driver.connection_info() == {}
    assert bench.recorder.deaths == []


async def test_a_worker_in_a_plan_is_ended_by_force(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    await bench.submit_plan("steps", number=1000, delay=1)
    await bench.driver.kill()
    assert not bench.driver.is_running


async def test_only_the_manager_that_came_last_gives_orders(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    second = JupyterDriver(bench.settings, bench.runtime, bench.recorder, worker_name="new1")
    assert await second.adopt() is not None
    with pytest.raises(KernelFailure, match="another manager holds the lease"):
        await bench.driver.submit(ScriptJob("late", 1, "1"))
    with pytest.raises(KernelFailure, match="another manager holds the lease"):
        await bench.driver.request(Hold(True))
    assert (await bench.driver.request(GetStatus()))["phase"] == "ready"
    await bench.driver.detach()
    await second.kill()


async def test_starting_twice_is_refused(bench) -> None:
    with pytest.raises(KernelFailure, match="running already"):
        await bench.driver.start()


async def test_a_job_during_the_startup_code_is_refused(new_bench, tmp_path) -> None:
    with gate(tmp_path) as end:
        bench = new_bench({"00-slow.py": end.code})
        await bench.driver.start()
        with pytest.raises(WorkerBusyError, match="the startup code is still running"):
            await bench.submit_plan("empty")
        end.open()
        await bench.recorder.event(Opened)


async def test_stacks_of_a_running_worker_are_shown(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    stacks = (await bench.driver.request(GetStacks()))["stacks"]
    assert "bluesky-run-engine" in stacks
    await bench.let_go()
    await bench.done(job.uid)


async def test_a_long_runtime_folder_falls_back_to_encrypted_tcp(new_bench, tmp_path) -> None:
    folder = tmp_path / ("long" * 25)
    bench = new_bench(runtime_dir=str(folder))
    assert (await bench.open()).ok
    info = bench.driver.connection_info()
    assert info["transport"] == "tcp"
    assert info["ip"] == "127.0.0.1"
    assert info["curve_publickey"]
    seq = bench.seq
    await bench.driver.detach()
    assert await bench.driver.adopt(since=seq) is not None
    assert (await bench.plan("empty")).outcome == "completed"


async def test_the_open_mode_uses_plain_tcp_and_keeps_a_named_file(new_bench, tmp_path) -> None:
    changes = {
        "security": "compat",
        "ipython_connection_file": "beamline.json",
        "ipython_connection_dir": str(tmp_path),
    }
    bench = new_bench(**changes)
    await bench.open()
    first = bench.driver.connection_info()
    assert (first["transport"], first["ip"]) == ("tcp", "127.0.0.1")
    assert "curve_publickey" not in first
    await bench.driver.shutdown()
    assert (tmp_path / "beamline.json").exists()
    await bench.driver.start()
    second = bench.driver.connection_info()
    assert second["key"] == first["key"]
    assert second["shell_port"] == first["shell_port"]
    await bench.driver.kill()
    moved = new_bench(**changes, ipython_shell_port=second["shell_port"] + 1)
    await moved.driver.start()
    third = moved.driver.connection_info()
    assert third["key"] != first["key"]
    assert third["shell_port"] == second["shell_port"] + 1


async def test_a_named_file_of_local_sockets_keeps_its_key_too(new_bench, tmp_path) -> None:
    named = {"ipython_connection_file": "mine.json", "ipython_connection_dir": str(tmp_path)}
    bench = new_bench(**named)
    await bench.driver.start()
    first = bench.driver.connection_info()
    assert first["transport"] == "ipc"
    await bench.driver.shutdown()
    await bench.driver.start()
    second = bench.driver.connection_info()
    assert {**second, "jupyter_session": None} == {**first, "jupyter_session": None}
    await bench.driver.kill()


@pytest.mark.parametrize(
    "damage",
    [{"shell_port": "many"}, {"hb_port": 0}, {"key": ""}, {"key": None}],
    ids=["a port in words", "no port", "an empty key", "no key"],
)
async def test_a_named_file_that_nobody_can_use_is_written_anew(
    new_bench, tmp_path, damage: dict[str, object]
) -> None:
    path = tmp_path / "mine.json"
    named = {"ipython_connection_file": path.name, "ipython_connection_dir": str(tmp_path)}
    bench = new_bench(security="compat", **named)
    sound = {f"{name}_port": 1 for name in ("shell", "iopub", "stdin", "hb", "control")}
    sound |= {"transport": "tcp", "ip": "127.0.0.1", "key": "old"}
    path.write_text(json.dumps({**sound, **damage}))
    await bench.driver.start()
    info = bench.driver.connection_info()
    assert len(info["key"]) > 10
    assert all(info[name] > 1 for name in sound if name.endswith("_port"))
    assert json.loads(path.read_text())["key"] == info["key"]
    await bench.driver.kill()


async def test_files_of_dead_workers_are_swept(new_bench) -> None:
    bench = new_bench()
    report = await bench.driver.start()
    await bench.driver.detach()
    RuntimeFolder(bench.runtime.path).sweep()
    assert bench.runtime.worker("new1").process.exists(), "it lives"
    os.kill(report.pid, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, report.pid, 0)
    RuntimeFolder(bench.runtime.path).sweep()
    assert not bench.runtime.worker("new1").process.exists()


async def test_another_interpreter_gets_the_code_of_the_worker_along(new_bench) -> None:
    bench = new_bench(worker_python=sys.executable)
    assert (await bench.open()).ok
    done = await bench.script("import qs_kernel_worker\nprint(qs_kernel_worker.__file__)\n")
    assert "/code/qs_kernel_worker/" in bench.recorder.text_of(done.uid)


async def test_settings_can_be_changed_between_two_workers(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    await bench.driver.shutdown()
    other = JupyterDriver(
        replace(bench.settings, use_ipython_kernel=False),
        bench.runtime,
        bench.recorder,
        worker_name="new1",
    )
    assert (await other.start()).phase == "starting"
    await other.kill()


async def test_a_worker_that_cannot_be_greeted_can_still_be_ended(
    new_bench, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr("qs_jupyter.kernel.jupyter.GREETING_LIMIT_S", 0.3)
    bench = new_bench()
    await bench.open()
    await block(bench, tmp_path)
    await bench.driver.detach()
    for _ in range(2):
        with pytest.raises(KernelFailure, match="lives but did not answer"):
            await bench.driver.adopt()
        assert bench.driver.is_running
    await bench.driver.kill()
    assert not bench.driver.is_running
    assert (await bench.open()).ok


async def test_a_worker_without_its_connection_file_can_still_be_ended(new_bench) -> None:
    bench = new_bench()
    report = await bench.driver.start()
    await bench.driver.detach()
    bench.runtime.worker("new1").connection.unlink()
    with pytest.raises(KernelFailure, match="connection file"):
        await bench.driver.adopt()
    with pytest.raises(KernelFailure, match="running already"):
        await bench.driver.start()
    await bench.driver.kill()
    assert (await bench.driver.start()).pid != report.pid


async def test_a_port_that_is_taken_is_named_as_the_cause(new_bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bench = new_bench(security="compat", ipython_shell_port=taken.getsockname()[1])
        with pytest.raises(KernelFailure, match=r"exit code 1: .*Address already in use"):
            await bench.driver.start()
    assert not bench.driver.is_running
