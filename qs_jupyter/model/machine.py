"""The table between events and commands: what follows from what, in which phase.

Each rule takes the model and an event and returns the model after it and the commands to
carry out. A rule never waits, looks at a clock or does anything; it may only refuse. A pair
of event and phase without a rule is a refusal for requests, and nothing for late news of
the worker. ``docs/architecture.md`` shows the same table as a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

from qs_jupyter.errors import Refusal, WrongState
from qs_jupyter.model import events as ev
from qs_jupyter.model.commands import (
    Archive,
    CloseWorker,
    Command,
    DropInstruction,
    FindFront,
    FindImmediate,
    ForgetTasks,
    KillWorker,
    PutBack,
    RequestPause,
    StartWorker,
    SubmitContinue,
    SubmitPlan,
)
from qs_jupyter.model.events import Event
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.model.starting import BUSY_KERNEL, check_start, holder
from qs_jupyter.model.state import Environment, Model, Phase, Running, Stage

Step = tuple[Model, list[Command]]
Rule = Callable[[Model, Any], Step]
_RULES: dict[tuple[type, Phase], Rule] = {}
E = TypeVar("E")

DESTROYED = "RE Worker environment was destroyed"
ALIVE = tuple(phase for phase in Phase if phase is not Phase.INITIALIZING)


def on(
    event: type[E], *phases: Phase
) -> Callable[[Callable[[Model, E], Step]], Callable[[Model, E], Step]]:
    """Register a rule for an event in the given phases."""

    def register(rule: Callable[[Model, E], Step]) -> Callable[[Model, E], Step]:
        for phase in phases:
            if (event, phase) in _RULES:
                raise TypeError(f"two rules for {event.__name__} in {phase}")
            _RULES[event, phase] = cast("Rule", rule)
        return rule

    return register


def decide(model: Model, event: Event) -> Step:
    """Return what follows from ``event``.

    Raises
    ------
    Refusal
        The event is a request that is not possible now; the text says why.
    """
    rule = _RULES.get((type(event), model.phase))
    if rule is not None:
        return rule(model, event)
    if type(event) in _REQUESTS:
        raise WrongState(f"Manager state is not idle. Current state: {model.phase.value}")
    return model, []


def table() -> list[tuple[str, str, str]]:
    """Return the rules as (event, phase, rule) names, for documentation and tests."""
    return sorted((e.__name__, p.value, rule.__name__) for (e, p), rule in _RULES.items())


# ------------------------------------------------------------------------------- environment


@on(ev.OpenRequested, *ALIVE)
def open_environment(model: Model, _event: ev.OpenRequested) -> Step:
    """Start a worker, unless there is one."""
    if model.phase is Phase.OPENING:
        raise WrongState("Manager is already in the process of creating the RE Worker environment.")
    if model.environment.exists:
        raise WrongState("RE Worker environment already exists.")
    if model.phase is not Phase.IDLE:
        raise WrongState(f"Manager state is not idle. Current state: {model.phase.value}")
    opening = replace(model, phase=Phase.OPENING, environment=Environment(stage=Stage.INITIALIZING))
    return opening, [StartWorker()]


@on(ev.EnvironmentOpened, Phase.OPENING)
def environment_opened(model: Model, event: ev.EnvironmentOpened) -> Step:
    """Be idle with an environment."""
    environment = replace(model.environment, stage=Stage.READY, re_state=event.re_state)
    return replace(model, phase=Phase.IDLE, environment=environment), []


@on(ev.EnvironmentFailed, Phase.OPENING)
def environment_failed(model: Model, _event: ev.EnvironmentFailed) -> Step:
    """End the worker that could not load its startup code."""
    environment = replace(model.environment, stage=Stage.FAILED)
    return replace(model, environment=environment), [KillWorker()]


@on(ev.CloseRequested, *ALIVE)
def close_environment(model: Model, _event: ev.CloseRequested) -> Step:
    """End the worker in order, unless something goes on in it."""
    if model.phase is Phase.CLOSING:
        raise WrongState("Manager is already in the process of closing the RE Worker environment.")
    if not model.environment.exists:
        raise WrongState("RE Worker environment does not exist.")
    if model.phase in (Phase.EXECUTING, Phase.STARTING):
        raise WrongState("Queue execution is in progress.")
    if model.phase is Phase.TASK:
        raise WrongState("Foreground task execution is in progress.")
    if model.phase is not Phase.IDLE:
        raise WrongState(f"Manager state is not idle. Current state: {model.phase.value}")
    if model.environment.main_thread.is_foreign:
        raise WrongState(f"Worker IPython kernel is busy.{holder(model)}")
    environment = replace(model.environment, stage=Stage.CLOSING)
    return replace(model, phase=Phase.CLOSING, environment=environment), [CloseWorker()]


@on(ev.DestroyRequested, *ALIVE)
def destroy_environment(model: Model, _event: ev.DestroyRequested) -> Step:
    """Kill the worker, whatever it does."""
    if model.phase is Phase.DESTROYING:
        return model, []
    if model.environment.stage is Stage.CLOSED:
        raise WrongState("RE environment does not exist")
    environment = replace(model.environment, stage=Stage.CLOSING)
    return replace(model, phase=Phase.DESTROYING, environment=environment), [KillWorker()]


@on(ev.WorkerGone, *ALIVE)
def worker_gone(model: Model, event: ev.WorkerGone) -> Step:
    """Be idle without an environment; a running plan has failed with the reason."""
    reason = DESTROYED if model.phase is Phase.DESTROYING else event.reason
    commands: list[Command] = []
    after = replace(
        model,
        phase=Phase.IDLE,
        environment=Environment(),
        task_uid=None,
        stop_pending=False,
        pause_requested=False,
    )
    if model.running is not None:
        ended = ev.PlanEnded("failed", msg=reason)
        after, archived = _archive(after, model.running, ended)
        after = replace(after, autostart=False)
        # Before the runs are forgotten, because they belong into the history.
        commands += archived
    return after, [*commands, ForgetTasks(reason)]


# -------------------------------------------------------------------------------- the queue


@on(ev.StartRequested, *ALIVE)
def start_queue(model: Model, _event: ev.StartRequested) -> Step:
    """Begin with the front of the queue."""
    check_start(model)
    started = replace(model, phase=Phase.STARTING, stop_pending=False, pause_requested=False)
    return started, [FindFront()]


@on(ev.ExecuteRequested, *ALIVE)
def execute_item(model: Model, event: ev.ExecuteRequested) -> Step:
    """Run one item at once."""
    check_start(model)
    started = replace(model, phase=Phase.STARTING, stop_pending=False, pause_requested=False)
    return started, [FindImmediate(event.item)]


@on(ev.FrontFound, Phase.STARTING, Phase.EXECUTING)
def front_found(model: Model, event: ev.FrontFound) -> Step:
    """Run the plan that was found, carry out an instruction, or be idle behind the last one."""
    item = event.item
    if item is None:
        return _idle(model), []
    if item.item_type == "instruction":
        # The only instruction is queue_stop.
        if event.immediate:
            return _idle(model), []
        stopped = _idle(replace(model, autostart=False))
        return stopped, [DropInstruction(item, to_back=model.mode.loop)]
    running = Running(item, event.attempt, event.job_uid, event.time, event.immediate)
    return replace(model, running=running), [SubmitPlan(running)]


@on(ev.SubmissionTaken, Phase.STARTING, Phase.EXECUTING)
def plan_taken(model: Model, event: ev.SubmissionTaken) -> Step:
    """The worker has begun; from now on the queue executes."""
    if model.running is None or model.running.job_uid != event.job_uid:
        return model, []
    return replace(model, phase=Phase.EXECUTING), []


@on(ev.SubmissionRefused, Phase.STARTING, Phase.EXECUTING)
def plan_refused(model: Model, event: ev.SubmissionRefused) -> Step:
    """Put a plan back that found the kernel taken; fail one that could not be started.

    A paused plan whose continuation was refused stays paused.
    """
    running = model.running
    if running is None or running.job_uid != event.job_uid:
        return model, []
    if model.environment.re_state == "paused":
        return replace(model, phase=Phase.PAUSED), []
    if event.busy:
        return _idle(replace(model, running=None)), [PutBack(running)]
    return plan_ended(model, ev.PlanEnded("failed", msg=f"Plan failed: {event.reason}"))


@on(ev.PlanEnded, Phase.STARTING, Phase.EXECUTING, Phase.PAUSED)
def plan_ended(model: Model, event: ev.PlanEnded) -> Step:
    """Archive the plan; go on unless it failed or was asked to stop."""
    running = model.running
    if running is None:
        return model, []
    after, commands = _archive(model, running, event)
    if _goes_on(model, running, event):
        return replace(after, phase=Phase.EXECUTING), [*commands, FindFront()]
    keeps_autostart = event.outside or running.immediate or _went_well(model, event.outcome)
    if model.stop_pending or model.pause_requested:
        keeps_autostart = False
    return _idle(replace(after, autostart=model.autostart and keeps_autostart)), commands


@on(ev.StopRequested, *ALIVE)
def stop_queue(model: Model, _event: ev.StopRequested) -> Step:
    """Remember to stop behind the running plan."""
    if model.phase not in (Phase.EXECUTING, Phase.STARTING):
        raise WrongState(
            f"Failed to pause the queue. Queue is not running. Manager state: {model.phase.value}"
        )
    return replace(model, stop_pending=True), []


@on(ev.StopCancelled, *Phase)
def cancel_stop(model: Model, _event: ev.StopCancelled) -> Step:
    """Forget a pending stop."""
    return replace(model, stop_pending=False), []


@on(ev.AutostartChanged, *Phase)
def change_autostart(model: Model, event: ev.AutostartChanged) -> Step:
    """Switch autostart; whether the queue starts is looked at after every event."""
    return replace(model, autostart=event.enable), []


# --------------------------------------------------------------------------- the Run Engine


@on(ev.PauseRequested, *ALIVE)
def pause_plan(model: Model, event: ev.PauseRequested) -> Step:
    """Pass the wish on to the Run Engine."""
    if model.environment.stage is not Stage.READY:
        raise WrongState("Environment does not exist. Can not pause Run Engine.")
    if model.environment.re_state is None:
        raise WrongState("Run Engine is not found in the RE Worker environment.")
    if model.environment.re_state != "running":
        raise WrongState(
            "Run engine can be paused only in 'running' state. "
            f"Current state: '{model.environment.re_state}'"
        )
    is_ours = model.phase is Phase.EXECUTING
    return replace(model, pause_requested=is_ours), [RequestPause(event.option)]


@on(ev.PlanPaused, Phase.STARTING, Phase.EXECUTING)
def plan_paused(model: Model, event: ev.PlanPaused) -> Step:
    """Wait for a decision about the plan."""
    if model.running is None or model.running.job_uid != event.job_uid:
        return model, []
    return replace(model, phase=Phase.PAUSED, pause_requested=False), []


@on(ev.ContinueRequested, *ALIVE)
def continue_plan(model: Model, event: ev.ContinueRequested) -> Step:
    """Resume, stop, abort or halt the paused plan."""
    if model.phase is not Phase.PAUSED:
        raise WrongState(f"RE Manager is not paused: current state is '{model.phase.value}'")
    if model.environment.re_state is None:
        raise Refusal("Run Engine is not found in the RE Worker environment.")
    if model.environment.main_thread.is_foreign:
        raise Refusal(BUSY_KERNEL + holder(model))
    after = replace(model, phase=Phase.EXECUTING, pause_requested=False)
    return after, [SubmitContinue(event.action)]


# ------------------------------------------------------------------------ foreground tasks


@on(ev.TaskRequested, *ALIVE)
def start_task(model: Model, event: ev.TaskRequested) -> Step:
    """Give the main thread to a function or script."""
    if model.environment.stage is not Stage.READY:
        raise WrongState("RE Worker environment is not open")
    if model.phase is not Phase.IDLE:
        raise WrongState(
            "Failed to start the task: RE Manager must be in idle state. "
            f"Current state: '{model.phase.value}'"
        )
    if model.environment.main_thread.is_foreign:
        raise Refusal(f"Failed to start the task: {BUSY_KERNEL}{holder(model)}")
    return replace(model, phase=Phase.TASK, task_uid=event.uid), []


@on(ev.TaskEnded, Phase.TASK)
def task_ended(model: Model, event: ev.TaskEnded) -> Step:
    """Be idle again."""
    if event.uid != model.task_uid:
        return model, []
    return replace(model, phase=Phase.IDLE, task_uid=None), []


@on(ev.SubmissionRefused, Phase.TASK)
def task_refused(model: Model, event: ev.SubmissionRefused) -> Step:
    """Be idle again: the worker did not take the task."""
    if event.job_uid != model.task_uid:
        return model, []
    return replace(model, phase=Phase.IDLE, task_uid=None), []


@on(ev.Initialized, Phase.INITIALIZING)
def initialized(model: Model, _event: ev.Initialized) -> Step:
    """Be where the worker that was found stands."""
    if model.running is not None:
        return replace(model, phase=Phase.EXECUTING), []
    if model.task_uid is not None:
        return replace(model, phase=Phase.TASK), []
    return replace(model, phase=Phase.IDLE), []


_REQUESTS = frozenset(
    {
        ev.OpenRequested,
        ev.CloseRequested,
        ev.DestroyRequested,
        ev.StartRequested,
        ev.ExecuteRequested,
        ev.StopRequested,
        ev.PauseRequested,
        ev.ContinueRequested,
        ev.TaskRequested,
    }
)

# -------------------------------------------------------------------- parts that rules share


def _idle(model: Model) -> Model:
    return replace(model, phase=Phase.IDLE, stop_pending=False, pause_requested=False)


def _went_well(model: Model, outcome: str) -> bool:
    return outcome == "completed" or (outcome == "failed" and model.mode.ignore_failures)


def _goes_on(model: Model, running: Running, event: ev.PlanEnded) -> bool:
    asked_to_stop = model.stop_pending or model.pause_requested
    if running.immediate or event.outside or asked_to_stop:
        return False
    return _went_well(model, event.outcome)


def requeue_place(
    outcome: str, mode: QueueMode, *, immediate: bool
) -> Literal["front", "back"] | None:
    """Return where a copy of an ended plan goes, None for nowhere."""
    if immediate or outcome == "unknown":
        return None
    if outcome in ("completed", "stopped"):
        return "back" if mode.loop else None
    if outcome == "failed" and mode.ignore_failures:
        return "back" if mode.loop else None
    return "front"


def _archive(model: Model, running: Running, ended: ev.PlanEnded) -> Step:
    place = requeue_place(ended.outcome, model.mode, immediate=running.immediate)
    return replace(model, running=None), [Archive(running, ended, place)]
