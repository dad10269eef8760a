"""How long the waiting items will take, in figures that do not flicker.

Every finished plan moves what is known a little. A figure on the screen stays until the new one
differs visibly, or each end of a plan would send thousands of rows anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.client.estimates import in_words, total_in_words
from qs_widgets.stretches import common_ends

if TYPE_CHECKING:
    from qs_jupyter.client.mirror import Mirror

STEADY = 0.1


class Durations:
    """The seconds of each item of the queue by uid, None where nothing tells.

    ``generation`` grows when the seconds of items that stay have changed; ``total`` is that of
    the whole queue in words, empty for an empty queue.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float | None] = {}
        self.generation = 0
        self.total = ""
        self._items: list[Mapping[str, Any]] = []
        self._queue_revision = self._history_revision = -1

    def follow(self, mirror: Mirror) -> None:
        """Learn what has changed; called with the hub's lock held."""
        queue, history = mirror.revisions["queue"], mirror.revisions["history"]
        if (queue, history) == (self._queue_revision, self._history_revision):
            return
        if queue != self._queue_revision:
            self._take_items(mirror)
        if history != self._history_revision:
            self._take_knowledge(mirror)
        self._queue_revision, self._history_revision = queue, history
        known = [each for each in self.seconds.values() if each]
        unknown = sum(each is None for each in self.seconds.values())
        self.total = "" if not self.seconds else "time unknown"
        if known:
            self.total = total_in_words(sum(known), unknown)

    def _take_items(self, mirror: Mirror) -> None:
        items: list[Mapping[str, Any]] = list(mirror.queue)
        head, tail = common_ends(self._items, items)
        for item in self._items[head : len(self._items) - tail]:
            del self.seconds[item["item_uid"]]
        for item in items[head : len(items) - tail]:
            self.seconds[item["item_uid"]] = mirror.estimates.seconds(item)
        self._items = items

    def _take_knowledge(self, mirror: Mirror) -> None:
        changed = {}
        for item in self._items:
            shown, seconds = self.seconds[item["item_uid"]], mirror.estimates.seconds(item)
            if not _looks_like(shown, seconds):
                changed[item["item_uid"]] = seconds
        if changed:
            self.seconds.update(changed)
            self.generation += 1


def cell(item: Mapping[str, Any], seconds: Mapping[str, float | None]) -> str:
    """Return what the table shows of an item's duration."""
    if item.get("item_type", "plan") != "plan":
        return ""
    known = seconds.get(item["item_uid"])
    return "?" if known is None else in_words(known)


def _looks_like(shown: float | None, seconds: float | None) -> bool:
    if shown is None or seconds is None:
        return shown is seconds
    return abs(seconds - shown) <= STEADY * shown
