"""What a fake worker keeps: its main thread, the plan it runs, events to be acknowledged."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from qs_kernel_worker import messages as m

CONTINUED = {"stop": "stopped", "abort": "aborted", "halt": "halted"}
CONNECTION = {
    "transport": "tcp",
    "ip": "127.0.0.1",
    "shell_port": 50_000,
    "iopub_port": 50_001,
    "stdin_port": 50_002,
    "hb_port": 50_003,
    "control_port": 50_004,
    "signature_scheme": "hmac-sha256",
    "key": "not-a-real-key",
}


@dataclass(frozen=True)
class Ending:
    """How a plan ends by itself: its outcome, its words, and how many runs it makes."""

    outcome: str = "completed"
    msg: str = ""
    traceback: str = ""
    runs: int = 0


class FakePlan:
    """A plan from its start to its end, with its runs."""

    def __init__(self, job: m.PlanJob) -> None:
        self.job = job
        self.job_uid = job.uid
        self.time_start = time.time()
        self.runs: dict[str, m.RunChanged] = {}

    @property
    def open_runs(self) -> list[str]:
        """Uids of the runs that are open."""
        return [uid for uid, run in self.runs.items() if run.is_open]

    def open_run(self, scan_id: int) -> m.RunChanged:
        """Open a run."""
        uid = str(uuid.uuid4())
        self.runs[uid] = m.RunChanged(uid, scan_id, True, None, self.job.item_uid)
        return self.runs[uid]

    def close_run(self, uid: str, exit_status: str) -> m.RunChanged:
        """Close a run."""
        self.runs[uid] = replace(self.runs[uid], is_open=False, exit_status=exit_status)
        return self.runs[uid]

    def done(self, outcome: str, job: m.JobReport | None, **facts: Any) -> m.JobDone:
        """Return the end of the job that now stands for the plan."""
        return m.JobDone(
            self.job_uid,
            "plan" if job is None else job.kind,
            outcome,
            item_uid=self.job.item_uid,
            time_start=self.time_start,
            time_stop=time.time(),
            runs=[asdict(run) for run in self.runs.values()],
            **facts,
        )


@dataclass
class FakeMainThread:
    """Who holds the main thread: a job of the manager, a console's cell, a hold."""

    job: m.JobReport | None = None
    cell: dict[str, Any] | None = None
    held: bool = False

    @property
    def occupant(self) -> str | None:
        """Words about who is in the way of a job, None when nobody is."""
        if self.cell is not None:
            return f"a cell of another client is running (user {self.cell['user']!r})"
        return f"the job {self.job.uid} ({self.job.kind}) is running" if self.job else None

    def change(self) -> m.MainThreadChanged:
        """Return the event that tells how things stand."""
        job = None if self.job is None else asdict(self.job)
        return m.MainThreadChanged(self.occupant is not None, job, self.cell, self.held)


@dataclass
class FakeOutbox:
    """Numbers events and keeps them until they are acknowledged."""

    epoch: str = field(default_factory=lambda: uuid.uuid4().hex)
    seq: int = 0
    _kept: list[m.NumberedEvent] = field(default_factory=list)

    def add(self, event: m.Event) -> m.NumberedEvent:
        """Give the event the next number."""
        self.seq += 1
        self._kept.append(m.NumberedEvent(self.epoch, self.seq, time.time(), event))
        return self._kept[-1]

    def after(self, seq: int) -> list[m.NumberedEvent]:
        """Return the events behind a number that are still kept."""
        return [event for event in self._kept if event.seq > seq]

    def acknowledge(self, upto: int) -> None:
        """Forget events up to a number."""
        self._kept = self.after(upto)


def job_kind(job: m.Job) -> str:
    """Return the word for a job in reports."""
    if isinstance(job, m.PlanJob):
        return "plan"
    if isinstance(job, m.ContinueJob):
        return job.action
    return "function" if isinstance(job, m.FunctionJob) else "script"


def open_gate() -> asyncio.Event:
    """Return a gate that lets everybody through until a test closes it."""
    gate = asyncio.Event()
    gate.set()
    return gate
