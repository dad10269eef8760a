"""Text arrives once and in order, whatever was missed on the way."""

from __future__ import annotations

import pytest

from qs_jupyter.kernel.driver import ConsoleText
from qs_jupyter.kernel.text_order import TextOrder


class Reader:
    """Reads what the order delivers."""

    def __init__(self) -> None:
        self.read = ""
        self.asked = 0
        self.order = TextOrder(self._take, self._ask)

    def _take(self, text: ConsoleText) -> None:
        self.read += text.text

    def _ask(self) -> None:
        self.asked += 1

    def hear(self, words: str) -> None:
        """Hear letters, which are numbered by the alphabet; capitals have no number."""
        for letter in words:
            self.order.take(None if letter.isupper() else number(letter), text(letter))

    def fetch(self, words: str, upto: str) -> None:
        self.order.take_replay([(number(letter), text(letter)) for letter in words], number(upto))


def number(letter: str) -> int:
    return ord(letter) - ord("a") + 1


def text(letter: str) -> ConsoleText:
    return ConsoleText(0.0, letter, "stdout", "item")


@pytest.fixture
def reader() -> Reader:
    return Reader()


def test_text_waits_until_what_was_before_has_been_fetched(reader: Reader) -> None:
    reader.hear("cdX")
    assert reader.read == ""
    reader.fetch("abc", "c")
    assert reader.read == "abcdX"
    assert reader.order.last == 4
    assert reader.asked == 0


def test_a_gap_is_fetched_once_and_filled(reader: Reader) -> None:
    reader.fetch("", "a")
    reader.hear("bdeX")
    assert reader.read == "b"
    assert reader.asked == 1
    reader.fetch("cdef", "f")
    assert reader.read == "bcdefX"
    reader.hear("fg")
    assert reader.read == "bcdefXg"


def test_text_that_comes_twice_is_shown_once(reader: Reader) -> None:
    reader.fetch("", "a")
    reader.hear("bbcbcd")
    assert reader.read == "bcd"


def test_what_is_gone_for_good_is_passed_over(reader: Reader) -> None:
    reader.fetch("", "a")
    reader.hear("z")
    reader.fetch("z", "z")
    assert reader.read == "z"
    assert reader.order.last == 26


def test_without_an_answer_it_goes_on_with_what_is_there(reader: Reader) -> None:
    reader.hear("EfgH")
    reader.order.replay_failed()
    assert reader.read == "EfgH"
    reader.hear("hik")
    assert reader.asked == 1


def test_a_worker_that_numbers_nothing_is_understood(reader: Reader) -> None:
    reader.hear("AB")
    reader.order.replay_failed()
    reader.hear("CD")
    assert reader.read == "ABCD"
