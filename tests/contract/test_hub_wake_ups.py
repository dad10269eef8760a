"""The hub is woken while it reads everything, as by a panel that opens at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import zmq

from qs_jupyter.client.hub import Hub, Link
from qs_jupyter.wire.codec import codec

JSON = codec("json")
LIMIT_S = 10.0


class SlowManager:
    """Answers like a manager with one item, and waits for a word before each ``queue_get``."""

    def __init__(self) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        replies = {
            "status": {"manager_state": "idle", "plan_queue_uid": "a", "plan_history_uid": "b"},
            "queue_get": {"success": True, "items": [{"item_uid": "1"}], "running_item": {}},
            "history_get": {"success": True, "items": []},
        }
        events = {"success": True, "events": [], "seq": 0, "epoch": "e", "complete": True}
        while not self._closing.is_set():
            if not self._socket.poll(50):
                continue
            *route, frame = self._socket.recv_multipart()
            request = JSON.decode(frame)
            if request["method"] == "queue_get":
                self.asked.set()
                self.may_answer.wait(LIMIT_S)
            if request["params"].get("wait"):
                continue
            reply = replies.get(request["method"], events)
            self._socket.send_multipart([*route, JSON.encode(reply)])
        self._socket.close(0)

    def close(self) -> None:
        self.may_answer.set()
        self._closing.set()
        self._thread.join()


@pytest.fixture
def slow_manager() -> Iterator[SlowManager]:
    manager = SlowManager()
    yield manager
    manager.close()


def test_a_hub_that_is_woken_while_it_reads_everything_begins_anew(
    slow_manager: SlowManager,
) -> None:
    hub = Hub(slow_manager.address, timeout_s=LIMIT_S)
    hub.start()
    try:
        assert slow_manager.asked.wait(LIMIT_S)
        with hub.following_documents():
            slow_manager.may_answer.set()
            assert hub.wait(lambda mirror: len(mirror.queue) == 1, LIMIT_S)
            assert hub.wait(lambda _mirror: hub.link is Link.CONNECTED, LIMIT_S)
    finally:
        hub.close()
