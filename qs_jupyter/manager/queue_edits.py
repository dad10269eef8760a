"""Edits of the queue and the history, as clients ask for them.

An edit checks everything, changes the queue, and is answered when the change is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.encoded import EncodedList, EncodedText
from qs_jupyter.errors import BadRequest, Refusal
from qs_jupyter.model import positions
from qs_jupyter.model.changes import Change
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import prepare_item
from qs_jupyter.model.queue import Queue
from qs_jupyter.model.undo import Edit, Journal, Put, Shift, Step, Swap, Take, placements

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]
Turn = Callable[[Queue, str, str | None], tuple[list[Change], str]]
PlaceParameters = tuple[Any, Any, Any]

# Items validated before other requests get a turn.
_TURN = 100


class QueueEdits:
    """Carries out the methods about queue and history."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._journal = Journal()

    # ----------------------------------------------------------------------------- reading

    def contents(self, event_seq: bool) -> Reply:
        """Return the whole queue and the running item."""
        manager = self._manager
        running = manager.running_item
        reply: dict[str, Any] = {
            "items": EncodedText(manager.queue.text),
            "running_item": EncodedText(running.text) if running else {},
            "plan_queue_uid": manager.uids["plan_queue_uid"],
        }
        return self._numbered(reply, event_seq)

    def get(self, pos: Any, uid: Any) -> Reply:
        """Return one item."""
        source = positions.parse_source(pos, uid)
        return {"item": EncodedText(self._manager.queue.get(source, self._running_uid).text)}

    def past(self, event_seq: bool) -> Reply:
        """Return the history."""
        manager = self._manager
        reply = {
            "items": EncodedText(manager.history.text),
            "plan_history_uid": manager.uids["plan_history_uid"],
        }
        return self._numbered(reply, event_seq)

    def _numbered(self, reply: dict[str, Any], event_seq: bool) -> Reply:
        # Only for those who ask: other clients compare whole replies with what they have kept.
        return {**reply, "event_seq": self._manager.events.seq} if event_seq else reply

    # ------------------------------------------------------------------------------ adding

    def prepare(
        self, raw: Any, user: str, user_group: str, uid: str | None, **options: Any
    ) -> Item:
        """Return the item of a request, validated against what the group may run."""
        item = prepare_item(raw, user, user_group, uid, **options)
        catalogue = self._manager.lists.catalogue
        if not catalogue.has_group(user_group):
            raise BadRequest(f"Unknown user group: '{user_group}'")
        if item.item_type == "plan":
            catalogue.check_plan(item.data, user_group)
        return item

    async def add(self, raw: Any, user: str, user_group: str, place: PlaceParameters) -> Reply:
        """Add one item."""
        manager = self._manager
        item = self.prepare(raw, user, user_group, manager.new_uid())
        where = positions.parse_place(*place)
        change = manager.queue.insert([item], where, self._running_uid)
        reply = {"qsize": len(manager.queue), "item": EncodedText(item.text)}
        return await self._commit(change, reply, Take((item.uid,)), f"added {item.name}")

    async def add_batch(
        self, raws: list[Any], user: str, user_group: str, place: PlaceParameters
    ) -> Reply:
        """Add a block of items, or none of them."""
        manager = self._manager
        try:
            where = positions.parse_place(*place)
        except positions.AmbiguousPlace as refusal:
            raise self._misplaced(raws, refusal) from refusal
        items: list[Item] = []
        results: list[dict[str, Any]] = []
        for number, raw in enumerate(raws, start=1):
            try:
                items.append(self.prepare(raw, user, user_group, manager.new_uid()))
                results.append({"success": True, "msg": ""})
            except Refusal as refusal:
                results.append({"success": False, "msg": f"Failed to add a plan: {refusal}"})
            if number % _TURN == 0:
                await asyncio.sleep(0)
        if not all(result["success"] for result in results):
            raise self._refused(raws, results)
        try:
            change = manager.queue.insert(items, where, self._running_uid)
        except Refusal as refusal:
            raise self._misplaced(raws, refusal) from refusal
        reply = {
            "qsize": len(manager.queue),
            "items": EncodedList(tuple(item.text for item in items)),
            "results": results,
        }
        step = Take(tuple(item.uid for item in items))
        return await self._commit(change, reply, step, f"added {len(items)} items")

    def _misplaced(self, raws: list[Any], refusal: Refusal) -> Refusal:
        # A batch tells item by item what is wrong, even when it is wrong for all of them.
        if not raws:
            return refusal
        text = f"Failed to add item to queue: {refusal}"
        return self._refused(raws, [{"success": False, "msg": text} for _ in raws])

    def _refused(self, raws: list[Any], results: list[dict[str, Any]]) -> BatchRefused:
        failed = sum(not result["success"] for result in results)
        return BatchRefused(
            f"Failed to add all items: validation of {failed} out of {len(raws)} "
            "submitted items failed",
            qsize=len(self._manager.queue),
            items=raws,
            results=results,
        )

    async def update(
        self, raw: Mapping[str, Any], user: str, user_group: str, *, replace: bool
    ) -> Reply:
        """Put another item in the place of one."""
        manager = self._manager
        item = self.prepare(raw, user, user_group, None)
        old_uid = item.uid
        if replace:
            item = item.with_changes(item_uid=manager.new_uid())
        old = manager.queue.item(old_uid) if old_uid in manager.queue else item
        change = manager.queue.replace(old_uid, item, self._running_uid)
        reply = {"qsize": len(manager.queue), "item": EncodedText(item.text)}
        return await self._commit(change, reply, Swap(item.uid, old), f"changed {old.name}")

    # -------------------------------------------------------------------- removing, moving

    async def remove(self, pos: Any, uid: Any) -> Reply:
        """Remove one item."""
        manager = self._manager
        source = positions.parse_source(pos, uid, wrong="value")
        item = manager.queue.peek(source)
        back = Put(placements(manager.queue, [item.uid] if item else []))
        change = manager.queue.remove_one(source, self._running_uid)
        removed = change.items[0]
        reply = {"item": EncodedText(removed.text), "qsize": len(manager.queue)}
        return await self._commit(change, reply, back, f"removed {removed.name}")

    async def remove_batch(self, uids: list[str], *, ignore_missing: bool) -> Reply:
        """Remove several items."""
        manager = self._manager
        back = Put(placements(manager.queue, self._queued(uids)))
        change = manager.queue.remove(uids, ignore_missing=ignore_missing)
        items = change.items if change else ()
        reply = {
            "items": EncodedList(tuple(item.text for item in items)),
            "qsize": len(manager.queue),
        }
        return await self._commit(change, reply, back, f"removed {len(items)} items")

    async def move(self, pos: Any, uid: Any, destination: PlaceParameters) -> Reply:
        """Move one item."""
        manager = self._manager
        source = positions.parse_move_source(pos, uid)
        place = positions.parse_destination(*destination)
        moved = manager.queue.peek(source)
        back = Shift(placements(manager.queue, [moved.uid] if moved else []))
        change = manager.queue.move(source, place, self._running_uid)
        assert moved is not None, "a move of an item that is not there was accepted"
        reply = {"item": EncodedText(moved.text), "qsize": len(manager.queue)}
        return await self._commit(change, reply, back, f"moved {moved.name}")

    async def move_batch(
        self, uids: list[str], destination: PlaceParameters, *, reorder: bool
    ) -> Reply:
        """Move several items to one place."""
        manager = self._manager
        place = positions.parse_batch_destination(*destination)
        items = manager.queue.batch(uids, reorder=reorder)
        back = Shift(placements(manager.queue, uids))
        change = manager.queue.move_batch(
            uids, place, reorder=reorder, running_uid=self._running_uid
        )
        reply = {
            "items": EncodedList(tuple(item.text for item in items)),
            "qsize": len(manager.queue),
        }
        return await self._commit(change, reply, back, f"moved {len(items)} items")

    async def clear(self) -> Reply:
        """Remove all items."""
        queue = self._manager.queue
        back = Put(tuple((item, None) for item in queue))
        return await self._commit(queue.clear(), {}, back, "cleared the queue")

    async def undo(self, plan_queue_uid: str | None) -> Reply:
        """Take the last edit back."""
        return await self._turn(self._journal.undo, plan_queue_uid)

    async def redo(self, plan_queue_uid: str | None) -> Reply:
        """Make the edit again that was taken back last."""
        return await self._turn(self._journal.redo, plan_queue_uid)

    async def _turn(self, turn: Turn, expected: str | None) -> Reply:
        manager = self._manager
        uid = manager.new_uid()
        changes, description = turn(manager.queue, uid, expected)
        for change in changes:
            manager.record(change)
        manager.uids["plan_queue_uid"] = uid
        manager.changed()
        reply = {"qsize": len(manager.queue), "edit": description, "plan_queue_uid": uid}
        await manager.commit()
        return reply

    async def set_mode(self, mode: Any) -> Reply:
        """Change the queue mode."""
        manager = self._manager
        manager.set_mode(manager.model.mode.changed(mode))
        await manager.commit()
        return {}

    async def clear_past(self, size: Any, item_uid: Any) -> Reply:
        """Drop old history."""
        manager = self._manager
        change = manager.history.clear(size, item_uid)
        if change is not None:
            manager.record(change)
            manager.renew("plan_history_uid")
        await manager.commit()
        return {}

    # ------------------------------------------------------------------------------- parts

    @property
    def _running_uid(self) -> str | None:
        running = self._manager.running_item
        return running.uid if running else None

    def _queued(self, uids: list[str]) -> list[str]:
        return [uid for uid in dict.fromkeys(uids) if uid in self._manager.queue]

    async def _commit(
        self, change: Change | None, reply: Reply, back: Step, description: str
    ) -> Reply:
        """Make an edit durable; ``back`` takes it back. Returns the reply."""
        manager = self._manager
        if change is not None:
            manager.record(change)
            manager.renew("plan_queue_uid")
            uid = manager.uids["plan_queue_uid"]
            self._journal.record(Edit(back, description, uid))
            reply = {**reply, "plan_queue_uid": uid}
        await manager.commit()
        return reply


class BatchRefused(BadRequest):
    """Some items of a batch are not valid; the reply tells which. Its text has no prefix."""

    bare = True
