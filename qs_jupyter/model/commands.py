"""What can be decided: the manager carries these out, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qs_jupyter.model.events import PlanEnded
from qs_jupyter.model.item import Item
from qs_jupyter.model.state import Running


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a worker kernel and load the startup code."""


@dataclass(frozen=True, slots=True)
class CloseWorker:
    """End the worker in order."""


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End the worker at once."""


@dataclass(frozen=True, slots=True)
class FindFront:
    """Look what stands at the front of the queue and report it as `FrontFound`."""


@dataclass(frozen=True, slots=True)
class FindImmediate:
    """Report an item that runs past the queue as `FrontFound`."""

    item: Item


@dataclass(frozen=True, slots=True)
class DropInstruction:
    """An instruction has been carried out: take it from the queue (to the back in a loop)."""

    item: Item
    to_back: bool


@dataclass(frozen=True, slots=True)
class SubmitPlan:
    """Hand the running plan to the worker, once its intent is durable."""

    running: Running


@dataclass(frozen=True, slots=True)
class PutBack:
    """The running plan was never started: return it to the front as it was."""

    running: Running


@dataclass(frozen=True, slots=True)
class Archive:
    """Move the running plan to history, and perhaps a copy back into the queue."""

    running: Running
    ended: PlanEnded
    requeue: Literal["front", "back"] | None


@dataclass(frozen=True, slots=True)
class RequestPause:
    """Tell the Run Engine to pause."""

    option: Literal["deferred", "immediate"]


@dataclass(frozen=True, slots=True)
class ForceHalt:
    """End the plan although it keeps the Run Engine from answering."""


@dataclass(frozen=True, slots=True)
class SubmitContinue:
    """Tell the worker what becomes of the paused plan."""

    action: Literal["resume", "stop", "abort", "halt"]


@dataclass(frozen=True, slots=True)
class ForgetTasks:
    """Tasks that still ran died with the worker."""

    reason: str


Command = (
    StartWorker
    | CloseWorker
    | KillWorker
    | FindFront
    | FindImmediate
    | DropInstruction
    | SubmitPlan
    | PutBack
    | Archive
    | RequestPause
    | ForceHalt
    | SubmitContinue
    | ForgetTasks
)
