"""The start: what the store holds, and what a worker left running has to tell.

There is no second machine for recovery. The start puts the model where the store and the
worker say it is, and then lets the worker's kept events happen as if they came now. They
tell what finished while nobody listened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qs_jupyter.errors import KernelFailure
from qs_jupyter.manager import execution
from qs_jupyter.manager.worker_events import listed_run
from qs_jupyter.model import events
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import resting_form
from qs_jupyter.model.state import Environment, MainThread, Phase, Running, Stage
from qs_kernel_worker.messages import JobDone, Opened, WorkerReport

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

logger = logging.getLogger(__name__)

LOST = "Plan exit status was lost due to restart of the RE Manager process"
GONE = "RE Worker has ended unexpectedly while the RE Manager was restarted"
RETRY_S = 1.0


async def start(manager: Manager, *, is_restart: bool) -> None:
    """Bring the manager from nothing to where it can take requests."""
    state = await manager.store.load()
    manager.restore(state, is_restart=is_restart)
    manager.worker_events.hold()
    is_silent, report = False, None
    try:
        report = await _adopt(manager)
    except KernelFailure as failure:
        logger.warning("The worker of an earlier manager does not answer: %s", failure)
        is_silent = True
    await manager.permissions.load(state.permissions, is_restart=is_restart)
    if report is None or report.phase != "ready":
        # A worker that is ready is asked itself.
        await manager.lists.load_file(announce=False)
    if is_silent:
        _with_silent_worker(manager)
    elif report is None:
        _without_worker(manager)
    else:
        await _with_worker(manager, report)
    manager.settle()
    await manager.durable()
    manager.set_ready()
    manager.lists.prepare()
    if not is_silent:
        manager.worker_events.release()
    manager.settle()


async def _adopt(manager: Manager) -> WorkerReport | None:
    report = await manager.driver.adopt()
    if report is not None:
        logger.info("Attached to the running worker (process %d)", report.pid)
    return report


def _with_silent_worker(manager: Manager) -> None:
    """Show a worker that is alive but blocked; it can be destroyed, or is taken over later."""
    item = manager.running_item
    manager.model = replace(
        manager.model,
        # What it is busy with if not with a plan, nobody knows.
        phase=Phase.TASK if item is None else Phase.EXECUTING,
        environment=Environment(stage=Stage.READY, responsive=False),
        running=None if item is None else _running(manager, item, item.uid),
    )
    manager.changed()
    manager.environment_life.search(_find_again(manager))


async def _find_again(manager: Manager) -> None:
    """Take the silent worker over as soon as it answers, with all it did meanwhile."""
    try:
        while True:
            try:
                report = await _adopt(manager)
                break
            except KernelFailure as failure:
                logger.debug("The worker still does not answer: %s", failure)
            await asyncio.sleep(RETRY_S)
        if report is None:
            manager.handle(events.WorkerGone(GONE))
            return
        manager.model = replace(manager.model, phase=Phase.INITIALIZING, running=None)
        await _with_worker(manager, report)
    finally:
        manager.worker_events.release()
        manager.settle()


def _without_worker(manager: Manager) -> None:
    if manager.running_item is None:
        manager.handle(events.Initialized())
    else:
        _archive_as_unknown(manager)


def _archive_as_unknown(manager: Manager) -> None:
    """Nobody can tell what became of the plan, so it is not run again by itself."""
    item = manager.running_item
    assert item is not None
    running = replace(_running(manager, item, ""), item=item)
    manager.model = replace(manager.model, phase=Phase.EXECUTING, running=running)
    manager.handle(events.PlanEnded("unknown", msg=LOST, time=manager.now()))


async def _with_worker(manager: Manager, report: WorkerReport) -> None:
    waiting = [numbered.event for numbered in manager.worker_events.waiting()]
    if _is_for_another_worker(manager, report, waiting):
        _archive_as_unknown(manager)
        manager.model = replace(manager.model, phase=Phase.INITIALIZING)
    stage = {"ready": Stage.READY, "failed": Stage.FAILED}.get(report.phase, Stage.INITIALIZING)
    environment = Environment(
        stage=stage,
        re_state=report.re_state,
        deferred_pause=report.deferred_pause_requested,
        main_thread=MainThread(job=report.job, cell=report.cell, held=report.held),
        background_tasks=frozenset(report.background_tasks),
    )
    manager.model = replace(manager.model, environment=environment)
    if stage is not Stage.READY:
        # The opening goes on, or its end is among the events that wait. In an environment that
        # is ready, an opening nobody acknowledged yet is old news: a plan may be running.
        environment = replace(environment, stage=Stage.INITIALIZING)
        manager.model = replace(manager.model, phase=Phase.OPENING, environment=environment)
        if stage is Stage.FAILED and not any(isinstance(event, Opened) for event in waiting):
            manager.handle(events.EnvironmentFailed("the startup code failed"))
        return
    await _get_lists(manager)
    manager.run_list[:] = [listed_run(run) for run in report.runs]
    for uid in report.background_tasks:
        manager.tasks.start(uid, time_start=manager.now(), run_in_background=True)
    job = report.job or {}
    if job.get("kind") in ("function", "script"):
        time_start = job.get("time_start", manager.now())
        manager.tasks.start(job["uid"], time_start=time_start, run_in_background=False)
        manager.model = replace(manager.model, task_uid=job["uid"])
    _take_over_plan(manager, report, waiting)
    manager.handle(events.Initialized())
    if report.paused_item_uid is not None and manager.model.running is not None and not job:
        _be_paused(manager, report, waiting)
    if not manager.driver.is_running:
        # It died before there was a state in which its death means something.
        manager.handle(events.WorkerGone(GONE))


async def _get_lists(manager: Manager) -> None:
    try:
        await manager.lists.update_from_worker()
    except KernelFailure as failure:
        logger.warning("The worker does not tell its lists; those of the file serve: %s", failure)
        await manager.lists.load_file(announce=False)


def _is_for_another_worker(manager: Manager, report: WorkerReport, waiting: list[Any]) -> bool:
    """Whether the plan was handed to an earlier worker, whose last words were not stored."""
    item = manager.running_item
    if item is None:
        return False
    knows = item.uid in (report.paused_item_uid, (report.job or {}).get("item_uid")) or any(
        isinstance(event, JobDone) and event.item_uid == item.uid for event in waiting
    )
    if knows:
        return False
    return report.phase != "ready" or _time_start(manager, item) < report.time_start


def _take_over_plan(manager: Manager, report: WorkerReport, waiting: list[Any]) -> None:
    item = manager.running_item
    if item is None:
        return
    job_uid = (report.job or {}).get("uid") or next(
        (e.uid for e in reversed(waiting) if isinstance(e, JobDone) and e.item_uid == item.uid),
        "",
    )
    running = _running(manager, item, job_uid or item.uid)
    manager.model = replace(manager.model, running=running)
    known = job_uid or report.paused_item_uid == item.uid
    if not known:
        # The intent is in the store but the worker has never heard of it: send it now.
        manager.after_commit(lambda: execution.submit_plan(manager, running))


def _running(manager: Manager, item: Item, job_uid: str) -> Running:
    is_immediate = _is_immediate(item.data)
    time_start = _time_start(manager, item)
    return Running(resting_form(item), manager.attempt, job_uid, time_start, is_immediate)


def _time_start(manager: Manager, item: Item) -> float:
    time_start: float = (item.data.get("properties") or {}).get("time_start", manager.now())
    return time_start


def _be_paused(manager: Manager, report: WorkerReport, waiting: list[Any]) -> None:
    running = manager.model.running
    ended = any(isinstance(e, JobDone) and e.outcome != "paused" for e in waiting)
    if running is not None and report.paused_item_uid == running.item.uid and not ended:
        manager.handle(events.PlanPaused(running.job_uid))


def _is_immediate(data: Mapping[str, Any]) -> bool:
    return bool((data.get("properties") or {}).get("immediate_execution"))
