"""Requests of a manager and the report that answers them, over the control channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PROTOCOL_VERSION = 1

# Where the number of a piece of output stands in the metadata of its message.
TEXT_SEQ = "qs_text_seq"


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
    """Events up to and including ``upto`` are safe with the manager; forget them.

    ``text_upto`` is the number of the last piece of output that was passed on.
    """

    upto: int
    text_upto: int = 0


@dataclass(frozen=True)
class GetText:
    """Ask for output after number ``since``, None for what no manager has acknowledged.

    The answer is ``{"texts": [{"seq", "time", "name", "text", "label"}], "seq": int, "lost":
    lines that are gone for good}``. On iopub the number stands in the metadata, as `TEXT_SEQ`.
    """

    since: int | None = None


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
class ForceHalt:
    """End a plan that keeps the Run Engine from answering, or whose clean-up does not end.

    A plan of an engine that answers is left to the pause that was asked for.
    """


@dataclass(frozen=True)
class Interrupt:
    """Send an interrupt to the main thread."""


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
    | GetText
    | GetLists
    | GetReport
    | GetMetadata
    | Pause
    | ForceHalt
    | Interrupt
    | StartTask
    | CancelTask
    | Hold
    | FollowDocuments
    | GetStacks
    | Shutdown
)

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
    was started: what was to be run before that was meant for another one. ``memory`` is what the
    process occupies, in bytes, None where nobody can tell.
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
    memory: int | None = None
