"""The process of a worker: started or found again, watched, ended.

On Linux a process is held by a pidfd: its end is an event of the loop, and a signal can never
hit a stranger that got the same pid. Elsewhere an own child is waited for in a thread, and a
process that somebody else started is looked at once a second, because nothing better exists.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from qs_jupyter.kernel.runtime import WorkerProcess, processes_of_group, start_of_process

LOOK_INTERVAL_S = 1.0
LEFT_BEHIND_LIMIT_S = 2.0


class WorkerProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Stands between jupyter_client and the process; also for a process it did not start."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pidfd: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event = asyncio.Event()
        self._returncode: int | None = None
        self._when_launched: Callable[[], None] = lambda: None

    # --------------------------------------------------------------- begin and find again

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the process and watch it."""
        info = await super().launch_kernel(cmd, **kwargs)
        self._when_launched()
        self._watch()
        return info

    def when_launched(self, callback: Callable[[], None]) -> None:
        """Call this as soon as there is a process."""
        self._when_launched = callback

    def adopt(self, process: WorkerProcess) -> None:
        """Take over a living process that an earlier manager started."""
        self.pid = process.pid
        with contextlib.suppress(ProcessLookupError):
            self.pgid = os.getpgid(process.pid)
        self._watch()

    def identity(self, connection_file: str) -> WorkerProcess:
        """Return what a later manager needs to find the process."""
        assert self.pid is not None
        return WorkerProcess(self.pid, start_of_process(self.pid), connection_file)

    # ---------------------------------------------------------------------------- watch

    @property
    def has_process(self) -> bool:
        """Whether the process runs as far as is known."""
        return self.pid is not None and not self._ended.is_set()

    @property
    def ended(self) -> asyncio.Event:
        """Set when the process has ended."""
        return self._ended

    async def ended_within(self, limit_s: float) -> bool:
        """Wait for the end, but not longer than this; return whether it came."""
        try:
            async with asyncio.timeout(limit_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def how_it_ended(self) -> str:
        """Say how the process ended, as far as can be known."""
        code = self._returncode
        if code is None:
            return f"process {self.pid} is gone"
        if code < 0:
            return f"process {self.pid} was ended by {_signal_name(-code)}"
        return f"process {self.pid} ended with exit code {code}"

    def _watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        if hasattr(os, "pidfd_open"):
            try:
                self._pidfd = os.pidfd_open(self.pid)
            except ProcessLookupError:
                self._has_ended()
            else:
                self._loop.add_reader(self._pidfd, self._has_ended)
        else:
            threading.Thread(
                target=self._wait_in_a_thread, name="worker process", daemon=True
            ).start()

    def _wait_in_a_thread(self) -> None:
        if self.process is not None:
            self.process.wait()
        else:
            while WorkerProcess(self.pid, None, "").is_alive():
                time.sleep(LOOK_INTERVAL_S)
        loop = self._loop
        assert loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has been closed since
            loop.call_soon_threadsafe(self._has_ended)

    def _has_ended(self) -> None:
        self._close_pidfd()
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._returncode = self.process.wait(timeout=1)  # reaps; it has ended already
        self._ended.set()
        self._end_left_behind()

    def _end_left_behind(self) -> None:
        """End what the worker has started, which would keep ports and devices.

        What has gone to a session of its own was meant to stay.
        """
        left = processes_of_group(self.pgid) if self.pgid == self.pid else []
        if not left:
            return
        _signal(left, signal.SIGTERM)
        assert self._loop is not None
        self._loop.call_later(LEFT_BEHIND_LIMIT_S, _signal, left, signal.SIGKILL)

    def let_go(self) -> None:
        """Stop watching; the process goes on."""
        self._close_pidfd()
        if self.process is not None and self.process.poll() is None:
            self.process.returncode = 0  # not a forgotten child: it is meant to go on

    def _close_pidfd(self) -> None:
        if self._pidfd is not None:
            assert self._loop is not None
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    # ------------------------------------------------------------- what jupyter_client asks

    async def poll(self) -> int | None:
        """Return None as long as the process runs."""
        if self._pidfd is not None:
            readable, _, _ = select.select([self._pidfd], [], [], 0)
            return 0 if readable else None
        return None if self.has_process else (self._returncode or 0)

    async def wait(self) -> int | None:
        """Wait for the end of the process."""
        if self.pid is not None:
            await self._ended.wait()
        return self._returncode

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the process and its children."""
        if not self.has_process:
            return
        with contextlib.suppress(ProcessLookupError):
            if self.pgid is not None and self.pgid == self.pid:
                os.killpg(self.pgid, signum)
            else:
                os.kill(self.pid, signum)

    async def kill(self, restart: bool = False) -> None:
        """End the process and its children by force."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the process by signal to end."""
        await self.send_signal(signal.SIGTERM)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have a number only
        return f"signal {number}"


def _signal(processes: list[WorkerProcess], number: signal.Signals) -> None:
    """Send a signal to those that are still the same."""
    for process in processes:
        if process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
