"""What can happen in the life of environment, plan and task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from qs_jupyter.model.item import Item

# ----------------------------------------------------------------------- asked for by clients


@dataclass(frozen=True, slots=True)
class OpenRequested:
    """Somebody wants an environment."""


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """Somebody wants the environment closed in order."""


@dataclass(frozen=True, slots=True)
class DestroyRequested:
    """Somebody wants the environment gone, whatever it does."""


@dataclass(frozen=True, slots=True)
class StartRequested:
    """Somebody, or autostart, wants the queue to run."""

    automatic: bool = False


@dataclass(frozen=True, slots=True)
class ExecuteRequested:
    """Somebody wants one item run at once, past the queue."""

    item: Item


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The queue shall stop behind the running plan."""


@dataclass(frozen=True, slots=True)
class StopCancelled:
    """The queue shall go on after all."""


@dataclass(frozen=True, slots=True)
class AutostartChanged:
    """Autostart is switched on or off."""

    enable: bool


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """The Run Engine shall pause: at the next checkpoint, or at once."""

    option: Literal["deferred", "immediate"]


@dataclass(frozen=True, slots=True)
class ContinueRequested:
    """What shall become of the paused plan."""

    action: Literal["resume", "stop", "abort", "halt"]


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The plan shall end, whether it is paused or runs."""

    action: Literal["stop", "abort", "halt"]


@dataclass(frozen=True, slots=True)
class TaskRequested:
    """A function or script shall run in the foreground."""

    uid: str


# -------------------------------------------------------------- what the manager itself found


@dataclass(frozen=True, slots=True)
class Initialized:
    """The start is over; ``environment``, ``running`` … were found as the model has them."""


@dataclass(frozen=True, slots=True)
class FrontFound:
    """The next item of a running queue; None when the queue is empty."""

    item: Item | None
    attempt: int = 0
    job_uid: str = ""
    time: float = 0.0
    immediate: bool = False


# ------------------------------------------------------------------------ told by the worker


@dataclass(frozen=True, slots=True)
class EnvironmentOpened:
    """Startup code and lists are loaded."""

    re_state: str | None


@dataclass(frozen=True, slots=True)
class EnvironmentFailed:
    """Startup code failed, or the process could not be started."""

    reason: str


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """The worker process has ended; ``asked`` when the manager told it to."""

    reason: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class SubmissionTaken:
    """The worker has taken a job."""

    job_uid: str


@dataclass(frozen=True, slots=True)
class SubmissionRefused:
    """The worker did not take a job: ``busy`` with other work, or for another reason."""

    job_uid: str
    reason: str
    busy: bool


@dataclass(frozen=True, slots=True)
class PlanPaused:
    """The running plan is paused and the main thread is free."""

    job_uid: str


@dataclass(frozen=True, slots=True)
class PlanEnded:
    """The running plan has left the Run Engine.

    ``outcome`` is ``completed``, ``failed``, ``stopped``, ``aborted``, ``halted`` or
    ``unknown``; ``runs`` are ``{"uid", "scan_id", "is_open", "exit_status"}``. It ended
    ``outside`` of the queue, in a console, or has missed a pause that was asked for.
    """

    outcome: str
    msg: str = ""
    traceback: str = ""
    time: float = 0.0
    runs: tuple[dict[str, Any], ...] = field(default=())
    outside: bool = False
    pause_missed: bool = False


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The foreground task is over; its result is with the tasks."""

    uid: str


Event = (
    OpenRequested
    | CloseRequested
    | DestroyRequested
    | StartRequested
    | ExecuteRequested
    | StopRequested
    | StopCancelled
    | AutostartChanged
    | PauseRequested
    | ContinueRequested
    | EndRequested
    | TaskRequested
    | Initialized
    | FrontFound
    | EnvironmentOpened
    | EnvironmentFailed
    | WorkerGone
    | SubmissionTaken
    | SubmissionRefused
    | PlanPaused
    | PlanEnded
    | TaskEnded
)
