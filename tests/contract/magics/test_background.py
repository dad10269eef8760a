"""What goes on behind a notebook: text is followed to the last piece, and no thread is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest

from qs_jupyter.client.hub import Hub
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.following import follow
from qs_jupyter.magics.known_names import NameCache
from qs_jupyter.magics.session import listens
from qs_widgets.pulse import Pulse

LIMIT_S = 10.0


class ToldHub(Hub):
    """A hub that the test tells what happens, and what the manager replies."""

    def __init__(self) -> None:
        super().__init__("tcp://127.0.0.1:1")
        self.is_waited_for = threading.Event()
        self.replies: dict[str, Any] = {}
        self.asked = threading.Semaphore(0)

    def tell(self, *events: dict[str, Any]) -> None:
        """Let events reach the mirror as if a manager had told of them."""
        self._publish(lambda: self.mirror.apply(events))

    def wait(self, is_reached: Callable[[Mirror], bool], timeout_s: float | None = None) -> bool:
        self.is_waited_for.set()
        return super().wait(is_reached, timeout_s)

    def request(self, method: str, **_params: Any) -> Any:
        reply = self.replies.get(method)
        self.asked.release()
        return reply


@pytest.fixture
def hub() -> Iterator[ToldHub]:
    hub = ToldHub()
    yield hub
    hub.close()


class Screen(StringIO):
    """Takes text; interrupts like Ctrl-C at the last word, and tells of each piece."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Semaphore(0)

    def write(self, text: str) -> int:
        number = super().write(text)
        if text.endswith("end"):
            raise KeyboardInterrupt
        self.written.release()
        return number


def console(seq: int, time: float, text: str) -> dict[str, Any]:
    return {"kind": "console", "seq": seq, "time": time, "text": text}


def test_text_is_followed_whatever_its_clock_says_and_across_managers(hub: ToldHub) -> None:
    screen = Screen()

    def feed() -> None:
        assert hub.is_waited_for.wait(LIMIT_S)
        hub.tell(console(901, 4.9, "worker "))
        assert screen.written.acquire(timeout=LIMIT_S)
        hub.tell(console(1, 6.0, "manager "))
        assert screen.written.acquire(timeout=LIMIT_S)
        hub.tell(console(2, 6.0, "again "), console(3, 6.0, "end"))

    hub.tell(console(900, 5.0, "before"))
    with ThreadPoolExecutor(1) as pool, redirect_stdout(screen):
        feeding = pool.submit(feed)
        follow(hub)
        feeding.result(LIMIT_S)
    assert screen.getvalue().startswith("worker manager again end\n")


def test_a_mistake_while_names_are_read_does_not_end_their_reading(
    hub: ToldHub, caplog: pytest.LogCaptureFixture
) -> None:
    status = {"plans_allowed_uid": "p", "devices_allowed_uid": "d"}
    names = NameCache(hub, "primary")
    hub.tell({"kind": "status", "status": status})
    assert hub.asked.acquire(timeout=LIMIT_S)
    hub.replies["devices_allowed"] = {"devices_allowed": {}, "devices_allowed_uid": "d"}
    hub.replies["plans_allowed"] = {"plans_allowed": {"count": {}}, "plans_allowed_uid": "p"}
    hub.tell({"kind": "status", "status": status})
    for _ in hub.replies:
        assert hub.asked.acquire(timeout=LIMIT_S)
    names.close()
    for thread in threading.enumerate():
        if thread.name == "qs-names":
            thread.join(LIMIT_S)
    assert set(names.peek().plans) == {"count"}
    assert "are not up to date" in caplog.text


class BrokenPart:
    """A part whose line to the page is cut."""

    follows = frozenset({"status"})
    patience_s = 0.0

    def deliver(self) -> int:
        raise RuntimeError("the line is cut")

    def complain(self, _text: str) -> None:
        raise RuntimeError("the line is cut")


class SoundPart(BrokenPart):
    """Another part of the same panel, which can wait."""

    patience_s = 0.01

    def __init__(self) -> None:
        self.delivered = threading.Event()

    def deliver(self) -> int:
        self.delivered.set()
        return 1


def test_a_part_that_cannot_even_complain_does_not_stop_the_others(
    hub: ToldHub, caplog: pytest.LogCaptureFixture
) -> None:
    sound = SoundPart()
    with caplog.at_level(logging.ERROR, "qs_widgets"):
        pulse = Pulse(hub, [BrokenPart(), sound])
        assert sound.delivered.wait(LIMIT_S)
        pulse.close()
    assert "Nor could the panel say so" in caplog.text


def test_whether_somebody_listens_at_an_impossible_path_cannot_be_told() -> None:
    assert listens(f"ipc:///{'long' * 100}") is None
