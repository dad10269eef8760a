"""Whether the worker gets on: a question now and then, only while the environment is open.

A worker can be alive and yet do nothing: C code that keeps the interpreter lock, a process
that somebody has stopped. No event tells of that, so the worker is asked. A question that is
not answered stays open, and its answer tells that the worker is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from qs_jupyter.errors import KernelFailure
from qs_jupyter.manager.core import Core
from qs_jupyter.model.state import Model, Stage
from qs_kernel_worker.messages import GetStatus

logger = logging.getLogger(__name__)

EVERY_S = 3.0
ANSWER_WITHIN_S = 2.0
# An answer may be long in coming, but a question can also be lost.
ASK_AGAIN_AFTER_S = 60.0
MEMORY_STEP = 32 * 2**20


class Pulse:
    """Keeps `Environment.responsive` true to the facts."""

    def __init__(
        self,
        core: Core,
        *,
        every_s: float = EVERY_S,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._core = core
        self._every_s = every_s
        self._answer_within_s = answer_within_s
        self._task: asyncio.Task[None] | None = None

    @property
    def is_asking(self) -> bool:
        """Whether the worker is asked now and then."""
        return self._task is not None

    def follow(self, model: Model) -> None:
        """Ask from now on, or no longer, as the environment is open or not."""
        is_open = model.environment.stage is Stage.READY
        if is_open and self._task is None:
            self._task = self._core.spawn(self._ask_on(), "pulse of the worker")
        elif not is_open and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ask_on(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._ask()

    async def _ask(self) -> None:
        request = self._core.driver.request(GetStatus(), timeout_s=ASK_AGAIN_AFTER_S)
        question = asyncio.ensure_future(request)
        try:
            await asyncio.wait([question], timeout=self._answer_within_s)
            if not question.done():
                self._note(False)
            # A failure is no news of this kind: a death is reported, a refusal was an answer.
            with contextlib.suppress(KernelFailure):
                report = await question
                self._note(True)
                self._note_memory(report.get("memory"))
        finally:
            question.cancel()

    def _note_memory(self, memory: int | None) -> None:
        """Tell how much memory the worker occupies, when it is clearly another amount."""
        environment = self._core.model.environment
        if environment.stage is not Stage.READY or memory is None:
            return
        told = environment.memory
        if told is None or abs(memory - told) > max(MEMORY_STEP, 0.1 * told):
            self._core.update_environment(memory=memory)

    def _note(self, responsive: bool) -> None:
        environment = self._core.model.environment
        if environment.stage is not Stage.READY or environment.responsive == responsive:
            return
        if responsive:
            logger.info("The worker answers again")
        else:
            logger.warning(
                "The worker is alive but does not answer: its Python is blocked. "
                "If that lasts, destroy the environment"
            )
        self._core.update_environment(responsive=responsive)
