"""Every message between the manager and the worker.

Four families, each a tagged union of frozen dataclasses of plain JSON data:

* **requests** go over the control channel as ``qs_request`` and are answered at once
  with ``qs_reply``, also in the middle of a plan;
* **jobs** go over the shell channel as ``qs_run``; the reply ``qs_run_reply`` says taken
  or busy, and the end of the job comes as an event;
* **tasks** are jobs that run in a thread of their own, started by the request `StartTask`;
* **events** are numbered facts. The worker keeps each in its outbox until the manager
  acknowledges it, and pushes a copy on iopub as ``qs_event``; a gap in the numbers, or a
  new manager, is repaired with the request `GetEvents`.

On the wire a message is ``{"type": <class name>, <field>: <value>, …}``. Unknown fields are
ignored, so neighbouring versions can talk; an unknown type is answered with an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

PROTOCOL_VERSION = 1

REQUEST_TYPE = "qs_request"
REPLY_TYPE = "qs_reply"
RUN_TYPE = "qs_run"
RUN_REPLY_TYPE = "qs_run_reply"
EVENT_TYPE = "qs_event"
# Documents of plans: not numbered and not kept, content ``{"item_uid", "documents": [...]}``.
DOCUMENTS_TYPE = "qs_documents"

CONFIG_VARIABLE = "QS_JUPYTER_WORKER_CONFIG"


@dataclass(frozen=True)
class WorkerConfig:
    """What a new worker is told before it starts, as a JSON file named by `CONFIG_VARIABLE`.

    ``ipython_mode`` picks the loader of startup files: True follows IPython (magics, the real
    shell), False a plain Python loader. ``startup_dir`` is the folder with the startup files,
    None when there are none; ``script`` or ``module`` run after them (ipython mode) or instead
    of them (plain mode). ``parked_cells`` keeps cells of other clients waiting while the
    manager's queue runs; otherwise they run between two plans.
    """

    ipython_mode: bool = True
    startup_dir: str | None = None
    script: str | None = None
    module: str | None = None
    ignore_invalid_plans: bool = False
    device_max_depth: int = 0
    matplotlib: str | None = None
    parked_cells: bool = True


# ---------------------------------------------------------------- requests (control channel)


@dataclass(frozen=True)
class Hello:
    """First word of a manager; answered with a `WorkerReport`.

    ``session`` is the Jupyter session id of the manager that from now on holds the lease:
    jobs, shutdown and acknowledgements of other sessions are refused.
    """

    session: str
    version: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class GetStatus:
    """Ask for a fresh `WorkerReport`, without taking the lease."""


@dataclass(frozen=True)
class GetEvents:
    """Ask for the events after number ``since``: ``{"events": [...], "seq": int}``."""

    since: int = 0


@dataclass(frozen=True)
class Acknowledge:
    """Events up to and including ``upto`` are safe with the manager; forget them."""

    upto: int


@dataclass(frozen=True)
class GetLists:
    """Ask for the existing plans and devices, ``{"generation", "plans", "devices"}``.

    With ``since`` equal to a generation the worker still remembers, only the difference
    comes: ``{"generation", "since", "plans": {name: description | None}, "devices": …}``,
    where None stands for a removed name. Otherwise ``since`` in the reply is None.
    """

    since: int | None = None


@dataclass(frozen=True)
class GetReport:
    """Ask for the report of the last opening (see `Opened`)."""


@dataclass(frozen=True)
class GetMetadata:
    """Ask for ``RE.md``: ``{"metadata": plain data, "foreign": what in it is no JSON}``."""


@dataclass(frozen=True)
class Pause:
    """Ask the Run Engine to pause: ``deferred`` (next checkpoint) or ``immediate``."""

    option: str = "deferred"


@dataclass(frozen=True)
class Interrupt:
    """Send an interrupt to the main thread.

    ``group``: to the whole process group. ``engine``: end a plan by force that blocks the
    loop of the Run Engine.
    """

    target: str = "main"


@dataclass(frozen=True)
class StartTask:
    """Start a background task in a thread of its own. ``job`` is an encoded job."""

    job: dict[str, Any]


@dataclass(frozen=True)
class CancelTask:
    """Raise KeyboardInterrupt in the thread of a background task (best effort)."""

    uid: str


@dataclass(frozen=True)
class Hold:
    """Keep the main thread for the manager: park cells of other clients until released.

    ``seconds`` bounds a hold with no job (the worker lets go by itself); None means until
    `Hold(on=False)`.
    """

    on: bool
    seconds: float | None = None


@dataclass(frozen=True)
class FollowDocuments:
    """Begin or end to send the documents of plans, slim and in batches."""

    on: bool


@dataclass(frozen=True)
class GetStacks:
    """Ask for the stacks of all threads: ``{"stacks": text}``."""


@dataclass(frozen=True)
class Shutdown:
    """End the worker in order; answered first, then the process ends."""


Request = (
    Hello
    | GetStatus
    | GetEvents
    | Acknowledge
    | GetLists
    | GetReport
    | GetMetadata
    | Pause
    | Interrupt
    | StartTask
    | CancelTask
    | Hold
    | FollowDocuments
    | GetStacks
    | Shutdown
)

# ------------------------------------------------------------------------ jobs (shell channel)


@dataclass(frozen=True)
class PlanJob:
    """Run one plan.

    ``convert`` names, for each parameter of the plan, the strings in its value that stand
    for objects of the namespace (``{"detectors": ["det1", "stage.x"]}``); every other string
    stays a string. The manager computes it from permissions and the plan's description, so
    the worker does no permission work. ``metadata`` goes into the start document.
    """

    uid: str
    attempt: int
    item_uid: str
    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    convert: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ContinueJob:
    """Resume, stop, abort or halt the paused plan of ``item_uid``."""

    uid: str
    attempt: int
    item_uid: str
    action: str


@dataclass(frozen=True)
class FunctionJob:
    """Call one function of the namespace with the arguments as sent.

    ``convert`` works as in `PlanJob`, for the opt-in conversion of names.
    """

    uid: str
    attempt: int
    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    convert: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScriptJob:
    """Run Python source in the namespace; empty source only rebuilds what is asked for."""

    uid: str
    attempt: int
    script: str = ""
    update_lists: bool = True
    update_re: bool = False


Job = PlanJob | ContinueJob | FunctionJob | ScriptJob

# ------------------------------------------------------------- reports (content of the replies)


@dataclass(frozen=True)
class JobReport:
    """What the main thread is doing for the manager: the job's uid, kind and item."""

    uid: str
    kind: str
    item_uid: str | None = None
    time_start: float = 0.0


@dataclass(frozen=True)
class WorkerReport:
    """The whole state of the worker in one answer.

    ``phase`` is ``starting`` (startup code runs), ``failed`` or ``ready``. ``cell`` describes
    the cell of another client that holds the main thread (``{"session", "user", "since"}``),
    or is None. ``re_state`` is None without a usable ``RE``. ``time_start`` is when the worker
    was started: what was to be run before that was meant for another one.
    """

    epoch: str
    seq: int
    pid: int
    phase: str
    version: int = PROTOCOL_VERSION
    startup_file: str | None = None
    re_state: str | None = None
    deferred_pause_requested: bool = False
    job: dict[str, Any] | None = None
    paused_item_uid: str | None = None
    cell: dict[str, Any] | None = None
    held: bool = False
    background_tasks: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    lists_generation: int = 0
    time_start: float = 0.0


# ------------------------------------------------------------------------- events (numbered)


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
    ``finished_outside`` marks a paused plan that a console user carried to its end.
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

_MESSAGES: dict[str, Any] = {
    cls.__name__: cls for family in (Request, Job, Event) for cls in get_args(family)
}


@dataclass(frozen=True)
class NumberedEvent:
    """An event with its place in the outbox of the worker process ``epoch``."""

    epoch: str
    seq: int
    time: float
    event: Event

    def encode(self) -> dict[str, Any]:
        """Return the event as the content of a ``qs_event`` message."""
        return {
            "epoch": self.epoch,
            "seq": self.seq,
            "time": self.time,
            "event": encode(self.event),
        }

    @classmethod
    def decode(cls, data: Mapping[str, Any]) -> NumberedEvent:
        """Build the event from the content of a ``qs_event`` message."""
        return cls(data["epoch"], data["seq"], data["time"], decode(data["event"]))


class UnknownMessageError(ValueError):
    """The message has a type that this side does not know, or lacks a field."""


def encode(message: Any) -> dict[str, Any]:
    """Return a message as plain data, with its class name under ``type``."""
    data = {f.name: getattr(message, f.name) for f in fields(message)}
    return {"type": type(message).__name__, **data}


def decode(data: Mapping[str, Any]) -> Any:
    """Build the message that `encode` wrote; fields this side does not know are ignored.

    Raises
    ------
    UnknownMessageError
        For an unknown type or a missing field, with its name.
    """
    cls = _MESSAGES.get(data.get("type", ""))
    if cls is None:
        raise UnknownMessageError(f"unknown message type {data.get('type')!r}")
    known = {f.name for f in fields(cls)}
    try:
        return cls(**{name: value for name, value in data.items() if name in known})
    except TypeError as error:
        raise UnknownMessageError(f"{cls.__name__}: {error}") from error
