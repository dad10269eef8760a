"""Finished plans and their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import Flag, HistorySize, HistoryUid
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager


@method(reply={"items": [], "plan_history_uid": ""}, phrases=("history get",))
def history_get(manager: Manager, event_seq: Flag = False) -> Mapping[str, Any]:
    """Return all finished items with their results, oldest first.

    With ``event_seq`` also the number of the last event that the reply includes.
    """
    return manager.queue_edits.past(event_seq)


@method(lock="queue", writes=True, phrases=("history clear {trim?}",))
async def history_clear(
    manager: Manager, size: HistorySize = None, item_uid: HistoryUid = None
) -> Mapping[str, Any]:
    """Drop old entries: all, all but the newest ``size``, or ``item_uid`` and all older."""
    return await manager.queue_edits.clear_past(size, item_uid)
