"""Cells of other clients that wait for the main thread: told why, taken back, let go.

Everything here runs in the shell-channel thread. Hooks into ipykernel 7.4
(``kernelbase.Kernel``): ``iopub_socket``, ``shell_stream``,
``_publish_status(status, channel, parent)``.

A stock kernel says nothing to a cell that waits, and its author cannot take it back: it runs
hours later, when nobody remembers it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from qs_kernel_worker.main_thread import NEXT_PLAN_WITHIN_S, MainThread

Frames = list[Any]

# A cell that goes sooner needs no explanation.
EXPLAINED_AFTER_S = 2 * NEXT_PLAN_WITHIN_S
TAKEN_BACK = "this cell was taken back before it ran"


class _Parked:
    """A cell with what is needed to answer for it."""

    def __init__(self, header: dict[str, Any], idents: list[Any], frames: Frames) -> None:
        self.header = header
        self.idents = idents
        self.frames = frames
        self.explanation: asyncio.TimerHandle | None = None
        self.is_explained = False

    @property
    def parent(self) -> dict[str, Any]:
        """Parent of what we say about the cell, marked as none of the worker's output."""
        return {"header": {**self.header, "qs_source": "note"}}


class ParkedCells:
    """The cells that wait, in the order in which they came."""

    def __init__(
        self, kernel: Any, main_thread: MainThread, forward: Callable[[Frames], Awaitable[None]]
    ) -> None:
        self._kernel = kernel
        self._main_thread = main_thread
        self._forward = forward
        self._cells: deque[_Parked] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, header: dict[str, Any], idents: list[Any], frames: Frames) -> None:
        """Send a cell to the main thread, after those that wait already, when it may go."""
        cell = _Parked(header, idents, frames)
        self._cells.append(cell)
        loop = asyncio.get_running_loop()
        cell.explanation = loop.call_later(EXPLAINED_AFTER_S, self._explain, cell)
        await self.retry()
        if cell in self._cells:
            # Without it a console takes the end of an earlier request for the end of its cell,
            # and shows nothing until the reply.
            self._kernel._publish_status("busy", "shell", parent=cell.parent)  # noqa: SLF001

    async def retry(self) -> None:
        """Let go the cells that may run."""
        # Looked at first: a wait that ends in between is over for the second look, or comes here
        # once more for nothing. The other way round nobody would come back.
        reserved_s = self._main_thread.reserved_s
        while self._cells and self._main_thread.admit_cell(self._cells[0].header):
            cell = self._cells.popleft()
            self._forget_explanation(cell)
            await self._forward(cell.frames)
        if self._cells and reserved_s > 0:
            loop = asyncio.get_running_loop()
            loop.call_later(reserved_s, lambda: self._keep(self.retry()))

    async def take_back(self, sessions: Collection[str]) -> int:
        """Take back all cells of these sessions; return how many there were."""
        found = [cell for cell in self._cells if cell.header.get("session") in sessions]
        for cell in found:
            self._cells.remove(cell)
            self._forget_explanation(cell)
            self._answer(cell)
        return len(found)

    def _explain(self, cell: _Parked) -> None:
        cell.is_explained = True
        reason = self._main_thread.why_cells_wait()
        text = f"Waiting: {reason}. An interrupt (Ctrl-C) takes this cell back.\n"
        self._tell(cell, "stream", {"name": "stderr", "text": text})

    def _forget_explanation(self, cell: _Parked) -> None:
        if cell.explanation is not None:
            cell.explanation.cancel()
        if cell.is_explained:
            self._tell(cell, "clear_output", {"wait": False})

    def _answer(self, cell: _Parked) -> None:
        kernel = self._kernel
        error = {
            "ename": "TakenBack",
            "evalue": TAKEN_BACK,
            "traceback": [f"TakenBack: {TAKEN_BACK}"],
        }
        self._tell(cell, "error", error)
        # A console counts on from this number.
        count = kernel.shell.execution_count - 1
        reply = {"status": "error", **error, "execution_count": count, "payload": []}
        kernel.session.send(
            kernel.shell_stream, "execute_reply", reply, parent=cell.parent, ident=cell.idents
        )
        kernel._publish_status("idle", "shell", parent=cell.parent)  # noqa: SLF001

    def _tell(self, cell: _Parked, msg_type: str, content: dict[str, Any]) -> None:
        kernel = self._kernel
        kernel.session.send(
            kernel.iopub_socket,
            msg_type,
            content,
            parent=cell.parent,
            ident=kernel._topic(msg_type),  # noqa: SLF001
        )

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
