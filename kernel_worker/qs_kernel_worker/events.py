"""What happened in the worker, as numbered facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StartupProgress:
    """A startup file (script, module) begins or has ended; ``index`` counts from 1."""

    file: str
    index: int
    total: int
    done: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Opened:
    """Startup is over. ``ok`` False: ``msg``, ``file``, ``line`` and ``traceback`` say why.

    ``report`` holds per-file durations and everything that was left out:
    ``{"files": [{"file", "seconds", "ok"}], "stage": str, "warnings": [str],
    "rejected_plans": {name: reason}, "rejected_devices": {name: reason}}``.
    """

    ok: bool
    msg: str = ""
    file: str | None = None
    line: int | None = None
    traceback: str = ""
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunEngineChanged:
    """The Run Engine entered another state, or a deferred pause was requested."""

    state: str | None
    deferred_pause_requested: bool = False


@dataclass(frozen=True)
class RunChanged:
    """A run was opened, or closed (then ``exit_status`` is set).

    ``item_uid`` is None for runs of plans that a console started.
    """

    uid: str
    scan_id: int | None
    is_open: bool
    exit_status: str | None
    item_uid: str | None


@dataclass(frozen=True)
class ListsChanged:
    """The existing plans or devices differ from those of the generation before."""

    generation: int


@dataclass(frozen=True)
class JobDone:
    """A job of the manager left the main thread.

    ``outcome`` for plans and their continuations: ``completed``, ``failed``, ``paused``,
    ``stopped``, ``aborted``, ``halted``; for functions and scripts ``completed``, ``failed``.
    ``runs`` lists the runs of the plan as in `RunChanged`. ``return_value`` is None unless
    ``outcome`` is ``completed``; a value that is no JSON makes the outcome ``failed``, with
    the type's name in ``return_type`` and a short ``return_repr``.
    ``finished_outside`` marks a paused plan that a console user carried to its end,
    ``pause_missed`` one that was asked to pause and came to no checkpoint any more.
    """

    uid: str
    kind: str
    outcome: str
    item_uid: str | None = None
    msg: str = ""
    traceback: str = ""
    time_start: float = 0.0
    time_stop: float = 0.0
    runs: list[dict[str, Any]] = field(default_factory=list)
    return_value: Any = None
    return_type: str | None = None
    return_repr: str | None = None
    background: bool = False
    finished_outside: bool = False
    pause_missed: bool = False


@dataclass(frozen=True)
class TaskStarted:
    """A background task began to run."""

    uid: str
    name: str
    time_start: float


@dataclass(frozen=True)
class MainThreadChanged:
    """Who holds the main thread: our job, a client's cell, a hold, or nobody."""

    busy: bool
    job: dict[str, Any] | None = None
    cell: dict[str, Any] | None = None
    held: bool = False


Event = (
    StartupProgress
    | Opened
    | RunEngineChanged
    | RunChanged
    | ListsChanged
    | JobDone
    | TaskStarted
    | MainThreadChanged
)
