"""Opening, closing and destroying the environment.

Each is a task beside the manager that ends with one event. Opening has two parts: the
process answers within a few hundred milliseconds, and its startup code ends whenever it
ends; in between the worker reports file by file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from qs_jupyter.errors import KernelFailure
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.document_feed import DocumentFeed
from qs_jupyter.manager.lists import Lists
from qs_jupyter.model import events
from qs_jupyter.model.state import Phase
from qs_kernel_worker.messages import GetStatus, Opened, StartupProgress

logger = logging.getLogger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]


class EnvironmentLife:
    """The tasks that change the environment; at most one runs."""

    def __init__(self, core: Core, lists: Lists, document_feed: DocumentFeed) -> None:
        self._core = core
        self._lists = lists
        self._document_feed = document_feed
        self._task: asyncio.Task[None] | None = None
        self._file: str | None = None

    def start(self) -> None:
        """Start a worker; its startup report comes later."""
        self._core.opening_report = None
        self._file = None
        self._run(self._start, "open environment")

    def close(self) -> None:
        """End the worker in order."""
        self._run(partial(self._end, forced=False), "close environment")

    def kill(self) -> None:
        """End the worker at once; an opening that is under way is given up."""
        self._run(partial(self._end, forced=True), "destroy environment")

    def search(self, work: Work) -> None:
        """Look for a worker that does not answer until it does, or is killed."""
        self._run(work, "find the worker again")

    def _run(self, work: Work, name: str) -> None:
        earlier, self._task = self._task, None
        self._task = self._core.spawn(_after(earlier, work), name)

    async def _start(self) -> None:
        try:
            await self._core.driver.start()
        except KernelFailure as failure:
            logger.error("The worker could not be started: %s", failure)  # noqa: TRY400
            self.failed(Opened(ok=False, msg=str(failure)))
        except Exception as error:
            # The rim of the task: without an end, the opening would go on for ever.
            logger.exception("Internal error while the worker was started")
            self.failed(_internal(error))

    async def _end(self, *, forced: bool) -> None:
        driver = self._core.driver
        try:
            await (driver.kill() if forced else driver.shutdown())
        except Exception:
            # The rim of the task: without an end, the environment would close for ever.
            logger.exception("Internal error while the worker was being ended")
        self._lists.generation = None
        asked = self._core.model.phase in (Phase.CLOSING, Phase.DESTROYING)
        logger.info("RE environment is closed")
        self._core.handle(events.WorkerGone("RE Worker environment was closed", asked=asked))

    def progress(self, event: StartupProgress) -> None:
        """Remember which startup file is being loaded; the worker itself tells of each."""
        self._file = None if event.done else event.file

    async def opened(self, event: Opened) -> None:
        """Take the result of the startup code, and the lists when it went well."""
        core = self._core
        if not event.ok:
            self.failed(event)
            return
        try:
            await self._lists.update_from_worker()
            report = await core.driver.request(GetStatus())
        except KernelFailure as failure:
            self.failed(Opened(ok=False, msg=str(failure)))
            return
        except Exception as error:
            # The rim of the task, as above.
            logger.exception("Internal error while the lists of the worker were taken")
            self.failed(_internal(error))
            return
        core.opening_report = asdict(event)
        _tell_what_is_wrong(event.report)
        logger.info("RE Environment is ready")
        core.handle(events.EnvironmentOpened(report.get("re_state")))
        core.update_environment(memory=report.get("memory"))
        if self._document_feed.is_wanted:
            self._document_feed.tell_worker()
        core.spawn(self._lists.save_file("ENVIRONMENT_OPEN"), "save lists")

    def died(self, cause: str) -> None:
        """Report that the process ended while it was opened, and in which startup file."""
        self.failed(Opened(ok=False, msg=cause, file=self._file))

    def failed(self, event: Opened) -> None:
        """Report a failed opening and get rid of the worker."""
        self._core.opening_report = asdict(event)
        # Errors of startup code name their file, and the worker has shown the traceback.
        is_told = event.file is not None and event.file in event.msg
        place = f" in '{event.file}'" if event.file and not is_told else ""
        logger.error("RE environment could not be opened%s: %s", place, event.msg)
        if event.traceback and not is_told:
            logger.error("%s", event.traceback.rstrip())
        self._core.handle(events.EnvironmentFailed(event.msg))


def _internal(error: Exception) -> Opened:
    return Opened(ok=False, msg=f"Internal error: {type(error).__name__}: {error}")


def _tell_what_is_wrong(report: Mapping[str, Any]) -> None:
    """Log what startup code has been warned of and what is left out, each once."""
    told: list[str] = []
    for kind in ("plans", "devices"):
        for name, reason in report.get(f"rejected_{kind}", {}).items():
            logger.warning("Left out of the list of %s: '%s': %s", kind, name, reason)
            told.append(str(reason))
    for warning in report.get("warnings", []):
        if not any(reason in warning for reason in told):
            logger.warning("%s", warning)


async def _after(earlier: asyncio.Task[None] | None, work: Work) -> None:
    """Do ``work`` once an earlier task has been given up."""
    if earlier is not None and not earlier.done() and earlier is not asyncio.current_task():
        earlier.cancel()
        await asyncio.gather(earlier, return_exceptions=True)
    await work()
