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
import signal
import subprocess
from pathlib import Path
from typing import Any

from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel import launch as launching
from qs_jupyter.kernel.connection import (
    WorkerKernelManager,
    found_kernel,
    new_context,
    new_kernel,
)
from qs_jupyter.kernel.driver import KernelListener
from qs_jupyter.kernel.provisioner import WorkerProvisioner
from qs_jupyter.kernel.runtime import (
    CRASH,
    RuntimeFolder,
    WorkerFiles,
    WorkerProcess,
    open_private,
    processes_started_with,
)
from qs_jupyter.kernel.worker_link import WorkerLink
from qs_jupyter.settings import Settings
from qs_jupyter.startup_code import install_demo_profile
from qs_kernel_worker.messages import (
    CONFIG_VARIABLE,
    Job,
    Request,
    Shutdown,
    WorkerReport,
)

logger = logging.getLogger(__name__)

START_LIMIT_S = 60.0
# Who finds a worker tries again, so this is no longer than an operator would wait for news.
GREETING_LIMIT_S = 4.0
REQUEST_LIMIT_S = 2.0
END_LIMITS_S = (3.0, 2.0, 5.0)  # after asking, after SIGTERM, after SIGKILL


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
        self._link: WorkerLink | None = None
        self._is_greeted = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a worker process is known and alive."""
        return self._link is not None and self._link.provisioner.has_process

    # ------------------------------------------------------------------ start and adopt

    async def start(self) -> WorkerReport:
        """Start a worker; return when it answers, before its startup code ends."""
        if self._link is not None or self._left_behind() is not None:
            raise KernelFailure("A worker is running already; close or destroy it first")
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
        except asyncio.CancelledError:
            # Left to the garbage collector, the context would wait for ever for its own socket.
            context.destroy(linger=0)
            raise
        except Exception as error:
            context.destroy(linger=0)
            raise KernelFailure(f"The worker could not be started: {error}") from error
        logger.info("Worker started: process %s", provisioner.pid)
        link = WorkerLink(kernel, provisioner, context, self._listener)
        return await self._attach(link, START_LIMIT_S, since=0)

    async def _launch(self, kernel: WorkerKernelManager, launch: launching.WorkerLaunch) -> None:
        # A file, not our own output: whoever waits for the end of that must not wait for a
        # worker that outlives us.
        with open_private(self._files.log) as log:
            await kernel.start_kernel(
                env=launching.environment(launch, self._files, os.environ),
                independent=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def adopt(self, since: int = 0) -> WorkerReport | None:
        """Attach to the worker an earlier manager left running; None when there is none.

        May be called again after it has failed.
        """
        if self._is_greeted:
            raise KernelFailure("A worker is running already")
        if self._link is not None:
            await self._forget(self._link, remove=False)
        process = self._left_behind()
        if process is None:
            self._end_unnoted()
            self._files.remove()
            return None
        context = new_context()
        try:
            kernel = found_kernel(process.connection_file, context)
        except (OSError, ValueError) as error:
            context.destroy(linger=0)
            raise KernelFailure(
                f"A worker is running (process {process.pid}), but its connection file "
                f"{process.connection_file!r} is of no use: {error}. Destroy the environment"
            ) from error
        provisioner = self._provisioner(kernel)
        provisioner.adopt(process)
        link = WorkerLink(kernel, provisioner, context, self._listener)
        report = await self._attach(link, GREETING_LIMIT_S, since=since, is_found=True)
        logger.info("Worker found again: process %s", process.pid)
        return report

    def _left_behind(self) -> WorkerProcess | None:
        process = self._files.read_process()
        return process if process is not None and process.is_alive() else None

    def _end_unnoted(self) -> None:
        """End a worker whose manager was killed before it could note the process down."""
        if self._files.process.exists() or not self._files.config.exists():
            return
        config = str(self._files.config)
        for pid in processes_started_with(CONFIG_VARIABLE, config, launching.PACKAGE):
            logger.warning("A worker that nobody had waited for is ended: process %d", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _provisioner(self, kernel: WorkerKernelManager) -> WorkerProvisioner:
        provisioner = WorkerProvisioner(
            kernel_id=self._files.name,
            kernel_spec=kernel._kernel_spec,  # noqa: SLF001 - the public one wants it installed
            parent=kernel,
        )
        # Written as early as can be: without it a worker whose manager dies is never found.
        provisioner.when_launched(
            lambda: self._files.write_process(provisioner.identity(kernel.connection_file))
        )
        kernel.provisioner = provisioner
        return provisioner

    async def _attach(
        self, link: WorkerLink, limit_s: float, since: int, *, is_found: bool = False
    ) -> WorkerReport:
        self._link = link
        try:
            report = await link.greet(limit_s, since, is_found=is_found)
        except KernelFailure as error:
            if link.provisioner.has_process:
                self._watch = asyncio.create_task(self._await_end(link), name="watch worker")
                raise
            cause = self._cause(link.provisioner, always=True)
            await self._forget(link, remove=True)
            raise KernelFailure(f"{error}: {cause}") from error
        self._is_greeted = True
        self._watch = asyncio.create_task(self._await_end(link), name="watch worker")
        return report

    # ----------------------------------------------------------------------- questions

    async def request(
        self, message: Request, *, timeout_s: float = REQUEST_LIMIT_S
    ) -> dict[str, Any]:
        """Send a request over control and return the reply's result."""
        return await self._linked().request(message, timeout_s)

    async def submit(self, job: Job, *, timeout_s: float = 5.0) -> None:
        """Hand a job to the main thread; return when the worker has taken it."""
        await self._linked().submit(job, timeout_s)

    def acknowledge(self, seq: int) -> None:
        """Tell the worker, soon, that events up to ``seq`` are durable."""
        if self._link is not None:
            self._link.acknowledge(seq)

    def _linked(self) -> WorkerLink:
        if self._link is None:
            raise KernelFailure("There is no worker")
        return self._link

    # ----------------------------------------------------------------------------- end

    async def _await_end(self, link: WorkerLink) -> None:
        """Tell the listener when the process ends without having been asked to."""
        await link.provisioner.ended.wait()
        cause = self._cause(link.provisioner)
        try:
            await link.end(cause)
            self._watch = None
            await self._forget(link, remove=True)
        except Exception:
            # The rim of the task: the manager must learn of the death whatever cannot be tidied up.
            logger.exception("Not everything that the worker has left could be put away")
        self._listener.worker_died(cause)

    def _cause(self, provisioner: WorkerProvisioner, *, always: bool = False) -> str:
        """Say how the process ended, with its last words after a crash."""
        cause, words = provisioner.how_it_ended(), self._files.last_words()
        if CRASH in words:
            return f"{cause}: {words}"  # which begin with what it was
        if not words or not always:
            return cause
        return f"{cause}: {words.splitlines()[-1]}\n{words}"

    async def shutdown(self) -> None:
        """End the worker in order, by force when it does not follow in time."""
        link = self._link
        if link is None:
            return
        self._stop_watching()
        with contextlib.suppress(KernelFailure):
            await self.request(Shutdown())
        provisioner = link.provisioner
        ladder = (None, provisioner.terminate, provisioner.kill)
        for step, limit_s in zip(ladder, END_LIMITS_S, strict=True):
            if step is not None:
                logger.warning("The worker did not end in time; next: %s", step.__name__)
                await step()
            if await provisioner.ended_within(limit_s):
                break
        await self._forget(link, remove=True)

    async def kill(self) -> None:
        """End the worker and its children at once, also one that could not be greeted."""
        self._stop_watching()
        left_behind = self._left_behind()
        provisioner = None if self._link is None else self._link.provisioner
        if provisioner is None and left_behind is not None:
            provisioner = WorkerProvisioner(kernel_id=self._files.name)
            provisioner.adopt(left_behind)
        if provisioner is not None:
            await provisioner.kill()
            if not await provisioner.ended_within(END_LIMITS_S[-1]):
                logger.error("Process %s does not end, even by force", provisioner.pid)
            provisioner.let_go()
        if self._link is not None:
            await self._forget(self._link, remove=True)
        self._files.remove()

    async def detach(self) -> None:
        """Let go of the worker and leave it running."""
        if self._link is not None:
            await self._forget(self._link, remove=False)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _forget(self, link: WorkerLink, *, remove: bool) -> None:
        self._link = None
        self._is_greeted = False
        self._stop_watching()
        await link.close()
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
        return None if self._link is None else str(self._link.kernel.connection_file)
