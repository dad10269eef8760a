"""Who listens to iopub is welcomed, whatever the thread is sending at that moment."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Iterator

import pytest
import zmq
from ipykernel.iostream import IOPubThread
from jupyter_client.session import Session

from qs_kernel_worker.welcome import welcome_every_subscriber

LIMIT_S = 20


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def thread(context) -> Iterator[IOPubThread]:
    socket = context.socket(zmq.XPUB)
    socket.bind("inproc://iopub")
    thread = IOPubThread(socket, session=Session(key=b""))
    thread.start()
    welcome_every_subscriber(thread)
    yield thread
    # It would end in the middle of its housekeeping, and asyncio would complain.
    thread.io_loop.add_callback(thread._event_pipe_gc_task.cancel)
    finish(thread)
    thread.stop()
    thread.close()


def finish(thread: IOPubThread) -> None:
    """Return when the thread has done everything that it was asked for."""
    done = threading.Event()
    thread.io_loop.add_callback(done.set)
    assert done.wait(LIMIT_S)


def test_news_of_a_subscriber_that_came_in_with_a_sending_is_not_lost(thread, context) -> None:
    finish(thread)
    is_sending, has_come_in = threading.Event(), threading.Event()

    def send() -> None:
        is_sending.set()
        assert select.select([thread.socket.fd], [], [], LIMIT_S)[0]
        # What a sending does on its way: the descriptor shows nothing from now on.
        assert thread.socket.events & zmq.POLLIN
        has_come_in.set()

    thread.schedule(send)
    assert is_sending.wait(LIMIT_S)
    with context.socket(zmq.SUB) as subscriber:
        subscriber.subscribe("mine")
        subscriber.connect("inproc://iopub")
        assert has_come_in.wait(LIMIT_S)
        assert subscriber.poll(LIMIT_S * 1000), "nobody was welcomed"
        _, _, _, header, *_ = subscriber.recv_multipart()
        assert json.loads(header)["msg_type"] == "iopub_welcome"
