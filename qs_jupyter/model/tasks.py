"""Results of functions and scripts, kept for a while.

A finished task can be asked for during two minutes at least, unless so many tasks finish
meanwhile that the oldest have to go. Time is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from qs_jupyter.errors import BadRequest

TaskStatus = Literal["running", "completed", "not_found"]

RETENTION_S = 120.0
MAX_COMPLETED = 10_000


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task that the worker has taken."""

    uid: str
    time_start: float
    run_in_background: bool


class Tasks:
    """Running tasks, and finished ones with their results."""

    def __init__(
        self, retention_s: float = RETENTION_S, max_completed: int = MAX_COMPLETED
    ) -> None:
        self._retention_s = retention_s
        self._max_completed = max_completed
        self._running: dict[str, RunningTask] = {}
        # In the order in which they finished.
        self._completed: dict[str, dict[str, Any]] = {}
        self._expires: dict[str, float] = {}

    @property
    def running(self) -> tuple[RunningTask, ...]:
        """Tasks that have not finished, in the order of their start."""
        return tuple(self._running.values())

    def start(self, uid: str, *, time_start: float, run_in_background: bool) -> None:
        """Take in a task that runs."""
        self._running[uid] = RunningTask(uid, time_start, run_in_background)

    def finish(self, uid: str, result: Mapping[str, Any], *, now: float) -> dict[str, Any]:
        """Keep the result of a task and return it as clients see it.

        ``result`` holds ``success``, ``msg``, ``traceback``, ``return_value`` and, when the
        worker knows them better than we do, ``time_start`` and ``time_stop``. A task that is
        not known to run, as after a restart of the manager, is taken in all the same.
        """
        task = self._running.pop(uid, None)
        time_start = task.time_start if task is not None else now
        completed = {
            "task_uid": uid,
            "success": bool(result.get("success", False)),
            "msg": result.get("msg", ""),
            "traceback": result.get("traceback", ""),
            "return_value": result.get("return_value"),
            "time_start": result.get("time_start", time_start),
            "time_stop": result.get("time_stop", now),
        }
        self._completed.pop(uid, None)
        self._expires.pop(uid, None)
        self._completed[uid] = completed
        self._expires[uid] = now + self._retention_s
        self.purge(now)
        return completed

    def forget(self, uid: str) -> None:
        """Forget a task that was refused after all."""
        self._running.pop(uid, None)

    def forget_running(self) -> tuple[RunningTask, ...]:
        """Forget the tasks that died with their worker, and return them."""
        gone = self.running
        self._running.clear()
        return gone

    def status(self, uid: str, *, now: float) -> TaskStatus:
        """Return how far a task is."""
        self.purge(now)
        if uid in self._running:
            return "running"
        return "completed" if uid in self._completed else "not_found"

    def statuses(self, task_uid: Any, *, now: float) -> TaskStatus | dict[str, TaskStatus]:
        """Answer a client that asks for one task, or for several by a list."""
        if task_uid is None:
            raise BadRequest("Required 'task_uid' parameter is missing in the API call")
        if isinstance(task_uid, str):
            return self.status(task_uid, now=now)
        if isinstance(task_uid, list | tuple) and all(isinstance(uid, str) for uid in task_uid):
            return {uid: self.status(uid, now=now) for uid in task_uid}
        raise BadRequest("'task_uid' must be a string or a list of strings")

    def result(self, uid: str, *, now: float) -> dict[str, Any]:
        """Return what is known about a task; nothing about a stranger."""
        self.purge(now)
        task = self._running.get(uid)
        if task is not None:
            return {
                "task_uid": uid,
                "time_start": task.time_start,
                "run_in_background": task.run_in_background,
            }
        return self._completed.get(uid, {})

    def purge(self, now: float) -> None:
        """Drop results whose time is over, and the oldest when there are too many."""
        while self._expires:
            oldest = next(iter(self._expires))
            if self._expires[oldest] > now and len(self._expires) <= self._max_completed:
                return
            del self._expires[oldest], self._completed[oldest]
