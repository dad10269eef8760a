"""The state of the manager in one plain word, and which controls make sense in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qs_widgets.wording import BAD_ENDS

Status = Mapping[str, Any]

_PHASES = {
    "initializing": ("STARTING", "busy"),
    "creating_environment": ("OPENING", "busy"),
    "closing_environment": ("CLOSING", "busy"),
    "destroying_environment": ("DESTROYING", "busy"),
    "starting_queue": ("STARTING", "busy"),
    "executing_task": ("TASK RUNNING", "running"),
    "paused": ("PAUSED", "paused"),
}

_WHILE = {
    "initializing": "while the manager starts",
    "creating_environment": "while the environment opens",
    "closing_environment": "while the environment closes",
    "destroying_environment": "while the worker is destroyed",
    "starting_queue": "while the queue starts",
    "executing_queue": "while the queue runs",
    "executing_task": "while a task runs",
    "paused": "while a plan is paused",
}


def state_word(status: Status) -> tuple[str, str]:
    """Return the word on the badge, and the kind that gives it colour and shape."""
    phase = status.get("manager_state")
    if phase is None:
        return "UNKNOWN", "off"
    if phase == "executing_queue":
        if status.get("pause_pending"):
            return "PAUSING", "paused"
        if status.get("queue_stop_pending"):
            return "STOPPING AFTER PLAN", "running"
        return "RUNNING", "running"
    if phase in _PHASES:
        return _PHASES[str(phase)]
    return (
        ("READY", "ready") if status.get("worker_environment_exists") else ("NO ENVIRONMENT", "off")
    )


def environment_word(status: Status) -> str:
    """Return how the environment is, for people."""
    report = status.get("environment_report") or {}
    if status.get("worker_environment_exists"):
        if status.get("worker_responsive") is False:
            return "not responding"
        return "open"
    if report.get("ok") is False:
        return "failed to open"
    state = str(status.get("worker_environment_state") or "unknown")
    return {"initializing": "opening"}.get(state, state)


def obstacles(status: Status) -> dict[str, str]:
    """Return for each control why it is of no use now, an empty text where it can be used.

    The conditions are those of the manager. The ways to end a plan are there as long as
    anything may move.
    """
    phase = status.get("manager_state")
    is_open = bool(status.get("worker_environment_exists"))
    runs, paused = phase == "executing_queue", phase == "paused"
    busy = "" if phase == "idle" else f"Not {_WHILE.get(str(phase), 'now')}"
    moves = runs or paused or status.get("re_state") in ("running", "paused", "pausing")
    # A worker that is being opened can be destroyed too; only an unreachable manager can not.
    destroyable = is_open or phase in ("creating_environment", "closing_environment")
    return {
        "open": "The environment is open" if is_open else busy,
        "close": busy if is_open else "No environment is open",
        "destroy": "" if destroyable else "There is no worker",
        "start": _start_obstacle(status, busy),
        "stop": "" if runs or paused else "The queue is not running",
        "pause": "" if runs else "The plan is paused" if paused else "No plan is running",
        "resume": "" if paused else "No plan is paused",
        "end": "" if moves else "No plan is running",
        "modes": "",
    }


def _start_obstacle(status: Status, busy: str) -> str:
    if busy:
        return busy
    if not status.get("worker_environment_exists"):
        return "Open the environment first"
    return "" if status.get("items_in_queue") else "The queue is empty: add a plan first"


def advice(status: Status) -> str:
    """Return what to do next while no plan runs."""
    phase = status.get("manager_state")
    if phase is None:
        return "No manager has answered yet: start one with start-re-manager or %qserver launch"
    if phase != "idle":
        return f"No plan runs {_WHILE[str(phase)]}" if str(phase) in _WHILE else ""
    if not status.get("worker_environment_exists"):
        return "There is no environment: Open starts the worker with its plans and devices"
    if not status.get("items_in_queue"):
        return "Nothing to run: choose a plan under Add plan"
    return "Ready: Start runs the queue from its front"


def returned(
    queue: Iterable[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the item at the front by its uid, with a note, when it came back after a bad end."""
    front = next(iter(queue), None)
    if front is None or not history:
        return {}
    last = history[-1]
    end = str((last.get("result") or {}).get("exit_status"))
    same = all(front.get(key) == last.get(key) for key in ("name", "args", "kwargs", "user"))
    if end not in BAD_ENDS or not same:
        return {}
    word = "ended badly" if end == "unknown" else end
    return {str(front.get("item_uid")): f"{word}, came back"}


def lock_words(status: Status) -> str:
    """Return what is locked."""
    if not status:
        return ""
    lock = status.get("lock") or {}
    scopes = [scope for scope in ("environment", "queue") if lock.get(scope)]
    return "unlocked" if not scopes else " and ".join(scopes) + " locked"
