"""The status that clients see: computed when it has changed, encoded once."""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from qs_jupyter.model import state
from qs_jupyter.model.history import History
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.queue import Queue
from qs_jupyter.settings import Settings
from qs_jupyter.store.store import Store
from qs_jupyter.version import __version__

UIDS = (
    "run_list_uid",
    "plan_queue_uid",
    "plan_history_uid",
    "devices_existing_uid",
    "plans_existing_uid",
    "devices_allowed_uid",
    "plans_allowed_uid",
    "task_results_uid",
)


class Facts(Protocol):
    """What the status tells of."""

    settings: Settings
    model: state.Model
    queue: Queue
    history: History
    lock: Lock
    running_item: Item | None
    store: Store
    opening_report: dict[str, Any] | None


class StatusBoard:
    """Keeps the UIDs and the status of the moment."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.uids = {name: str(uuid.uuid4()) for name in UIDS}
        self._status: dict[str, Any] | None = None
        self._encoded: bytes | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def invalidate(self) -> None:
        """Have the status computed anew when it is next looked at."""
        self._status = None
        self._encoded = None
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def next_change(self) -> None:
        """Return when the status differs from now."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def status(self) -> dict[str, Any]:
        """Return the status; the same map until something changes."""
        if self._status is None:
            self._status = self._compute()
        return self._status

    def encoded(self, encode: Callable[[Mapping[str, Any]], bytes]) -> bytes:
        """Return the status as a frame, encoded once per change."""
        if self._encoded is None:
            self._encoded = encode(self.status())
        return self._encoded

    def _compute(self) -> dict[str, Any]:
        facts = self._facts
        model = facts.model
        environment = model.environment
        kernel_state, captured = state.kernel_state(
            model, ipython_mode=facts.settings.use_ipython_kernel
        )
        lock = facts.lock
        uids = self.uids
        return {
            "msg": f"RE Manager v{__version__}",
            "time": datetime.datetime.fromtimestamp(time.time()).isoformat(),  # noqa: DTZ006
            "items_in_queue": len(facts.queue),
            "items_in_history": len(facts.history),
            "running_item_uid": facts.running_item.uid if facts.running_item else None,
            "manager_state": model.phase.value,
            "queue_stop_pending": model.stop_pending,
            "queue_autostart_enabled": model.autostart,
            "worker_environment_exists": environment.exists,
            "worker_environment_state": state.environment_state(model),
            "worker_background_tasks": len(environment.background_tasks),
            "re_state": environment.re_state,
            "ip_kernel_state": kernel_state,
            "ip_kernel_captured": captured,
            "pause_pending": state.pause_pending(model),
            "status_uid": str(uuid.uuid4()),
            "run_list_uid": uids["run_list_uid"],
            "plan_queue_uid": uids["plan_queue_uid"],
            "plan_history_uid": uids["plan_history_uid"],
            "devices_existing_uid": uids["devices_existing_uid"],
            "plans_existing_uid": uids["plans_existing_uid"],
            "devices_allowed_uid": uids["devices_allowed_uid"],
            "plans_allowed_uid": uids["plans_allowed_uid"],
            "plan_queue_mode": {
                "loop": model.mode.loop,
                "ignore_failures": model.mode.ignore_failures,
            },
            "task_results_uid": uids["task_results_uid"],
            "lock_info_uid": lock.uid,
            "lock": {"environment": lock.environment, "queue": lock.queue},
            # Beyond the documented fields: what became of the last opening, and health.
            "environment_report": self._report(),
            "worker_responsive": environment.responsive,
            "worker_memory": environment.memory,
            "store_available": facts.store.available,
        }

    def _report(self) -> dict[str, Any] | None:
        report = self._facts.opening_report
        if report is None:
            return None
        return {key: report.get(key) for key in ("ok", "msg", "file", "line")}
