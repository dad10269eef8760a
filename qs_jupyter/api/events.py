"""Numbered events: what happened lately, and what happens next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import EventNumber, Flag, Seconds, UidText
from qs_jupyter.api.table import method
from qs_jupyter.encoded import EncodedList

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

LONGEST_WAIT_S = 60.0


@method(reply={"events": [], "seq": 0, "epoch": "", "complete": False}, quiet=True)
async def events_get(
    manager: Manager,
    since: EventNumber = 0,
    epoch: UidText = None,
    wait: Seconds = 0.0,
    documents: Flag = False,
) -> Mapping[str, Any]:
    """Return the events behind number ``since``, waiting up to ``wait`` seconds for the first.

    Events are numbered within an ``epoch``, one life of the manager. ``complete`` is false when
    events behind the number are no longer kept, or when the epoch is another one: then the
    queue, the history and the status have to be read anew. With ``documents`` the worker sends
    the documents of running plans, for as long as somebody asks for them.
    """
    events = manager.core.events
    if documents:
        manager.document_feed.want()
    if wait > 0:
        await events.wait(since, epoch, min(wait, LONGEST_WAIT_S))
    texts, complete = events.after(since, epoch)
    return {
        "events": EncodedList(tuple(texts)),
        "seq": events.seq,
        "epoch": events.epoch,
        "complete": complete,
    }
