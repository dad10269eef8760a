"""Rules of functions and scripts in the foreground."""

from __future__ import annotations

from dataclasses import replace

from qs_jupyter.errors import Refusal, WrongState
from qs_jupyter.model import events as ev
from qs_jupyter.model.rules import ALIVE, Step, on
from qs_jupyter.model.starting import BUSY_KERNEL, holder
from qs_jupyter.model.state import Model, Phase, Stage


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
