"""Rules of the environment: opening, closing, destroying, and a worker that is gone."""

from __future__ import annotations

from dataclasses import replace

from qs_jupyter.errors import WrongState
from qs_jupyter.model import events as ev
from qs_jupyter.model.commands import CloseWorker, Command, ForgetTasks, KillWorker, StartWorker
from qs_jupyter.model.ended_plans import archive
from qs_jupyter.model.rules import ALIVE, Step, on
from qs_jupyter.model.starting import holder
from qs_jupyter.model.state import Environment, Model, Phase, Stage

DESTROYED = "RE Worker environment was destroyed"


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
        ends_with=None,
    )
    if model.running is not None:
        ended = ev.PlanEnded("failed", msg=reason)
        after, archived = archive(after, model.running, ended)
        after = replace(after, autostart=False)
        # Before the runs are forgotten, because they belong into the history.
        commands += archived
    return after, [*commands, ForgetTasks(reason)]


@on(ev.Initialized, Phase.INITIALIZING)
def initialized(model: Model, _event: ev.Initialized) -> Step:
    """Be where the worker that was found stands."""
    if model.running is not None:
        return replace(model, phase=Phase.EXECUTING), []
    if model.task_uid is not None:
        return replace(model, phase=Phase.TASK), []
    return replace(model, phase=Phase.IDLE), []
