"""A manager as processes of its own, in a folder of its own, of which nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Self

from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.client.connection import CommunicationFailure
from qs_jupyter.client.monitor import Subscription
from qs_jupyter.errors import Failure
from qs_jupyter.kernel.runtime import workers_in

START_LIMIT_S = 30.0
END_LIMITS_S = (10.0, 5.0, 5.0)  # after asking, after SIGTERM, after SIGKILL
KEPT_LINES = 40
LONGEST_LINE = 65_536


class ManagerEnded(Failure):
    """The manager ended without having been asked to."""


class PrivateManager:
    """An async context manager around ``start-re-manager`` with the simulated profile.

    It listens on free ports of this machine and keeps everything in a temporary folder. At
    the end the processes are ended, by force when they do not follow, and the folder is
    removed.
    """

    def __init__(self) -> None:
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.control_addr, self.info_addr = (f"tcp://127.0.0.1:{port}" for port in _free_ports(2))
        self.client = AsyncClient(self.control_addr)
        self._folder = tempfile.TemporaryDirectory(prefix="qs-", ignore_cleanup_errors=True)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def arguments(self) -> list[str]:
        """Options of ``start-re-manager`` beside its addresses and folders."""
        return ["--zmq-publish-console", "ON"]

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which programs talk to this manager and leave no files elsewhere."""
        folder = self._folder.name
        mine = {name: value for name, value in os.environ.items() if not name.startswith("QSERVER")}
        return {
            **mine,
            "TMPDIR": folder,
            "IPYTHONDIR": f"{folder}/ipython",
            "JUPYTER_RUNTIME_DIR": f"{folder}/jupyter",
            "JUPYTER_DATA_DIR": f"{folder}/jupyter-data",
            "QSERVER_ZMQ_CONTROL_ADDRESS": self.control_addr,
            "QSERVER_ZMQ_INFO_ADDRESS": self.info_addr,
        }

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.end()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.end()

    async def _start(self) -> None:
        folder = self._folder.name
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "qs_jupyter", "start-re-manager", *self.arguments),
            *("--zmq-control-addr", self.control_addr, "--zmq-info-addr", self.info_addr),
            *("--store", f"{folder}/store.sqlite", "--runtime-dir", f"{folder}/run"),
            env=self.environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C of the terminal is for us; the manager is ended in order.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._reader = asyncio.create_task(
            keep_lines(self._process.stdout, self.last_lines), name="output of the manager"
        )

    async def messages(self) -> AsyncGenerator[tuple[str, Any], None]:
        """Yield what the manager publishes, as topic and message, until it ends.

        Raises
        ------
        ManagerEnded
            The manager is gone.
        """
        import zmq  # noqa: PLC0415 - with asyncio only here
        import zmq.asyncio  # noqa: PLC0415

        subscription = Subscription(self.info_addr, "json", "QS_")
        stream = zmq.asyncio.Context.instance().socket(zmq.SUB)
        subscription.prepare(stream)
        stream.subscribe(subscription.topic)
        try:
            while True:
                frames = await self._or_end(stream.recv_multipart())
                yield frames[0].decode(), subscription.decode(frames)
        finally:
            stream.close()

    async def _or_end(self, waiting: Any) -> Any:
        assert self._reader is not None
        wanted = asyncio.ensure_future(waiting)
        try:
            await asyncio.wait({wanted, self._reader}, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise ManagerEnded("The manager has ended unexpectedly.")
            return wanted.result()
        finally:
            wanted.cancel()

    async def ready(self) -> None:
        """Wait until the manager answers.

        Raises
        ------
        ManagerEnded
            It ended instead.
        TimeoutError
            It did neither in time.
        """
        async with asyncio.timeout(START_LIMIT_S), contextlib.aclosing(self.messages()) as stream:
            async for topic, _content in stream:
                if topic == "QS_Info":
                    return

    # ------------------------------------------------------------------------------- ending

    async def stop(self) -> int:
        """Tell the manager to end its worker and itself; return its exit code."""
        await self.client.request("manager_stop", option="safe_off", check=True)
        assert self._process is not None
        async with asyncio.timeout(END_LIMITS_S[0]):
            return await self._process.wait()

    async def end(self) -> None:
        """End what still runs, and remove everything; harmless when done before."""
        # Nothing may come between a process and its end.
        earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            await self._end_processes()
        finally:
            if self._reader is not None:
                await asyncio.wait({self._reader}, timeout=1.0)
                self._reader.cancel()
            self.client.close()
            self._folder.cleanup()
            signal.signal(signal.SIGINT, earlier)

    async def _end_processes(self) -> None:
        process = self._process
        if process is None:
            return
        for step, limit_s in zip(
            (self._ask, self._terminate, self._kill), END_LIMITS_S, strict=True
        ):
            if process.returncode is not None:
                break
            await step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await process.wait()
        self._kill_worker()

    async def _ask(self) -> None:
        with contextlib.suppress(CommunicationFailure):
            await self.client.request("manager_stop", option="safe_off")

    async def _terminate(self) -> None:
        self._signal(signal.SIGTERM)

    async def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _kill_worker(self) -> None:
        """Kill a worker that outlived its manager; there is none after an end in order."""
        folder = Path(self._folder.name) / "run"
        if not folder.is_dir():
            return
        for files in workers_in(folder):
            process = files.read_process()
            if process is not None and process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    _kill_group(process.pid)


def _kill_group(leader: int) -> None:
    """Kill a group of processes; return when its leader is gone, for its files go next."""
    held = [os.pidfd_open(leader)] if hasattr(os, "pidfd_open") else []
    try:
        os.killpg(leader, signal.SIGKILL)
        select.select(held, [], [], END_LIMITS_S[-1] if held else 0)
    finally:
        for descriptor in held:
            os.close(descriptor)


async def keep_lines(stream: asyncio.StreamReader, lines: deque[str]) -> None:
    """Append the lines of a stream until it ends, of very long ones only the end."""
    rest = b""
    while piece := await stream.read(LONGEST_LINE):
        *whole, rest = (rest + piece).split(b"\n")
        lines.extend(line.decode(errors="replace").rstrip() for line in whole)
        rest = rest[-LONGEST_LINE:]
    if rest:
        lines.append(rest.decode(errors="replace"))


def _free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
