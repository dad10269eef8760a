"""Live documents of plans, passed on while somebody follows them.

A client says with each ``events_get`` whether it wants documents. The worker sends them until
nobody has said so for a while: documents cost a plan time that it should not spend unseen.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from qs_jupyter.errors import KernelFailure
from qs_jupyter.manager.core import Core
from qs_jupyter.model.state import Stage
from qs_kernel_worker.messages import FollowDocuments

logger = logging.getLogger(__name__)

# A client that waits for events asks again at least this often.
WANTED_FOR_S = 90.0


class DocumentFeed:
    """Keeps the worker sending while documents are wanted."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether somebody follows the documents."""
        return self._timer is not None

    def want(self) -> None:
        """Send documents for a while from now on."""
        began = not self.is_wanted
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(WANTED_FOR_S, self._end)
        if began:
            self.tell_worker()

    def close(self) -> None:
        """Forget who follows."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tell_worker(self) -> None:
        """Let the worker know whether documents are wanted; a new worker has to be told."""
        if self._core.model.environment.stage is Stage.READY:
            self._core.spawn(self._tell(self.is_wanted), "follow documents")

    def take(self, item_uid: str | None, documents: list[dict[str, Any]]) -> None:
        """Pass documents of the worker on."""
        content = {"item_uid": item_uid, "documents": documents}
        self._core.events.add("documents", self._core.now(), content)

    def _end(self) -> None:
        self._timer = None
        self.tell_worker()

    async def _tell(self, wanted: bool) -> None:
        try:
            await self._core.driver.request(FollowDocuments(on=wanted))
        except KernelFailure as failure:
            logger.warning("The worker sends no documents: %s", failure)
            if wanted:
                self.close()  # whoever asks next has the worker told again
