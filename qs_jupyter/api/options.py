"""Options of command lines: the words with dashes, which may stand anywhere.

The command line and the magics declare theirs with `Option`; those that both have stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.errors import did_you_mean

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Option:
    """An option: the field that it sets, its names, and whether a value follows."""

    field: str
    names: tuple[str, ...]
    has_value: bool = True


COMMON = (
    Option("address", ("-a", "--zmq-control-addr")),
    Option("encoding", ("--zmq-encoding",)),
    Option("lock_key", ("-k", "--lock-key")),
)


def names_of(options: Collection[Option]) -> list[str]:
    """Return all names of options."""
    return [name for option in options for name in option.names]


def split_options(
    words: Sequence[W],
    options: Collection[Option],
    read: Callable[[W], tuple[str, bool]],
    is_last: Callable[[list[W]], bool] = lambda _words: False,
) -> tuple[list[W], dict[str, Any]]:
    """Return the words that are no options, and the fields that the options set.

    ``read`` returns the text of a word, and whether it may be an option: one in quotes may not.
    ``--`` ends the options, and so does ``is_last``, which sees the words found so far.

    Raises
    ------
    PhraseError
        An option is unknown or lacks its value.
    """
    known = {name: option for option in options for name in option.names}
    found: list[W] = []
    given: dict[str, Any] = {}
    rest = list(words)
    while rest and not is_last(found):
        word = rest.pop(0)
        text, may_be_option = read(word)
        if not (may_be_option and is_option(text)):
            found.append(word)
            continue
        if text == "--":
            break
        name, has_value, value = text.partition("=")
        option = known.get(name)
        if option is None:
            raise PhraseError(f"unknown option {name!r}{did_you_mean(name, known)}")
        if has_value and not option.has_value:
            raise PhraseError(f"option {name} takes no value")
        if option.has_value and not has_value:
            if not rest:
                raise PhraseError(f"option {name} needs a value")
            value, _ = read(rest.pop(0))
        given[option.field] = value if option.has_value else True
    return [*found, *rest], given


def is_option(word: str) -> bool:
    """Tell whether a word is an option and not a number or a range."""
    return word.startswith("-") and len(word) > 1 and not (word[1].isdigit() or word[1] == ":")
