"""A kernel driver that follows a script.

It speaks the messages of a real worker in the same order, without a process, a Run Engine or
a clock: plans, tasks and startup code end when the test says so. What a plan named in
`FakeKernel.endings` does is known beforehand; it ends by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel.driver import ConsoleText, JobRefusedError, KernelListener, WorkerBusyError
from qs_jupyter.testing.fake_plan import (
    CONNECTION,
    CONTINUED,
    Ending,
    FakeMainThread,
    FakeOutbox,
    FakePlan,
    job_kind,
    open_gate,
)
from qs_kernel_worker import messages as m
from qs_kernel_worker.metadata import describe_metadata


class FakeKernel:
    """Implements `KernelDriver`, and lets a test play the worker.

    ``plans`` and ``devices`` are the lists that the environment offers. Requests and jobs
    are kept in ``requests`` and ``jobs``. The gates ``may_start``, ``may_answer`` and ``may_end``
    are open; a test closes one (`asyncio.Event.clear`) to look at what happens meanwhile.
    """

    def __init__(
        self,
        plans: Mapping[str, Any] | None = None,
        devices: Mapping[str, Any] | None = None,
        *,
        has_run_engine: bool = True,
    ) -> None:
        self.plans = dict(plans or {})
        self.devices = dict(devices or {})
        self.metadata: Any = {}
        self.has_run_engine = has_run_engine
        self.opens_by_itself = True
        self.opening = m.Opened(ok=True, report={"files": [], "stage": "ready"})
        self.start_failure: str | None = None
        self.endings: dict[str, Ending] = {}
        self.refusals: dict[type, str] = {}
        self.requests: list[m.Request] = []
        self.jobs: list[m.Job] = []
        self.started = asyncio.Event()
        self.may_start = open_gate()
        self.may_end = open_gate()
        self.may_answer = open_gate()
        self._asked = asyncio.Event()
        self._listener: KernelListener | None = None
        self._numbers = itertools.count(1)
        self._forget()

    def _forget(self) -> None:
        self._is_running = False
        self.started.clear()
        self._outbox = FakeOutbox()
        self._time_start = time.time()
        self._phase = "starting"
        self._re_state: str | None = None
        self._deferred = False
        self.main_thread = FakeMainThread()
        self._plan: FakePlan | None = None
        self._background: dict[str, m.FunctionJob | m.ScriptJob] = {}
        self._seen: set[tuple[str, int]] = set()
        self._generation = 1

    # ------------------------------------------------------------------ the driver's face

    def attach(self, listener: KernelListener) -> FakeKernel:
        """Talk to this manager from now on; returns itself."""
        self._listener = listener
        return self

    @property
    def is_running(self) -> bool:
        """Whether the worker is there."""
        return self._is_running

    async def start(self) -> m.WorkerReport:
        """Start the worker; its startup code ends at once unless `opens_by_itself` is off."""
        await self.may_start.wait()
        if self.start_failure is not None:
            raise KernelFailure(self.start_failure)
        self._forget()
        self._is_running = True
        self.started.set()
        if self.opens_by_itself:
            self.finish_opening()
        return self.report()

    async def adopt(self, since: int = 0) -> m.WorkerReport | None:
        """Return the worker that an earlier manager left running."""
        if not self._is_running:
            return None
        if not self.may_answer.is_set():
            raise KernelFailure("The worker lives but did not answer")
        for event in self._outbox.after(since):
            self._listening.worker_event(event)
        return self.report()

    async def request(self, message: m.Request, *, timeout_s: float = 2.0) -> dict[str, Any]:
        """Answer a request as a worker would."""
        self._check_alive()
        await asyncio.sleep(0)
        self.requests.append(message)
        self._asked.set()
        await self.may_answer.wait()
        if type(message) in self.refusals:
            raise KernelFailure(self.refusals[type(message)])
        answer = _ANSWERS.get(type(message))
        try:
            return answer(self, message) if answer else {}
        except RuntimeError as error:
            raise KernelFailure(str(error)) from error

    async def submit(self, job: m.Job, *, timeout_s: float = 5.0) -> None:
        """Take a job, unless a console's cell holds the main thread."""
        self._check_alive()
        await asyncio.sleep(0)
        if (job.uid, job.attempt) in self._seen:
            return
        if (occupant := self.main_thread.occupant) is not None:
            raise WorkerBusyError(occupant)
        if type(job) in self.refusals:
            raise JobRefusedError(self.refusals[type(job)])
        self._seen.add((job.uid, job.attempt))
        self.jobs.append(job)
        self._begin(job)

    def acknowledge(self, seq: int) -> None:
        """Forget events that the manager has made durable."""
        self._outbox.acknowledge(seq)

    async def shutdown(self) -> None:
        """End in order."""
        await asyncio.sleep(0)
        await self.may_end.wait()
        self._forget()

    async def kill(self) -> None:
        """End at once."""
        await asyncio.sleep(0)
        await self.may_end.wait()
        self._forget()

    async def detach(self) -> None:
        """Let the manager go and stay as it is, to be adopted."""
        self._listener = None

    def connection_info(self) -> dict[str, Any]:
        """Return a made-up connection information."""
        return dict(CONNECTION) if self._is_running else {}

    def connection_file(self) -> str | None:
        """Return a made-up path."""
        return "worker-fake.json" if self._is_running else None

    # ------------------------------------------------------------------ what a test plays

    def finish_opening(self, opened: m.Opened | None = None) -> None:
        """Let the startup code end: as `opening` says, or with this result."""
        self._check_alive()
        result = opened or self.opening
        self._phase = "ready" if result.ok else "failed"
        if result.ok and self.has_run_engine:
            self.set_run_engine("idle")
        self.tell(result)

    async def asked(self, kind: type[m.Request]) -> m.Request:
        """Wait until a request of this kind has come, and return the latest."""
        while not (found := [each for each in self.requests if isinstance(each, kind)]):
            self._asked.clear()
            await self._asked.wait()
        return found[-1]

    def open_run(self) -> str:
        """Let the running plan open a run; return the run's uid."""
        run = self._running_plan().open_run(next(self._numbers))
        self.tell(run)
        return run.uid

    def close_run(self, uid: str, exit_status: str = "success") -> None:
        """Let the running plan close a run."""
        self.tell(self._running_plan().close_run(uid, exit_status))

    def end_plan(
        self,
        outcome: str = "completed",
        *,
        msg: str = "",
        traceback: str = "",
        outside: bool = False,
    ) -> None:
        """Let the running or paused plan leave the Run Engine."""
        plan = self._running_plan()
        facts = {"msg": msg, "traceback": traceback, "finished_outside": outside}
        done = plan.done(outcome, self.main_thread.job, pause_missed=self._deferred, **facts)
        self._plan = None
        self.set_run_engine("idle")
        self._free_main_thread(done)

    def reach_pause(self) -> None:
        """Let the running plan pause, whether or not somebody asked for it."""
        plan = self._running_plan()
        self.set_run_engine("paused")
        self._free_main_thread(plan.done("paused", self.main_thread.job))

    def end_task(self, uid: str | None = None, outcome: str = "completed", **facts: Any) -> None:
        """Let a task end: the one in front, or the one in the background with this uid.

        ``facts`` are fields of `JobDone`, such as ``return_value``, ``msg``, ``traceback``.
        """
        job = self._background.pop(uid, None) if uid is not None else None
        report = m.JobReport(job.uid, job_kind(job)) if job else self.main_thread.job
        assert report is not None, "no task is running"
        done = m.JobDone(
            report.uid,
            report.kind,
            outcome,
            time_start=report.time_start,
            time_stop=time.time(),
            background=job is not None,
            **facts,
        )
        (self.tell if job else self._free_main_thread)(done)

    def set_lists(self, plans: Mapping[str, Any], devices: Mapping[str, Any]) -> None:
        """Change what the namespace offers, and tell it."""
        self.plans, self.devices = dict(plans), dict(devices)
        self._generation += 1
        self.tell(m.ListsChanged(self._generation))

    def start_cell(self, user: str = "somebody") -> None:
        """Let a console's cell occupy the main thread."""
        self.main_thread.cell = {"session": "console", "user": user, "since": time.time()}
        self._tell_main_thread()

    def end_cell(self) -> None:
        """Let the console's cell end."""
        self.main_thread.cell = None
        self._tell_main_thread()

    def release_hold(self) -> None:
        """Let the time of a hold run out."""
        self.main_thread.held = False
        self._tell_main_thread()

    def print(self, text: str, *, source: str = "item", uid: str | None = None) -> None:
        """Write to the console."""
        self._listening.worker_text(ConsoleText(time.time(), text, "stdout", source, uid))

    def die(self, cause: str = "killed by signal SIGKILL") -> None:
        """End without having been asked to."""
        listener = self._listening
        self._forget()
        listener.worker_died(cause)

    def tell(self, *events: m.Event) -> None:
        """Let events happen: number them, keep them, deliver them."""
        for event in events:
            numbered = self._outbox.add(event)
            if self._listener is not None:
                # Through the wire's form, as everything that comes from a worker.
                self._listener.worker_event(m.NumberedEvent.decode(numbered.encode()))

    def report(self) -> m.WorkerReport:
        """Return the state of the worker."""
        plan = self._plan
        return m.WorkerReport(
            epoch=self._outbox.epoch,
            seq=self._outbox.seq,
            pid=0,
            phase=self._phase,
            re_state=self._re_state,
            deferred_pause_requested=self._deferred,
            job=None if self.main_thread.job is None else asdict(self.main_thread.job),
            paused_item_uid=plan.job.item_uid if plan and self._re_state == "paused" else None,
            cell=self.main_thread.cell,
            held=self.main_thread.held,
            background_tasks=list(self._background),
            runs=[] if plan is None else [asdict(run) for run in plan.runs.values()],
            lists_generation=self._generation,
            time_start=self._time_start,
        )

    # ------------------------------------------------------------------------------- parts

    @property
    def _listening(self) -> KernelListener:
        assert self._listener is not None, "nobody is attached to the fake kernel"
        return self._listener

    def _check_alive(self) -> None:
        if not self._is_running:
            raise KernelFailure("There is no worker")

    def _running_plan(self) -> FakePlan:
        assert self._plan is not None, "no plan is running"
        return self._plan

    def _begin(self, job: m.Job) -> None:
        item_uid = getattr(job, "item_uid", None)
        self.main_thread.job = m.JobReport(job.uid, job_kind(job), item_uid, time.time())
        self._tell_main_thread()
        if isinstance(job, m.PlanJob):
            self._begin_plan(job)
        elif isinstance(job, m.ContinueJob):
            self._continue(job)

    def _begin_plan(self, job: m.PlanJob) -> None:
        self._plan = FakePlan(job)
        self.set_run_engine("running")
        ending = self.endings.get(job.name)
        if ending is None:
            return
        status = "success" if ending.outcome == "completed" else "fail"
        for _ in range(ending.runs):
            self.close_run(self.open_run(), status)
        self.end_plan(ending.outcome, msg=ending.msg, traceback=ending.traceback)

    def _continue(self, job: m.ContinueJob) -> None:
        plan = self._running_plan()
        plan.job_uid = job.uid
        if job.action == "resume":
            self.set_run_engine("running")
            return
        for uid in plan.open_runs:
            self.close_run(uid, "success" if job.action == "stop" else "abort")
        self.end_plan(CONTINUED[job.action])

    def set_run_engine(self, state: str | None) -> None:
        """Let the Run Engine be in another state, as a console can bring it about, too."""
        if state != "running":
            self._deferred = False
        self._re_state = state
        self.tell(m.RunEngineChanged(state, self._deferred))

    def _free_main_thread(self, *events: m.Event) -> None:
        if self.main_thread.job is not None:
            self.main_thread.job = None
            self._tell_main_thread()
        self.tell(*events)

    def _tell_main_thread(self) -> None:
        self.tell(self.main_thread.change())

    def _get_lists(self, _message: m.GetLists) -> dict[str, Any]:
        return {
            "generation": self._generation,
            "since": None,
            "plans": dict(self.plans),
            "devices": dict(self.devices),
        }

    def _pause(self, message: m.Pause) -> dict[str, Any]:
        if self._re_state != "running":
            raise KernelFailure(f"Run engine is {self._re_state!r} and cannot be paused")
        if message.option == "deferred":
            self._deferred = True
            self.tell(m.RunEngineChanged(self._re_state, self._deferred))
        return {}

    def _hold(self, message: m.Hold) -> dict[str, Any]:
        self.main_thread.held = message.on
        self._tell_main_thread()
        return {"held": self.main_thread.held, "cell": self.main_thread.cell}

    def _start_task(self, message: m.StartTask) -> dict[str, Any]:
        job = m.decode(message.job)
        self._background[job.uid] = job
        self.tell(m.TaskStarted(job.uid, job_kind(job), time.time()))
        return {}


_ANSWERS: dict[type, Callable[[FakeKernel, Any], dict[str, Any]]] = {
    m.GetStatus: lambda kernel, _: asdict(kernel.report()),
    m.GetMetadata: lambda kernel, _: describe_metadata(kernel.metadata),
    m.GetLists: FakeKernel._get_lists,  # noqa: SLF001 - the table of this room
    m.Pause: FakeKernel._pause,  # noqa: SLF001
    m.Hold: FakeKernel._hold,  # noqa: SLF001
    m.StartTask: FakeKernel._start_task,  # noqa: SLF001
}
