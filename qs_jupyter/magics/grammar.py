"""What can be typed behind ``%qserver``: the commands of the API table, and those of notebooks.

The commands of the table are those of the command line, and a method that gets a phrase there
is known here as well. Only the slot of a plan differs: it takes Python calls besides JSON.
Commands of notebooks are declared below in the same way; `qs_jupyter.magics.commands` and
`qs_jupyter.magics.cells` carry them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrase_slots import SLOTS, Free, Params, Slot, Speaker, Token, Way, Word
from qs_jupyter.api.phrases import Grammar, OwnCommand, Phrase

SECTIONS = (
    "status",
    "running",
    "queue",
    "form",
    "history",
    "console",
    "tasks",
    "lock",
    "permissions",
)

# Stands in an item for the text that becomes one; see `qs_jupyter.magics.python_items`.
TEXT = "text to evaluate"


def _one(kind: str, name: str, pattern: str = ".*", unless: str | None = None) -> Way:
    return Way((Free(kind, pattern, unless),), lambda words, _: {name: words[0]})


def _way_to(kind: str, pattern: str, name: str) -> Way:
    """Return a way for a number or a word that stands for one."""

    def build(words: Sequence[str], _speaker: Speaker) -> Params:
        word = words[0]
        return {name: word if word.isalpha() else int(word)}

    return Way((Free(kind, pattern),), build)


def _within(name: str, way: Way) -> Way:
    """Return the same way with its parameters in a map of their own."""
    return Way(way.tokens, lambda words, speaker: {name: way.build(words, speaker)})


def _said(text: str, **params: Any) -> Way:
    return Way(tuple(Word(word) for word in text.split()), lambda _words, _speaker: params)


def _then(word: str, kind: str, build: Callable[[str], Params]) -> Way:
    tokens: tuple[Token, ...] = (Word(word), Free(kind))
    return Way(tokens, lambda words, _: build(words[1]))


def _listed(kind: str, name: str) -> Way:
    """Return a way for the words of a repeated slot; `gathered` puts them together again."""
    return Way((Free(kind),), lambda words, _: {name: {words[0]: None}})


def gathered(params: Mapping[str, Any], name: str) -> list[str]:
    """Return the words of a repeated slot, in the order in which they were said."""
    return list(params.get(name, {}))


def _text_item(item_type: str) -> Callable[[Sequence[str], Speaker], Params]:
    return lambda words, _speaker: {"item": {"item_type": item_type, TEXT: words[0]}}


def _change(words: Sequence[str], _speaker: Speaker) -> Params:
    name, _, value = words[0].partition("=")
    return {"changes": {name: value}}


# Eight digits are the beginning of a UID as it is shown, and no position.
_INDEX = r"[+-]?\d{1,7}"
_POSITION = rf"{_INDEX}|front|back"
_POS_OR_UID = (_way_to("POS", _POSITION, "pos"), _one("UID", "uid", unless=_POSITION))

OWN_SLOTS: dict[str, Slot] = {
    **SLOTS,
    "plan": Slot("ITEM", (Way((Free("PLAN"),), _text_item("plan")),)),
    "function": Slot("CALL", (Way((Free("FUNCTION"),), _text_item("function")),)),
    "selected": Slot("POS | UID | FIRST:END", _POS_OR_UID),
    "source": Slot("POS | UID | FIRST:END", _POS_OR_UID),
    "address": Slot("ADDR", (_one("ADDR", "address"),)),
    "who": Slot("USER[/GROUP]", (_one("USER[/GROUP]", "who"),)),
    "key_action": Slot(
        "prompt | forget", (_said("prompt", action="prompt"), _said("forget", action="forget"))
    ),
    "sections": Slot(
        "[SECTION …]",
        tuple(_said(section, sections={section: None}) for section in SECTIONS),
        repeated=True,
    ),
    "lines": Slot(
        "N lines",
        (Way((Free("N", r"\d+"), Word("lines")), lambda words, _: {"lines": int(words[0])}),),
    ),
    "wait_target": Slot(
        "idle | queue | env | running | paused | item UID | task [UID]",
        (
            _said("idle", target="idle"),
            _said("queue", target="queue"),
            _said("env", target="env"),
            _said("running", target="running"),
            _said("paused", target="paused"),
            _then("item", "UID", lambda uid: {"target": "item", "uid": uid}),
            _said("task", target="task"),
            _then("task", "TASK_UID", lambda uid: {"target": "task", "task_uid": uid}),
        ),
    ),
    "changes": Slot(
        "NAME=VALUE …",
        (Way((Free("NAME=", r"[A-Za-z_]\w*=.*"),), _change),),
        repeated=True,
    ),
    "file": Slot("FILE", (_one("FILE", "file"),)),
    "item": Slot(
        "POS | UID | PLAN_NAME | FIRST:END",
        (
            _within("source", _POS_OR_UID[0]),
            _within("source", _POS_OR_UID[1]),
        ),
    ),
    "past": Slot(
        "N | UID | PLAN_NAME | FIRST:END",
        (
            _within("past", _way_to("N", _INDEX, "pos")),
            _within("past", _one("HISTORY_UID", "uid", unless=_INDEX)),
        ),
    ),
    "drawn": Slot("UID | PLAN_NAME", (_one("RUN", "uid"),)),
    "options": Slot("[OPTION …]", (_listed("OPTION", "options"),), repeated=True),
    "topic": Slot("COMMAND | PLAN", (_listed("TOPIC", "topic"),), repeated=True),
    "method": Slot("METHOD", (_one("METHOD", "method"),)),
    "map": Slot("MAP", (_one("MAP", "map"),)),
}

OWN: dict[str, OwnCommand] = {
    "connect": OwnCommand(("connect {address?}",), "Talk to the manager at an address."),
    "disconnect": OwnCommand(("disconnect",), "Stop following the manager."),
    "whoami": OwnCommand(("whoami",), "Show manager, user, group and whether a key is kept."),
    "speak_as": OwnCommand(("as {who}",), "Set user and group of the requests that follow."),
    "key": OwnCommand(
        ("key {key_action?}",), "Ask for the lock key without leaving a trace, or forget it."
    ),
    "panel": OwnCommand(("panel {sections?}",), "Show the panel, or some of its sections."),
    "follow": OwnCommand(
        ("follow {lines?}",),
        "Show console output as it comes, until Ctrl-C; with a number the latest lines only.",
    ),
    "plot": OwnCommand(
        ("plot {drawn?}",),
        "Draw what a plan measures, live while it runs; of the running or last plan by default.",
    ),
    "monitor": OwnCommand(("monitor",), "Show each change of the status, until Ctrl-C."),
    "wait": OwnCommand(
        ("wait {wait_target?}",),
        "Wait until the queue is done, the manager is idle, the environment is open, a plan runs "
        "or is paused, or an item or task has ended. Ctrl-C ends the wait, not the experiment.",
    ),
    "queue_duplicate": OwnCommand(
        ("queue duplicate {item} {place?}",), "Add copies of items, by default behind them."
    ),
    "queue_edit": OwnCommand(
        ("queue edit {item} {changes}",), "Change arguments of a queued plan by their names."
    ),
    "queue_load": OwnCommand(
        ("queue load {file} {place?}",),
        "Add the plans of a JSON, YAML, CSV or Excel file, all of them or none.",
    ),
    "queue_save": OwnCommand(("queue save {file}",), "Write the queue to a JSON or YAML file."),
    "history_rerun": OwnCommand(
        ("history rerun {past} {place?}",), "Add copies of finished items to the queue."
    ),
    "attach": OwnCommand(("attach",), "Tell how to attach a console to the worker kernel."),
    "launch": OwnCommand(
        ("launch {options?}",),
        "Start a manager that outlives the notebook, unless one runs. Options as of "
        "start-re-manager.",
    ),
    "help": OwnCommand(("help {topic?}",), "Explain a command or a plan."),
    "call": OwnCommand(("call {method} {map?}",), "Call any API method."),
}

CELLS: dict[str, OwnCommand] = {
    "add": OwnCommand(
        ("queue add {place?}", "queue add plan {place?}"),
        "Every plan called in the Python code becomes an item; all are added, or none.",
    ),
    "upload": OwnCommand(("script upload {script_options?}",), "Run the cell in the worker."),
    "execute": OwnCommand(
        ("function execute {background?}",), "Call a function of the worker, as in the cell."
    ),
    "permissions": OwnCommand(("permissions set",), "Replace the permissions by the YAML."),
    "call": OwnCommand(
        ("call {method}",), "Call any API method with the parameters of the YAML or JSON."
    ),
}


@cache
def line_grammar() -> Grammar:
    """Return the grammar of ``%qserver``."""
    return Grammar({**OWN, **METHODS}, OWN_SLOTS)


@cache
def cell_grammar() -> Grammar:
    """Return the grammar of the first line of ``%%qserver``."""
    return Grammar(CELLS, OWN_SLOTS)


def documented() -> Iterator[tuple[Phrase, str]]:
    """Yield the phrases of lines, each with the sentence that explains it."""
    docs: Mapping[str, str] = {
        **{name: own.doc for name, own in OWN.items()},
        **{name: method.doc.partition("\n")[0] for name, method in METHODS.items()},
    }
    for phrase in line_grammar().phrases:
        yield phrase, docs[phrase.method]
