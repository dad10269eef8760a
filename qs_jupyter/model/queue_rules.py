"""Rules of the queue: from the start over plan after plan to the last one."""

from __future__ import annotations

from dataclasses import replace

from qs_jupyter.errors import WrongState
from qs_jupyter.model import events as ev
from qs_jupyter.model.commands import DropInstruction, FindFront, FindImmediate, PutBack, SubmitPlan
from qs_jupyter.model.ended_plans import archive, asked_to_stop, goes_on, idle, went_well
from qs_jupyter.model.rules import ALIVE, Step, on
from qs_jupyter.model.starting import check_start
from qs_jupyter.model.state import Model, Phase, Running


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
        return idle(model), []
    if item.item_type == "instruction":
        # The only instruction is queue_stop.
        if event.immediate:
            return idle(model), []
        stopped = idle(replace(model, autostart=False))
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
        return idle(replace(model, running=None)), [PutBack(running)]
    return plan_ended(model, ev.PlanEnded("failed", msg=f"Plan failed: {event.reason}"))


@on(ev.PlanEnded, Phase.STARTING, Phase.EXECUTING, Phase.PAUSED)
def plan_ended(model: Model, event: ev.PlanEnded) -> Step:
    """Archive the plan; go on unless it failed or was asked to stop."""
    running = model.running
    if running is None:
        return model, []
    after, commands = archive(model, running, event)
    if goes_on(model, running, event):
        return replace(after, phase=Phase.EXECUTING), [*commands, FindFront()]
    # Who stops a plan in a console wants the next one; who aborts it wants no plan at all.
    stopped_outside = event.outside and event.outcome in ("stopped", "unknown")
    keeps_autostart = stopped_outside or running.immediate or went_well(model, event.outcome)
    if asked_to_stop(model, event):
        keeps_autostart = False
    return idle(replace(after, autostart=model.autostart and keeps_autostart)), commands


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
