"""The history: how each plan ended, its runs, its traceback; run it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.client.hub import Link
from qs_jupyter.client.item_files import format_items
from qs_jupyter.errors import BadRequest
from qs_widgets import wording
from qs_widgets.changes import Content
from qs_widgets.part import Done, Params, Part
from qs_widgets.queue_table import without_identity
from qs_widgets.sources import module
from qs_widgets.stretches import KeptRows, Row

if TYPE_CHECKING:
    from qs_widgets.desk import Desk


class HistoryTable(Part):
    """Shows finished items, the latest first."""

    _esm = module("history_table", "selection", "grid")
    caption = "History"
    looks = frozenset({"details", "export", "plot"})
    follows = frozenset({"history", "status", "connection"})
    methods = frozenset({"history_clear"})

    def __init__(self, desk: Desk) -> None:
        self._rows = KeptRows()
        super().__init__(desk)

    def content(self) -> Content:
        """Return a row for each finished item."""
        hub, lists = self.desk.hub, self.desk.lists
        rows = self._rows.of(
            hub.mirror.history, lambda item: history_row(item, lists.is_name), lists.names
        )
        return Content({"connected": hub.link is Link.CONNECTED}, rows[::-1])

    # --------------------------------------------------------------------------- commands

    def do_details(self, params: Params) -> Done:
        """Return everything about one finished item."""
        item = self._item(str(params["key"]))
        result = item.get("result") or {}
        return Done(
            data={
                "python": wording.call(item, self.desk.lists.is_name),
                "msg": str(result.get("msg") or ""),
                "traceback": str(result.get("traceback") or ""),
                "runs": [str(uid) for uid in result.get("run_uids") or ()],
                "json": json.dumps(item, indent=2, default=repr),
            }
        )

    def do_rerun(self, params: Params) -> Done:
        """Add copies of finished items to the queue, the oldest first."""
        items = [without_identity(self._item(str(key))) for key in reversed(params["keys"])]
        place = {"pos": "front" if params.get("front") else "back"}
        reply = self.desk.ask("queue_item_add_batch", {"items": items, **place})
        self.desk.edits.note(reply)
        what = items[0]["name"] if len(items) == 1 else f"{len(items)} items"
        return Done(f"Added {what}: {reply['qsize']} in the queue")

    def do_plot(self, params: Params) -> Done:
        """Show the points of a finished item where those of the running plan are."""
        self.desk.show_run(str(self._item(str(params["key"]))["item_uid"]))
        return Done()

    def do_edit(self, params: Params) -> Done:
        """Open a copy of a finished item in the form."""
        if self.desk.open_form is None:
            raise BadRequest("This panel has no form: open it with the section 'form'")
        self.desk.open_form(self._item(str(params["key"])), None)
        return Done()

    def do_export(self, params: Params) -> Done:
        """Return the whole history as the content of a file."""
        name = str(params["name"])
        with self.desk.hub.lock:
            items = list(self.desk.hub.mirror.history)
        return Done(
            f"Saved {wording.counted(len(items), 'item')} as {name}", format_items(name, items)
        )

    def _item(self, key: str) -> Mapping[str, Any]:
        with self.desk.hub.lock:
            newest_first = reversed(self.desk.hub.mirror.history)
            found = next((item for item in newest_first if row_key(item) == key), None)
        if found is None:
            raise BadRequest("This item is not in the history any more")
        return found


def row_key(item: Mapping[str, Any]) -> str:
    """Return what tells finished items apart; an item that ran twice ended twice."""
    result = item.get("result") or {}
    return f"{item.get('item_uid')}@{result.get('time_stop')}"


def history_row(item: Mapping[str, Any], is_name: wording.IsName) -> Row:
    """Return a row: key, end, sign and word, name, parameters, user, began, took, runs, text."""
    result = item.get("result") or {}
    status = str(result.get("exit_status") or "unknown")
    sign, word = wording.ENDS.get(status, ("?", status))
    began, ended = result.get("time_start"), result.get("time_stop")
    took = ended - began if began and ended else None
    runs = [str(number) for number in result.get("scan_ids") or ()]
    return (
        row_key(item),
        status,
        f"{sign} {word}",
        item.get("name", ""),
        wording.shortened(wording.parameters(item, is_name)),
        item.get("user", ""),
        began,
        wording.duration(took),
        ", ".join(runs[:3]) + (f" … {len(runs)} runs" if len(runs) > 3 else ""),
        wording.shortened(str(result.get("msg") or "").strip(), 200),
    )
