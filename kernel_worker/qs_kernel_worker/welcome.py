"""Has every subscriber of iopub welcomed, also one that comes while text is being sent.

Hooks into ipykernel 7.4 (``iostream.IOPubThread``): ``_event_puller``, ``_handle_event``,
``_xpub_stream``, ``io_loop``, ``socket``.

The thread of iopub sends past the stream that listens on the same socket. Its sending can
take in the news of a subscription without telling the stream, because the descriptor of a 0MQ
socket shows an edge, not a state (zmq_getsockopt(3), ``ZMQ_FD``). The subscription counts, yet
its welcome would wait until something else comes in, and a manager waits for the welcome.
"""

from __future__ import annotations

import zmq
from ipykernel.iostream import IOPubThread


def welcome_every_subscriber(thread: IOPubThread) -> None:
    """Have a running thread look for subscriptions after everything that it sends."""

    def look() -> None:
        if thread.socket is not None and thread.socket.events & zmq.POLLIN:
            thread._xpub_stream.flush(zmq.POLLIN)  # noqa: SLF001 - see above

    def handle_event(message: list[bytes]) -> None:
        thread._handle_event(message)  # noqa: SLF001
        look()

    def begin() -> None:
        thread._event_puller.on_recv(handle_event)  # noqa: SLF001
        look()

    thread.io_loop.add_callback(begin)
