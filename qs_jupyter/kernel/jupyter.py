"""The kernel driver over jupyter_client: one worker kernel, started or found again.

Hooks into jupyter_client 8.9 and later: ``KernelManager._kernel_spec``, ``provisioner``,
``cleanup_connection_file``, ``cleanup_ipc_files``, ``cleanup_resources``,
``LocalProvisioner.launch_kernel`` with ``process``, ``pid`` and ``pgid``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
from collections.abc import Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Any

import zmq.asyncio

from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel import launch as launching
from qs_jupyter.kernel.channels import Channels
from qs_jupyter.kernel.connection import (
    WorkerKernelManager,
    found_kernel,
    new_context,
    new_kernel,
)
from qs_jupyter.kernel.driver import KernelListener, WorkerBusyError
from qs_jupyter.kernel.event_order import EventOrder
from qs_jupyter.kernel.provisioner import WorkerProvisioner
from qs_jupyter.kernel.runtime import RuntimeFolder, WorkerFiles
from qs_jupyter.settings import Settings
from qs_jupyter.startup_code import install_demo_profile
from qs_kernel_worker.messages import (
    REQUEST_TYPE,
    RUN_TYPE,
    Acknowledge,
    GetEvents,
    GetStatus,
    Hello,
    Job,
    Request,
    Shutdown,
    WorkerReport,
    encode,
)

logger = logging.getLogger(__name__)

START_LIMIT_S = 60.0
GREETING_LIMIT_S = 10.0
REQUEST_LIMIT_S = 2.0
ACKNOWLEDGE_AFTER_S = 0.2
END_LIMITS_S = (3.0, 2.0, 5.0)  # after asking, after SIGTERM, after SIGKILL


class _Worker:
    """One worker process with everything that is open towards it."""

    def __init__(
        self,
        kernel: WorkerKernelManager,
        provisioner: WorkerProvisioner,
        channels: Channels,
        context: zmq.asyncio.Context,
    ) -> None:
        self.kernel = kernel
        self.provisioner = provisioner
        self.channels = channels
        self.context = context
        self.is_asked_to_end = False
        self.watch: asyncio.Task[None] | None = None


class JupyterDriver:
    """Implements `KernelDriver`. ``worker_name`` tells this manager's worker from others."""

    def __init__(
        self,
        settings: Settings,
        runtime: RuntimeFolder,
        listener: KernelListener,
        *,
        worker_name: str,
    ) -> None:
        self._settings = settings
        self._files: WorkerFiles = runtime.worker(worker_name)
        self._listener = listener
        self._worker: _Worker | None = None
        self._order = EventOrder(lambda _event: None, lambda: None)
        self._tasks: set[asyncio.Task[None]] = set()
        self._acknowledged = 0
        self._to_acknowledge = 0
        self._acknowledging: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether a worker process is known and alive."""
        return self._worker is not None and self._worker.provisioner.has_process

    # ------------------------------------------------------------------ start and adopt

    async def start(self) -> WorkerReport:
        """Start a worker; return when it answers, before its startup code ends."""
        if self._worker is not None:
            raise KernelFailure("A worker is running already")
        launch = launching.worker_config(self._settings)
        self._files.remove()
        if self._settings.demo_mode and launch.profile is not None:
            install_demo_profile()
        launching.write_files(launch, self._files)
        argv = launching.command_line(launch, self._settings, self._files)
        context = new_context()
        kernel = new_kernel(self._settings, self._files, argv, context)
        provisioner = self._provisioner(kernel)
        try:
            await self._launch(kernel, launch)
        except Exception as error:
            context.destroy(linger=0)
            raise KernelFailure(f"The worker could not be started: {error}") from error
        self._files.write_process(provisioner.identity(kernel.connection_file))
        report = await self._greet(kernel, provisioner, context, START_LIMIT_S, since=0)
        logger.info("Worker started: process %s", provisioner.pid)
        return report

    async def _launch(self, kernel: WorkerKernelManager, launch: launching.WorkerLaunch) -> None:
        # A file, not our own output: whoever waits for the end of that must not wait for a
        # worker that outlives us.
        with self._files.log.open("wb") as log:
            await kernel.start_kernel(
                env=launching.environment(launch, self._files, os.environ),
                independent=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def adopt(self, since: int = 0) -> WorkerReport | None:
        """Attach to the worker an earlier manager left running; None when there is none."""
        if self._worker is not None:
            raise KernelFailure("A worker is running already")
        process = self._files.read_process()
        if process is None or not process.is_alive():
            self._files.remove()
            return None
        context = new_context()
        try:
            kernel = found_kernel(process.connection_file, context)
        except (OSError, ValueError) as error:
            context.destroy(linger=0)
            raise KernelFailure(
                f"A worker is running (process {process.pid}), but its connection file "
                f"{process.connection_file!r} is of no use: {error}. End the process by hand"
            ) from error
        provisioner = self._provisioner(kernel)
        provisioner.adopt(process)
        report = await self._greet(kernel, provisioner, context, GREETING_LIMIT_S, since=since)
        logger.info("Worker found again: process %s", process.pid)
        return report

    def _provisioner(self, kernel: WorkerKernelManager) -> WorkerProvisioner:
        provisioner = WorkerProvisioner(
            kernel_id=self._files.name,
            kernel_spec=kernel._kernel_spec,  # noqa: SLF001 - the public one looks for an installed one
            parent=kernel,
        )
        kernel.provisioner = provisioner
        return provisioner

    async def _greet(
        self,
        kernel: WorkerKernelManager,
        provisioner: WorkerProvisioner,
        context: zmq.asyncio.Context,
        limit_s: float,
        since: int,
    ) -> WorkerReport:
        """Open the channels, take the lease and catch up with the events."""
        self._order = order = EventOrder(self._listener.worker_event, self._start_replay)
        channels = Channels(kernel, order.take, self._listener.worker_text)
        worker = self._worker = _Worker(kernel, provisioner, channels, context)
        greeting = asyncio.create_task(self._hello(channels, limit_s), name="greet worker")
        ended = asyncio.create_task(provisioner.ended.wait(), name="worker ended")
        try:
            await asyncio.wait({greeting, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            if not greeting.done():
                greeting.cancel()
        if not greeting.done() or greeting.cancelled():
            cause = f"The worker ended before it answered: {self._cause(provisioner)}"
            await self._forget(worker, remove=True)
            raise KernelFailure(cause)
        worker.watch = asyncio.create_task(self._watch(worker), name="watch worker")
        report = greeting.result()
        order.begin(report.epoch, since if since <= report.seq else 0)
        self._acknowledged = self._to_acknowledge = 0
        await self._replay()
        return report

    async def _hello(self, channels: Channels, limit_s: float) -> WorkerReport:
        try:
            async with asyncio.timeout(limit_s):
                await channels.welcome.wait()
                reply = await channels.ask(
                    "control", REQUEST_TYPE, encode(Hello(channels.session)), limit_s
                )
        except TimeoutError:
            raise KernelFailure(
                f"The worker lives but did not answer within {limit_s:g} s; its Python may be "
                "blocked. Destroy the environment if that lasts"
            ) from None
        return _report(_result(reply))

    # ----------------------------------------------------------------------- questions

    async def request(
        self, message: Request, *, timeout_s: float = REQUEST_LIMIT_S
    ) -> dict[str, Any]:
        """Send a request over control and return the reply's result."""
        name = type(message).__name__
        channels = self._channels()
        try:
            reply = await channels.ask("control", REQUEST_TYPE, encode(message), timeout_s)
        except TimeoutError:
            raise KernelFailure(
                f"The worker did not answer {name} within {timeout_s:g} s"
            ) from None
        return _result(reply)

    async def submit(self, job: Job, *, timeout_s: float = 5.0) -> None:
        """Hand a job to the main thread; return when the worker has taken it."""
        channels = self._channels()
        try:
            reply = await channels.ask("shell", RUN_TYPE, encode(job), timeout_s)
        except TimeoutError:
            raise KernelFailure(
                f"The worker did not say within {timeout_s:g} s whether it took job {job.uid}"
            ) from None
        if reply.get("status") == "busy":
            raise WorkerBusyError(reply.get("message", "the main thread is taken"))
        _result(reply)

    def acknowledge(self, seq: int) -> None:
        """Tell the worker, soon, that events up to ``seq`` are durable."""
        self._to_acknowledge = max(self._to_acknowledge, seq)
        if self._acknowledging is None and self._worker is not None:
            loop = asyncio.get_running_loop()
            self._acknowledging = loop.call_later(ACKNOWLEDGE_AFTER_S, self._acknowledge_now)

    def _acknowledge_now(self) -> None:
        self._acknowledging = None
        if self._worker is not None and self._to_acknowledge > self._acknowledged:
            self._keep(self._send_acknowledgement(self._to_acknowledge))

    async def _send_acknowledgement(self, seq: int) -> None:
        # Lost ones do not matter: the next one covers them.
        with contextlib.suppress(KernelFailure):
            await self.request(Acknowledge(seq))
            self._acknowledged = max(self._acknowledged, seq)

    async def liveness(self, timeout_s: float = 1.0) -> str:
        """Return ``answering``, ``blocked`` (alive, but Python does not get to run) or ``dead``."""
        worker = self._worker
        if worker is None or not worker.provisioner.has_process:
            return "dead"
        try:
            await self.request(GetStatus(), timeout_s=timeout_s)
        except KernelFailure:
            return "blocked" if worker.provisioner.has_process else "dead"
        return "answering"

    async def heart_beats(self, timeout_s: float = 1.0) -> bool:
        """Whether the process still moves at all, even with Python blocked."""
        return await self._channels().ping(timeout_s)

    def _channels(self) -> Channels:
        if self._worker is None:
            raise KernelFailure("There is no worker")
        return self._worker.channels

    # -------------------------------------------------------------------------- replay

    def _start_replay(self) -> None:
        self._keep(self._replay())

    async def _replay(self) -> None:
        order = self._order
        try:
            found = await self.request(GetEvents(order.last), timeout_s=GREETING_LIMIT_S)
        except KernelFailure as error:
            logger.warning("Events of the worker could not be fetched yet: %s", error)
            order.replay_failed()
        else:
            order.take_replay(found["events"], found["seq"])

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ----------------------------------------------------------------------------- end

    async def _watch(self, worker: _Worker) -> None:
        await worker.provisioner.ended.wait()
        cause = self._cause(worker.provisioner)
        worker.channels.fail(cause)
        if worker.is_asked_to_end:
            return
        logger.error("The worker is gone: %s", cause)
        worker.watch = None
        await self._forget(worker, remove=True)
        self._listener.worker_died(cause)

    def _cause(self, provisioner: WorkerProvisioner) -> str:
        cause = provisioner.how_it_ended()
        tail = self._files.log_tail()
        return f"{cause}\n{tail}" if "Fatal Python error" in tail or "Error" in tail else cause

    async def shutdown(self) -> None:
        """End the worker in order, by force when it does not follow in time."""
        worker = self._worker
        if worker is None:
            return
        worker.is_asked_to_end = True
        with contextlib.suppress(KernelFailure):
            await self.request(Shutdown())
        ladder = (None, worker.provisioner.terminate, worker.provisioner.kill)
        for step, limit_s in zip(ladder, END_LIMITS_S, strict=True):
            if step is not None:
                logger.warning("The worker did not end in time; next: %s", step.__name__)
                await step()
            if await _ended_within(worker.provisioner, limit_s):
                break
        await self._forget(worker, remove=True)

    async def kill(self) -> None:
        """End the worker and its children at once, and remove its files."""
        worker = self._worker
        if worker is None:
            return
        worker.is_asked_to_end = True
        await worker.provisioner.kill()
        if not await _ended_within(worker.provisioner, END_LIMITS_S[-1]):
            logger.error("Process %s does not end, even by force", worker.provisioner.pid)
        await self._forget(worker, remove=True)

    async def detach(self) -> None:
        """Let go of the worker and leave it running."""
        worker = self._worker
        if worker is not None:
            worker.is_asked_to_end = True
            worker.provisioner.let_go()
            await self._forget(worker, remove=False)

    async def _forget(self, worker: _Worker, *, remove: bool) -> None:
        """Close everything that is open towards the worker."""
        self._worker = None
        if self._acknowledging is not None:
            self._acknowledging.cancel()
            self._acknowledging = None
        tasks = [task for task in (worker.watch, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await worker.channels.close()
        await worker.kernel.cleanup_resources()
        worker.context.term()
        if remove:
            self._files.remove()

    # ---------------------------------------------------------------------- connection

    def connection_info(self) -> dict[str, Any]:
        """Return the Jupyter connection information of the worker, ``{}`` without one."""
        path = self.connection_file()
        if path is None:
            return {}
        try:
            info: dict[str, Any] = json.loads(Path(path).read_text())
        except (OSError, ValueError):
            return {}
        return info

    def connection_file(self) -> str | None:
        """Return the path of the connection file, None without a worker."""
        return None if self._worker is None else str(self._worker.kernel.connection_file)


async def _ended_within(provisioner: WorkerProvisioner, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            await provisioner.ended.wait()
    except TimeoutError:
        return False
    return True


def _result(reply: dict[str, Any]) -> dict[str, Any]:
    if reply.get("status") != "ok":
        raise KernelFailure(str(reply.get("message", "the worker refused")))
    result = reply.get("result")
    return result if isinstance(result, dict) else {}


def _report(data: dict[str, Any]) -> WorkerReport:
    known = {field.name for field in fields(WorkerReport)}
    return WorkerReport(**{name: value for name, value in data.items() if name in known})
