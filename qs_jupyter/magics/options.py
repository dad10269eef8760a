"""Options of ``%qserver``: the words with dashes, which may stand anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.api.options import COMMON, Option, split_options
from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.magics.words import TypedWord

OPTIONS = (
    *COMMON,
    Option("timeout", ("-t", "--timeout")),
    Option("user", ("-u", "--user")),
    Option("user_group", ("-g", "--user-group")),
    Option("out", ("-o", "--out")),
    Option("dry_run", ("-n", "--dry-run"), has_value=False),
    Option("yes", ("-y", "--yes"), has_value=False),
    Option("quiet", ("-q", "--quiet"), has_value=False),
    Option("raw", ("--raw",), has_value=False),
    Option("right", ("--right",), has_value=False),
    Option("read_only", ("--read-only",), has_value=False),
)
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
    read_only: bool = False

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
    found, given = split_options(
        words,
        OPTIONS,
        lambda word: (word.text, not word.is_quoted),
        lambda found: len(found) == 1 and found[0].text in RAW_COMMANDS,
    )
    return Options(found, **given)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise PhraseError(f"the timeout must be a number of seconds, not {text!r}")
    return seconds
