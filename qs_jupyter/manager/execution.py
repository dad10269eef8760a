"""From the front of the queue to the worker, and tasks on their way there.

A submission is "taken", "busy" or "unknown". Unknown counts as taken: the worker refuses a
pair of uid and attempt that it has seen, and its death or the end of the job are reported
in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Literal

from qs_jupyter.errors import KernelFailure, Refusal, WrongState
from qs_jupyter.huge_json import is_huge
from qs_jupyter.kernel.driver import JobRefusedError, WorkerBusyError
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.lists import Lists
from qs_jupyter.model import events
from qs_jupyter.model.catalogue import Catalogue
from qs_jupyter.model.state import Phase, Running
from qs_kernel_worker.messages import ContinueJob, Job, PlanJob

logger = logging.getLogger(__name__)

Action = Literal["resume", "stop", "abort", "halt"]

NEWS_WITHIN_S = 0.05


class Submissions:
    """Hands jobs to the worker and lets requests wait for the outcome."""

    def __init__(self, core: Core, lists: Lists) -> None:
        self._core = core
        self._lists = lists
        self._outcomes: dict[str, asyncio.Future[str | None]] = {}

    def outcome(self, job_uid: str) -> asyncio.Future[str | None]:
        """Return the future of a submission: None when taken, else why it was not."""
        future = self._outcomes.get(job_uid)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._outcomes[job_uid] = future
        return future

    async def submit(self, job: Job) -> None:
        """Hand over a job and report what came of it."""
        core = self._core
        refused: str | None = None
        try:
            await self._hand_over(job)
        except WorkerBusyError as busy:
            refused = f"Failed to capture IPython kernel: {busy}"
            core.hold_autostart(True)
            core.handle(events.SubmissionRefused(job.uid, refused, busy=True))
        except JobRefusedError as refusal:
            refused = f"The worker refused the job: {refusal}"
            core.handle(events.SubmissionRefused(job.uid, refused, busy=False))
        except KernelFailure as failure:
            # The worker may have taken it; its end or its death will be reported.
            logger.warning("No word of the worker about a job: %s", failure)
        if refused is None:
            core.handle(events.SubmissionTaken(job.uid))
        self.resolve(job.uid, refused)

    async def _hand_over(self, job: Job) -> None:
        """Hand over a job; the next plan of a running queue lets a cell before it end first."""
        while True:
            try:
                await self._core.driver.submit(job)
            except WorkerBusyError:
                if not self._may_wait(job):
                    raise
                await self._until_free(job)
            else:
                return

    def _may_wait(self, job: Job) -> bool:
        model = self._core.model
        return (
            isinstance(job, PlanJob)
            and model.phase is Phase.EXECUTING
            and model.running is not None
            and model.running.job_uid == job.uid
            and model.environment.re_state != "paused"
            and not model.stop_pending
        )

    async def _until_free(self, job: Job) -> None:
        changed = self._core.status_board.next_change
        # The word about the cell may still be on its way, or its end may have come already.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed(), NEWS_WITHIN_S)
        while self._may_wait(job) and self._core.model.environment.main_thread.is_foreign:
            await changed()

    def resolve(self, job_uid: str, refused: str | None) -> None:
        """Let whoever waits for a submission know its outcome."""
        future = self._outcomes.pop(job_uid, None)
        if future is not None and not future.done():
            future.set_result(refused)

    async def wait(self, job_uid: str, *, seconds: float = 1.5) -> None:
        """Wait until a submission was taken, but not longer than a client would.

        Raises
        ------
        WrongState
            The worker refused the job; the text says who holds the kernel.
        """
        future = self.outcome(job_uid)
        done, _ = await asyncio.wait([future], timeout=seconds)
        if done and (refused := future.result()) is not None:
            raise WrongState(refused)
        if not done:
            self._outcomes.pop(job_uid, None)

    async def submit_plan(self, running: Running) -> None:
        """Hand the running plan to the worker, unless it is no longer allowed."""
        core = self._core
        item = running.item
        if core.model.running is not running:
            return
        try:
            if is_huge(item.data):
                job = await asyncio.to_thread(plan_job, running, self._lists.catalogue)
            else:
                job = plan_job(running, self._lists.catalogue)
        except Refusal as refusal:
            self._refuse(running, f"Validation of plan parameters failed: {refusal}")
            return
        except Exception as error:
            # The rim of the task: without an outcome the plan would be starting for ever.
            logger.exception("Internal error while the plan '%s' was prepared", item.name)
            self._refuse(running, f"Internal error: {type(error).__name__}: {error}")
            return
        if core.model.running is not running:
            return  # it was destroyed while it was prepared
        logger.info("Starting the plan '%s' ...", item.name, extra={"item_uid": item.uid})
        await self.submit(job)

    def _refuse(self, running: Running, reason: str) -> None:
        """Report that a plan is not handed over; whoever waits for that was answered before."""
        self._core.handle(events.SubmissionRefused(running.job_uid, reason, busy=False))
        self.resolve(running.job_uid, None)

    def carry_on(self, action: Action) -> None:
        """Tell the worker what becomes of the paused plan."""
        core = self._core
        running = core.model.running
        assert running is not None, "nothing is paused"
        job = ContinueJob(
            uid=core.new_uid(),
            attempt=core.next_attempt(),
            item_uid=running.item.uid,
            action=action,
        )
        core.set_job(job.uid)
        core.spawn(self.submit(job), f"{action} plan")


def plan_job(running: Running, catalogue: Catalogue) -> PlanJob:
    """Return the job of a plan, checked once more against what its group may do.

    Raises
    ------
    NotAllowed
        The plan is no longer allowed like this.
    """
    item = running.item
    call = catalogue.call(item.data, item.user_group)
    stamp = {
        "queue_item_uid": item.uid,
        "queue_user": item.data.get("user"),
        "queue_user_group": item.data.get("user_group"),
    }
    return PlanJob(
        uid=running.job_uid,
        attempt=running.attempt,
        item_uid=item.uid,
        name=item.name,
        args=list(call.args),
        kwargs=dict(call.kwargs),
        convert={name: sorted(names) for name, names in call.convert.items()},
        metadata={**stamp, **call.metadata},
        tentative=call.tentative,
    )
