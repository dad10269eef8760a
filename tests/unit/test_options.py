"""Options of command lines, as the command line and the magics read them."""

from __future__ import annotations

import pytest

from qs_jupyter.api.options import COMMON, Option, is_option, split_options
from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.cli import qserver
from qs_jupyter.magics import options as magic_options

KNOWN = (*COMMON, Option("help", ("-h", "--help"), has_value=False))


def plain(word: str) -> tuple[str, bool]:
    return word, True


def test_options_stand_anywhere_and_words_keep_their_order() -> None:
    words = ["-a", "tcp://x:1", "queue", "--lock-key=k=1", "move", "-1", "2:-1", "-h", "front"]
    found, given = split_options(words, KNOWN, plain)
    assert found == ["queue", "move", "-1", "2:-1", "front"]
    assert given == {"address": "tcp://x:1", "lock_key": "k=1", "help": True}


def test_two_dashes_end_the_options() -> None:
    assert split_options(["a", "--", "-h", "--"], KNOWN, plain) == (["a", "-h", "--"], {})


def test_words_in_quotes_are_no_options() -> None:
    read = {"-h": ("-h", False)}
    assert split_options(["-h"], KNOWN, lambda word: read[word]) == (["-h"], {})


def test_the_words_of_another_program_are_left_alone() -> None:
    found, given = split_options(["-a", "x", "launch", "--verbose", "-a", "y"], KNOWN, plain, bool)
    assert found == ["launch", "--verbose", "-a", "y"]
    assert given == {"address": "x"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--hlep"], r"unknown option '--hlep' \(did you mean '--help'\?\)"),
        (["--help=yes"], "option --help takes no value"),
        (["-k"], "option -k needs a value"),
    ],
)
def test_wrong_options_are_explained(words: list[str], text: str) -> None:
    with pytest.raises(PhraseError, match=text):
        split_options(words, KNOWN, plain)


def test_numbers_and_ranges_are_no_options() -> None:
    assert [word for word in ("-1", "-", "-:3", "x", "-a", "--raw") if is_option(word)] == [
        "-a",
        "--raw",
    ]


def test_command_line_and_magics_share_what_both_have() -> None:
    assert set(COMMON) <= set(magic_options.OPTIONS)
    parsed = qserver.parse(["--zmq-control-addr", "tcp://x:1", "-k", "key", "ping"])
    assert (parsed.address, parsed.lock_key, parsed.words) == ("tcp://x:1", "key", ["ping"])
