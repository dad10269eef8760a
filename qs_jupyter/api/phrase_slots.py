"""The slots of command phrases: in which words each can be filled, and what follows from them.

A slot lists the ways to fill it, each a sequence of tokens with the parameters that follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qs_jupyter.errors import BadRequest, yaml_problem

Params = dict[str, Any]


class PhraseError(BadRequest):
    """The words are not a command; the text says where they stop being one."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks: what is added to the parameters, and how named files are read."""

    user: str = "qserver-cli"
    user_group: str = "primary"
    lock_key: str | None = None
    read_file: Callable[[str], str] | None = None
    read_items: Callable[[str], list[Params]] | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word that stands for itself."""

    text: str

    def fits(self, word: str) -> bool:
        """Tell whether the word is this one."""
        return word == self.text


@dataclass(frozen=True, slots=True)
class Free:
    """A word that a pattern fits, and another one does not; ``kind`` says what it means."""

    kind: str
    pattern: str = ".*"
    unless: str | None = None

    def fits(self, word: str) -> bool:
        """Tell whether the word can have this meaning."""
        if self.unless is not None and re.fullmatch(self.unless, word, re.DOTALL):
            return False
        return re.fullmatch(self.pattern, word, re.DOTALL) is not None


Token = Word | Free
Build = Callable[[Sequence[str], Speaker], Params]

_POSITION = r"[+-]?\d+|front|back"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to fill a slot, and the parameters that follow from the words."""

    tokens: tuple[Token, ...]
    build: Build


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of a phrase that can be filled in several ways.

    ``repeated`` slots are filled as often as words fit. A slot with ``empty`` may be left out
    even where the phrase does not say so, and then stands for these parameters.
    """

    usage: str
    ways: tuple[Way, ...]
    repeated: bool = False
    empty: Params | None = None


def _one(token: Token, build: Callable[[str, Speaker], Params]) -> Way:
    return Way((token,), lambda words, speaker: build(words[0], speaker))


def _word(text: str, **params: Any) -> Way:
    """Return the way to fill a slot with fixed words that set parameters."""
    return Way(tuple(Word(each) for each in text.split()), lambda _words, _speaker: params)


def _position(word: str) -> int | str:
    return word if word in ("front", "back") else int(word)


def _at(name: str) -> Way:
    return _one(Free("POS", _POSITION), lambda word, _: {name: _position(word)})


def _uid(name: str) -> Way:
    return _one(Free("UID", unless=_POSITION), lambda word, _: {name: word})


def _beside(word: str) -> Way:
    return Way((Word(word), Free("UID")), lambda words, _: {f"{word}_uid": words[1]})


# ------------------------------------------------------------------- contents of single words


PLAN_EXAMPLE = '{"name": "count", "args": [["det1"]], "kwargs": {"num": 3}}'
FUNCTION_EXAMPLE = '{"name": "function_sleep", "args": [5]}'


def parse_map(text: str, what: str, example: str = '{"name": …}') -> Params:
    """Return the map that a text spells, as JSON or as a Python literal.

    Raises
    ------
    PhraseError
        The text is neither, or not a map.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        value = _python_literal(text, what, f"{error}. A map is expected, like {example}")
    if not isinstance(value, dict):
        raise PhraseError(f"{what} must be a map like {example}, not {text!r}")
    return value


def _python_literal(text: str, what: str, otherwise: str) -> Any:
    from ast import literal_eval  # noqa: PLC0415 - seldom needed

    try:
        value = literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise PhraseError(
            f"{what} is neither JSON nor a Python literal: {text!r}: {otherwise}"
        ) from error
    try:
        # What is sent is JSON: a tuple becomes a list, and keys become text.
        return json.loads(json.dumps(value))
    except (ValueError, TypeError, RecursionError) as error:
        raise PhraseError(f"{what} holds a value that JSON cannot carry: {error}") from error


def _plan(word: str, _speaker: Speaker) -> Params:
    return {"item": {**parse_map(word, "PLAN", PLAN_EXAMPLE), "item_type": "plan"}}


def _function(word: str, _speaker: Speaker) -> Params:
    return {"item": {**parse_map(word, "FUNCTION", FUNCTION_EXAMPLE), "item_type": "function"}}


def _file(name: str, speaker: Speaker) -> str:
    if speaker.read_file is None:
        raise PhraseError(f"File {name!r} cannot be read from here")
    try:
        return speaker.read_file(name)
    except OSError as error:
        raise PhraseError(f"File {name!r} cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise PhraseError(f"File {name!r} is not a text file: {error}") from error


def _permissions(word: str, speaker: Speaker) -> Params:
    import yaml  # noqa: PLC0415 - seldom needed, and slow to import

    try:
        content = yaml.safe_load(_file(word, speaker))
    except yaml.YAMLError as error:
        raise PhraseError(f"File {word!r} is not valid YAML: {yaml_problem(error)}") from error
    return {"user_group_permissions": content}


def _script(word: str, speaker: Speaker) -> Params:
    return {"script": _file(word, speaker)}


def _items(word: str, speaker: Speaker) -> Params:
    if speaker.read_items is None:
        raise PhraseError(f"File {word!r} cannot be read from here")
    try:
        return {"items": speaker.read_items(word)}
    except BadRequest as error:
        raise PhraseError(str(error)) from error


def _mode(words: Sequence[str], _speaker: Speaker) -> Params:
    name, value = words
    return {"mode": {name: {"True": True, "False": False}.get(value, value)}}


def _size(word: str, _speaker: Speaker) -> Params:
    return {"size": int(word)}


def _item_uid(word: str, _speaker: Speaker) -> Params:
    return {"item": {"item_uid": word}}


def _option(*words: str) -> tuple[Way, ...]:
    return tuple(_word(word, option=word) for word in words)


_INTEGER = r"[+-]?\d+"
_QUEUE_STOP = {"item_type": "instruction", "name": "queue_stop"}

SLOTS: dict[str, Slot] = {
    # which item
    "selected": Slot("POS | UID", (_at("pos"), _uid("uid"))),
    "source": Slot("POS | UID", (_at("pos"), _uid("uid"))),
    "uid": Slot("UID", (_one(Free("UID"), _item_uid),)),
    "item_uid": Slot("UID", (_one(Free("UID"), lambda word, _: {"item_uid": word}),)),
    # where in the queue
    "place": Slot(
        "POS | before UID | after UID", (_beside("before"), _beside("after"), _at("pos"))
    ),
    "destination": Slot(
        "POS | before UID | after UID", (_beside("before"), _beside("after"), _at("pos_dest"))
    ),
    # what
    "plan": Slot("PLAN", (_one(Free("PLAN"), _plan),)),
    "instruction": Slot("queue-stop", (_word("queue-stop", item=_QUEUE_STOP),)),
    "function": Slot("FUNCTION", (_one(Free("FUNCTION"), _function),)),
    "permissions_file": Slot("FILE", (_one(Free("FILE"), _permissions),)),
    "items_file": Slot("FILE", (_one(Free("FILE"), _items),)),
    "script_file": Slot("FILE", (_one(Free("FILE"), _script),)),
    "task_uid": Slot("TASK_UID", (_one(Free("TASK_UID"), lambda word, _: {"task_uid": word}),)),
    # how
    "background": Slot("background", (_word("background", run_in_background=True),)),
    "script_options": Slot(
        "[background] [update-re] [keep-lists]",
        (
            _word("background", run_in_background=True),
            _word("update-re", update_re=True),
            _word("keep-lists", update_lists=False),
        ),
        repeated=True,
    ),
    "restore_lists": Slot("lists", (_word("lists", restore_plans_devices=True),)),
    "enable": Slot(
        "enable | disable", (_word("enable", enable=True), _word("disable", enable=False))
    ),
    "mode": Slot(
        "[NAME VALUE]…",
        (Way((Free("NAME"), Free("VALUE")), _mode),),
        repeated=True,
        empty={"mode": {}},
    ),
    "pause_option": Slot("deferred | immediate", _option("deferred", "immediate")),
    "now": Slot("now", (_word("now", now=True),)),
    "run_option": Slot("active | open | closed", _option("active", "open", "closed")),
    "trim": Slot(
        "N | UID",
        (
            _one(Free("N", _INTEGER), _size),
            _one(Free("HISTORY_UID", unless=_INTEGER), lambda word, _: {"item_uid": word}),
        ),
    ),
    "interrupt_options": Slot(
        "[task] [plan]",
        (_word("task", interrupt_task=True), _word("plan", interrupt_plan=True)),
        repeated=True,
    ),
    "lock_scope": Slot(
        "environment | queue | all",
        (
            _word("environment", environment=True),
            _word("queue", queue=True),
            _word("all", environment=True, queue=True),
        ),
    ),
    "note": Slot(
        "NOTE",
        (_one(Free("NOTE", unless="environment|queue|all"), lambda word, _: {"note": word}),),
    ),
    "stop_option": Slot(
        "safe on | safe off",
        (_word("safe on", option="safe_on"), _word("safe off", option="safe_off")),
    ),
}
