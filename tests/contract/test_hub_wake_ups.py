"""The hub is woken while it reads everything, as by a panel that opens at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq

from qs_jupyter.client.bell import Bell
from qs_jupyter.client.hub import Hub, Link
from qs_jupyter.wire.codec import codec

JSON = codec("json")
LIMIT_S = 20.0


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


def test_a_bell_is_heard_from_the_first_moment_and_a_full_one_never_holds_up_who_rings() -> None:
    bell = Bell()
    try:
        bell.ring()
        assert bell.listen(LIMIT_S)
        for _ in range(5000):
            bell.ring()
        assert bell.listen(LIMIT_S)
        assert not bell.listen(0)
        bell.ring()
        assert bell.listen(LIMIT_S)
    finally:
        bell.put_away()
    bell.ring()


def test_a_hub_that_many_threads_start_and_end_follows_with_one_thread(
    slow_manager: SlowManager,
) -> None:
    slow_manager.may_answer.set()
    hub = Hub(slow_manager.address, timeout_s=LIMIT_S)
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            list(threads.map(lambda _: hub.start(), range(8)))
            with hub.following_documents():
                pass
            assert [each.name for each in threading.enumerate()].count("qs-hub") == 1
            list(threads.map(lambda _: hub.close(), range(8)))
            assert "qs-hub" not in [each.name for each in threading.enumerate()]


def test_a_hub_outlives_news_that_it_does_not_understand(slow_manager: SlowManager, caplog) -> None:
    slow_manager.may_answer.set()
    hub = Hub(slow_manager.address, timeout_s=LIMIT_S)
    load, faults = hub.mirror.load, [TypeError("queer news")]

    def load_badly_once(*parts: dict[str, object]) -> set[str]:
        if faults:
            raise faults.pop()
        return load(*parts)

    hub.mirror.load = load_badly_once  # type: ignore[method-assign]
    links: list[Link] = []
    hub.listen(lambda _parts: links.append(hub.link))
    hub.start()
    try:
        assert hub.wait(lambda _mirror: hub.link is Link.CONNECTED, LIMIT_S)
        assert Link.NO_ANSWER in links
        assert len(hub.mirror.queue) == 1
    finally:
        hub.close()
    assert "queer news" in caplog.text


def test_a_listener_may_close_its_hub(slow_manager: SlowManager) -> None:
    slow_manager.may_answer.set()
    hub = Hub(slow_manager.address, timeout_s=LIMIT_S)
    closed = threading.Event()

    def close(parts: set[str]) -> None:
        if "queue" in parts:
            hub.close()
            closed.set()

    hub.listen(close)
    hub.start()
    assert closed.wait(LIMIT_S)
    assert hub.wait(lambda _mirror: hub.link is Link.OFFLINE, LIMIT_S)
