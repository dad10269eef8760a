"""From the words behind ``wait`` to what is waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import Any

from qs_jupyter.client.estimates import total_in_words
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.bars import Progress
from qs_jupyter.magics.failures import MagicFailure, PlanEndedBadly, TaskEndedBadly
from qs_jupyter.magics.plain import call_text
from qs_jupyter.magics.selection import find, task_uid
from qs_jupyter.magics.session import Session
from qs_jupyter.magics.waiting import Goal
from qs_jupyter.magics.wording import count

GOOD_ENDINGS = ("completed", "stopped")

_SETTLING = (
    "initializing",
    "creating_environment",
    "closing_environment",
    "destroying_environment",
)

Names = Set[str]


def goal_of(session: Session, params: Mapping[str, Any]) -> tuple[Goal, str]:
    """Return the goal, and the method whose reply its result looks like.

    Raises
    ------
    MagicFailure
        The item or task that is named is not there.
    """
    target = params.get("target", "queue")
    names = session.names.at_hand().all_names
    if target == "item":
        return item_ended(_item_uid(session, params["uid"]), names), "queue_item_get"
    if target == "task":
        uid = task_uid(params.get("task_uid", ""), session.task_uids())
        status = session.request("task_status", {"task_uid": uid})["status"]
        return task_ended(uid, is_over=status != "running"), "task_result"
    if target == "queue":
        return queue_done(names, session.take_history_mark()), "wait_queue"
    goals = {"idle": idle, "env": environment_open, "running": plan_running, "paused": plan_paused}
    return goals[target](names), "status"


def outcome(session: Session, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a wait shows at its end: of a task, its result.

    Raises
    ------
    TaskEndedBadly
        The task failed.
    """
    if "task_uid" not in result:
        return result
    reply = session.request("task_result", {"task_uid": result["task_uid"]})
    ending = reply.get("result") or {}
    if ending.get("success") is False:
        raise TaskEndedBadly(reply)
    return reply


def _item_uid(session: Session, word: str) -> str:
    queue = session.request("queue_get")
    history = session.request("history_get")
    items = [*queue["items"], *history["items"]]
    if queue.get("running_item"):
        items.append(queue["running_item"])
    return str(find(word, items)["item_uid"])


def idle(names: Names = frozenset()) -> Goal:
    """Return the goal that the manager does nothing."""
    return Goal(
        lambda mirror: mirror.status.get("manager_state") == "idle",
        lambda mirror: progress_of(mirror, names),
        lambda mirror: dict(mirror.status),
    )


def plan_running(names: Names = frozenset()) -> Goal:
    """Return the goal that a plan runs, so that it can be paused; none to come is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        if mirror.status.get("manager_state") == "idle":
            raise MagicFailure("no plan is running (start the queue: %qserver queue start)")
        return mirror.status.get("re_state") == "running"

    return Goal(
        is_reached, lambda mirror: progress_of(mirror, names), lambda mirror: dict(mirror.status)
    )


def plan_paused(names: Names = frozenset()) -> Goal:
    """Return the goal that the running plan is paused; one that ended instead is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        state = mirror.status.get("manager_state")
        if state == "idle":
            raise MagicFailure("no plan is running that could be paused")
        return state == "paused"

    return Goal(
        is_reached, lambda mirror: progress_of(mirror, names), lambda mirror: dict(mirror.status)
    )


def queue_done(names: Names = frozenset(), before: Set[str] | None = None) -> Goal:
    """Return the goal that nothing runs and nothing more will start by itself.

    A queue that a plan has brought to a stop by failing is a failure. ``before`` are the items
    that had ended when the queue was started, None when that is not known.
    """
    return _QueueDone(names, before).goal()


class _QueueDone:
    """What a wait for the queue remembers: what had ended before, and how long the queue was."""

    def __init__(self, names: Names, before: Set[str] | None) -> None:
        self._names = names
        self._before = before
        self._most = 0

    def goal(self) -> Goal:
        return Goal(self._is_reached, self._progress, self._result)

    def _is_reached(self, mirror: Mirror) -> bool:
        if self._before is None:
            self._before = mirror.ended_uids()
        status = mirror.status
        is_waiting = status.get("queue_autostart_enabled") and status.get("items_in_queue")
        return status.get("manager_state") == "idle" and not is_waiting

    def _progress(self, mirror: Mirror) -> Progress:
        left = mirror.status.get("items_in_queue", 0) + bool(mirror.running_item)
        self._most = max(self._most, left)
        state = progress_of(mirror, self._names, with_time=False)
        points = f" ({state.done}/{state.total} points)" if state.total else ""
        text = f"{state.text}{points}{_left(mirror, mirror.queue_left(time.time()))}"
        return Progress(text, self._most - left, self._most, state.share or 0.0)

    def _result(self, mirror: Mirror) -> Mapping[str, Any]:
        before = self._before or frozenset()
        ended = [item for item in mirror.history if str(item.get("item_uid")) not in before]
        mode = mirror.status.get("plan_queue_mode") or {}
        if ended and not mode.get("ignore_failures") and not _is_good(ended[-1]):
            rest = count(mirror.status.get("items_in_queue", 0), "item")
            text = f"{_bad_ending(ended[-1], self._names)} (the queue has stopped, {rest} left)"
            raise PlanEndedBadly(text, ended[-1])
        return {**mirror.status, "ended": ended}


def environment_open(_names: Names = frozenset()) -> Goal:
    """Return the goal that the environment is open and idle; a failed opening is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        status = mirror.status
        if status.get("manager_state") in _SETTLING:
            return False
        if not status.get("worker_environment_exists"):
            report = status.get("environment_report") or {}
            reason = report.get("msg") if report.get("ok") is False else None
            raise MagicFailure(
                f"the environment is not open: {reason}"
                if reason
                else "the environment is not open (open it: %qserver environment open)"
            )
        return True

    return Goal(is_reached, progress_of, lambda mirror: dict(mirror.status))


def item_ended(uid: str, names: Names = frozenset()) -> Goal:
    """Return the goal that an item is in the history; one that failed is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        ended = _ended(mirror, uid)
        if ended is None and mirror.find(uid) is None and not mirror.needs_queue:
            raise MagicFailure(f"the item {uid} is no longer in the queue")
        return ended is not None

    def progress(mirror: Mirror) -> Progress:
        for index, item in enumerate(mirror.queue):
            if item["item_uid"] == uid:
                place = f"has {count(index, 'item')} before it" if index else "is the next"
                return Progress(f"{call_text(item, names)} {place} in the queue")
        return progress_of(mirror, names)

    def result(mirror: Mirror) -> Mapping[str, Any]:
        ended = _ended(mirror, uid) or {}
        if not _is_good(ended):
            raise PlanEndedBadly(_bad_ending(ended, names), ended)
        return ended

    return Goal(is_reached, progress, result)


def task_ended(task_uid: str, *, is_over: bool) -> Goal:
    """Return the goal that a task has ended; it may be over already."""

    def is_reached(mirror: Mirror) -> bool:
        known = mirror.tasks.get(task_uid, {})
        return is_over or known.get("status") == "completed"

    return Goal(
        is_reached,
        lambda mirror: Progress(f"task {task_uid[:8]}: {progress_of(mirror).text}"),
        lambda _mirror: {"task_uid": task_uid},
    )


def _ended(mirror: Mirror, uid: str) -> Mapping[str, Any] | None:
    past = reversed(mirror.history)
    return next((item for item in past if item.get("item_uid") == uid), None)


def _is_good(item: Mapping[str, Any]) -> bool:
    return (item.get("result") or {}).get("exit_status") in GOOD_ENDINGS


def _bad_ending(item: Mapping[str, Any], names: Names) -> str:
    result = item.get("result") or {}
    message = str(result.get("msg") or "no reason is known").removeprefix("Plan failed: ")
    return f"{call_text(item, names)} {result.get('exit_status')}: {message}"


def progress_of(mirror: Mirror, names: Names = frozenset(), *, with_time: bool = True) -> Progress:
    """Return what the manager does, and how far the running plan is."""
    state = str(mirror.status.get("manager_state", "unknown")).replace("_", " ")
    running = mirror.running_item
    if not running:
        return Progress(state)
    text = f"{state}: {call_text(running, names)}"
    if with_time:
        left = mirror.running_left(time.time())
        text += _left(mirror, (left, 0) if left is not None else (0.0, 1))
    runs = mirror.live.of_item(str(running.get("item_uid")))
    if not runs or not runs[-1].points_total:
        return Progress(text)
    return Progress(text, runs[-1].points_done, runs[-1].points_total)


def _left(mirror: Mirror, left: tuple[float, int]) -> str:
    """Return how much time is left, as far as anything is known and time counts."""
    is_paused = mirror.status.get("manager_state") == "paused"
    return f", {total_in_words(*left)} left" if left[0] and not is_paused else ""
