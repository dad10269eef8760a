"""The request socket: a ROUTER, so that no client waits for another one's reply.

One thread, the event loop's. The socket's file descriptor signals edges, not levels: after
every reading and every sending the socket is asked again, or a message could lie there
unseen. Identities and the empty delimiter of REQ clients are kept as the reply's envelope.

A huge request or reply is decoded or encoded in another thread, so that nobody waits for it
but the one who sent it; a client that sends several at once may then be answered in another
order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import zmq

from qs_jupyter.errors import ConfigurationError, ProtocolFailure
from qs_jupyter.free_memory import give_back_free_memory
from qs_jupyter.huge_json import HUGE_BYTES
from qs_jupyter.wire.codec import Codec
from qs_jupyter.wire.ipc import private_path, remove

logger = logging.getLogger(__name__)

Respond = Callable[[Mapping[str, Any] | bytes], None]
MAX_REQUEST_BYTES = 256 * 1024 * 1024
# Requests answered before the loop gets a turn: enough to amortise the wake-up, few enough
# that timers and worker events are not delayed by a flood.
_BURST = 64
# After so long without a huge reply its memory is given back; the next may follow at once.
QUIET_S = 3.0
# A connection that does not speak 0MQ by then is closed: whoever scans ports takes up no place.
_HANDSHAKE_MS = 10_000
# After this silence the system asks whether the other machine is still there. Without that, the
# connections of machines that vanished stay for good.
_SILENT_S = 300


class ControlServer:
    """Receives requests and sends replies on one bound address."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        codec: Codec,
        handle: Callable[[Any, Respond], None],
    ) -> None:
        self._codec = codec
        self._handle = handle
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, 10_000)
        # A reply to a client that has gone is dropped without a word.
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 0)
        self._descriptor = int(self._socket.getsockopt(zmq.FD))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._again: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.TimerHandle | None = None

    def bind(self, address: str, *, secret_key: str | None = None) -> None:
        """Bind the socket, encrypted when a server key is given.

        Raises
        ------
        ConfigurationError
            The address is taken or malformed.
        """
        bind(self._socket, address, secret_key, "control")

    @property
    def address(self) -> str:
        """Where the socket is bound."""
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def start(self) -> None:
        """Serve requests on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._drain)
        self._drain()

    def close(self) -> None:
        """Stop serving; replies already given to the socket still leave."""
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = None
        if self._again is not None:
            self._again.cancel()
        if self._tidying is not None:
            self._tidying.cancel()
        for task in self._tasks:
            task.cancel()
        close(self._socket)

    def _drain(self) -> None:
        self._again = None
        for _ in range(_BURST):
            if self._socket.closed:
                return
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._answer(frames)
        if self._loop is not None:
            self._again = self._loop.call_soon(self._drain)

    def _answer(self, frames: list[bytes]) -> None:
        envelope, body = _split(frames)

        def respond(reply: Mapping[str, Any] | bytes) -> None:
            self._send(envelope, reply)

        if len(body) != 1:
            respond(
                {
                    "success": False,
                    "msg": f"Invalid request format: a request is one frame, not {len(body)}",
                }
            )
            return
        if len(body[0]) > HUGE_BYTES:
            self._keep(self._take_huge(body[0], respond))
            return
        try:
            request = self._codec.decode(body[0])
        except ProtocolFailure as failure:
            respond({"success": False, "msg": str(failure)})
            return
        self._hand_over(request, respond)

    async def _take_huge(self, frame: bytes, respond: Respond) -> None:
        try:
            request = await asyncio.to_thread(self._codec.decode_huge, frame)
        except ProtocolFailure as failure:
            respond({"success": False, "msg": str(failure)})
            return
        self._hand_over(request, respond)

    def _hand_over(self, request: Any, respond: Respond) -> None:
        try:
            self._handle(request, respond)
        except Exception as error:
            # The rim of a request: those behind it have announced themselves already.
            logger.exception("A request could not be handled")
            respond({"success": False, "msg": f"Internal error: {type(error).__name__}: {error}"})

    def _send(self, envelope: list[bytes], reply: Mapping[str, Any] | bytes) -> None:
        if isinstance(reply, bytes):
            self._send_frame(envelope, reply)
        elif self._codec.takes_long(reply):
            self._keep(self._send_huge(envelope, reply))
        else:
            self._send_frame(envelope, self._encoded(reply, self._codec.encode))

    async def _send_huge(self, envelope: list[bytes], reply: Mapping[str, Any]) -> None:
        frame = await asyncio.to_thread(self._encoded, reply, self._codec.encode_huge)
        self._send_frame(envelope, frame)
        self._tidy_soon()

    def _tidy_soon(self) -> None:
        if self._loop is not None and not self._socket.closed:
            if self._tidying is not None:
                self._tidying.cancel()
            self._tidying = self._loop.call_later(QUIET_S, self._tidy)

    def _tidy(self) -> None:
        self._keep(asyncio.to_thread(give_back_free_memory))

    def _encoded(
        self, reply: Mapping[str, Any], encode: Callable[[Mapping[str, Any]], bytes]
    ) -> bytes:
        try:
            return encode(reply)
        except (TypeError, ValueError, RecursionError) as error:
            logger.error("The reply could not be encoded: %s", error)  # noqa: TRY400
            return self._codec.encode(
                {"success": False, "msg": f"The reply could not be encoded: {error}"}
            )

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="huge message")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send_frame(self, envelope: list[bytes], reply: bytes) -> None:
        if self._socket.closed:
            return
        try:
            # Without a copy where it matters: 0MQ still copies what is short.
            self._socket.send_multipart([*envelope, reply], zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:
            logger.debug("A reply was dropped: %s", error)
        if self._again is None and self._loop is not None:
            # Sending may have consumed the edge that announced the next request.
            self._again = self._loop.call_soon(self._drain)


def bind(socket: zmq.Socket[bytes], address: str, secret_key: str | None, purpose: str) -> None:
    """Bind a server socket, encrypted with CURVE when a key is given."""
    socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, _SILENT_S)
    if secret_key:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret_key.encode())
    try:
        with private_path(address):
            socket.bind(address)
    except zmq.ZMQError as error:
        raise ConfigurationError(
            f"Cannot open the {purpose} socket at {address!r}: {error}. "
            "Is another manager running, or is the address wrong?"
        ) from error


def close(socket: zmq.Socket[bytes]) -> None:
    """Close a socket that was bound; what was given to it still leaves."""
    address = "" if socket.closed else socket.getsockopt_string(zmq.LAST_ENDPOINT)
    socket.close()
    remove(address)


def _split(frames: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Part the frames into the envelope to send back and the request's own frames."""
    if len(frames) >= 2 and frames[1] == b"":
        return frames[:2], frames[2:]
    return frames[:1], frames[1:]
