"""Console output of manager and worker, in the cell that asked for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from qs_jupyter.client.hub import Hub
from qs_jupyter.client.mirror import Mirror

Request = Callable[..., Mapping[str, Any]]


def follow(hub: Hub) -> None:
    """Write console output as it comes, until the wait is interrupted."""
    with hub.lock:
        seen = _newest(hub)
    try:
        while True:
            hub.wait(partial(_has_newer, seen))
            with hub.lock:
                pieces = [piece for piece in hub.mirror.console if piece["time"] > seen]
                seen = _newest(hub)
            sys.stdout.write("".join(piece["text"] for piece in pieces))
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("\nNo longer followed; the manager goes on.\n")


def _has_newer(seen: float, mirror: Mirror) -> bool:
    return bool(mirror.console) and mirror.console[-1]["time"] > seen


def monitor(hub: Hub) -> None:
    """Write a line whenever the status changes, until the wait is interrupted."""
    seen = -1
    try:
        while True:
            hub.wait(partial(_has_changed, seen))
            with hub.lock:
                seen, status, link = hub.mirror.revisions["status"], hub.mirror.status, hub.link
            if status:
                sys.stdout.write(f"{_status_line(status, str(link))}\n")
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("\nNo longer monitored; the manager goes on.\n")


def _has_changed(seen: int, mirror: Mirror) -> bool:
    return mirror.revisions["status"] != seen and bool(mirror.status)


def _status_line(status: Mapping[str, Any], link: str) -> str:
    words = str(status.get("manager_state", link)).replace("_", " ")
    return (
        f"{datetime.now().astimezone():%H:%M:%S}  {words}, environment "
        f"{status.get('worker_environment_state')}, {status.get('items_in_queue')} in the queue, "
        f"{status.get('items_in_history')} in the history"
    )


def latest_lines(request: Request, number: int) -> str:
    """Return the latest lines that the manager still has."""
    events = request("events_get", {"since": 0})["events"]
    text = "".join(event["text"] for event in events if event.get("kind") == "console")
    return "".join(text.splitlines(keepends=True)[-number:] if number else [])


def _newest(hub: Hub) -> float:
    console = hub.mirror.console
    return float(console[-1]["time"]) if console else 0.0
