"""The documents of one plan, as they come."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, Protocol

from qs_jupyter.client.connection import CommunicationFailure, checked

METHOD = "events_get"
STATUS = "queue_item_status"
# Each request asks the manager to hold its reply back for this long.
ASKED_S = 20.0
GRACE_S = 5.0


class Caller(Protocol):
    """A client that this room may keep waiting."""

    def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Call an API method."""

    def close(self) -> None:
        """Close the socket."""


def document_stream(
    client: Caller, item_uid: str, timeout_s: float | None
) -> Iterator[dict[str, Any]]:
    """Follow the documents of an item from now on; ``client`` is closed at the end.

    Raises
    ------
    RequestRefused
        The manager has no numbered events, so it cannot tell of documents.
    """
    try:
        # Asked for before the caller goes on, who will probably start the queue next.
        start = checked(METHOD, client.call(METHOD, _question(2**62)), check=True)
        item = checked(STATUS, client.call(STATUS, {"item_uid": item_uid}), check=True)
    except BaseException:
        client.close()
        raise
    if item["state"] not in ("queued", "running"):
        client.close()
        return iter(())
    return _documents(client, item_uid, timeout_s, start)


def _documents(
    client: Caller, item_uid: str, timeout_s: float | None, start: Mapping[str, Any]
) -> Generator[dict[str, Any]]:
    with closing(client):
        seq, epoch = start["seq"], start["epoch"]
        latest = time.monotonic()
        while True:
            wait_s = ASKED_S
            if timeout_s is not None:
                left = latest + timeout_s - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no document of item {item_uid} for {timeout_s} s")
                wait_s = min(left, ASKED_S)
            question = {**_question(seq), "epoch": epoch, "wait": wait_s}
            reply = client.call(METHOD, question, timeout_s=wait_s + GRACE_S)
            if not reply.get("complete"):
                raise CommunicationFailure(
                    f"documents of item {item_uid} were missed: the manager was started anew, "
                    "or more has happened than it keeps"
                )
            seq = reply["seq"]
            for event in reply["events"]:
                if _is_end(event, item_uid):
                    return
                if event["kind"] == "documents" and event["item_uid"] == item_uid:
                    yield from event["documents"]
                    latest = time.monotonic()


def _question(since: int) -> dict[str, Any]:
    return {"since": since, "documents": True}


def _is_end(event: Mapping[str, Any], item_uid: str) -> bool:
    return (
        event["kind"] == "history"
        and event["op"] == "append"
        and bool(event["item"]["item_uid"] == item_uid)
    )
