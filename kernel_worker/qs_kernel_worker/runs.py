"""Runs opened and closed by the current plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from qs_kernel_worker.messages import RunChanged


class Runs:
    """Subscribed to the documents of one plan; remembers its runs in the order of their start.

    Called in the thread of the Run Engine.
    """

    def __init__(self, item_uid: str | None, tell: Callable[[RunChanged], None]) -> None:
        self._item_uid = item_uid
        self._tell = tell
        self._runs: dict[str, RunChanged] = {}

    def __call__(self, name: str, document: Mapping[str, Any]) -> None:
        """Take a document of the Run Engine."""
        if name == "start":
            scan_id = _number(document.get("scan_id"))
            run = RunChanged(str(document["uid"]), scan_id, True, None, self._item_uid)
        elif name == "stop":
            uid = str(document["run_start"])
            scan_id = self._runs[uid].scan_id if uid in self._runs else None
            run = RunChanged(uid, scan_id, False, document.get("exit_status"), self._item_uid)
        else:
            return
        self._runs[run.uid] = run
        self._tell(run)

    def describe(self) -> list[dict[str, Any]]:
        """Return the runs as plain data."""
        return [asdict(run) for run in list(self._runs.values())]

    def exit_statuses(self) -> set[str | None]:
        """Return how the closed runs ended."""
        return {run.exit_status for run in list(self._runs.values()) if not run.is_open}


def _number(scan_id: Any) -> int | None:
    """Return a scan number, None for what is none: metadata of a plan may hold anything."""
    try:
        return int(scan_id)
    except (TypeError, ValueError):
        return None
