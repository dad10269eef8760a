"""Console output of manager and worker, in the cell that asked for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any

from qs_jupyter.client.hub import Hub
from qs_jupyter.client.mirror import Mirror

Request = Callable[..., Mapping[str, Any]]
Piece = dict[str, Any]


def follow(hub: Hub) -> None:
    """Write console output as it comes, until the wait is interrupted."""
    with hub.lock:
        seen = _newest(hub.mirror)
    try:
        while True:
            hub.wait(partial(_has_newer, seen))
            with hub.lock:
                pieces = _newer(seen, hub.mirror)
                seen = _newest(hub.mirror)
            sys.stdout.write("".join(piece["text"] for piece in pieces))
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("\nNo longer followed; the manager goes on.\n")


# Pieces are told apart as objects: those of worker and manager have the times of two clocks, and
# their numbers begin anew with each manager.


def _newest(mirror: Mirror) -> Piece | None:
    return mirror.console[-1] if mirror.console else None


def _has_newer(seen: Piece | None, mirror: Mirror) -> bool:
    return _newest(mirror) is not seen


def _newer(seen: Piece | None, mirror: Mirror) -> list[Piece]:
    newest_first = takewhile(lambda piece: piece is not seen, reversed(mirror.console))
    return list(newest_first)[::-1]


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
