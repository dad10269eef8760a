"""Other clients of the kernel: answered while the main thread is busy.

Hooks into ipykernel 7.4 (``kernelbase.Kernel``): ``shell_handlers``, ``shell_stream``,
``_publish_status(status, channel, parent)``, ``do_complete``, ``do_inspect``.

A stock kernel answers nobody during a plan, so that a console started meanwhile shows no
prompt. Everything here runs in the shell-channel thread, except completion and inspection:
they may take seconds and get a thread of their own and a limit.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ipykernel.jsonutil import json_clean

from qs_kernel_worker.main_thread import MainThread

logger = logging.getLogger(__name__)

ANSWERED_HERE = (
    "kernel_info_request",
    "connect_request",
    "comm_info_request",
    "is_complete_request",
    "history_request",
)
ANSWERED_IN_A_THREAD = ("complete_request", "inspect_request")
ANSWER_LIMIT_S = 3.0

Frames = list[Any]


class Clients:
    """Answers what needs no main thread."""

    def __init__(self, kernel: Any, main_thread: MainThread) -> None:
        self._kernel = kernel
        self._main_thread = main_thread
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="completion")
        self._tasks: set[asyncio.Task[None]] = set()

    def can_answer(self, msg_type: str) -> bool:
        """Whether this request is answered here because the main thread is taken."""
        known = msg_type in ANSWERED_HERE or msg_type in ANSWERED_IN_A_THREAD
        return known and self._main_thread.is_busy

    async def answer(self, frames: Frames) -> None:
        """Answer a request in place of the main thread."""
        kernel = self._kernel
        idents, rest = kernel.session.feed_identities(frames, copy=False)
        message = kernel.session.deserialize(rest, copy=False)
        if message["msg_type"] in ANSWERED_HERE:
            await self._answer_here(idents, message)
        else:
            self._keep(self._answer_in_a_thread(idents, message))

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_here(self, idents: list[bytes], message: dict[str, Any]) -> None:
        kernel = self._kernel
        kernel._publish_status("busy", "shell", parent=message)  # noqa: SLF001
        try:
            result = kernel.shell_handlers[message["msg_type"]](
                kernel.shell_stream, idents, message
            )
            if inspect.isawaitable(result):
                await result
        except Exception:
            logger.exception("Failed to answer %s", message["msg_type"])
        finally:
            kernel._publish_status("idle", "shell", parent=message)  # noqa: SLF001

    async def _answer_in_a_thread(self, idents: list[bytes], message: dict[str, Any]) -> None:
        kernel = self._kernel
        kernel._publish_status("busy", "shell", parent=message)  # noqa: SLF001
        loop = asyncio.get_running_loop()
        try:
            content = await asyncio.wait_for(
                loop.run_in_executor(self._helper, self._look_up, message), ANSWER_LIMIT_S
            )
        except Exception as error:  # noqa: BLE001 - completion runs properties of user objects
            logger.warning("No answer to %s: %r", message["msg_type"], error)
            content = _nothing_found(message)
        reply_type = message["msg_type"].replace("_request", "_reply")
        kernel.session.send(kernel.shell_stream, reply_type, content, message, ident=idents)
        kernel._publish_status("idle", "shell", parent=message)  # noqa: SLF001

    def _look_up(self, message: dict[str, Any]) -> Any:
        content = message["content"]
        if message["msg_type"] == "complete_request":
            found = self._kernel.do_complete(content["code"], content["cursor_pos"])
        else:
            found = self._kernel.do_inspect(
                content["code"],
                content["cursor_pos"],
                content.get("detail_level", 0),
                set(content.get("omit_sections", [])),
            )
        return json_clean(asyncio.run(_wait_for(found)) if inspect.isawaitable(found) else found)


async def _wait_for(found: Awaitable[Any]) -> Any:
    return await found


def _nothing_found(message: Mapping[str, Any]) -> dict[str, Any]:
    if message["msg_type"] == "inspect_request":
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}
    position = message["content"].get("cursor_pos", 0)
    return {
        "status": "ok",
        "matches": [],
        "cursor_start": position,
        "cursor_end": position,
        "metadata": {},
    }
