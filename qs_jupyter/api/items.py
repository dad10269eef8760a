"""Items, without touching the queue: where one is, and whether some could be added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import ItemList, ItemUid, Seconds, UserGroup, UserName
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager


@method(
    refused="Failed to find the item: ",
    reply={"item_uid": "", "state": "not_found", "pos": None, "item": {}},
    phrases=("queue item status {item_uid}",),
)
async def queue_item_status(
    manager: Manager, item_uid: ItemUid, wait: Seconds = 0.0
) -> Mapping[str, Any]:
    """Return where an item is, and the item; with its result when it has finished.

    ``state`` is ``queued`` (then ``pos`` counts from the front), ``running``, ``finished`` or
    ``not_found``. With ``wait`` the reply comes when the item has finished or was removed, but
    not later than after that many seconds (60 at most). A plan that failed goes back to the
    queue as a new item; this one has finished.
    """
    return await manager.whereabouts.tell(item_uid, wait)


@method(
    refused="Failed to check the items: ",
    reply={"valid": False, "results": []},
    phrases=("queue check {items_file}",),
)
async def queue_item_check(
    manager: Manager, items: ItemList, user: UserName, user_group: UserGroup
) -> Mapping[str, Any]:
    """Tell of each item whether it could be added now; nothing changes.

    ``results`` holds for each item ``success`` and, in ``msg``, the reason why not; ``valid``
    tells whether all could be added.
    """
    return await manager.queue_edits.check(items, user, user_group)
