"""A real worker kernel on a workbench, shared by the tests of a session."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import pytest_asyncio
from jupyter_client.asynchronous import AsyncKernelClient

from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel.driver import ConsoleText
from qs_jupyter.kernel.jupyter import JupyterDriver
from qs_jupyter.kernel.runtime import RuntimeFolder
from qs_jupyter.settings import Settings
from qs_kernel_worker.messages import (
    ContinueJob,
    Event,
    FunctionJob,
    GetStatus,
    JobDone,
    MainThreadChanged,
    NumberedEvent,
    Opened,
    PlanJob,
    ScriptJob,
    StartTask,
    encode,
)

LIMIT_S = 20.0

STARTUP = """
import asyncio, os, subprocess, sys, threading, time
import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky import RunEngine

RE = RunEngine({})


def empty():
    yield from bps.null()


@bpp.run_decorator(md={})
def steps(number: int = 3, delay: float = 0.02):
    for _ in range(number):
        yield from bps.checkpoint()
        yield from bps.sleep(delay)


@bpp.run_decorator(md={})
def failing():
    yield from bps.null()
    raise ValueError("the sample fell off")


enough = threading.Event()  # lets plans end that are held until then


@bpp.run_decorator(md={})
def held():
    while not enough.is_set():
        yield from bps.checkpoint()
        yield from bps.sleep(0.02)
    enough.clear()


@bpp.run_decorator(md={})
def no_checkpoints():
    yield from no_checkpoint_until_enough()


@bpp.run_decorator(md={})
def late_checkpoint():
    yield from no_checkpoint_until_enough()
    yield from bps.checkpoint()


def no_checkpoint_until_enough():
    while not enough.is_set():
        yield from bps.sleep(0.02)
    enough.clear()


@bpp.run_decorator(md={})
def computing():
    yield from bps.null()
    while not enough.is_set():
        pass
    enough.clear()


def talking(words: str = "hello"):
    yield from bps.null()
    print(words)


def double(x):
    return 2 * x


def is_enough():
    return enough.is_set()
"""


class Recorder:
    """Takes everything that a driver tells, and wakes those who wait for it."""

    def __init__(self) -> None:
        self.events: list[NumberedEvent] = []
        self.texts: list[ConsoleText] = []
        self.deaths: list[str] = []
        self.documents: list[tuple[str | None, list[dict[str, Any]]]] = []
        self.story: list[Any] = []  # events and texts in the order of their arrival
        self._changed = asyncio.Event()

    def worker_event(self, event: NumberedEvent) -> None:
        self.events.append(event)
        self._tell(event.event)

    def worker_documents(self, item_uid: str | None, documents: list[dict[str, Any]]) -> None:
        self.documents.append((item_uid, documents))

    def worker_text(self, text: ConsoleText) -> None:
        self.texts.append(text)
        self._tell(text)

    def worker_died(self, cause: str) -> None:
        self.deaths.append(cause)
        self._tell(cause)

    def _tell(self, news: Any) -> None:
        self.story.append(news)
        self._changed.set()

    async def until(self, condition: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
        """Wait until the condition is true; it is looked at with everything that arrives."""
        async with asyncio.timeout(limit_s):
            while not (found := condition()):
                self._changed.clear()
                await self._changed.wait()
        return found

    async def event(self, kind: type[Event], since: int = 0, **facts: Any) -> Any:
        """Wait for an event with these facts after the given number."""

        def find() -> Any:
            for each in self.events:
                event = each.event
                fits = all(getattr(event, k, None) == v for k, v in facts.items())
                if each.seq > since and isinstance(event, kind) and fits:
                    return event
            return None

        return await self.until(find)

    def text_of(self, uid: str | None, source: str | None = None) -> str:
        return "".join(t.text for t in self.texts if t.uid == uid and source in (None, t.source))


class Bench:
    """A driver with its recorder, and short words for what tests do all the time."""

    def __init__(self, settings: Settings, name: str = "bench") -> None:
        self.settings = settings
        self.runtime = RuntimeFolder(Path(str(settings.runtime_dir)))
        self.recorder = Recorder()
        self.driver = JupyterDriver(settings, self.runtime, self.recorder, worker_name=name)
        self._numbers = itertools.count(1)

    @property
    def seq(self) -> int:
        events = self.recorder.events
        return events[-1].seq if events else 0

    async def open(self) -> Opened:
        earlier = len(self.recorder.events)  # those of another worker count from 1 as well
        await self.driver.start()

        def find() -> Opened | None:
            events = [each.event for each in self.recorder.events[earlier:]]
            return next((event for event in events if isinstance(event, Opened)), None)

        opened: Opened = await self.recorder.until(find)
        return opened

    async def answers(self, limit_s: float = LIMIT_S) -> bool:
        """Tell whether the worker answers a question in time."""
        try:
            await self.driver.request(GetStatus(), timeout_s=limit_s)
        except KernelFailure:
            return False
        return True

    def uid(self, word: str) -> str:
        return f"{word}-{next(self._numbers)}"

    async def submit_plan(self, name: str, **kwargs: Any) -> PlanJob:
        uid = self.uid(name)
        job = PlanJob(uid, 1, f"item-{uid}", name, [], kwargs, {}, {"queue_item_uid": uid})
        await self.driver.submit(job)
        return job

    async def done(self, uid: str, since: int = 0) -> JobDone:
        end: JobDone = await self.recorder.event(JobDone, uid=uid, since=since)
        return end

    async def until_free(self) -> None:
        """Wait until nobody holds the main thread; a cell does a moment longer than its reply."""

        def is_free() -> bool:
            events = [each.event for each in self.recorder.events]
            changes = [event for event in events if isinstance(event, MainThreadChanged)]
            return not changes[-1].busy

        await self.recorder.until(is_free)

    async def plan(self, name: str, **kwargs: Any) -> JobDone:
        job = await self.submit_plan(name, **kwargs)
        return await self.done(job.uid)

    async def let_go(self) -> None:
        """Let the plan end that is held until then."""
        await self.done(await self.background("enough.set()"))

    async def carry_on(self, action: str, item_uid: str) -> JobDone:
        return await self.done((await self.submit_continue(action, item_uid)).uid)

    async def submit_continue(self, action: str, item_uid: str) -> ContinueJob:
        job = ContinueJob(self.uid(action), 1, item_uid, action)
        await self.driver.submit(job)
        return job

    async def script(self, source: str, **kwargs: Any) -> JobDone:
        uid = self.uid("script")
        await self.driver.submit(ScriptJob(uid, 1, textwrap.dedent(source), **kwargs))
        return await self.done(uid)

    async def function(self, name: str, *args: Any) -> JobDone:
        uid = self.uid(name)
        await self.driver.submit(FunctionJob(uid, 1, name, list(args)))
        return await self.done(uid)

    async def background(self, source: str) -> str:
        uid = self.uid("background")
        job = ScriptJob(uid, 1, textwrap.dedent(source), update_lists=False)
        await self.driver.request(StartTask(encode(job)))
        return uid


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="qs") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def base_settings(short_folder: Path) -> Settings:
    """Settings of the shared worker."""
    startup = short_folder / "startup"
    startup.mkdir()
    (startup / "00-all.py").write_text(STARTUP)
    return Settings(runtime_dir=str(short_folder / "run"), startup_dir=str(startup))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_bench(base_settings: Settings) -> AsyncIterator[Bench]:
    bench = Bench(base_settings)
    opened = await bench.open()
    assert opened.ok, opened
    yield bench
    await bench.driver.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def bench(shared_bench: Bench) -> AsyncIterator[Bench]:
    """The shared worker, with an empty record, and idle before and after."""
    bench = shared_bench
    bench.recorder.story.clear()
    bench.recorder.texts.clear()
    yield bench
    report = await bench.driver.request(GetStatus())
    assert report["job"] is None, "a test left a job behind"
    assert report["background_tasks"] == [], "a test left a background task behind"
    assert report["re_state"] == "idle"
    is_enough = await bench.function("is_enough")
    assert is_enough.return_value is False, "the next plan that is held would not be"


@pytest_asyncio.fixture(loop_scope="session")
async def new_bench(base_settings: Settings) -> AsyncIterator[Callable[..., Bench]]:
    """Make further workbenches; whatever they started is ended."""
    benches: list[Bench] = []
    names = itertools.count(1)

    def make(startup: dict[str, str] | None = None, **changes: Any) -> Bench:
        settings = replace(base_settings, **changes)
        if startup is not None:
            folder = Path(tempfile.mkdtemp(dir=str(Path(str(settings.runtime_dir)).parent)))
            for name, text in startup.items():
                (folder / name).write_text(textwrap.dedent(text))
            settings = replace(settings, startup_dir=str(folder))
        bench = Bench(settings, name=f"new{next(names)}")
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        with contextlib.suppress(Exception):
            await bench.driver.kill()


class Console:
    """A stock client, as a console or a notebook uses it."""

    def __init__(self, client: AsyncKernelClient, bench: Any) -> None:
        self.client = client
        self._bench = bench

    @property
    def session(self) -> str:
        return str(self.client.session.session)

    async def reply(self, msg_id: str) -> dict[str, Any]:
        while True:
            message = await self.client.get_shell_msg(timeout=LIMIT_S)
            if message["parent_header"].get("msg_id") == msg_id:
                return dict(message["content"])

    async def run(self, code: str) -> dict[str, Any]:
        """Run a cell and wait until it has left the main thread."""
        earlier = len(self._bench.recorder.events)
        reply = await self.reply(self.client.execute(code))

        def has_left() -> bool:
            events = [each.event for each in self._bench.recorder.events[earlier:]]
            cells = [event.cell for event in events if isinstance(event, MainThreadChanged)]
            came = [bool(cell) and cell["session"] == self.session for cell in cells]
            return True in came and cells[-1] is None

        await self._bench.recorder.until(has_left)
        await self._bench.until_free()
        return reply


@asynccontextmanager
async def _console(bench: Bench) -> AsyncIterator[Console]:
    client = AsyncKernelClient()
    client.load_connection_file(str(bench.driver.connection_file()))
    client.start_channels(stdin=False, hb=False)
    console = Console(client, bench)
    while True:  # until what is published arrives, too
        await console.reply(client.kernel_info())
        with contextlib.suppress(Empty):
            await client.get_iopub_msg(timeout=0.2)
            break
    yield console
    client.stop_channels()


@pytest_asyncio.fixture(loop_scope="session")
async def console(bench: Bench) -> AsyncIterator[Console]:
    """A stock client of the shared worker."""
    async with _console(bench) as console:
        yield console


@pytest_asyncio.fixture(loop_scope="session")
async def colleague(bench: Bench) -> AsyncIterator[Console]:
    """Another one."""
    async with _console(bench) as console:
        yield console
