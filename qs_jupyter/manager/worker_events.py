"""What the worker reports becomes events of the machine and facts of the model.

Numbered events are taken one by one. Some need an answer of the worker before the next may
be looked at (new lists have to be here before the script that made them is over); then the
rest waits in line. An event is acknowledged when everything it caused is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from typing import Any

from qs_jupyter.errors import KernelFailure, StoreFailure
from qs_jupyter.kernel.driver import ConsoleText
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.document_feed import DocumentFeed
from qs_jupyter.manager.environment import EnvironmentLife
from qs_jupyter.manager.lists import Lists
from qs_jupyter.model import events
from qs_jupyter.model.state import MainThread
from qs_kernel_worker import messages as m

logger = logging.getLogger(__name__)

OUTSIDE = "The plan is completed outside RE Manager"
# Events that tell of a state, which a report of the worker tells as well.
STATES = (m.RunEngineChanged, m.MainThreadChanged)
TASK_NAMES = {"function": "Execute function", "script": "Load script"}


def listed_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what clients are told of a run, out of what the worker tells."""
    return {key: run.get(key) for key in ("uid", "scan_id", "is_open", "exit_status")}


class WorkerEvents:
    """Listens to the worker on behalf of the manager."""

    def __init__(
        self,
        core: Core,
        lists: Lists,
        environment_life: EnvironmentLife,
        document_feed: DocumentFeed,
    ) -> None:
        self._core = core
        self._lists = lists
        self._environment_life = environment_life
        self._document_feed = document_feed
        self._line: deque[m.NumberedEvent] = deque()
        # Events wait while an adoption or an answer of the worker is under way.
        self._is_held = False
        self._is_adopting = False
        self._reported: m.WorkerReport | None = None

    # ------------------------------------------------------------------ the listener's face

    def worker_event(self, event: m.NumberedEvent) -> None:
        """Take the next event of the worker."""
        self._line.append(event)
        if not self._is_held:
            self._advance()

    def worker_text(self, text: ConsoleText) -> None:
        """Pass output on to the console stream."""
        labels: dict[str, Any] = {"stream": text.stream, "source": text.source}
        if text.uid is not None:
            labels["uid"] = text.uid
        self._core.streams.text(text.text, text.time, **labels)

    def worker_documents(self, item_uid: str | None, documents: list[dict[str, Any]]) -> None:
        """Pass documents on to those who follow them."""
        self._document_feed.take(item_uid, documents)

    def worker_died(self, cause: str) -> None:
        """Be without an environment."""
        core = self._core
        if core.model.phase.value == "creating_environment":
            self._environment_life.died(cause)
            return
        if not self._is_adopting:
            self.take_last_words()
        logger.error("RE Worker has ended unexpectedly: %s", cause)
        self._lists.generation = None
        core.handle(events.WorkerGone(f"RE Worker has ended unexpectedly: {cause}"))

    # ----------------------------------------------------------------------- holding the line

    def hold(self) -> None:
        """Let events wait until `release`."""
        self._is_held = self._is_adopting = True

    def release(self) -> None:
        """Go on with the events that waited."""
        self._is_adopting = False
        self._go_on()

    def take_last_words(self) -> None:
        """Take the events that wait, of a worker that is gone: they came before its end.

        A plan that had ended is not to be run again. What would ask the worker is left out.
        """
        while self._line:
            slow = self._take_safely(self._line.popleft())
            if slow is not None:
                slow.close()

    def _go_on(self) -> None:
        self._is_held = self._is_adopting
        self._advance()

    def know_states(self, report: m.WorkerReport) -> None:
        """Let no event take the model back to a state from before a report."""
        self._reported = report

    def waiting(self) -> list[m.NumberedEvent]:
        """Return the events that wait."""
        return list(self._line)

    def _advance(self) -> None:
        while self._line and not self._is_held:
            numbered = self._line.popleft()
            slow = self._take_safely(numbered)
            if slow is not None:
                self._is_held = True
                self._core.spawn(self._wait_for(slow, numbered.seq), "worker event")
            else:
                self._acknowledge(numbered.seq)

    def _is_old(self, numbered: m.NumberedEvent) -> bool:
        report = self._reported
        return (
            report is not None
            and numbered.epoch == report.epoch
            and numbered.seq <= report.seq
            and isinstance(numbered.event, STATES)
        )

    async def _wait_for(self, work: Coroutine[Any, Any, None], seq: int) -> None:
        try:
            await work
        except KernelFailure as failure:
            logger.error("The worker did not answer: %s", failure)  # noqa: TRY400
        finally:
            self._acknowledge(seq)
            self._go_on()

    def _acknowledge(self, seq: int) -> None:
        write = self._core.last_write
        if write is None or (write.done() and not write.cancelled() and not write.exception()):
            self._core.driver.acknowledge(seq)
        else:
            self._core.spawn(self._acknowledge_later(seq), "acknowledge")

    async def _acknowledge_later(self, seq: int) -> None:
        try:
            await self._core.durable()
        except (StoreFailure, asyncio.CancelledError):
            return
        self._core.driver.acknowledge(seq)

    # -------------------------------------------------------------------------- one by one

    def _take_safely(self, numbered: m.NumberedEvent) -> Coroutine[Any, Any, None] | None:
        try:
            return None if self._is_old(numbered) else self._take(numbered.event)
        except Exception:
            # The rim to the worker: an event that makes trouble is not told again, and does not
            # keep back those behind it.
            logger.exception("An event of the worker could not be taken: %r", numbered.event)
            return None

    def _take(self, event: m.Event) -> Coroutine[Any, Any, None] | None:
        handler = _HANDLERS.get(type(event))
        if handler is None:
            return None
        return handler(self, event)

    def _startup_progress(self, event: m.StartupProgress) -> None:
        self._environment_life.progress(event)

    def _opened(self, event: m.Opened) -> Coroutine[Any, Any, None]:
        return self._environment_life.opened(event)

    def _run_engine_changed(self, event: m.RunEngineChanged) -> None:
        self._core.update_environment(
            re_state=event.state, deferred_pause=event.deferred_pause_requested
        )
        self._news()

    def _main_thread_changed(self, event: m.MainThreadChanged) -> None:
        thread = MainThread(job=event.job, cell=event.cell, held=event.held)
        self._core.update_environment(main_thread=thread)
        self._news()

    def _news(self) -> None:
        """Let autostart look again: the kernel may be free now."""
        self._core.hold_autostart(False)
        self._core.settle()

    def _run_changed(self, event: m.RunChanged) -> None:
        core = self._core
        running = core.model.running
        if running is None or event.item_uid != running.item.uid:
            return
        entry = listed_run(asdict(event))
        known = next((i for i, r in enumerate(core.run_list) if r["uid"] == event.uid), None)
        if known is None:
            core.run_list.append(entry)
        elif event.is_open or core.run_list[known] == entry:
            # A run opens once. After a restart the worker tells again what its report said.
            return
        else:
            core.run_list[known] = entry
        core.renew("run_list_uid")
        core.events.add("runs", core.now(), {"run_list": list(core.run_list)})
        if not event.is_open:
            logger.info("Run was closed: '%s' (%s)", event.uid, event.exit_status)

    def _lists_changed(self, _event: m.ListsChanged) -> Coroutine[Any, Any, None]:
        async def update() -> None:
            await self._lists.update_from_worker()
            self._core.spawn(self._lists.save_file("ALWAYS"), "save lists")

        return update()

    def _task_started(self, event: m.TaskStarted) -> None:
        core = self._core
        core.tasks.start(event.uid, time_start=event.time_start, run_in_background=True)
        fact = {"task_uid": event.uid, "status": "running"}
        core.events.add("task", core.now(), fact)
        tasks = core.model.environment.background_tasks | {event.uid}
        core.update_environment(background_tasks=tasks)

    def _job_done(self, event: m.JobDone) -> None:
        if event.kind in TASK_NAMES:
            self._task_done(event)
        else:
            self._plan_done(event)

    def _task_done(self, event: m.JobDone) -> None:
        core = self._core
        success = event.outcome == "completed"
        text = event.msg
        if not success and not text.startswith("Error occurred"):
            text = f"Error occurred while executing '{TASK_NAMES[event.kind]}': {text}"
        core.tasks.finish(
            event.uid,
            {
                "success": success,
                "msg": "" if success else text,
                "traceback": event.traceback,
                "return_value": event.return_value if success else None,
                "time_start": event.time_start,
                "time_stop": event.time_stop,
            },
            now=core.now(),
        )
        if not success:
            # Programs that know nothing of results show the console: it tells the place, too.
            told = f"{text}:\n{event.traceback.rstrip()}" if event.traceback else text
            logger.error("%s", told, extra={"task_uid": event.uid})
        remaining = core.model.environment.background_tasks - {event.uid}
        core.update_environment(background_tasks=remaining)
        if not event.background:
            core.follow(events.TaskEnded(event.uid))
        core.renew("task_results_uid")
        fact = {"task_uid": event.uid, "status": "completed", "success": success}
        core.events.add("task", core.now(), fact)
        core.settle()

    def _plan_done(self, event: m.JobDone) -> None:
        core = self._core
        running = core.model.running
        if running is None or running.item.uid != event.item_uid:
            return
        if event.outcome == "paused":
            core.handle(events.PlanPaused(event.uid))
            return
        outcome, text = event.outcome, event.msg
        if event.finished_outside:
            text = text or OUTSIDE
            # Nobody asked for this end; only failed or aborted runs tell how it came about.
            outcome = "unknown" if outcome == "completed" else outcome
        elif outcome == "failed" and not text.startswith("Plan failed"):
            text = f"Plan failed: {text}"
        runs = tuple(listed_run(run) for run in event.runs)
        core.handle(
            events.PlanEnded(
                outcome=outcome,
                msg=text,
                traceback=event.traceback,
                time=event.time_stop,
                runs=runs,
                outside=event.finished_outside,
                pause_missed=event.pause_missed,
            )
        )


_HANDLERS: dict[type, Callable[[WorkerEvents, Any], Coroutine[Any, Any, None] | None]] = {
    m.StartupProgress: WorkerEvents._startup_progress,  # noqa: SLF001 - the table of this room
    m.Opened: WorkerEvents._opened,  # noqa: SLF001
    m.RunEngineChanged: WorkerEvents._run_engine_changed,  # noqa: SLF001
    m.MainThreadChanged: WorkerEvents._main_thread_changed,  # noqa: SLF001
    m.RunChanged: WorkerEvents._run_changed,  # noqa: SLF001
    m.ListsChanged: WorkerEvents._lists_changed,  # noqa: SLF001
    m.TaskStarted: WorkerEvents._task_started,  # noqa: SLF001
    m.JobDone: WorkerEvents._job_done,  # noqa: SLF001
}
