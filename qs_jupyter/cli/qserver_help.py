"""The commands that ``qserver`` has of its own, and its help about all of them.

``qserver --help`` lists every command with a sentence; with words in front (``qserver queue add
--help``), those that begin with them, and what may stand in their slots. All of it follows
from the API table.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrase_slots import FUNCTION_EXAMPLE, PLAN_EXAMPLE, Word
from qs_jupyter.api.phrases import Grammar, OwnCommand, Phrase

WIDTH = 100
_SENTENCES_BEGIN = 40


OWN = {
    "monitor": OwnCommand(
        ("monitor",), "Ask every second whether the manager answers, until Ctrl-C."
    ),
}

_HEAD = """\
usage: qserver [options] command ...

Send one command to the manager and print its reply.

options:
  -h, --help                    show this text; behind a command, the help of that command
  -a, --zmq-control-addr ADDR   address of the manager (environment:
                                QSERVER_ZMQ_CONTROL_ADDRESS; default: tcp://localhost:60615)
  --zmq-encoding {json,msgpack} encoding of messages (environment: QSERVER_ZMQ_ENCODING)
  -k, --lock-key KEY            key of a locked manager (environment: QSERVER_LOCK_KEY, else
                                the first line of ~/.config/qserver/default_lock_key.txt)
  --json                        print the reply as one line of JSON and nothing else
  --version                     show the version and exit

The public key of an encrypted manager is taken from QSERVER_ZMQ_PUBLIC_KEY. Exit codes: 0 done,
1 wrong command, 2 refused by the manager, 3 no reply, 4 anything else.

commands:
"""

_WORDS = {
    "POS": "an index from 0, a negative one counted from the back, front, or back",
    "UID": "the item_uid of an item, as 'queue get' and 'history get' show it",
    "PLAN": f"a map in quotes, as JSON or Python: '{PLAN_EXAMPLE}'",
    "FUNCTION": f"a map in quotes, as JSON or Python: '{FUNCTION_EXAMPLE}'",
    "TASK_UID": "the task_uid in the reply to 'function execute' or 'script upload'",
    "NAME": "loop or ignore_failures",
    "VALUE": "True or False",
    "N": "how many of the newest entries stay",
}


def grammar() -> Grammar:
    """Return everything that can be said to ``qserver``."""
    return Grammar({**OWN, **METHODS})


def help_text(words: Sequence[str] = ()) -> str:
    """Return the help of all commands, or of those that begin with the words.

    Raises
    ------
    PhraseError
        No command begins with the words.
    """
    known = grammar()
    if not words:
        return _HEAD + "\n".join(_rows(known.phrases))
    found = [phrase for phrase in known.phrases if _begins(phrase, words)]
    if not found:
        known.read(words)  # tells where they stop being a command
    lines = [f"usage: qserver [options] {words[0]} ...", "", *_rows(found)]
    kinds = [kind for kind in _WORDS if any(kind in _kinds(phrase) for phrase in found)]
    return "\n".join([*lines, *([""] if kinds else []), *_explained(kinds)])


def _begins(phrase: Phrase, words: Sequence[str]) -> bool:
    for part, word in zip(phrase.parts, words, strict=False):
        if not isinstance(part.content, Word):
            return True  # what stands in a slot does not matter
        if part.content.text != word:
            return False
    return len(words) <= len(phrase.parts)


def _kinds(phrase: Phrase) -> set[str]:
    """Return the kinds of words that stand in the slots of a phrase."""
    return set(phrase.usage.replace("[", " ").replace("]", " ").strip("()").split())


def _rows(phrases: Iterable[Phrase]) -> Iterator[str]:
    """Yield a row for each phrase; phrases of one method share the sentence of the first."""
    docs: Mapping[str, str] = {name: own.doc for name, own in OWN.items()} | {
        name: method.doc.partition("\n")[0].replace("``", "") for name, method in METHODS.items()
    }
    before = None
    for phrase in phrases:
        sentence = "" if phrase.method == before else docs[phrase.method]
        before = phrase.method
        yield from _row(phrase.usage, sentence)


def _row(usage: str, sentence: str) -> Iterator[str]:
    first, *more = textwrap.wrap(sentence, WIDTH - _SENTENCES_BEGIN) or [""]
    head = f"  {usage}"
    if first and len(head) >= _SENTENCES_BEGIN:
        yield head
        head = ""
    yield f"{head:{_SENTENCES_BEGIN}}{first}".rstrip()
    for line in more:
        yield " " * _SENTENCES_BEGIN + line


def _explained(kinds: Iterable[str]) -> Iterator[str]:
    for kind in kinds:
        yield f"  {kind:<10}{_WORDS[kind]}"
