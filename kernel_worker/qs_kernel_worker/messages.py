"""Every message between the manager and the worker, and how it is written.

Four families, each a tagged union of frozen dataclasses of plain JSON data, with a room each:

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
from dataclasses import dataclass, fields
from typing import Any, get_args

from qs_kernel_worker.events import (
    Event,
    JobDone,
    ListsChanged,
    MainThreadChanged,
    Opened,
    RunChanged,
    RunEngineChanged,
    StartupProgress,
    TaskStarted,
)
from qs_kernel_worker.jobs import (
    ContinueJob,
    FunctionJob,
    Job,
    PlanJob,
    ScriptJob,
)
from qs_kernel_worker.requests import (
    PROTOCOL_VERSION,
    TEXT_SEQ,
    Acknowledge,
    CancelTask,
    FollowDocuments,
    ForceHalt,
    GetEvents,
    GetLists,
    GetMetadata,
    GetReport,
    GetStacks,
    GetStatus,
    GetText,
    Hello,
    Hold,
    Interrupt,
    JobReport,
    Pause,
    Request,
    Shutdown,
    StartTask,
    WorkerReport,
)

__all__ = [
    "CONFIG_VARIABLE",
    "DOCUMENTS_TYPE",
    "EVENT_TYPE",
    "PROTOCOL_VERSION",
    "REPLY_TYPE",
    "REQUEST_TYPE",
    "RUN_REPLY_TYPE",
    "RUN_TYPE",
    "TEXT_SEQ",
    "Acknowledge",
    "CancelTask",
    "ContinueJob",
    "Event",
    "FollowDocuments",
    "ForceHalt",
    "FunctionJob",
    "GetEvents",
    "GetLists",
    "GetMetadata",
    "GetReport",
    "GetStacks",
    "GetStatus",
    "GetText",
    "Hello",
    "Hold",
    "Interrupt",
    "Job",
    "JobDone",
    "JobReport",
    "ListsChanged",
    "MainThreadChanged",
    "NumberedEvent",
    "Opened",
    "Pause",
    "PlanJob",
    "Request",
    "RunChanged",
    "RunEngineChanged",
    "ScriptJob",
    "Shutdown",
    "StartTask",
    "StartupProgress",
    "TaskStarted",
    "UnknownMessageError",
    "WorkerConfig",
    "WorkerReport",
    "decode",
    "encode",
]

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
