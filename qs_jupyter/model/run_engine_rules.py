"""Rules of the running plan: pausing it, and what becomes of it then."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from qs_jupyter.errors import Refusal, WrongState
from qs_jupyter.model import events as ev
from qs_jupyter.model.commands import Command, ForceHalt, RequestPause, SubmitContinue
from qs_jupyter.model.rules import ALIVE, Step, on
from qs_jupyter.model.starting import BUSY_KERNEL, holder
from qs_jupyter.model.state import Model, Phase, Stage


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
    if model.ends_with is not None:
        return _go_on(model, model.ends_with)
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
    return _go_on(model, event.action)


@on(ev.EndRequested, *ALIVE)
def end_plan(model: Model, event: ev.EndRequested) -> Step:
    """End the plan; one that runs is paused at once, and ended as soon as it has paused.

    A halt also breaks into a plan that lets no pause come, and into a clean-up.
    """
    if model.phase is Phase.PAUSED:
        return continue_plan(model, ev.ContinueRequested(event.action))
    if model.phase is not Phase.EXECUTING or model.running is None:
        raise WrongState(f"No plan is running. Manager state: {model.phase.value}")
    wanted = replace(model, ends_with=event.action)
    by_force: list[Command] = [ForceHalt()] if event.action == "halt" else []
    if model.environment.re_state == "pausing" or (by_force and _is_ending(model)):
        return wanted, by_force
    pausing, commands = pause_plan(wanted, ev.PauseRequested("immediate"))
    return pausing, [*commands, *by_force]


def _is_ending(model: Model) -> bool:
    return model.environment.re_state in ("stopping", "aborting", "halting")


def _go_on(model: Model, action: Literal["resume", "stop", "abort", "halt"]) -> Step:
    after = replace(model, phase=Phase.EXECUTING, pause_requested=False, ends_with=None)
    return after, [SubmitContinue(action)]
