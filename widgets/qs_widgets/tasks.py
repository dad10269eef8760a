"""Tasks and scripts: call a function, run source code, see what became of it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from qs_jupyter.client.hub import Link
from qs_jupyter.errors import BadRequest
from qs_widgets import wording
from qs_widgets.changes import Content
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module
from qs_widgets.stretches import Row

if TYPE_CHECKING:
    from qs_widgets.desk import Desk

KEPT = 200


class Tasks(Part):
    """Runs functions and scripts in the worker and lists the tasks."""

    _esm = module("tasks", "inputs", "selection", "grid")
    caption = "Tasks & scripts"
    looks = frozenset({"result"})
    follows = frozenset({"status", "tasks", "connection"})
    methods = frozenset({"kernel_interrupt", "environment_update"})

    def __init__(self, desk: Desk) -> None:
        # What this panel started, by uid: the events of tasks do not tell.
        self._labels: dict[str, str] = {}
        self._functions: list[str] = []
        self._lists_uid: Any = None
        super().__init__(desk)

    def refresh(self) -> None:
        """Read the names of functions that the group may call."""
        with self.desk.hub.lock:
            uid = self.desk.hub.mirror.status.get("plans_allowed_uid")
        if uid is None or uid == self._lists_uid:
            return
        groups = self.desk.ask("permissions_get")["user_group_permissions"].get("user_groups", {})
        allowed = (groups.get(self.desk.user_group) or {}).get("allowed_functions") or ()
        self._functions = [name for name in allowed if name and not name.startswith(":")]
        self._lists_uid = uid

    def content(self) -> Content:
        """Return a row for each task, the latest first."""
        hub = self.desk.hub
        status = hub.mirror.status
        # A copy: a click may begin a task meanwhile, in another thread.
        tasks = {uid: {"status": "running"} for uid in list(self._labels)}
        tasks |= hub.mirror.tasks
        latest = sorted(tasks, key=lambda uid: tasks[uid].get("time") or math.inf, reverse=True)
        rows = [task_row(uid, tasks[uid], self._labels.get(uid, "")) for uid in latest[:KEPT]]
        fields = {
            "connected": hub.link is Link.CONNECTED,
            "functions": self._functions,
            "is_open": bool(status.get("worker_environment_exists")),
            "is_idle": status.get("manager_state") == "idle",
            "runs_task": status.get("manager_state") == "executing_task",
            "background": status.get("worker_background_tasks") or 0,
        }
        return Content(fields, rows)

    def do_function(self, params: Params) -> Done:
        """Call a function that is written like a Python call."""
        try:
            name, args, kwargs = wording.called(str(params["call"]))
        except ValueError as error:
            raise BadRequest(str(error)) from error
        item = {"item_type": "function", "name": name, "args": args, "kwargs": kwargs}
        background = bool(params.get("background"))
        reply = self.desk.ask("function_execute", {"item": item, "run_in_background": background})
        return self._started(reply["task_uid"], wording.shortened(str(params["call"]), 120))

    def do_script(self, params: Params) -> Done:
        """Run source code in the worker."""
        script = str(params["script"])
        if not script.strip():
            raise BadRequest("The script is empty")
        options = {
            "run_in_background": bool(params.get("background")),
            "update_lists": bool(params.get("update_lists", True)),
            "update_re": bool(params.get("update_re")),
        }
        reply = self.desk.ask("script_upload", {"script": script, **options})
        lines = script.strip().splitlines()
        label = lines[0] if len(lines) == 1 else f"{lines[0]} … ({len(lines)} lines)"
        return self._started(reply["task_uid"], wording.shortened(label, 120))

    def do_result(self, params: Params) -> Done:
        """Return what became of a task."""
        reply = self.desk.ask("task_result", {"task_uid": str(params["uid"])})
        result = reply.get("result") or {}
        returned = result.get("return_value")
        return Done(
            data={
                "status": reply.get("status"),
                "msg": str(result.get("msg") or ""),
                "traceback": str(result.get("traceback") or ""),
                "value": "" if returned is None else json.dumps(returned, indent=1, default=repr),
            }
        )

    def _started(self, uid: str, label: str) -> Done:
        self._labels[uid] = label
        self.touch()
        return Done("Started")


def task_row(uid: str, task: dict[str, Any], label: str) -> Row:
    """Return the row of a task: key, kind, sign and word, what it does, when."""
    if task.get("status") == "running":
        kind, word = "running", "▶ running"
    elif task.get("success"):
        kind, word = "good", "✓ completed"
    else:
        kind, word = "bad", "✗ failed"
    return (uid, kind, word, label or f"task {uid[:8]}", task.get("time"))
