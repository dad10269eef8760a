"""From the words behind ``wait`` to what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.bars import Progress
from qs_jupyter.magics.failures import MagicFailure, PlanEndedBadly
from qs_jupyter.magics.plain import call_text
from qs_jupyter.magics.selection import find
from qs_jupyter.magics.session import Session
from qs_jupyter.magics.waiting import Goal

GOOD_ENDINGS = ("completed", "stopped")

_SETTLING = (
    "initializing",
    "creating_environment",
    "closing_environment",
    "destroying_environment",
)


def goal_of(session: Session, params: Mapping[str, Any]) -> tuple[Goal, str]:
    """Return the goal, and the method whose reply its result looks like.

    Raises
    ------
    MagicFailure
        The item that is named is not there.
    """
    target = params.get("target", "queue")
    if target == "item":
        return item_ended(_item_uid(session, params["uid"])), "queue_item_get"
    if target == "task":
        uid = params["task_uid"]
        status = session.request("task_status", {"task_uid": uid})["status"]
        return task_ended(uid, is_over=status != "running"), "task_result"
    goals = {
        "idle": idle,
        "queue": queue_done,
        "env": environment_open,
        "paused": plan_paused,
    }
    return goals[target](), "status"


def _item_uid(session: Session, word: str) -> str:
    queue = session.request("queue_get")
    history = session.request("history_get")
    items = [*queue["items"], *history["items"]]
    if queue.get("running_item"):
        items.append(queue["running_item"])
    return str(find(word, items)["item_uid"])


def idle() -> Goal:
    """Return the goal that the manager does nothing."""
    return Goal(
        lambda mirror: mirror.status.get("manager_state") == "idle",
        _state,
        lambda mirror: dict(mirror.status),
    )


def plan_paused() -> Goal:
    """Return the goal that the running plan is paused; one that ended instead is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        state = mirror.status.get("manager_state")
        if state == "idle":
            raise MagicFailure("no plan is running that could be paused")
        return state == "paused"

    return Goal(is_reached, _state, lambda mirror: dict(mirror.status))


def queue_done() -> Goal:
    """Return the goal that nothing is running and nothing more will start by itself."""
    most = 0

    def is_reached(mirror: Mirror) -> bool:
        status = mirror.status
        is_waiting = status.get("queue_autostart_enabled") and status.get("items_in_queue")
        return status.get("manager_state") == "idle" and not is_waiting

    def progress(mirror: Mirror) -> Progress:
        nonlocal most
        left = mirror.status.get("items_in_queue", 0) + bool(mirror.running_item)
        most = max(most, left)
        state = _state(mirror)
        points = f" ({state.done}/{state.total} points)" if state.total else ""
        return Progress(f"{state.text}{points}", most - left, most, state.share or 0.0)

    return Goal(is_reached, progress, lambda mirror: dict(mirror.status))


def environment_open() -> Goal:
    """Return the goal that the environment is open and idle; a failed opening is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        status = mirror.status
        if status.get("manager_state") in _SETTLING:
            return False
        if not status.get("worker_environment_exists"):
            report = status.get("environment_report") or {}
            reason = report.get("msg") if report.get("ok") is False else None
            raise MagicFailure(f"the environment is not open{f': {reason}' if reason else ''}")
        return True

    return Goal(is_reached, _state, lambda mirror: dict(mirror.status))


def item_ended(uid: str) -> Goal:
    """Return the goal that an item is in the history; one that failed is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        ended = _ended(mirror, uid)
        if ended is None and mirror.find(uid) is None and not mirror.needs_queue:
            raise MagicFailure(f"the item {uid} is no longer in the queue")
        return ended is not None

    def progress(mirror: Mirror) -> Progress:
        for index, item in enumerate(mirror.queue):
            if item["item_uid"] == uid:
                return Progress(f"{call_text(item)} has {index} items before it in the queue")
        return _state(mirror)

    def result(mirror: Mirror) -> Mapping[str, Any]:
        ended = _ended(mirror, uid) or {}
        outcome = ended.get("result") or {}
        status = outcome.get("exit_status")
        if status not in GOOD_ENDINGS:
            message = outcome.get("msg") or "no reason is known"
            raise PlanEndedBadly(f"{call_text(ended)} {status}: {message}", ended)
        return ended

    return Goal(is_reached, progress, result)


def task_ended(task_uid: str, *, is_over: bool) -> Goal:
    """Return the goal that a task has ended; it may be over already."""

    def is_reached(mirror: Mirror) -> bool:
        known = mirror.tasks.get(task_uid, {})
        return is_over or known.get("status") == "completed"

    return Goal(
        is_reached,
        lambda mirror: Progress(f"task {task_uid[:8]}: {_state(mirror).text}"),
        lambda _mirror: {"task_uid": task_uid},
    )


def _ended(mirror: Mirror, uid: str) -> Mapping[str, Any] | None:
    past = reversed(mirror.history)
    return next((item for item in past if item.get("item_uid") == uid), None)


def _state(mirror: Mirror) -> Progress:
    state = str(mirror.status.get("manager_state", "unknown")).replace("_", " ")
    running = mirror.running_item
    if not running:
        return Progress(state)
    text = f"{state}: {call_text(running)}"
    runs = mirror.live.of_item(str(running.get("item_uid")))
    if not runs or not runs[-1].points_total:
        return Progress(text)
    return Progress(text, runs[-1].points_done, runs[-1].points_total)
