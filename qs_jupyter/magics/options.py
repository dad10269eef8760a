"""Options of ``%qserver``: the words with dashes, which may stand anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.errors import did_you_mean
from qs_jupyter.magics.words import TypedWord

VALUES = {
    "-a": "address",
    "--zmq-control-addr": "address",
    "--zmq-encoding": "encoding",
    "-t": "timeout",
    "--timeout": "timeout",
    "-k": "lock_key",
    "--lock-key": "lock_key",
    "-u": "user",
    "--user": "user",
    "-g": "user_group",
    "--user-group": "user_group",
    "-o": "out",
    "--out": "out",
}
FLAGS = {
    "-n": "dry_run",
    "--dry-run": "dry_run",
    "-y": "yes",
    "--yes": "yes",
    "-q": "quiet",
    "--quiet": "quiet",
    "--raw": "raw",
    "--right": "right",
}
# The words behind these are for another program.
RAW_COMMANDS = ("launch",)


@dataclass(slots=True)
class Options:
    """A line without its options, and what they said."""

    words: list[TypedWord] = field(default_factory=list)
    address: str | None = None
    encoding: str | None = None
    timeout: str | None = None
    # Not shown by the representation, which may end up in a traceback.
    lock_key: str | None = field(default=None, repr=False)
    user: str | None = None
    user_group: str | None = None
    out: str | None = None
    dry_run: bool = False
    yes: bool = False
    quiet: bool = False
    raw: bool = False
    right: bool = False

    def overrides(self) -> dict[str, Any]:
        """Return what the options change about the session.

        Raises
        ------
        PhraseError
            A value cannot be right.
        """
        given: dict[str, Any] = {
            name: value
            for name in ("address", "encoding", "user", "user_group")
            if (value := getattr(self, name)) is not None
        }
        if self.timeout is not None:
            given["timeout_s"] = _seconds(self.timeout)
        return given


def parse(words: Sequence[TypedWord]) -> Options:
    """Return options and remaining words; ``--`` ends the options, numbers are none.

    Raises
    ------
    PhraseError
        An option is unknown or lacks its value.
    """
    options = Options()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, has_value, value = word.text.partition("=")
        if word.is_quoted or not is_option(word.text):
            options.words.append(word)
            if word.text in RAW_COMMANDS and len(options.words) == 1:
                options.words += rest
                break
        elif word.text == "--":
            options.words += rest
            break
        elif word.text in FLAGS:
            setattr(options, FLAGS[word.text], True)
        elif name in VALUES:
            if not has_value:
                if not rest:
                    raise PhraseError(f"option {name} needs a value")
                value = rest.pop(0).text
            setattr(options, VALUES[name], value)
        else:
            raise PhraseError(f"unknown option {name!r}{did_you_mean(name, [*VALUES, *FLAGS])}")
    return options


def is_option(word: str) -> bool:
    """Tell whether a word is an option and not a number or a range."""
    return word.startswith("-") and len(word) > 1 and not (word[1].isdigit() or word[1] == ":")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise PhraseError(f"the timeout must be a number of seconds, not {text!r}")
    return seconds
