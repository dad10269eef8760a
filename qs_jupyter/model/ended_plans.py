"""What becomes of a plan that has ended: history, a copy in the queue, and the next plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from qs_jupyter.model import events as ev
from qs_jupyter.model.commands import Archive
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.model.rules import Step
from qs_jupyter.model.state import Model, Phase, Running


def idle(model: Model) -> Model:
    """Be idle; what was asked of the running plan is forgotten."""
    return replace(
        model, phase=Phase.IDLE, stop_pending=False, pause_requested=False, ends_with=None
    )


def went_well(model: Model, outcome: str) -> bool:
    """Whether the queue may go on behind this outcome."""
    return outcome == "completed" or (outcome == "failed" and model.mode.ignore_failures)


def asked_to_stop(model: Model, event: ev.PlanEnded) -> bool:
    """Whether somebody wanted the queue to stand still behind this plan."""
    # The worker remembers a pause also for a manager that was started after it was asked for.
    return model.stop_pending or model.pause_requested or event.pause_missed


def goes_on(model: Model, running: Running, event: ev.PlanEnded) -> bool:
    """Whether the next plan follows."""
    if running.immediate or event.outside or asked_to_stop(model, event):
        return False
    return went_well(model, event.outcome)


def requeue_place(
    outcome: str, mode: QueueMode, *, immediate: bool
) -> Literal["front", "back"] | None:
    """Return where a copy of an ended plan goes, None for nowhere."""
    if immediate:
        return None
    # A loop loses no plan, not even one whose end nobody has seen.
    if outcome in ("completed", "stopped", "unknown"):
        return "back" if mode.loop else None
    if outcome == "failed" and mode.ignore_failures:
        return "back" if mode.loop else None
    return "front"


def archive(model: Model, running: Running, ended: ev.PlanEnded) -> Step:
    """Move the running plan to the history, and perhaps a copy back into the queue."""
    place = requeue_place(ended.outcome, model.mode, immediate=running.immediate)
    return replace(model, running=None), [Archive(running, ended, place)]
