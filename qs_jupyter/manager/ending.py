"""The end of the manager, and the aids by which tests disturb it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Any

from qs_jupyter.errors import BadRequest, KernelFailure, Refusal, StoreFailure
from qs_jupyter.manager.core import Core
from qs_jupyter.model import events
from qs_jupyter.model.starting import BUSY_KERNEL, holder
from qs_jupyter.model.state import Phase, Stage
from qs_kernel_worker.messages import Hold

STOP_OPTIONS = ("safe_off", "safe_on")
KNOWN_TESTS = ("reserve_kernel",)
RESERVED_S = 2.0


class Ending:
    """Carries out the methods that stop, freeze or probe the manager."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def stop(self, option: str) -> Mapping[str, Any]:
        """Begin the end; the reply leaves first."""
        core = self._core
        if option not in STOP_OPTIONS:
            raise BadRequest(f"Option '{option}' is not allowed. Allowed options: {STOP_OPTIONS}")
        phase = core.model.phase
        if option == "safe_on" and phase is not Phase.IDLE:
            raise BadRequest(
                "Closing RE Manager with option 'safe_on' is allowed only in 'idle' state. "
                f"Current state: '{phase.value}'"
            )
        asyncio.get_running_loop().call_soon(core.stopped.set)
        return {}

    async def end_worker(self) -> None:
        """End the worker: in order when it is idle, by force when something goes on."""
        core = self._core
        environment = core.model.environment
        if environment.stage is Stage.CLOSED:
            return
        is_idle = core.model.phase is Phase.IDLE and not environment.main_thread.is_foreign
        # Refused while the environment is on its way out already.
        with contextlib.suppress(Refusal):
            core.handle(events.CloseRequested() if is_idle else events.DestroyRequested())
        while core.model.environment.stage is not Stage.CLOSED:
            await core.status_board.next_change()
        # A store that is lost for good was reported, and is no reason to stay.
        with contextlib.suppress(StoreFailure):
            await core.durable()

    async def freeze(self) -> Mapping[str, Any]:
        """Stop this process where it stands; the launcher replaces it."""
        os.kill(os.getpid(), signal.SIGSTOP)
        raise AssertionError("a frozen manager went on")

    async def test(self, name: str) -> Mapping[str, Any]:
        """Carry out a test by name."""
        core = self._core
        if name not in KNOWN_TESTS:
            raise BadRequest(f"Unknown test: '{name}'. Known tests: {list(KNOWN_TESTS)}")
        if not core.settings.use_ipython_kernel:
            raise BadRequest("IPython kernel mode is not enabled")
        if core.model.environment.stage is not Stage.READY:
            raise BadRequest("Worker environment does not exist")
        thread = core.model.environment.main_thread
        if thread.is_foreign or thread.job is not None:
            who = holder(core.model) if thread.is_foreign else ""
            raise BadRequest(f"Failed to capture IPython kernel: {BUSY_KERNEL}{who}")
        try:
            await core.driver.request(Hold(on=True, seconds=RESERVED_S))
        except KernelFailure as failure:
            raise BadRequest(str(failure)) from failure
        return {}
