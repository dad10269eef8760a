"""Status and controls: one line that tells how things are, and the buttons to change it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qs_jupyter.client.hub import Link
from qs_jupyter.errors import BadRequest
from qs_widgets import controls
from qs_widgets.changes import Content
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module

if TYPE_CHECKING:
    from qs_widgets.desk import Desk

_WIRE_WORDS = (
    "manager_state",
    "re_state",
    "worker_environment_state",
    "worker_background_tasks",
    "ip_kernel_state",
    "pause_pending",
)


class StatusBar(Part):
    """Shows the status and starts, pauses and ends things."""

    _esm = module("status_bar")
    caption = "Status and controls"
    looks = frozenset({"show"})
    patience_s = 0.0
    follows = frozenset({"status", "queue", "history", "connection"})
    methods = frozenset(
        {
            "environment_open",
            "environment_close",
            "environment_destroy",
            "queue_start",
            "queue_stop",
            "queue_stop_cancel",
            "queue_autostart",
            "queue_mode_set",
            "re_pause",
            "re_resume",
        }
    )

    def __init__(self, desk: Desk) -> None:
        self._lost_at: float | None = None
        super().__init__(desk)

    def content(self) -> Content:
        """Return the status in words and which controls can be used."""
        hub = self.desk.hub
        mirror, status = hub.mirror, hub.mirror.status
        is_known = bool(status) and hub.link is Link.CONNECTED
        if hub.link is Link.CONNECTED:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = time.time()
        self.desk.durations.follow(mirror)
        word, kind = controls.state_word(status)
        report = status.get("environment_report") or {}
        obstacles = controls.obstacles(status)
        if not is_known:
            obstacles = dict.fromkeys(obstacles, "The manager does not answer")
        return Content(
            {
                "link": hub.link.value,
                "address": self.desk.address,
                "lost_at": self._lost_at if status else None,
                "state": word,
                "kind": kind,
                "environment": controls.environment_word(status),
                "report": "" if report.get("ok") is not False else str(report.get("msg") or ""),
                "queued": status.get("items_in_queue"),
                "estimate": self.desk.durations.total,
                "finished": status.get("items_in_history"),
                "who": f"{self.desk.user} / {self.desk.user_group}",
                "lock": controls.lock_words(status),
                "wire": {name: status.get(name) for name in _WIRE_WORDS},
                "obstacles": obstacles,
                "stopping": bool(status.get("queue_stop_pending")),
                "autostart": bool(status.get("queue_autostart_enabled")),
                "mode": status.get("plan_queue_mode") or {},
                "returned": bool(controls.returned(mirror.queue, mirror.history)),
            }
        )

    def do_show(self, params: Params) -> Done:
        """Bring another part of the panel to the front."""
        name = str(params["part"])
        if not self.desk.show(name):
            raise BadRequest(f"This panel has no section {name!r}: %qserver panel {name}")
        return Done()

    def do_end_plan(self, params: Params) -> Done:
        """Stop, abort or halt the plan; the manager pauses it first when it runs."""
        method = {"stop": "re_stop", "abort": "re_abort", "halt": "re_halt"}[str(params["how"])]
        self.desk.ask(method, {"now": True})
        return Done()
