"""The sockets between manager and worker: questions and answers, events, text."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from qs_jupyter import huge_json
from qs_jupyter.errors import KernelFailure
from qs_jupyter.kernel.connection import WorkerKernelManager
from qs_jupyter.kernel.console import TEXT_TYPES, console_text
from qs_jupyter.kernel.driver import ConsoleText
from qs_kernel_worker.messages import DOCUMENTS_TYPE, EVENT_TYPE, TEXT_SEQ

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], None]

# Bytes of a huge message that even a busy worker reads in a second.
READ_PER_S = 5_000_000
NOT_UNDERSTOOD = "A message of the worker was not understood and is left out"
# Much output may not keep the manager from everything else for longer than this.
TURN_S = 0.005
# A worker that is let go may write faster than anybody reads.
REST_S = 5.0


class Channels:
    """Open sockets of one worker. Used from one event loop.

    Sending goes through the asynchronous sockets only: a plain send on the same socket can
    swallow the wake-up of a message that has just arrived.
    """

    def __init__(
        self,
        kernel: WorkerKernelManager,
        on_event: Callable[[Mapping[str, Any]], None],
        on_text: Callable[[int | None, ConsoleText], None],
        on_documents: Callable[[str | None, list[dict[str, Any]]], None],
    ) -> None:
        self._kernel = kernel
        self._session = kernel.session
        self._on_event = on_event
        self._on_text = on_text
        self._on_documents = on_documents
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        iopub = kernel.connect_iopub()
        # A kernel welcomes only the first subscriber of a topic, so we need one of our own.
        iopub.subscribe(self.session.encode())
        self._sockets: dict[str, tuple[Any, Handler]] = {
            "shell": (kernel.connect_shell(), self._take_reply),
            "control": (kernel.connect_control(), self._take_reply),
            "iopub": (iopub, self._take_published),
        }
        self.welcome = asyncio.Event()
        self._end_cause: str | None = None
        self._readers = [
            asyncio.create_task(self._read(*each), name=f"worker {channel}")
            for channel, each in self._sockets.items()
        ]

    @property
    def session(self) -> str:
        """Id of the session by which the worker knows us."""
        return str(self._session.session)

    async def ask(
        self, channel: str, msg_type: str, content: object, timeout_s: float
    ) -> dict[str, Any]:
        """Send a message and return the content of its reply.

        Raises
        ------
        TimeoutError
            No reply came in time.
        KernelFailure
            The worker died, before or meanwhile.
        """
        socket, _ = self._sockets[channel]
        message = self._session.msg(msg_type)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if huge_json.is_huge(content):
            frames = await asyncio.to_thread(self._packed, message, content, huge_json.dumps)
            timeout_s += sum(map(len, frames)) / READ_PER_S
        else:
            frames = self._packed(message, content, json.dumps)
        if self._end_cause is not None:
            raise KernelFailure(self._end_cause)
        self._waiting[message["header"]["msg_id"]] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await socket.send_multipart(frames)
                return await answer
        finally:
            self._waiting.pop(message["header"]["msg_id"], None)

    def _packed(
        self, message: dict[str, Any], content: object, dumps: Callable[[object], str]
    ) -> list[bytes]:
        frames: list[bytes] = self._session.serialize(
            message | {"content": dumps(content).encode()}
        )
        return frames

    async def end(self, cause: str) -> None:
        """Take what has arrived already; who waits for more learns why none will come."""
        self._end_cause = cause
        await self._take_the_rest()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(KernelFailure(cause))

    async def close(self) -> None:
        """Close the sockets; `end` comes first."""
        for socket, _ in self._sockets.values():
            socket.close(linger=0)

    async def _take_the_rest(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REST_S
        for socket, handler in self._sockets.values():
            while not socket.closed and loop.time() < deadline and await socket.poll(0):
                self._handle(await socket.recv_multipart(), handler)

    async def _read(self, socket: Any, handler: Handler) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            arriving = socket.recv_multipart()
            try:
                frames = await arriving
            except asyncio.CancelledError:
                # The message may have left the socket already: nobody else would hear of it.
                if not arriving.cancelled():
                    self._handle(arriving.result(), handler)
                raise
            if max(map(len, frames)) > huge_json.HUGE_BYTES:
                await self._handle_huge(frames, handler)
            else:
                self._handle(frames, handler)
            # A message that lies there already is read without a turn of the loop.
            if loop.time() - since > TURN_S:
                await asyncio.sleep(0)
                since = loop.time()

    def _handle(self, frames: list[bytes], handler: Handler) -> None:
        try:
            handler(self._read_message(frames))
        except Exception:
            logger.exception(NOT_UNDERSTOOD)

    async def _handle_huge(self, frames: list[bytes], handler: Handler) -> None:
        """Handle a message that takes long to decode; later ones of the channel wait for it."""
        try:
            message = await asyncio.to_thread(self._read_huge, frames)
            handler(message)
        except asyncio.CancelledError:
            self._handle(frames, handler)  # it is the last chance to hear of it
            raise
        except Exception:
            logger.exception(NOT_UNDERSTOOD)

    def _read_huge(self, frames: list[bytes]) -> dict[str, Any]:
        message = self._read_message(frames)
        if message["msg_type"] not in TEXT_TYPES:
            message["content"] = huge_json.loads(message["content"])
        return message

    def _read_message(self, frames: list[bytes]) -> dict[str, Any]:
        """Check the signature and read the headers; the content stays packed.

        `Session.deserialize` would take four times as long to look for dates everywhere, for
        ten messages per plan.
        """
        _, (signature, *parts) = self._session.feed_identities(frames)
        header, parent, metadata, content = parts[:4]
        if self._session.auth is not None and not hmac.compare_digest(
            self._session.sign(parts[:4]), signature
        ):
            raise ValueError("wrong signature")
        head = json.loads(header)
        return {
            "msg_type": head["msg_type"],
            "header": head,
            "parent_header": json.loads(parent),
            "metadata": metadata,
            "content": content,
        }

    def _take_reply(self, message: dict[str, Any]) -> None:
        answer = self._waiting.get(message["parent_header"].get("msg_id", ""))
        if answer is not None and not answer.done():
            answer.set_result(_content(message))

    def _take_published(self, message: dict[str, Any]) -> None:
        msg_type = message["msg_type"]
        if msg_type == EVENT_TYPE:
            self._on_event(_content(message))
        elif msg_type in TEXT_TYPES:
            text = console_text(
                msg_type,
                # Other clients' libraries let halves of characters through.
                json.loads(message["content"].decode(errors="replace")),
                message["parent_header"],
                datetime.fromisoformat(message["header"]["date"]).timestamp(),
            )
            if text is not None:
                self._on_text(json.loads(message["metadata"]).get(TEXT_SEQ), text)
        elif msg_type == DOCUMENTS_TYPE:
            content = _content(message)
            self._on_documents(content["item_uid"], content["documents"])
        elif msg_type == "iopub_welcome":
            content = json.loads(message["content"])
            if content.get("subscription") == self.session:
                self.welcome.set()


def _content(message: Mapping[str, Any]) -> Any:
    content = message["content"]
    return json.loads(content) if isinstance(content, bytes) else content
