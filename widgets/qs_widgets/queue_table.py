"""The queue: thousands of rows, any selection, drag and drop, undo."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qs_jupyter.client.hub import Link
from qs_jupyter.client.item_files import format_items, parse_items
from qs_jupyter.errors import BadRequest
from qs_widgets import wording
from qs_widgets.changes import Content
from qs_widgets.controls import returned
from qs_widgets.durations import Durations, cell
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module
from qs_widgets.stretches import KeptRows, Row

if TYPE_CHECKING:
    from qs_widgets.desk import Desk, Lists

STOP = {"item_type": "instruction", "name": "queue_stop"}


class QueueTable(Part):
    """Shows the items in order and edits them."""

    _esm = module("queue_table", "selection", "grid")
    caption = "Queue"
    looks = frozenset({"python", "save"})
    patience_s = 0.1
    follows = frozenset({"queue", "history", "status", "connection"})
    methods = frozenset(
        {
            "queue_item_move_batch",
            "queue_item_remove_batch",
            "queue_clear",
            "queue_item_execute",
        }
    )

    def __init__(self, desk: Desk) -> None:
        self._rows = RowMaker()
        desk.edits.touch = self.touch
        super().__init__(desk)

    def refresh(self) -> None:
        """Read the lists of names, which tell a device from a text."""
        self.desk.lists.refresh()

    def content(self) -> Content:
        """Return a row for each item."""
        hub = self.desk.hub
        mirror = hub.mirror
        lists = self.desk.lists
        durations = self.desk.durations
        durations.follow(mirror)
        marks = returned(mirror.queue, mirror.history)
        rows = self._rows.rows(mirror.queue, lists, durations, marks)
        fields = {
            "connected": hub.link is Link.CONNECTED,
            "estimate": durations.total,
            "can_undo": bool(self.desk.edits.done),
            "can_redo": bool(self.desk.edits.undone),
        }
        return Content(fields, rows)

    # --------------------------------------------------------------------------- commands

    def replied(self, _method: str, reply: Mapping[str, Any]) -> None:
        """Remember an edit, for undo."""
        self.desk.edits.note(reply)

    def do_undo(self, _params: Params) -> Done:
        """Take the last edit of this panel back."""
        return self._turn(back=True)

    def do_redo(self, _params: Params) -> Done:
        """Make the edit again that was taken back last."""
        return self._turn(back=False)

    def _turn(self, *, back: bool) -> Done:
        edits = self.desk.edits
        source, word = (edits.done, "undo") if back else (edits.undone, "redo")
        if not source:
            raise BadRequest(f"This panel has nothing to {word}")
        reply = self.desk.ask(f"queue_{word}", {"plan_queue_uid": source[-1]})
        edits.turned(reply, back=back)
        return Done(f"{'Took back' if back else 'Did again'}: {reply.get('edit', '')}")

    def do_duplicate(self, params: Params) -> Done:
        """Put copies of items behind the last of them."""
        uids = [str(uid) for uid in params["uids"]]
        copies = [without_identity(self._item(uid)) for uid in uids]
        return self._add(copies, {"after_uid": uids[-1]})

    def do_insert_stop(self, params: Params) -> Done:
        """Insert an instruction that stops the queue, before an item or at the back."""
        return self._add([STOP], _place(params.get("before")))

    def do_paste(self, params: Params) -> Done:
        """Add one item per line of Python calls."""
        lines = [line.strip() for line in str(params["text"]).splitlines()]
        items = [read_line(line) for line in lines if line and not line.startswith("#")]
        return self._add(items, _place(params.get("before")))

    def do_edit(self, params: Params) -> Done:
        """Open an item in the form."""
        if self.desk.open_form is None:
            raise BadRequest("This panel has no form: open it with the section 'form'")
        item = self._item(str(params["uid"]))
        self.desk.open_form(item, str(item["item_uid"]))
        return Done()

    def do_run_now(self, params: Params) -> Done:
        """Run a copy of an item at once."""
        item = without_identity(self._item(str(params["uid"])))
        self.desk.ask("queue_item_execute", {"item": item})
        return Done(f"{item['name']} was started")

    def do_python(self, params: Params) -> Done:
        """Return items as lines of Python."""
        is_name = self.desk.lists.is_name
        lines = [wording.call(self._item(str(uid)), is_name) for uid in params["uids"]]
        return Done(data="\n".join(lines))

    def do_load(self, params: Params) -> Done:
        """Add the items of a file, all or none."""
        name = str(params["name"])
        content = base64.b64decode(str(params["content"]), validate=True)
        items = [without_identity(item) for item in parse_items(name, content)]
        if not items:
            raise BadRequest(f"{name!r} holds no plans")
        done = self._add(items, _place(params.get("before")))
        return Done(f"Added {wording.counted(len(items), 'item')} from {name}", done.data)

    def do_save(self, params: Params) -> Done:
        """Return the queue as the content of a file."""
        name = str(params["name"])
        with self.desk.hub.lock:
            items = [without_identity(item) for item in self.desk.hub.mirror.queue]
        return Done(
            f"Saved {wording.counted(len(items), 'item')} as {name}", format_items(name, items)
        )

    def _add(self, items: list[dict[str, Any]], place: Mapping[str, Any]) -> Done:
        if not items:
            raise BadRequest("There is no line with a plan in that text")
        reply = self.desk.ask("queue_item_add_batch", {"items": items, **place})
        self.desk.edits.note(reply)
        return Done(data=[item["item_uid"] for item in reply["items"]])

    def _item(self, uid: str) -> dict[str, Any]:
        with self.desk.hub.lock:
            found = next((i for i in self.desk.hub.mirror.queue if i["item_uid"] == uid), None)
        if found is None:
            raise BadRequest("This item is not in the queue any more")
        return found


class RowMaker:
    """Makes rows of items and keeps those of items that have not changed."""

    def __init__(self) -> None:
        self._rows = KeptRows()

    def rows(
        self,
        queue: Sequence[Mapping[str, Any]],
        lists: Lists,
        durations: Durations,
        marks: Mapping[str, str],
    ) -> Sequence[Row]:
        """Return a row per item: key, type, name, parameters, user, note, duration, mark."""

        def made(item: Mapping[str, Any]) -> Row:
            return (*item_row(item, lists.is_name), cell(item, durations.seconds), "")

        # Other names make other texts, and what was learnt from a plan that ended, other times.
        rows = self._rows.of(queue, made, (lists.names, durations.generation))
        return [_marked(row, marks) for row in rows] if marks else rows


def _marked(row: Row, marks: Mapping[str, str]) -> Row:
    mark = marks.get(row[0], "")
    return row if row[-1] == mark else (*row[:-1], mark)


def item_row(item: Mapping[str, Any], is_name: wording.IsName) -> Row:
    """Return the lasting part of a row: key, type, name, parameters, user, note."""
    return (
        item["item_uid"],
        item.get("item_type", "plan"),
        item.get("name", ""),
        wording.shortened(wording.parameters(item, is_name)),
        item.get("user", ""),
        wording.shortened(wording.note(item.get("meta"), is_name), 200),
    )


def without_identity(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as a new one can be made of it."""
    kept = ("item_type", "name", "args", "kwargs", "meta")
    return {key: item[key] for key in kept if key in item}


def read_line(line: str) -> dict[str, Any]:
    """Return the item of one line: a call, or the word ``queue-stop``.

    Raises
    ------
    BadRequest
        The line is neither.
    """
    if line.replace("-", "_") == STOP["name"]:
        return dict(STOP)
    try:
        name, args, kwargs = wording.called(line)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return {"item_type": "plan", "name": name, "args": args, "kwargs": kwargs}


def _place(before: Any) -> dict[str, Any]:
    return {"before_uid": str(before)} if before else {"pos": "back"}
