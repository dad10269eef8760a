"""Text of the worker: in bearable amounts, cut in the right places, kept until it is passed on."""

from __future__ import annotations

from typing import Any

import pytest

from qs_kernel_worker import written_text
from qs_kernel_worker.requests import TEXT_SEQ
from qs_kernel_worker.written_text import (
    ALLOWED_AT_ONCE,
    ALLOWED_PER_S,
    CHUNK,
    Allowance,
    KeptText,
    SharedBuffer,
    chunks,
)

LABEL = {"session": "s", "qs_source": "item", "qs_uid": "u", "msg_id": "m"}


class Session:
    """Takes what is sent."""

    pid = 0

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def send(self, _socket: object, _type: str, content: dict[str, str], **more: Any) -> None:
        self.sent.append((content["name"], content["text"], more["metadata"]))

    @property
    def text(self) -> str:
        return "".join(text for _, text, _ in self.sent)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which stands still."""
    now = [100.0]
    monkeypatch.setattr(written_text.time, "monotonic", lambda: now[0])
    return now


def test_pieces_become_one_numbered_message_a_stream() -> None:
    buffer, session = SharedBuffer(), Session()
    for name, piece in (("stdout", "a"), ("stdout", "\n"), ("stderr", "b\n"), ("stdout", "c\n")):
        buffer.add(name, LABEL, piece)
    buffer.send(session, None)
    assert session.sent == [
        ("stdout", "a\n", {TEXT_SEQ: 1}),
        ("stderr", "b\n", {TEXT_SEQ: 2}),
        ("stdout", "c\n", {TEXT_SEQ: 3}),
    ]


def test_what_goes_beyond_the_allowance_is_left_out_and_counted(clock: list[float]) -> None:
    buffer, session = SharedBuffer(), Session()
    line = "x" * 99 + "\n"
    block = line * 10_000
    for _ in range(20):
        buffer.add("stdout", LABEL, block)
    buffer.send(session, None)
    assert session.text.count(line) == 80_000
    assert session.text.endswith(
        "… 120000 lines (12.0 MB) of output are left out: more than 2 MB per second …\n"
    )
    buffer.add("stdout", LABEL, "still too much\n")
    buffer.send(session, None)
    assert session.text.endswith(
        "… 1 lines (0.0 MB) of output are left out: more than 2 MB per second …\n"
    )
    clock[0] += 1
    buffer.send(session, None)
    buffer.add("stdout", LABEL, "calm again\n")
    buffer.send(session, None)
    assert session.text.endswith("…\ncalm again\n")


def test_a_single_enormous_line_is_cut(clock: list[float]) -> None:
    buffer, session = SharedBuffer(), Session()
    buffer.add("stdout", LABEL, "y" * 50_000_000)
    buffer.send(session, None)
    assert session.text.count("y") == written_text.ALLOWED_AT_ONCE
    assert max(len(text) for _, text, _ in session.sent) <= CHUNK
    assert "\n… 0 lines (42.0 MB) of output are left out" in session.text


def test_halves_of_characters_are_spelled_out() -> None:
    buffer, session = SharedBuffer(), Session()
    buffer.add("stdout", LABEL, "file \udce9.txt é\n")
    buffer.send(session, None)
    assert session.text == "file \\udce9.txt é\n"


@pytest.mark.parametrize("size", [1, 7, 10, 100])
def test_chunks_join_to_the_whole(size: int) -> None:
    text = "".join(f"line {n}\n" for n in range(50)) + "rest"
    assert "".join(chunks(text, size)) == text
    assert max(map(len, chunks(text, size))) <= size


def test_chunks_end_with_lines_and_spare_escape_sequences() -> None:
    assert list(chunks("abc\ndef\nghi", 5)) == ["abc\n", "def\n", "ghi"]
    text = "z" * 60 + "\x1b[31m" + "red"
    assert list(chunks(text, 62)) == ["z" * 60, "\x1b[31mred"]


def test_text_is_kept_until_it_is_acknowledged() -> None:
    kept = KeptText()
    for text in ("a\n", "b\n", "c\n"):
        kept.keep("stdout", LABEL, text)
    kept.acknowledge(1)
    found = kept.since(None)
    assert [(t["seq"], t["text"]) for t in found["texts"]] == [(2, "b\n"), (3, "c\n")]
    assert found["texts"][0]["label"] == {"session": "s", "qs_source": "item", "qs_uid": "u"}
    assert (found["seq"], found["lost"]) == (3, 0)
    assert [t["seq"] for t in kept.since(2)["texts"]] == [3]


def test_lines_that_are_lost_are_counted_for_those_who_missed_them() -> None:
    kept = KeptText(limit=100)
    for n in range(10):
        kept.keep("stdout", LABEL, f"{n}" * 29 + "\n")
    found = kept.since(None)
    assert [t["seq"] for t in found["texts"]] == [8, 9, 10]
    assert found["lost"] == 7
    assert kept.since(5)["lost"] == 2
    assert kept.since(7)["lost"] == 0
    kept.acknowledge(6)
    assert kept.since(None)["lost"] == 1


def test_the_count_of_lost_lines_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_text, "KEPT_GAPS", 10)
    kept = KeptText(limit=10)
    for _ in range(1000):
        kept.keep("stdout", LABEL, "x" * 10 + "\n")
    assert len(kept._gone) <= 10
    assert kept.since(None)["lost"] == 999


def test_a_long_silence_fills_the_allowance_once(clock: list[float]) -> None:
    allowance = Allowance()
    clock[0] += 100
    allowance.left -= ALLOWED_AT_ONCE
    allowance.refill()
    assert allowance.left == 0
    clock[0] += 1
    allowance.refill()
    assert allowance.left == ALLOWED_PER_S


def test_a_flood_after_a_long_silence_uses_the_allowance_up_once(clock: list[float]) -> None:
    allowance = Allowance()
    clock[0] += 100
    assert allowance.take_rest(2 * ALLOWED_AT_ONCE) == ALLOWED_AT_ONCE
    allowance.refill()
    assert allowance.take_rest(1000) == 0
    clock[0] += 1
    allowance.refill()
    assert allowance.left == ALLOWED_PER_S
