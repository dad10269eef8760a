"""Carries out the words of one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qs_jupyter.api.phrase_slots import PhraseError, Speaker
from qs_jupyter.client.item_files import read_items
from qs_jupyter.magics.commands import ACTS
from qs_jupyter.magics.grammar import line_grammar
from qs_jupyter.magics.performer import Performer


def run_line(performer: Performer, words: Sequence[str]) -> Any:
    """Carry out the words of a line and return what it shows.

    Raises
    ------
    PhraseError
        The words are no command.
    MagicFailure
        What was asked for did not work.
    """
    if not words:
        raise PhraseError("a command is missing; %qserver help lists all")
    if words[0] == "launch":
        return ACTS["launch"](performer, {"options": words[1:]})
    session = performer.session
    speaker = Speaker(session.user, session.user_group, read_file=_read_file, read_items=read_items)
    command = line_grammar().read(words, speaker)
    act = ACTS.get(command.method)
    if act is not None:
        options = performer.options
        given = {"right": options.right, "read_only": options.read_only}
        return act(performer, {**command.params, **given})
    return performer.request(command.method, performer.with_item(command.params))


def _read_file(name: str) -> str:
    return Path(name).expanduser().read_text()
