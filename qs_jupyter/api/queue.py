"""Items of the queue: add, look at, change, move, remove, run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import (
    Enable,
    Flag,
    ItemList,
    ItemMap,
    ModeMap,
    Position,
    UidList,
    UidText,
    UserGroup,
    UserName,
)
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(
    reply={"items": [], "running_item": {}, "plan_queue_uid": ""},
    phrases=("queue get",),
)
def queue_get(manager: Manager, event_seq: Flag = False) -> Reply:
    """Return all items, the running item, and the UID of this state of the queue.

    With ``event_seq`` also the number of the last event that the reply includes.
    """
    return manager.queue_edits.contents(event_seq)


@method(
    lock="queue",
    writes=True,
    refused="Failed to add an item: ",
    reply={"qsize": None, "item": None},
    echo=("item",),
    # Existing clients look for these words in the console.
    log=("Adding new item to the queue", "Item added"),
    phrases=(
        "queue add plan {place?} {plan}",
        "queue add instruction {place?} {instruction}",
    ),
)
async def queue_item_add(
    manager: Manager,
    item: ItemMap,
    user: UserName,
    user_group: UserGroup,
    pos: Position = None,
    before_uid: UidText = None,
    after_uid: UidText = None,
) -> Reply:
    """Add one item, by default at the back."""
    return await manager.queue_edits.add(item, user, user_group, (pos, before_uid, after_uid))


@method(
    lock="queue",
    writes=True,
    refused="Failed to add an item: ",
    reply={"qsize": 0, "items": [], "results": []},
    sized=True,
    phrases=("queue add batch {place?} {items_file}",),
)
async def queue_item_add_batch(
    manager: Manager,
    items: ItemList,
    user: UserName,
    user_group: UserGroup,
    pos: Position = None,
    before_uid: UidText = None,
    after_uid: UidText = None,
) -> Reply:
    """Add several items as one block: all of them, or none when one is refused."""
    place = (pos, before_uid, after_uid)
    return await manager.queue_edits.add_batch(items, user, user_group, place)


@method(
    lock="queue",
    writes=True,
    refused="Failed to add an item: ",
    reply={"qsize": 0, "item": None},
    echo=("item",),
    phrases=(
        "queue update plan {uid} {plan}",
        "queue update instruction {uid} {instruction}",
        "queue replace plan {uid} {plan}",
        "queue replace instruction {uid} {instruction}",
    ),
)
async def queue_item_update(
    manager: Manager,
    item: ItemMap,
    user: UserName,
    user_group: UserGroup,
    replace: Flag = False,
) -> Reply:
    """Put an item in the place of the one with its ``item_uid``; ``replace`` renews the UID."""
    return await manager.queue_edits.update(item, user, user_group, replace=replace)


@method(
    refused="Failed to get an item: ",
    reply={"item": {}},
    phrases=("queue item get {selected?}",),
)
def queue_item_get(manager: Manager, pos: Position = None, uid: UidText = None) -> Reply:
    """Return one item, by default the one at the back."""
    return manager.queue_edits.get(pos, uid)


@method(
    lock="queue",
    writes=True,
    refused="Failed to remove an item: ",
    reply={"item": {}, "qsize": None},
    phrases=("queue item remove {selected?}",),
)
async def queue_item_remove(manager: Manager, pos: Position = None, uid: UidText = None) -> Reply:
    """Remove one item, by default the one at the back."""
    return await manager.queue_edits.remove(pos, uid)


@method(
    lock="queue",
    writes=True,
    refused="Failed to remove a batch of items: ",
    reply={"items": [], "qsize": None},
)
async def queue_item_remove_batch(
    manager: Manager, uids: UidList, ignore_missing: Flag = True
) -> Reply:
    """Remove several items; ``ignore_missing`` skips those that are not there."""
    return await manager.queue_edits.remove_batch(uids, ignore_missing=ignore_missing)


@method(
    lock="queue",
    writes=True,
    refused="Failed to move the item: ",
    reply={"item": {}, "qsize": None},
    phrases=("queue item move {source} {destination}",),
)
async def queue_item_move(
    manager: Manager,
    pos: Position = None,
    uid: UidText = None,
    pos_dest: Position = None,
    before_uid: UidText = None,
    after_uid: UidText = None,
) -> Reply:
    """Move one item to another place."""
    return await manager.queue_edits.move(pos, uid, (pos_dest, before_uid, after_uid))


@method(
    lock="queue",
    writes=True,
    refused="Failed to move the batch of items: ",
    reply={"items": [], "qsize": None},
)
async def queue_item_move_batch(
    manager: Manager,
    uids: UidList,
    pos_dest: Position = None,
    before_uid: UidText = None,
    after_uid: UidText = None,
    reorder: Flag = False,
) -> Reply:
    """Move several items to one place, in the order given or, with ``reorder``, as queued."""
    place = (pos_dest, before_uid, after_uid)
    return await manager.queue_edits.move_batch(uids, place, reorder=reorder)


@method(lock="queue", writes=True, phrases=("queue clear",))
async def queue_clear(manager: Manager) -> Reply:
    """Remove all items; the running item goes on."""
    return await manager.queue_edits.clear()


@method(
    lock="queue",
    writes=True,
    refused="Failed to undo: ",
    reply={"qsize": None, "edit": "", "plan_queue_uid": ""},
    phrases=("queue undo",),
)
async def queue_undo(manager: Manager, plan_queue_uid: UidText = None) -> Reply:
    """Take the last edit of the queue back, whoever made it.

    With ``plan_queue_uid``, the UID in the reply of an edit, only that edit is taken back: the
    request is refused when somebody else has edited the queue since.
    """
    return await manager.queue_edits.undo(plan_queue_uid)


@method(
    lock="queue",
    writes=True,
    refused="Failed to redo: ",
    reply={"qsize": None, "edit": "", "plan_queue_uid": ""},
    phrases=("queue redo",),
)
async def queue_redo(manager: Manager, plan_queue_uid: UidText = None) -> Reply:
    """Make the edit again that was taken back last; ``plan_queue_uid`` as for undo."""
    return await manager.queue_edits.redo(plan_queue_uid)


@method(
    lock="queue",
    writes=True,
    refused="Failed to set queue mode: ",
    phrases=("queue mode set {mode}",),
)
async def queue_mode_set(manager: Manager, mode: ModeMap) -> Reply:
    """Change ``loop`` and ``ignore_failures``; ``"default"`` switches both off."""
    return await manager.queue_edits.set_mode(mode)


@method(
    lock="environment",
    writes=True,
    refused="Failed to start execution of the item: ",
    reply={"qsize": None, "item": None},
    echo=("item",),
    starts=True,
    phrases=("queue execute plan {plan}", "queue execute instruction {instruction}"),
)
async def queue_item_execute(
    manager: Manager, item: ItemMap, user: UserName, user_group: UserGroup
) -> Reply:
    """Run one item at once, without touching the queue."""
    return await manager.runs.execute(item, user, user_group)


@method(lock="environment", writes=True, state_refused="", starts=True, phrases=("queue start",))
async def queue_start(manager: Manager) -> Reply:
    """Run the queue from its front."""
    return await manager.runs.start()


@method(lock="environment", state_refused="", phrases=("queue stop",))
async def queue_stop(manager: Manager) -> Reply:
    """Stop the queue behind the running plan."""
    return await manager.runs.stop()


@method(lock="environment", state_refused="", phrases=("queue stop cancel",))
async def queue_stop_cancel(manager: Manager) -> Reply:
    """Forget a pending stop."""
    return await manager.runs.cancel_stop()


@method(lock="environment", writes=True, phrases=("queue autostart {enable}",))
async def queue_autostart(manager: Manager, enable: Enable) -> Reply:
    """Have the queue start by itself whenever there is something to run."""
    return await manager.runs.set_autostart(enable=enable)
