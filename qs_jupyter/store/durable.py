"""The common part of all stores: order, grouping, patience, and the way back after an outage.

Writes that arrive while others are on their way leave together as the next group. When a
group fails it may have been carried out or not. Nobody has to find out: the store counts as
away, and as soon as the backend answers again it is given the whole state from the memory
of the manager, which contains every write that was waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from qs_jupyter.errors import StoreFailure
from qs_jupyter.model.changes import Change
from qs_jupyter.store.store import Snapshot, StoredState

logger = logging.getLogger(__name__)

_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 0.5
# A timer that is so late tells of a machine, or a process, that stood still.
_STALL_S = 0.2


class StoreTaken(StoreFailure):
    """Another manager has taken the store over: nothing may be written any more."""


class Backend(Protocol):
    """A place where state is kept; raises `StoreFailure` when it can not do its work."""

    async def open(self) -> StoredState:
        """Take possession and return what is kept."""

    async def apply(self, changes: Sequence[Change]) -> None:
        """Carry out changes in order, all or none, and make them durable."""

    async def rewrite(self, state: StoredState) -> None:
        """Make the whole content equal to the state, and durable."""

    async def watch(self, lost: Callable[[StoreFailure], None]) -> None:
        """Report a loss that no write has noticed; returns at once if it need not watch."""

    async def close(self) -> None:
        """Give up possession."""


@dataclass(slots=True)
class _Write:
    changes: tuple[Change, ...]
    future: asyncio.Future[None]
    deadline: float
    # For those who wait without limit, while ``future`` may fail for lack of patience.
    settled: asyncio.Future[None] | None = None


class DurableStore:
    """A store over any backend. One task writes; everything else only hands over."""

    def __init__(self, backend: Backend, *, patience_s: float = 1.5) -> None:
        self._backend = backend
        self._patience_s = patience_s
        self._snapshot: Snapshot | None = None
        self._callbacks: list[Callable[[bool], None]] = []
        self._waiting: list[_Write] = []
        self._under_way: list[_Write] = []
        self._reason = "The store is not open"
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_taken = False

    @property
    def available(self) -> bool:
        """Whether the last word from the store was a good one."""
        return not self._reason

    @property
    def reason(self) -> str:
        """Why the store is not available, as a sentence; empty when it is."""
        return self._reason

    def bind(self, snapshot: Snapshot) -> None:
        """Say where the whole state can be had after an outage."""
        self._snapshot = snapshot

    def on_availability(self, callback: Callable[[bool], None]) -> None:
        """Have the callback called when the store goes away and when it has caught up."""
        self._callbacks.append(callback)

    async def load(self) -> StoredState:
        """Open the store and return what it keeps."""
        state = await self._backend.open()
        self._reason = ""
        for sentence in state.repairs:
            logger.warning("Repaired the stored state: %s", sentence)
        self._tasks = [
            asyncio.create_task(self._write_for_ever(), name="store-writer"),
            asyncio.create_task(self._watch(), name="store-watch"),
        ]
        return state

    def write(self, *changes: Change) -> asyncio.Future[None]:
        """Write changes as one; the future is done when they are durable."""
        loop = asyncio.get_running_loop()
        write = _Write(changes, loop.create_future(), loop.time() + self._patience_s)
        # A failure that nobody waits for is not worth a line: the change is written later.
        write.future.add_done_callback(_look_at)
        self._waiting.append(write)
        self._wake.set()
        if self._is_taken:
            self._give_up(self._reason)
        elif self._timer is None:
            self._timer = loop.call_at(write.deadline, self._lose_patience)
        return write.future

    async def settled(self) -> None:
        """Wait, without limit, until everything written so far is durable.

        Raises
        ------
        StoreFailure
            It never will be: the store was closed, or another manager has taken it over.
        """
        if self._is_taken:
            raise StoreTaken(self._reason)
        unconfirmed = self._waiting or self._under_way
        if not unconfirmed:
            return
        last = unconfirmed[-1]
        if last.settled is None:
            last.settled = asyncio.get_running_loop().create_future()
            last.settled.add_done_callback(_look_at)
        await asyncio.shield(last.settled)

    async def close(self) -> None:
        """Write what is left, as far as the store lets us, and let go of it."""
        if self._tasks:
            with contextlib.suppress(TimeoutError, StoreFailure):
                async with asyncio.timeout(self._patience_s):
                    await self.settled()
        for task in self._tasks:
            await _end(task)
        self._tasks = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._give_up("The store was closed")
        self._reason = "The store is closed"
        await self._backend.close()

    # ------------------------------------------------------------------------ the one writer

    async def _write_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self.available:
                    await self._write_group()
                else:
                    await self._come_back()
            except StoreTaken as error:
                self._is_taken = True
                self._lost(error)
                self._give_up(str(error))
                logger.critical("%s. Nothing is stored any more: restart this manager", error)
                return
            except StoreFailure as error:
                self._lost(error)
            except Exception as error:  # the rim of the task
                logger.exception("The store failed in an unforeseen way; it is written anew")
                self._lost(StoreFailure(f"The store failed: {error}"))
                await asyncio.sleep(_LONGEST_DELAY_S)  # it may go on like this

    async def _watch(self) -> None:
        try:
            await self._backend.watch(self._lost)
        except Exception as error:  # the rim of the task
            logger.exception("The store is not watched any more; a write will notice its loss")
            self._lost(StoreFailure(f"The store failed: {error}"))

    async def _write_group(self) -> None:
        self._under_way, self._waiting = self._waiting, []
        if self._under_way:
            group = list(chain.from_iterable(write.changes for write in self._under_way))
            await self._backend.apply(group)
            self._confirm()

    async def _come_back(self) -> None:
        if self._snapshot is None:
            self._give_up(self._reason)
            return
        delay = _FIRST_DELAY_S
        while True:
            # The state of this moment contains every write that waits at this moment, also
            # those that the snapshot itself hands over.
            state = self._snapshot()
            self._under_way += self._waiting
            self._waiting = []
            try:
                await self._backend.rewrite(state)
            except StoreTaken:
                raise
            except StoreFailure as error:
                self._reason = str(error)
            else:
                break
            await asyncio.sleep(delay)  # nothing tells when a server is back
            delay = min(delay * 2, _LONGEST_DELAY_S)
        self._reason = ""
        self._confirm()
        logger.info("The store is back and up to date")
        self._tell()
        self._wake.set()

    def _confirm(self) -> None:
        done, self._under_way = self._under_way, []
        for write in done:
            for future in (write.future, write.settled):
                if future is not None and not future.done():
                    future.set_result(None)

    def _give_up(self, cause: str) -> None:
        lost = [*self._under_way, *self._waiting]
        self._under_way, self._waiting = [], []
        for write in lost:
            for future in (write.future, write.settled):
                _fail(future, f"The change is not confirmed: {cause}")

    def _lost(self, error: StoreFailure) -> None:
        was_available, self._reason = self.available, str(error)
        if was_available:
            logger.error("The store is not available, work goes on in memory: %s", error)
            self._tell()
        self._wake.set()

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback(self.available)

    # ------------------------------------------------------------------------------ patience

    def _lose_patience(self) -> None:
        loop = asyncio.get_running_loop()
        timer, self._timer = self._timer, None
        if timer is not None and loop.time() - timer.when() > _STALL_S:
            # This process was held up, not the store, whose word may lie there unread.
            self._timer = loop.call_later(self._patience_s, self._lose_patience)
            return
        open_writes = [w for w in (*self._under_way, *self._waiting) if not w.future.done()]
        for write in open_writes:
            if write.deadline <= loop.time():
                cause = self._reason or "The store is slow"
                _fail(
                    write.future,
                    "The change is made but its storage is not confirmed, so look before you "
                    f"repeat it: {cause}",
                )
        later = [w.deadline for w in open_writes if not w.future.done()]
        if later:
            self._timer = loop.call_at(min(later), self._lose_patience)


async def _end(task: asyncio.Task[None]) -> None:
    # redis-py 8 loses a cancellation that arrives together with a reply, so one may not do.
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)


def _fail(future: asyncio.Future[None] | None, message: str) -> None:
    if future is not None and not future.done():
        future.set_exception(StoreFailure(message))


def _look_at(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
