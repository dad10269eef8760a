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


def enabled(status: Status) -> dict[str, bool]:
    """Return which controls can be used, by the same conditions as in the manager.

    The ways to end a plan are there as long as anything may move.
    """
    phase = status.get("manager_state")
    is_open = bool(status.get("worker_environment_exists"))
    is_idle = phase == "idle"
    runs = phase == "executing_queue"
    paused = phase == "paused"
    can_end = runs or paused or status.get("re_state") in ("running", "paused", "pausing")
    # A worker that is being opened can be destroyed too; only an unreachable manager can not.
    destroyable = is_open or phase in ("creating_environment", "closing_environment")
    return {
        "open": is_idle and not is_open,
        "close": is_idle and is_open,
        "destroy": destroyable,
        "start": is_idle and is_open,
        "stop": runs or paused,
        "pause": runs,
        "resume": paused,
        "end": can_end,
        "modes": phase is not None,
    }


def returned_uid(
    queue: Iterable[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return the uid of the item at the front when it came back after a bad end."""
    front = next(iter(queue), None)
    if front is None or not history:
        return None
    last = history[-1]
    if (last.get("result") or {}).get("exit_status") not in BAD_ENDS:
        return None
    same = all(front.get(key) == last.get(key) for key in ("name", "args", "kwargs", "user"))
    return str(front.get("item_uid")) if same else None


def lock_words(status: Status) -> str:
    """Return what is locked."""
    if not status:
        return ""
    lock = status.get("lock") or {}
    scopes = [scope for scope in ("environment", "queue") if lock.get(scope)]
    return "unlocked" if not scopes else " and ".join(scopes) + " locked"
