"""What the worker is doing: opens the environment, carries out jobs, tells its state."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from qs_kernel_worker import startup
from qs_kernel_worker.lists import Lists
from qs_kernel_worker.main_thread import NEXT_PLAN_WITHIN_S, MainThread, job_kind
from qs_kernel_worker.messages import (
    ContinueJob,
    Job,
    JobDone,
    Opened,
    PlanJob,
    StartupProgress,
    WorkerConfig,
    WorkerReport,
)
from qs_kernel_worker.outbox import Outbox
from qs_kernel_worker.output import flush_output
from qs_kernel_worker.results import describe_error
from qs_kernel_worker.run_engine import RunEngineControl
from qs_kernel_worker.tasks import BackgroundTasks, Tasks

logger = logging.getLogger(__name__)


class Worker:
    """The parts of the worker and what they do together.

    `open_environment` and `run` belong to the main thread; the rest may be called from any.
    """

    def __init__(
        self, shell: Any, config: WorkerConfig, *, label_task: Callable[[str], None]
    ) -> None:
        self.config = config
        self.outbox = Outbox()
        wait_s = NEXT_PLAN_WITHIN_S if config.parked_cells else 0.0
        self.main_thread = MainThread(self.outbox, wait_s)
        self.engine = RunEngineControl(shell.user_ns, self.outbox)
        self.lists = Lists(shell.user_ns, config, self.outbox)
        self.is_ending = False
        self.lease: str | None = None
        self.last_opened: Opened | None = None
        self._shell = shell
        self._time_start = time.time()
        self._phase = "starting"
        self._startup_file: str | None = None
        self._tasks = Tasks(shell, self.engine, self.lists, _script_root(config))
        self.background = BackgroundTasks(
            self._tasks,
            self.outbox,
            label=label_task,
            flush=flush_output,
            loop=lambda: getattr(self.engine.engine, "loop", None),
        )

    # ------------------------------------------------------------------------- opening

    def open_environment(self) -> None:
        """Run the startup code and describe what it left; tell the manager how it went."""
        try:
            opened = self._open()
        except BaseException as error:  # noqa: BLE001 - sys.exit() and interrupts end here too
            opened = _failed_opening(error)
        flush_output()
        self._startup_file = None
        self._phase = "ready" if opened.ok else "failed"
        self.last_opened = opened
        self.main_thread.finish_opening(opened)

    def _open(self) -> Opened:
        report = startup.load_startup(self.config, self._shell, self._progress)
        found = self.lists.rebuild()
        self.engine.refresh()
        complete = {
            **report,
            "warnings": [*report.get("warnings", []), *found.warnings],
            "rejected_plans": found.rejected_plans,
            "rejected_devices": found.rejected_devices,
        }
        return Opened(ok=True, report=complete)

    def _progress(self, progress: StartupProgress) -> None:
        self._startup_file = None if progress.done else progress.file
        flush_output()
        self.outbox.append(progress)

    # ---------------------------------------------------------------------------- jobs

    def run(self, job: Job) -> JobDone:
        """Carry out a job in the main thread."""
        self.engine.refresh()
        if isinstance(job, PlanJob):
            return self.engine.run(job)
        if isinstance(job, ContinueJob):
            return self.engine.continue_plan(job)
        return self._tasks.run(job)

    def cell_done(self, msg_id: str) -> None:
        """Note the end of a client's cell, which may have bound another Run Engine."""
        if self._phase == "ready":
            self.engine.refresh()
        self.main_thread.cell_done(msg_id)

    # --------------------------------------------------------------------------- state

    def report(self) -> WorkerReport:
        """Return the whole state of the worker."""
        return WorkerReport(
            epoch=self.outbox.epoch,
            seq=self.outbox.seq,
            pid=os.getpid(),
            phase=self._phase,
            startup_file=self._startup_file,
            re_state=self.engine.state,
            deferred_pause_requested=self.engine.deferred_pause_requested,
            job=self.main_thread.job,
            paused_item_uid=self.engine.paused_item_uid,
            cell=self.main_thread.cell,
            held=self.main_thread.is_held,
            background_tasks=self.background.uids,
            runs=self.engine.runs,
            lists_generation=self.lists.generation,
            time_start=self._time_start,
            memory=_memory(),
        )

    def opening_report(self) -> dict[str, Any]:
        """Return the report of the last opening, empty before its end."""
        return {} if self.last_opened is None else asdict(self.last_opened)


def failed_job(job: Job, error: BaseException) -> JobDone:
    """Return the end of a job that an interrupt struck outside of the user's code."""
    text = describe_error(error)
    now = time.time()
    return JobDone(
        uid=job.uid,
        kind=job_kind(job),
        outcome="failed",
        item_uid=getattr(job, "item_uid", None),
        msg=text.msg,
        traceback=text.traceback,
        time_start=now,
        time_stop=now,
    )


def _failed_opening(error: BaseException) -> Opened:
    text = describe_error(error)
    opened = Opened(ok=False, msg=text.msg or type(error).__name__, traceback=text.traceback)
    if not isinstance(error, startup.StartupError):
        return opened
    return replace(
        opened,
        msg=error.msg,
        file=error.file,
        line=error.line,
        traceback=error.traceback or text.traceback,
        report=error.report,
    )


def _memory() -> int | None:
    """Return how much memory the process occupies now, in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # only Linux tells it without a library
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _script_root(config: WorkerConfig) -> str | None:
    # In IPython mode a startup script comes with the folder of a profile as well; scripts of
    # users belong to the code that was asked for by name.
    if config.script is not None:
        return str(Path(config.script).parent)
    return config.startup_dir
