"""Where one item is: in the queue, under way, or in the history.

Everything is looked up in one turn of the event loop, so an item on its way from the queue to
the worker, or from the worker to the history, is never between two places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from qs_jupyter.encoded import EncodedText
from qs_jupyter.manager.core import Core

LONGEST_WAIT_S = 60.0


class Whereabouts:
    """Carries out the method about one item."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def tell(self, uid: str, wait_s: float) -> Mapping[str, Any]:
        """Return where an item is; wait a while for its end, if it has not come yet."""
        if wait_s > 0:
            try:
                async with asyncio.timeout(min(wait_s, LONGEST_WAIT_S)):
                    await self._end_of(uid)
            except TimeoutError:
                pass
        return self._now(uid)

    async def _end_of(self, uid: str) -> None:
        while self._is_expected(uid):
            await self._core.status_board.next_change()

    def _is_expected(self, uid: str) -> bool:
        running = self._core.running_item
        return uid in self._core.queue or (running is not None and running.uid == uid)

    def _now(self, uid: str) -> Mapping[str, Any]:
        core = self._core
        found: dict[str, Any] = {"item_uid": uid, "state": "not_found", "pos": None, "item": {}}
        running = core.running_item
        if running is not None and running.uid == uid:
            found |= {"state": "running", "item": EncodedText(running.text)}
        elif uid in core.queue:
            item = core.queue.item(uid)
            found |= {
                "state": "queued",
                "pos": core.queue.index(uid),
                "item": EncodedText(item.text),
            }
        elif (entry := core.history.find(uid)) is not None:
            found |= {"state": "finished", "item": EncodedText(entry.text)}
        return found
