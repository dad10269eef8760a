"""The start: what the store holds, and what a worker left running has to tell.

There is no second machine for recovery. The start puts the model where the store and the
worker say it is, and then lets the worker's kept events happen as if they came now. They
tell what finished while nobody listened.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from qs_jupyter.errors import KernelFailure, StoreFailure
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.environment import EnvironmentLife
from qs_jupyter.manager.execution import Submissions
from qs_jupyter.manager.lists import Lists
from qs_jupyter.manager.permissions import PermissionsKeeper
from qs_jupyter.manager.worker_events import WorkerEvents, listed_run
from qs_jupyter.model import events
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import properties_of, resting_form
from qs_jupyter.model.state import Environment, MainThread, Phase, Running, Stage
from qs_jupyter.store.store import StoredState
from qs_kernel_worker.messages import JobDone, Opened, WorkerReport

logger = logging.getLogger(__name__)

LOST = "Plan exit status was lost due to restart of the RE Manager process"
GONE = "RE Worker has ended unexpectedly while the RE Manager was restarted"
RETRY_S = 1.0


class Recovery:
    """Brings the manager from nothing to where it can take requests."""

    def __init__(
        self,
        core: Core,
        lists: Lists,
        permissions: PermissionsKeeper,
        submissions: Submissions,
        environment_life: EnvironmentLife,
        worker_events: WorkerEvents,
    ) -> None:
        self._core = core
        self._lists = lists
        self._permissions = permissions
        self._submissions = submissions
        self._environment_life = environment_life
        self._worker_events = worker_events

    async def start(self, *, is_restart: bool) -> None:
        """Bring the manager from nothing to where it can take requests."""
        state = await self._load(patiently=is_restart)
        self._core.restore(state, is_restart=is_restart)
        self._worker_events.hold()
        is_silent, report = False, None
        try:
            report = await self._adopt()
        except KernelFailure as failure:
            logger.warning("The worker of an earlier manager does not answer: %s", failure)
            is_silent = True
        await self._permissions.load(state.permissions, is_restart=is_restart)
        if report is None or report.phase != "ready":
            # A worker that is ready is asked itself.
            await self._lists.load_file()
        if is_silent:
            self._with_silent_worker()
        elif report is None:
            self._without_worker()
        else:
            await self._with_worker(report)
        self._core.settle()
        await self._core.durable()
        self._core.set_ready()
        self._lists.prepare()
        if not is_silent:
            self._worker_events.release()
        self._core.settle()

    async def _load(self, *, patiently: bool) -> StoredState:
        """Read the store; wait for it where it has been there before and will be again."""
        while True:
            try:
                return await self._core.store.load()
            except StoreFailure as failure:
                if not patiently:
                    raise
                logger.error("Waiting for the store: %s", failure)  # noqa: TRY400
            await asyncio.sleep(RETRY_S)

    async def _adopt(self) -> WorkerReport | None:
        report = await self._core.driver.adopt()
        if report is not None:
            logger.info("Attached to the running worker (process %d)", report.pid)
        return report

    def _with_silent_worker(self) -> None:
        """Show a worker that is alive but blocked; it can be destroyed, or is taken over later."""
        item = self._core.running_item
        self._core.model = replace(
            self._core.model,
            # What it is busy with if not with a plan, nobody knows.
            phase=Phase.TASK if item is None else Phase.EXECUTING,
            environment=Environment(stage=Stage.READY, responsive=False),
            running=None if item is None else self._running(item, item.uid),
        )
        self._core.changed()
        self._environment_life.search(self._find_again)

    async def _find_again(self) -> None:
        """Take the silent worker over as soon as it answers, with all it did meanwhile."""
        try:
            while True:
                try:
                    report = await self._adopt()
                    break
                except KernelFailure as failure:
                    logger.debug("The worker still does not answer: %s", failure)
                await asyncio.sleep(RETRY_S)
            if report is None:
                self._core.handle(events.WorkerGone(GONE))
                return
            self._core.model = replace(self._core.model, phase=Phase.INITIALIZING, running=None)
            await self._with_worker(report)
        finally:
            self._worker_events.release()
            self._core.settle()

    def _without_worker(self) -> None:
        if self._core.running_item is None:
            self._core.handle(events.Initialized())
        else:
            self._archive_as_unknown()

    def _archive_as_unknown(self) -> None:
        """Nobody can tell what became of the plan, so it is not run again by itself."""
        item = self._core.running_item
        assert item is not None
        running = replace(self._running(item, ""), item=item)
        self._core.model = replace(self._core.model, phase=Phase.EXECUTING, running=running)
        self._core.handle(events.PlanEnded("unknown", msg=LOST, time=self._core.now()))

    async def _with_worker(self, report: WorkerReport) -> None:
        waiting = [numbered.event for numbered in self._worker_events.waiting()]
        if self._is_for_another_worker(report, waiting):
            self._archive_as_unknown()
            self._core.model = replace(self._core.model, phase=Phase.INITIALIZING)
        stage = {"ready": Stage.READY, "failed": Stage.FAILED}.get(report.phase, Stage.INITIALIZING)
        environment = Environment(
            stage=stage,
            re_state=report.re_state,
            deferred_pause=report.deferred_pause_requested,
            main_thread=MainThread(job=report.job, cell=report.cell, held=report.held),
            background_tasks=frozenset(report.background_tasks),
            memory=report.memory,
        )
        self._core.model = replace(self._core.model, environment=environment)
        self._worker_events.know_states(report)
        if stage is not Stage.READY:
            # The opening goes on, or its end is among the events that wait. In an environment that
            # is ready, an opening nobody acknowledged yet is old news: a plan may be running.
            environment = replace(environment, stage=Stage.INITIALIZING)
            self._core.model = replace(
                self._core.model, phase=Phase.OPENING, environment=environment
            )
            if stage is Stage.FAILED and not any(isinstance(event, Opened) for event in waiting):
                self._core.handle(events.EnvironmentFailed("the startup code failed"))
            return
        await self._get_lists()
        self._core.run_list[:] = [listed_run(run) for run in report.runs]
        for uid in report.background_tasks:
            self._core.tasks.start(uid, time_start=self._core.now(), run_in_background=True)
        job = report.job or {}
        if job.get("kind") in ("function", "script"):
            time_start = job.get("time_start", self._core.now())
            self._core.tasks.start(job["uid"], time_start=time_start, run_in_background=False)
            self._core.model = replace(self._core.model, task_uid=job["uid"])
        self._take_over_plan(report, waiting)
        self._core.handle(events.Initialized())
        if report.paused_item_uid is not None and self._core.model.running is not None and not job:
            self._be_paused(report, waiting)
        if not self._core.driver.is_running:
            # It died before there was a state in which its death means something.
            self._worker_events.take_last_words()
            self._core.handle(events.WorkerGone(GONE))

    async def _get_lists(self) -> None:
        try:
            await self._lists.update_from_worker()
        except KernelFailure as failure:
            logger.warning(
                "The worker does not tell its lists; those of the file serve: %s", failure
            )
            await self._lists.load_file()

    def _is_for_another_worker(self, report: WorkerReport, waiting: list[Any]) -> bool:
        """Whether the plan was handed to an earlier worker, whose last words were not stored."""
        item = self._core.running_item
        if item is None:
            return False
        knows = item.uid in (report.paused_item_uid, (report.job or {}).get("item_uid")) or any(
            isinstance(event, JobDone) and event.item_uid == item.uid for event in waiting
        )
        if knows:
            return False
        return report.phase != "ready" or self._time_start(item) < report.time_start

    def _take_over_plan(self, report: WorkerReport, waiting: list[Any]) -> None:
        item = self._core.running_item
        if item is None:
            return
        job_uid = (report.job or {}).get("uid") or next(
            (e.uid for e in reversed(waiting) if isinstance(e, JobDone) and e.item_uid == item.uid),
            "",
        )
        running = self._running(item, job_uid or item.uid)
        self._core.model = replace(
            self._core.model, running=running, pause_requested=report.deferred_pause_requested
        )
        known = job_uid or report.paused_item_uid == item.uid
        if not known:
            # The intent is in the store but the worker has never heard of it: send it now.
            self._core.after_commit(lambda: self._submissions.submit_plan(running))

    def _running(self, item: Item, job_uid: str) -> Running:
        is_immediate = bool(properties_of(item).get("immediate_execution"))
        time_start = self._time_start(item)
        return Running(resting_form(item), self._core.attempt, job_uid, time_start, is_immediate)

    def _time_start(self, item: Item) -> float:
        time_start = properties_of(item).get("time_start")
        return float(time_start) if isinstance(time_start, int | float) else self._core.now()

    def _be_paused(self, report: WorkerReport, waiting: list[Any]) -> None:
        running = self._core.model.running
        ended = any(isinstance(e, JobDone) and e.outcome != "paused" for e in waiting)
        if running is not None and report.paused_item_uid == running.item.uid and not ended:
            self._core.handle(events.PlanPaused(running.job_uid))
