"""Waiting for the end of one item: how long each request asks, and what its reply means."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from qs_jupyter.client.connection import RequestRefused, checked

METHOD = "queue_item_status"
# Each request asks the manager to hold its reply back for this long.
ASKED_S = 20.0


def waits(item_uid: str, timeout_s: float | None) -> Iterator[float]:
    """Yield for each request the seconds that the manager is to wait.

    Raises
    ------
    TimeoutError
        The time is over.
    """
    end = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = ASKED_S if end is None else end - time.monotonic()
        yield min(max(left, 0.0), ASKED_S)
        if left <= 0:
            raise TimeoutError(f"item {item_uid} has not finished within {timeout_s} s")


def question(item_uid: str, wait_s: float) -> dict[str, Any]:
    """Return the parameters of a request."""
    return {"item_uid": item_uid, "wait": wait_s}


def finished(reply: dict[str, Any]) -> dict[str, Any] | None:
    """Return the finished item of a reply, None while it is queued or running.

    Raises
    ------
    RequestRefused
        The request was refused, or there is no such item.
    """
    checked(METHOD, reply, check=True)
    if reply["state"] == "not_found":
        text = f"There is no item {reply['item_uid']}: it is in neither queue nor history"
        raise RequestRefused(METHOD, {**reply, "success": False, "msg": text})
    item: dict[str, Any] = reply["item"]
    return item if reply["state"] == "finished" else None
