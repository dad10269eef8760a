"""Who holds the main thread: startup code, a job, a cell, a hold, or nobody."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from qs_kernel_worker.messages import (
    ContinueJob,
    Event,
    FunctionJob,
    Job,
    JobDone,
    MainThreadChanged,
    PlanJob,
)
from qs_kernel_worker.outbox import Outbox

REMEMBERED_JOBS = 10_000

# After a plan the manager has this long to send the next one before a cell may slip in.
NEXT_PLAN_WITHIN_S = 0.3


@dataclass(frozen=True)
class AcceptedJob:
    """A job with what is needed to label its output and to answer for it."""

    job: Job
    idents: list[bytes]
    parent: dict[str, Any]
    time_start: float


@dataclass(frozen=True)
class Admission:
    """The answer to a job: ``taken``, ``known`` (sent before), or ``busy`` with the reason."""

    verdict: str
    reason: str = ""


def job_kind(job: Job) -> str:
    """Return the word for a job in reports: its action for the continuation of a plan."""
    if isinstance(job, PlanJob):
        return "plan"
    if isinstance(job, ContinueJob):
        return job.action
    return "function" if isinstance(job, FunctionJob) else "script"


class MainThread:
    """The one place where the state of the main thread changes.

    The shell-channel thread asks for admission before anything reaches the main thread, the
    main thread tells when it is done, so "busy" is exact. A change and the event that tells
    of it happen under one lock. Cells of other clients wait outside (they are *parked*)
    while startup code or a job runs, or while the manager holds the main thread; also for a
    moment after each plan, so that they do not get between two plans of a queue
    (``next_plan_within_s``; 0 lets them).
    """

    def __init__(self, outbox: Outbox, next_plan_within_s: float = NEXT_PLAN_WITHIN_S) -> None:
        self._outbox = outbox
        self._next_plan_within_s = next_plan_within_s
        self._reserved_until = 0.0
        self._lock = threading.Lock()
        self._is_opening = True
        self._is_held = False
        self._accepted: deque[AcceptedJob] = deque()
        self._job: AcceptedJob | None = None
        self._cells: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._last_change: MainThreadChanged | None = None
        self._when_unparked: Callable[[], None] = lambda: None

    def when_unparked(self, callback: Callable[[], None]) -> None:
        """Call this, from any thread, when parked cells may try again."""
        self._when_unparked = callback

    @property
    def is_busy(self) -> bool:
        """Whether something occupies the main thread."""
        return self._is_opening or self._job is not None or bool(self._cells)

    @property
    def holder(self) -> str | None:
        """Id of the job or cell that occupies the main thread, None when it is free."""
        if self._is_opening:
            return "opening"
        job = self._job
        # A copy, because an interrupt asks in between.
        return job.job.uid if job is not None else next(iter(list(self._cells)), None)

    @property
    def is_held(self) -> bool:
        """Whether the manager keeps other clients away."""
        return self._is_held

    @property
    def reserved_s(self) -> float:
        """How long cells still have to wait for the next plan, if none comes; 0 if not at all."""
        return max(0.0, self._reserved_until - time.monotonic())

    @property
    def job(self) -> dict[str, Any] | None:
        """The job of the manager, as in `JobReport`."""
        return None if self._job is None else _describe_job(self._job)

    @property
    def cell(self) -> dict[str, Any] | None:
        """The first cell of another client that occupies the main thread."""
        return next(iter(self._cells.values()), None)

    # ---------------------------------------------------------------- jobs of the manager

    def admit(self, accepted: AcceptedJob) -> Admission:
        """Take a job when the main thread is free; a job sent twice is known."""
        key = (accepted.job.uid, accepted.job.attempt)
        with self._lock:
            if key in self._seen:
                return Admission("known")
            if self.is_busy:
                return Admission("busy", self.busy_with())
            self._note_seen(key)
            self._job = accepted
            self._tell()
        return Admission("taken")

    def remember(self, job: Job) -> bool:
        """Note a job that runs elsewhere; return False when it was noted before."""
        key = (job.uid, job.attempt)
        with self._lock:
            is_new = key not in self._seen
            self._note_seen(key)
        return is_new

    def _note_seen(self, key: tuple[str, int]) -> None:
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_JOBS:
            self._seen.popitem(last=False)

    def hand_over(self, accepted: AcceptedJob) -> None:
        """Make an admitted job available, once its acknowledgement is on the way."""
        self._accepted.append(accepted)

    def next_job(self) -> AcceptedJob | None:
        """Return the job that the main thread shall run now."""
        return self._accepted.popleft() if self._accepted else None

    def finish_job(self, *events: Event) -> None:
        """Free the main thread and tell how the job ended, in one step."""
        with self._lock:
            if any(_makes_room_for_the_next(event) for event in events):
                self._reserved_until = time.monotonic() + self._next_plan_within_s
            self._job = None
            self._tell(*events)
        self._unpark()

    def finish_opening(self, *events: Event) -> None:
        """Free the main thread after the startup code, with these last words."""
        with self._lock:
            self._is_opening = False
            self._tell(*events)
        self._unpark()

    # ------------------------------------------------------------- cells of other clients

    def admit_cell(self, header: Mapping[str, Any]) -> bool:
        """Let a cell in, or say that it has to wait."""
        with self._lock:
            if self._is_opening or self._job is not None or self._is_held or self.reserved_s > 0:
                return False
            self._cells[header["msg_id"]] = {
                "session": header.get("session"),
                "user": header.get("username"),
                "since": time.time(),
            }
            self._tell()
        return True

    def why_cells_wait(self) -> str:
        """Say, for the author of a cell, what keeps it from running."""
        job = self._job
        if self._is_opening:
            return "the startup code is still running"
        if job is None:
            return "the queue is running"
        name = getattr(job.job, "name", "")
        if isinstance(job.job, FunctionJob):
            return f"the function {name!r} of a task is running"
        if isinstance(job.job, PlanJob):
            return f"the queue is running, now the plan {name!r}"
        what = "script of a task" if job_kind(job.job) == "script" else "plan of the queue"
        return f"a {what} is running"

    def interrupt(self, strike: Callable[[], None]) -> None:
        """Interrupt whatever occupies the main thread; nothing when it is idle.

        What is struck cannot end, and nothing else begin, between the look and the strike: an
        interrupt of an idle worker would hit the next cell.
        """
        with self._lock:
            if self.holder is not None:
                strike()

    def interrupt_cell(self, sessions: Collection[str], strike: Callable[[], None]) -> bool:
        """Interrupt the cell that runs if it belongs to one of these sessions; say whether."""
        with self._lock:
            cell = self.cell
            is_theirs = cell is not None and cell["session"] in sessions
            if is_theirs:
                strike()
        return is_theirs

    def cell_done(self, msg_id: str) -> None:
        """Note that a cell has left the main thread."""
        with self._lock:
            if self._cells.pop(msg_id, None) is not None:
                self._tell()

    # ------------------------------------------------------------------------------- hold

    def hold(self, on: bool) -> None:
        """Keep other clients' cells waiting, or let them go on."""
        with self._lock:
            self._is_held = on
            self._tell()
        if not on:
            self._unpark()

    def _unpark(self) -> None:
        if not self._is_held:
            self._when_unparked()

    def busy_with(self) -> str:
        """Say what occupies the main thread."""
        if self._is_opening:
            return "the startup code is still running"
        if self._job is not None:
            return f"the job {self._job.job.uid} ({job_kind(self._job.job)}) is running"
        cell = self.cell or {}
        return f"a cell of another client is running (user {cell.get('user')!r})"

    def _tell(self, *events: Event) -> None:
        change = MainThreadChanged(
            busy=self.is_busy, job=self.job, cell=self.cell, held=self._is_held
        )
        if change != self._last_change:
            self._last_change = change
            self._outbox.append(change, *events)
        else:
            self._outbox.append(*events)


def _makes_room_for_the_next(event: Event) -> bool:
    """Whether the queue may go on after this: a plan came to its end, not to a pause."""
    return isinstance(event, JobDone) and event.item_uid is not None and event.outcome != "paused"


def _describe_job(accepted: AcceptedJob) -> dict[str, Any]:
    return {
        "uid": accepted.job.uid,
        "kind": job_kind(accepted.job),
        "item_uid": getattr(accepted.job, "item_uid", None),
        "time_start": accepted.time_start,
    }
