"""The ladder of stopping: what gives way to an interrupt, and what ends by force."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest

from qs_jupyter.errors import KernelFailure
from qs_kernel_worker.messages import FunctionJob, GetStatus, Interrupt, ScriptJob
from tests.contract.kernel.signs import Blocker

pytestmark = pytest.mark.asyncio(loop_scope="session")

STUBBORN = {
    "ignores interrupts": """
        while True:
            try:
                print("begun", flush=True)
                time.sleep(100)
            except KeyboardInterrupt:
                pass
        """,
    "waits in C code": """
        import hashlib
        while True:
            try:
                print("begun", flush=True)
                hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**30)
            except KeyboardInterrupt:
                pass  # it came before the C code
        """,
    "ignores signals": """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("begun", flush=True)
        time.sleep(100)
        """,
    "runs on its own loop": """
        async def never():
            print("begun", flush=True)
            await asyncio.sleep(100)
        asyncio.run(never())
        """,
}
INTERRUPTED = "runs on its own loop"
BLOCKED = "keeps the interpreter in C code"


async def started(bench, body: str) -> str:
    """Have a function run that does not end by itself."""
    await bench.script(
        "def stubborn():\n" + "\n".join("    " + line[8:] for line in body.splitlines())
    )
    uid = bench.uid("stubborn")
    await bench.driver.submit(FunctionJob(uid, 1, "stubborn"))
    await bench.recorder.until(lambda: "begun" in bench.recorder.text_of(uid))
    return uid


@pytest.mark.parametrize("kind", [*STUBBORN, BLOCKED])
async def test_whatever_the_worker_does_it_can_be_destroyed(new_bench, tmp_path, kind) -> None:
    bench = new_bench()
    await bench.open()
    process = psutil.Process(bench.driver._link.provisioner.pid)
    if kind == BLOCKED:
        blocker = Blocker(tmp_path)
        await bench.driver.submit(ScriptJob(bench.uid("blocked"), 1, blocker.code))
        await blocker.has_blocked()
        assert not await bench.answers(limit_s=0.3)
        assert bench.driver.is_running
    else:
        uid = await started(bench, STUBBORN[kind])
        await bench.driver.request(Interrupt())
        if kind == INTERRUPTED:
            assert (await bench.done(uid)).outcome == "failed"
        else:
            report = await bench.driver.request(GetStatus())
            assert report["job"]["uid"] == uid, "it gave way, so this shows nothing"
    await bench.driver.kill()
    assert not psutil.pid_exists(process.pid), "gone and reaped"
    assert bench.recorder.deaths == [], "it was asked for"
    assert not list(bench.runtime.path.glob(f"worker-{bench.driver._files.name}.*json"))


async def test_a_stopped_process_is_destroyed(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    pid = bench.driver._link.provisioner.pid
    os.kill(pid, signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    with pytest.raises(KernelFailure, match="did not answer GetStatus within"):
        await bench.driver.request(GetStatus(), timeout_s=0.3)
    await bench.driver.kill()
    assert not psutil.pid_exists(pid)


CHILDREN = """
import multiprocessing
child = subprocess.Popen(["sleep", "1000"])
shell = subprocess.Popen(
    "sleep 1001 & echo begun; wait", shell=True, stdout=subprocess.PIPE
)
shell.stdout.readline()
deaf = subprocess.Popen([sys.executable, "-c", '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(1000)
'''], stdout=subprocess.PIPE)
deaf.stdout.readline()
worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
worker.start()
on_its_own = subprocess.Popen(["sleep", "1002"], start_new_session=True)

def children():
    return on_its_own.pid
"""


@pytest.mark.parametrize("way", ["kill", "shutdown", "crash"])
async def test_what_the_worker_has_started_ends_with_it(new_bench, way) -> None:
    bench = new_bench()
    await bench.open()
    done = await bench.script(CHILDREN)
    assert done.outcome == "completed", done.traceback
    spared = psutil.Process((await bench.function("children")).return_value)
    worker = psutil.Process(bench.driver._link.provisioner.pid)
    children = [child for child in worker.children(recursive=True) if child != spared]
    assert len(children) >= 5
    try:
        if way == "crash":
            worker.kill()
            await bench.recorder.until(lambda: bench.recorder.deaths)
        else:
            await getattr(bench.driver, way)()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 15)
        assert [" ".join(child.cmdline()) for child in alive] == []
        assert spared.is_running(), "what goes to a session of its own is meant to stay"
    finally:
        spared.kill()
