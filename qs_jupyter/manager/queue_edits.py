"""Edits of the queue and the history, as clients ask for them.

An edit checks everything, changes the queue, and is answered when the change is durable.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.encoded import EncodedList, EncodedText
from qs_jupyter.errors import BadRequest, Refusal
from qs_jupyter.huge_json import is_huge
from qs_jupyter.lasting import lasting_objects
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.lists import Lists
from qs_jupyter.model import positions
from qs_jupyter.model.changes import Change
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import prepare_item
from qs_jupyter.model.queue import Queue
from qs_jupyter.model.undo import Edit, Journal, Put, Shift, Step, Swap, Take, placements

Reply = Mapping[str, Any]
Turn = Callable[[Queue, str, str | None], tuple[list[Change], str]]
PlaceParameters = tuple[Any, Any, Any]

# Items validated before other requests get a turn.
_TURN = 100

# What a batch says of an item that was added.
_GOOD = {"success": True, "msg": ""}
_GOOD_TEXT = json.dumps(_GOOD)


class QueueEdits:
    """Carries out the methods about queue and history."""

    def __init__(self, core: Core, lists: Lists) -> None:
        self._core = core
        self._lists = lists
        self._journal = Journal()

    # ----------------------------------------------------------------------------- reading

    def contents(self, event_seq: bool) -> Reply:
        """Return the whole queue and the running item."""
        core = self._core
        running = core.running_item
        reply: dict[str, Any] = {
            "items": EncodedList(core.queue.texts),
            "running_item": EncodedText(running.text) if running else {},
            "plan_queue_uid": core.uids["plan_queue_uid"],
        }
        return self._numbered(reply, event_seq)

    def get(self, pos: Any, uid: Any) -> Reply:
        """Return one item."""
        source = positions.parse_source(pos, uid)
        return {"item": EncodedText(self._core.queue.get(source, self._running_uid).text)}

    def past(self, event_seq: bool) -> Reply:
        """Return the history."""
        core = self._core
        reply = {
            "items": EncodedList(core.history.texts),
            "plan_history_uid": core.uids["plan_history_uid"],
        }
        return self._numbered(reply, event_seq)

    def _numbered(self, reply: dict[str, Any], event_seq: bool) -> Reply:
        # Only for those who ask: other clients compare whole replies with what they have kept.
        return {**reply, "event_seq": self._core.events.seq} if event_seq else reply

    # ------------------------------------------------------------------------------ adding

    def prepare(
        self, raw: Any, user: str, user_group: str, uid: str | None, **options: Any
    ) -> Item:
        """Return the item of a request, validated against what the group may run."""
        item = prepare_item(raw, user, user_group, uid, **options)
        self._check_group(user_group)
        if item.item_type == "plan":
            self._lists.catalogue.check_plan(item.data, user_group)
        return item

    def _check_group(self, user_group: str) -> None:
        if not self._lists.catalogue.has_group(user_group):
            raise BadRequest(f"Unknown user group: '{user_group}'")

    async def prepared(self, raw: Any, user: str, user_group: str, uid: str | None) -> Item:
        """Return what `prepare` returns; a huge item is prepared while others are served."""
        if not is_huge(raw):
            return self.prepare(raw, user, user_group, uid)
        return await asyncio.to_thread(self.prepare, raw, user, user_group, uid, make=Item.huge)

    async def add(self, raw: Any, user: str, user_group: str, place: PlaceParameters) -> Reply:
        """Add one item."""
        core = self._core
        item = await self.prepared(raw, user, user_group, core.new_uid())
        try:
            where = positions.parse_place(*place)
            change = core.queue.insert([item], where, self._running_uid)
        except Refusal as refusal:
            # The item is good, only its place is not: clients find in it the owner and the UID.
            refusal.reply["item"] = dict(item.data)
            raise
        reply = {"qsize": len(core.queue), "item": EncodedText(item.text)}
        return await self._commit(change, reply, Take((item.uid,)), f"added {item.name}")

    async def add_batch(
        self, raws: list[Any], user: str, user_group: str, place: PlaceParameters
    ) -> Reply:
        """Add a block of items, or none of them."""
        core = self._core
        self._check_group(user_group)
        if not raws:
            return {"qsize": len(core.queue), "items": [], "results": []}
        try:
            where = positions.parse_place(*place)
        except positions.AmbiguousPlace as refusal:
            raise self._misplaced(raws, refusal) from refusal
        items, results = await self._all_prepared(raws, user, user_group)
        if len(items) < len(raws):
            raise self._refused(raws, results)
        try:
            with lasting_objects(len(items)):
                change = core.queue.insert(items, where, self._running_uid)
        except Refusal as refusal:
            raise self._misplaced(raws, refusal) from refusal
        reply = {
            "qsize": len(core.queue),
            "items": EncodedList(tuple(item.text for item in items)),
            "results": EncodedList((_GOOD_TEXT,) * len(results)),
        }
        step = Take(tuple(item.uid for item in items))
        return await self._commit(change, reply, step, f"added {len(items)} items")

    async def _all_prepared(
        self, raws: list[Any], user: str, user_group: str
    ) -> tuple[list[Item], list[dict[str, Any]]]:
        """Return the items that are valid, and for each that was given what is to say of it."""
        items: list[Item] = []
        results: list[dict[str, Any]] = []
        for number, raw in enumerate(raws, start=1):
            try:
                item = await self.prepared(raw, user, user_group, self._core.new_uid())
                item.pack()  # here, between the turns of others, and not all at once
                items.append(item)
                results.append(_GOOD)
            except Refusal as refusal:
                results.append({"success": False, "msg": f"Failed to add a plan: {refusal}"})
            if number % _TURN == 0:
                await asyncio.sleep(0)
        return items, results

    async def check(self, raws: list[Any], user: str, user_group: str) -> Reply:
        """Tell of each item whether it could be added."""
        items, results = await self._all_prepared(raws, user, user_group)
        return {"valid": len(items) == len(raws), "results": results}

    def _misplaced(self, raws: list[Any], refusal: Refusal) -> Refusal:
        # A batch tells item by item what is wrong, even when it is wrong for all of them.
        text = f"Failed to add item to queue: {refusal}"
        return self._refused(raws, [{"success": False, "msg": text} for _ in raws])

    def _refused(self, raws: list[Any], results: list[dict[str, Any]]) -> BatchRefused:
        failed = sum(not result["success"] for result in results)
        return BatchRefused(
            f"Failed to add all items: validation of {failed} out of {len(raws)} "
            "submitted items failed",
            qsize=len(self._core.queue),
            items=raws,
            results=results,
        )

    async def update(
        self, raw: Mapping[str, Any], user: str, user_group: str, *, replace: bool
    ) -> Reply:
        """Put another item in the place of one."""
        core = self._core
        item = await self.prepared(raw, user, user_group, None)
        old_uid = item.uid
        if replace:
            item = item.with_changes(item_uid=core.new_uid())
        old = core.queue.item(old_uid) if old_uid in core.queue else item
        change = core.queue.replace(old_uid, item, self._running_uid)
        reply = {"qsize": len(core.queue), "item": EncodedText(item.text)}
        return await self._commit(change, reply, Swap(item.uid, old), f"changed {old.name}")

    # -------------------------------------------------------------------- removing, moving

    async def remove(self, pos: Any, uid: Any) -> Reply:
        """Remove one item."""
        core = self._core
        source = positions.parse_source(pos, uid, wrong="value")
        item = core.queue.peek(source)
        back = Put(placements(core.queue, [item.uid] if item else []))
        change = core.queue.remove_one(source, self._running_uid)
        removed = change.items[0]
        reply = {"item": EncodedText(removed.text), "qsize": len(core.queue)}
        return await self._commit(change, reply, back, f"removed {removed.name}")

    async def remove_batch(self, uids: list[str], *, ignore_missing: bool) -> Reply:
        """Remove several items."""
        core = self._core
        back = Put(placements(core.queue, self._queued(uids)))
        change = core.queue.remove(uids, ignore_missing=ignore_missing)
        items = change.items if change else ()
        reply = {
            "items": EncodedList(tuple(item.text for item in items)),
            "qsize": len(core.queue),
        }
        return await self._commit(change, reply, back, f"removed {len(items)} items")

    async def move(self, pos: Any, uid: Any, destination: PlaceParameters) -> Reply:
        """Move one item."""
        core = self._core
        source = positions.parse_move_source(pos, uid)
        place = positions.parse_destination(*destination)
        moved = core.queue.peek(source)
        back = Shift(placements(core.queue, [moved.uid] if moved else []))
        change = core.queue.move(source, place, self._running_uid)
        assert moved is not None, "a move of an item that is not there was accepted"
        reply = {"item": EncodedText(moved.text), "qsize": len(core.queue)}
        return await self._commit(change, reply, back, f"moved {moved.name}")

    async def move_batch(
        self, uids: list[str], destination: PlaceParameters, *, reorder: bool
    ) -> Reply:
        """Move several items to one place."""
        core = self._core
        place = positions.parse_batch_destination(*destination)
        items = core.queue.batch(uids, reorder=reorder)
        back = Shift(placements(core.queue, uids))
        change = core.queue.move_batch(uids, place, reorder=reorder, running_uid=self._running_uid)
        reply = {
            "items": EncodedList(tuple(item.text for item in items)),
            "qsize": len(core.queue),
        }
        return await self._commit(change, reply, back, f"moved {len(items)} items")

    async def clear(self) -> Reply:
        """Remove all items."""
        queue = self._core.queue
        with lasting_objects(len(queue)):
            back = Put(tuple((item, None) for item in queue))
        return await self._commit(queue.clear(), {}, back, "cleared the queue")

    async def undo(self, plan_queue_uid: str | None) -> Reply:
        """Take the last edit back."""
        return await self._turn(self._journal.undo, plan_queue_uid)

    async def redo(self, plan_queue_uid: str | None) -> Reply:
        """Make the edit again that was taken back last."""
        return await self._turn(self._journal.redo, plan_queue_uid)

    async def _turn(self, turn: Turn, expected: str | None) -> Reply:
        core = self._core
        uid = core.new_uid()
        with lasting_objects(self._journal.items):
            changes, description = turn(core.queue, uid, expected)
        for change in changes:
            core.record(change)
        core.uids["plan_queue_uid"] = uid
        core.changed()
        reply = {"qsize": len(core.queue), "edit": description, "plan_queue_uid": uid}
        await core.commit()
        return reply

    async def set_mode(self, mode: Any) -> Reply:
        """Change the queue mode."""
        core = self._core
        core.set_mode(core.model.mode.changed(mode))
        await core.commit()
        return {}

    async def clear_past(self, size: Any, item_uid: Any) -> Reply:
        """Drop old history."""
        core = self._core
        change = core.history.clear(size, item_uid)
        if change is not None:
            core.record(change)
            core.renew("plan_history_uid")
        await core.commit()
        return {}

    # ------------------------------------------------------------------------------- parts

    @property
    def _running_uid(self) -> str | None:
        running = self._core.running_item
        return running.uid if running else None

    def _queued(self, uids: list[str]) -> list[str]:
        return [uid for uid in dict.fromkeys(uids) if uid in self._core.queue]

    async def _commit(
        self, change: Change | None, reply: Reply, back: Step, description: str
    ) -> Reply:
        """Make an edit durable; ``back`` takes it back. Returns the reply."""
        core = self._core
        if change is not None:
            core.record(change)
            core.renew("plan_queue_uid")
            uid = core.uids["plan_queue_uid"]
            self._journal.record(Edit(back, description, uid))
            reply = {**reply, "plan_queue_uid": uid}
        await core.commit()
        return reply


class BatchRefused(BadRequest):
    """Some items of a batch are not valid; the reply tells which. Its text has no prefix."""

    bare = True
