"""The worker as a kernel of Jupyter: found, used and left again, never ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import nbformat
import pytest
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from qs_jupyter.attach.provisioner import ShownFailure
from qs_jupyter.attach.worker import AttachFailure, find_worker
from qs_jupyter.client import connection
from tests.acceptance.running import Home, MakeManager, RunningManager, free_addresses

LIMIT_S = 60


@pytest.fixture(autouse=True)
def _homes_of_jupyter(manager: RunningManager, monkeypatch: pytest.MonkeyPatch) -> None:
    _use_home(manager.home, monkeypatch)


def _use_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in home.environment.items():
        if name.startswith(("QSERVER", "XDG")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(home.folder / "jupyter"))
    monkeypatch.setenv("TMPDIR", str(home.folder / "tmp"))
    prefix = home.folder / "prefix"
    if not prefix.exists():
        answer = home.run("qs-jupyter", "kernelspec", "install", "--prefix", str(prefix))
        assert answer.code == 0, answer
    monkeypatch.setenv("JUPYTER_PATH", str(prefix / "share" / "jupyter"))


class Notebook:
    """What a notebook does with its kernel."""

    def __init__(self, kernel: AsyncKernelManager, client: Any) -> None:
        self.kernel = kernel
        self.client = client

    async def run(self, code: str, when_it_writes: Callable[[], None] = lambda: None) -> str:
        """Run a cell and return its text; an error is raised."""
        pieces: list[str] = []

        def take(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                pieces.append(message["content"]["text"])
                when_it_writes()

        async with asyncio.timeout(LIMIT_S):
            reply = await self.client.execute_interactive(
                code, output_hook=take, allow_stdin=False, store_history=False
            )
        content = reply["content"]
        assert content["status"] == "ok", f"{content['ename']}: {content['evalue']}"
        return "".join(pieces)

    async def waiting(self, code: str) -> asyncio.Task[str]:
        """Begin to run a cell while the queue runs; return when it is known to wait."""
        is_told = asyncio.Event()
        cell = asyncio.create_task(self.run(code, is_told.set))
        async with asyncio.timeout(LIMIT_S):
            await is_told.wait()
        return cell

    async def pid(self) -> int:
        """Return the process in which cells run."""
        return int(await self.run("import os; print(os.getpid())"))


def new_kernel(**traits: Any) -> AsyncKernelManager:
    return AsyncKernelManager(kernel_name="qs-worker", **traits)


@asynccontextmanager
async def notebook(*, now: bool = False) -> AsyncIterator[Notebook]:
    """Open a notebook on the worker, and shut its kernel down at the end."""
    context = zmq.asyncio.Context()
    kernel = new_kernel(context=context)
    try:
        await kernel.start_kernel()
        client = kernel.client(context=context)
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=LIMIT_S)
            yield Notebook(kernel, client)
        finally:
            client.stop_channels()
            async with asyncio.timeout(LIMIT_S):
                await kernel.shutdown_kernel(now=now)
    finally:
        context.destroy(linger=0)


@contextlib.contextmanager
def closed_environment(manager: RunningManager) -> Iterator[None]:
    if manager.status()["worker_environment_exists"]:
        manager.do("environment_close")
        manager.until(lambda status: not status["worker_environment_exists"])
        manager.until_idle()
    yield


@pytest.mark.parametrize("now", [False, True], ids=["in order", "by force"])
async def test_shutting_the_notebook_down_leaves_the_worker(
    manager: RunningManager, now: bool
) -> None:
    manager.open()
    async with notebook(now=now) as first:
        assert await first.pid() == manager.worker_pid
        assert await first.run("kept = type(RE).__name__; print(kept)") == "RunEngine\n"
    async with notebook(now=now) as second:
        assert await second.pid() == manager.worker_pid
        assert await second.run("print(kept)") == "RunEngine\n"
    manager.add_count()
    manager.do("queue_start")
    manager.until(lambda status: status["items_in_history"] == 1)
    manager.until_idle()


async def test_a_restart_finds_the_same_worker_again(manager: RunningManager) -> None:
    manager.open()
    async with notebook() as opened:
        await opened.run("survives = 42")
        await opened.kernel.restart_kernel()
        assert await opened.kernel.is_alive()
        assert await opened.run("print(survives)") == "42\n"
        assert await opened.pid() == manager.worker_pid


async def test_a_cell_waits_until_the_queue_is_done(manager: RunningManager) -> None:
    manager.open()
    first, _ = manager.add_held(), manager.add_count()
    async with notebook() as opened:
        manager.do("queue_start")
        await asyncio.to_thread(manager.until_running, first)
        # The front end still gets its answers, for a notebook may be opened at any time.
        await opened.client.wait_for_ready(timeout=LIMIT_S)
        waiting = await opened.waiting("import time; when = time.time()")
        manager.gate.touch()
        await waiting
        assert manager.status()["items_in_history"] == 2
        last = manager.history()[-1]["result"]["time_stop"]
        assert float(await opened.run("print(when)")) >= last


async def test_an_interrupt_stops_a_cell_and_never_a_plan(manager: RunningManager) -> None:
    manager.open()
    async with notebook() as opened:
        has_begun = asyncio.Event()
        sleeping = asyncio.create_task(
            opened.run("import time; print('begun', flush=True); time.sleep(50)", has_begun.set)
        )
        await has_begun.wait()
        await opened.kernel.interrupt_kernel()
        with pytest.raises(AssertionError, match="KeyboardInterrupt"):
            await sleeping
        await asyncio.to_thread(manager.until, lambda status: status["ip_kernel_state"] == "idle")
        manager.add_held()
        manager.do("queue_start")
        await asyncio.to_thread(manager.until_running)
        with pytest.raises(ShownFailure, match=r"Not\sinterrupted:\sthe\sjob\s.*\(plan\)"):
            await opened.kernel.interrupt_kernel()
        waiting = await opened.waiting("too_late = 1")
        await opened.kernel.interrupt_kernel()
        with pytest.raises(AssertionError, match="TakenBack"):
            await waiting
        manager.gate.touch()
        await asyncio.to_thread(manager.until_idle)
    assert [item["result"]["exit_status"] for item in manager.history()] == ["completed"]


async def test_shutting_down_during_a_plan_disturbs_nothing(manager: RunningManager) -> None:
    manager.open()
    manager.add_held()
    manager.do("queue_start")
    await asyncio.to_thread(manager.until_running)
    async with notebook():
        pass
    manager.gate.touch()
    await asyncio.to_thread(manager.until_idle)
    assert [item["result"]["exit_status"] for item in manager.history()] == ["completed"]


async def test_a_cell_that_waits_is_taken_back_when_its_notebook_is_shut_down(
    manager: RunningManager,
) -> None:
    manager.open()
    manager.add_held()
    manager.do("queue_start")
    await asyncio.to_thread(manager.until_running)
    async with notebook() as closed_soon:
        closed_soon.client.execute("typed_too_late = 1")
        # Answered in the same order, so the cell has arrived.
        await closed_soon.client.wait_for_ready(timeout=LIMIT_S)
    assert manager.status()["manager_state"] == "executing_queue"
    manager.gate.touch()
    await asyncio.to_thread(manager.until_idle)
    async with notebook() as opened:
        assert await opened.run("print('typed_too_late' in globals())") == "False\n"


async def test_the_end_of_the_worker_is_noticed(manager: RunningManager) -> None:
    manager.open()
    async with notebook() as opened:
        assert await opened.kernel.is_alive()
        with closed_environment(manager):
            assert not await opened.kernel.is_alive()


async def test_without_an_environment_the_notebook_says_what_to_do(
    manager: RunningManager,
) -> None:
    with closed_environment(manager):
        kernel = new_kernel()
        with pytest.raises(ShownFailure) as caught:
            await kernel.start_kernel()
    assert max(map(len, str(caught.value).splitlines())) < 100, "front ends wrap no lines"
    assert " ".join(str(caught.value).split()) == (
        f"Cannot attach to the RE worker: no environment is open at the manager "
        f"{manager.home.control}: open the environment first (qserver environment open)"
    )


async def test_a_manager_that_was_named_and_is_away_is_not_replaced(
    manager: RunningManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.open()
    (nobody,) = free_addresses(1)
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", nobody)
    with pytest.raises(ShownFailure, match=f"no manager answers at\\s{nobody}"):
        await new_kernel().start_kernel()


async def test_a_worker_without_a_manager_is_found_by_its_files(
    manager: RunningManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.open()
    (nobody,) = free_addresses(1)
    monkeypatch.setattr(connection, "DEFAULT_CONTROL_ADDRESS", nobody)
    monkeypatch.delenv("QSERVER_ZMQ_CONTROL_ADDRESS")
    async with notebook() as opened:
        assert await opened.pid() == manager.worker_pid
        await opened.kernel.interrupt_kernel()
    empty = manager.home.folder / "empty"
    environment = {"QSERVER_RUNTIME_DIR": str(empty)}
    with pytest.raises(AttachFailure, match="no worker runs on this machine"):
        await find_worker(environment)


def test_nbclient_runs_a_notebook_on_the_worker(manager: RunningManager) -> None:
    manager.open()
    content = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("import os; print(os.getpid())"),
            nbformat.v4.new_code_cell("RE(count([det1], num=2)) and print('done')"),
        ]
    )
    NotebookClient(content, kernel_name="qs-worker", timeout=LIMIT_S).execute()
    first, second = (cell["outputs"] for cell in content["cells"])
    assert int(first[0]["text"]) == manager.worker_pid
    assert "done" in "".join(output.get("text", "") for output in second)
    assert manager.open()["worker_environment_exists"]


@pytest.mark.parametrize(
    ("options", "is_encrypted"),
    [
        (("--security", "compat"), False),
        (("--ipython-kernel-ip", "127.0.0.1"), True),
    ],
    ids=["tcp", "tcp with CURVE"],
)
async def test_workers_over_tcp_are_attached(
    make_manager: MakeManager,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    is_encrypted: bool,
) -> None:
    own = make_manager().start(*options)
    _use_home(own.home, monkeypatch)
    own.open()
    async with notebook() as opened:
        assert await opened.pid() == own.worker_pid
        assert opened.kernel.transport == "tcp"
        assert (opened.kernel.curve_publickey is not None) is is_encrypted
    found = await find_worker(own.home.environment)
    stranger = type(found)(found.info, None, found.manager)
    assert await stranger.is_alive(), "the heartbeat tells for a worker of another machine"
    if not is_encrypted:
        with pytest.raises(ShownFailure, match=r"wants\sencrypted\skernels"):
            await new_kernel(transport_encryption="required").start_kernel()
