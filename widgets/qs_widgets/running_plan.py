"""The running plan: what it is, how far it is, what it measures."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from qs_jupyter.client.hub import Link
from qs_jupyter.errors import BadRequest
from qs_widgets import controls, wording
from qs_widgets.changes import Content
from qs_widgets.part import Done, Params, Part
from qs_widgets.queue_table import without_identity
from qs_widgets.run_plot import plot_of
from qs_widgets.sources import module

if TYPE_CHECKING:
    from qs_widgets.desk import Desk


class RunningPlan(Part):
    """Shows the item that runs, or the last that ran, with a live plot."""

    _esm = module("running_plan", "plot")
    caption = "Running plan"
    patience_s = 0.2
    follows = frozenset({"status", "queue", "runs", "documents", "connection"})

    def __init__(self, desk: Desk) -> None:
        self._following = contextlib.ExitStack()
        # Documents flow only while somebody follows them; here they are read from the mirror.
        self._feed = self._following.enter_context(desk.hub.following_documents())
        self._last: dict[str, Any] = {}
        # A finished item of the history whose runs are shown until the next plan starts.
        self._chosen: str | None = None
        desk.show_run = self.show_run
        super().__init__(desk)

    def close(self) -> None:
        """Stop following documents and close all views."""
        self._following.close()
        super().close()

    def refresh(self) -> None:
        """Empty the feed, whose contents the mirror has as well."""
        while not self._feed.empty():
            self._feed.get_nowait()

    def content(self) -> Content:
        """Return the item in words and the points to draw."""
        hub = self.desk.hub
        mirror = hub.mirror
        item = mirror.running_item
        if item:
            self._last, self._chosen = dict(item), None
        shown_uid = item["item_uid"] if item else self._chosen
        runs = mirror.live.of_item(str(shown_uid)) if shown_uid else []
        plot = plot_of(runs[-1] if runs else (None if item else mirror.live.latest()))
        word, kind = controls.state_word(mirror.status)
        shown = item or {}
        fields = {
            "connected": hub.link is Link.CONNECTED,
            "state": word,
            "kind": kind,
            "runs_now": bool(item),
            "chosen": self._chosen is not None,
            "advice": "" if self.desk.read_only else self._advice(),
            "estimate": mirror.estimates.seconds(item) if item else None,
            "uid": shown.get("item_uid"),
            "name": shown.get("name", ""),
            "parameters": wording.shortened(
                wording.parameters(shown, self.desk.lists.is_name), 1000
            ),
            "user": shown.get("user", ""),
            "began": (shown.get("properties") or {}).get("time_start"),
            "runs": len(mirror.run_list),
            "plot": plot.fields,
        }
        return Content(fields, plot.rows)

    def _advice(self) -> str:
        mirror = self.desk.hub.mirror
        notes = controls.returned(mirror.queue, mirror.history).values()
        if not notes or controls.obstacles(mirror.status)["start"]:
            return controls.advice(mirror.status)
        end = next(iter(notes)).partition(",")[0]
        return f"The first plan came back ({end}): Start asks before it runs it again"

    def show_run(self, uid: str) -> None:
        """Show the runs of a finished item.

        Raises
        ------
        BadRequest
            A plan is running, or the points are not known here.
        """
        mirror = self.desk.hub.mirror
        with self.desk.hub.lock:
            if mirror.running_item:
                raise BadRequest("A plan is running: its own points are shown")
            if not mirror.live.of_item(uid):
                raise BadRequest(
                    "The points of this plan are not known here: only those of the latest plans "
                    "that this notebook saw running are kept"
                )
            self._chosen = uid
        self.touch()

    def do_copy_to_queue(self, _params: Params) -> Done:
        """Add a copy of the running item to the back of the queue."""
        with self.desk.hub.lock:
            item = self.desk.hub.mirror.running_item or self._last
        if not item:
            raise BadRequest("No plan has run since this panel was opened")
        reply = self.desk.ask("queue_item_add", {"item": without_identity(item)})
        self.desk.edits.note(reply)
        return Done(f"Added {item['name']}: {reply['qsize']} in the queue")
