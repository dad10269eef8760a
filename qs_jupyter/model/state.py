"""The state of manager, environment and running plan, and the status that clients see.

All of it is immutable. What clients see is computed from it and never kept twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from qs_jupyter.model.item import Item
from qs_jupyter.model.queue_mode import QueueMode


class Phase(StrEnum):
    """What the manager is busy with; the values are the wire's words."""

    INITIALIZING = "initializing"
    IDLE = "idle"
    PAUSED = "paused"
    OPENING = "creating_environment"
    CLOSING = "closing_environment"
    DESTROYING = "destroying_environment"
    STARTING = "starting_queue"
    EXECUTING = "executing_queue"
    TASK = "executing_task"


class Stage(StrEnum):
    """How far the life of the environment has come."""

    CLOSED = "closed"
    INITIALIZING = "initializing"
    FAILED = "failed"
    READY = "ready"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class MainThread:
    """Who holds the main thread of the worker.

    ``job`` is our job (``{"uid", "kind", "item_uid", …}``), ``cell`` a cell of another client
    (``{"session", "user", "since"}``), ``held`` a hold without a job.
    """

    job: dict[str, Any] | None = None
    cell: dict[str, Any] | None = None
    held: bool = False

    @property
    def is_foreign(self) -> bool:
        """Whether another client's cell occupies the thread."""
        return self.cell is not None and self.job is None


@dataclass(frozen=True, slots=True)
class Environment:
    """The worker kernel with its loaded startup code, as the manager knows it."""

    stage: Stage = Stage.CLOSED
    re_state: str | None = None
    deferred_pause: bool = False
    main_thread: MainThread = field(default_factory=MainThread)
    background_tasks: frozenset[str] = frozenset()
    # False while the worker is alive but Python in it does not get on.
    responsive: bool = True
    # Of the worker, in bytes; follows it in coarse steps, for each step is a new status.
    memory: int | None = None

    @property
    def exists(self) -> bool:
        """Whether plans could be run: opened, and not yet on its way out."""
        return self.stage in (Stage.READY, Stage.CLOSING)


@dataclass(frozen=True, slots=True)
class Running:
    """The plan at the front of everything: running, pausing or paused.

    ``attempt`` counts how often this item was handed to a worker; the worker refuses a pair
    of item and attempt that it has seen. ``job_uid`` is the job of the moment, another one
    after each pause.
    """

    item: Item
    attempt: int
    job_uid: str
    time_start: float
    immediate: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """Everything the machine decides about."""

    phase: Phase = Phase.INITIALIZING
    environment: Environment = field(default_factory=Environment)
    running: Running | None = None
    task_uid: str | None = None
    mode: QueueMode = field(default_factory=QueueMode)
    stop_pending: bool = False
    autostart: bool = False
    # A pause was asked for and has not been reached; it outlives a plan that found no
    # further checkpoint, so that the queue stops behind that plan.
    pause_requested: bool = False
    # What becomes of the running plan as soon as it has paused, when that was asked for.
    ends_with: Literal["stop", "abort", "halt"] | None = None


def environment_state(model: Model) -> str:
    """Return ``worker_environment_state``."""
    environment = model.environment
    if environment.stage is not Stage.READY:
        return environment.stage.value
    thread = environment.main_thread
    if thread.job is not None:
        is_task = thread.job.get("kind") in ("function", "script")
        return "executing_task" if is_task else "executing_plan"
    if model.phase is Phase.TASK:
        return "executing_task"
    return "reserved" if thread.held else "idle"


def kernel_state(model: Model, *, ipython_mode: bool) -> tuple[str | None, bool | None]:
    """Return ``ip_kernel_state`` and ``ip_kernel_captured``."""
    environment = model.environment
    if environment.stage in (Stage.CLOSED, Stage.FAILED):
        return None, None
    if not ipython_mode:
        return "disabled", environment.stage is not Stage.INITIALIZING
    if environment.stage is Stage.INITIALIZING:
        return "starting", False
    thread = environment.main_thread
    captured = thread.job is not None or thread.held
    busy = captured or thread.cell is not None
    return ("busy" if busy else "idle"), captured


def pause_pending(model: Model) -> bool:
    """Return ``pause_pending``: accepted, not reached, and still able to be reached."""
    return model.environment.stage is Stage.READY and (
        model.environment.deferred_pause
        or (model.pause_requested and model.environment.re_state not in (None, "idle", "paused"))
    )
