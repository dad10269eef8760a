"""Completion of ``%qserver`` lines and cells: commands, plans, devices, parameters, UIDs, files.

One matcher gets the whole cell. It knows lines with and without the percent sign, behind an
assignment, inside a loop, and the Python code of a ``%%qserver`` cell. It asks the network for
nothing; see `qs_jupyter.magics.known_names`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.options import is_option, names_of
from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.api.phrases import Grammar
from qs_jupyter.magics import options as option_words
from qs_jupyter.magics.grammar import cell_grammar, line_grammar
from qs_jupyter.magics.python_completion import Candidate, python_candidates, short_signature
from qs_jupyter.magics.session import Session
from qs_jupyter.magics.wording import SHORT_UID
from qs_jupyter.magics.words import TypedWord, split

_LINE = re.compile(r"\s*(?:[\w.\[\]'\", ]+=\s*)?%(?:qserver|qs)\s(?P<rest>.*)", re.DOTALL)
_BARE_LINE = re.compile(r"(?:qserver|qs)\s(?P<rest>(?!=).*)", re.DOTALL)
_CELL = re.compile(r"\s*%%(?:qserver|qs)\s(?P<rest>.*)", re.DOTALL)
# Nobody reads more of them; they get fewer with each letter that is typed.
MOST_UIDS = 200
# Stands where the kind of a candidate stands.
NO_MATCH = "no match"
_CELL_BODIES = ("queue add", "function execute")


@dataclass(frozen=True, slots=True)
class Found:
    """What may stand in place of what is ``begun``; ``is_all`` tells that nothing else may."""

    begun: str
    candidates: list[Candidate]
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The text in front of the cursor, and the line it is in."""

    before: str
    line: str

    @classmethod
    def of(cls, context: Any) -> _Cursor:
        lines = context.full_text.split("\n")[: context.cursor_line + 1]
        lines[-1] = lines[-1][: context.cursor_position]
        return cls("\n".join(lines), lines[-1])


class Completer:
    """Finds what may be typed next; ``matcher`` is what IPython calls."""

    def __init__(self, session: Session, shell: Any) -> None:
        self._session = session
        self._shell = shell
        self.matcher = self._make_matcher()

    def candidates(self, before: str, line: str) -> Found | None:
        """Return what may stand at the cursor.

        None when the cursor is in no line or cell of ours.
        """
        first, newline, _ = before.partition("\n")
        cell = _CELL.fullmatch(first)
        if cell is not None:
            if not newline:
                return self._words(cell["rest"], cell_grammar())
            return self._body(cell["rest"], before[len(first) + 1 :])
        match = _LINE.fullmatch(line)
        if match is None and getattr(self._shell, "automagic", False):
            match = _BARE_LINE.fullmatch(line)
        return self._words(match["rest"], line_grammar()) if match is not None else None

    # ------------------------------------------------------------------------- words of lines

    def _words(self, text: str, grammar: Grammar) -> Found:
        words = split(text)
        begun = words.pop() if words and _reaches_end(words[-1], text) else None
        if begun is not None and begun.open and not begun.is_quoted:
            return self._python(begun.text)
        typed = begun.text if begun is not None else ""
        if words and words[0].text in option_words.RAW_COMMANDS:
            return Found(typed, list(_manager_options(self._session, typed)))
        if begun is not None and is_option(typed):
            names = sorted(names_of(option_words.OPTIONS))
            found = [Candidate(name, "option") for name in names if name.startswith(typed)]
            return Found(typed, found)
        try:
            complete = [word.text for word in option_words.parse(words).words]
        except PhraseError:
            # The value of an option is being typed.
            return Found(typed, [])
        return Found(typed, self._next_words(complete, typed, grammar))

    def _next_words(self, words: list[str], typed: str, grammar: Grammar) -> list[Candidate]:
        if words[:1] == ["help"]:
            return self._topics(words[1:], typed, grammar)
        expected = grammar.expected(words)
        found = [Candidate(word, "command") for word in expected.words]
        for kind in expected.kinds:
            found += _KINDS.get(kind, _nothing)(self._session, typed)
        return [each for each in _once(found) if each.text.startswith(typed)]

    def _topics(self, words: list[str], typed: str, grammar: Grammar) -> list[Candidate]:
        """Return what there is help about: commands as far as they are said, and plans."""
        found = [Candidate(word, "command") for word in grammar.expected(words).words]
        found += _plans(self._session, typed) if not words else ()
        return [each for each in found if each.text.startswith(typed)]

    # -------------------------------------------------------------------------------- Python

    def _body(self, command: str, body: str) -> Found | None:
        words = " ".join(word.text for word in split(command))
        if any(words.startswith(known) for known in _CELL_BODIES):
            return self._python(body)
        return None

    def _python(self, text: str) -> Found:
        tables = self._session.names.at_hand()
        begun, candidates, is_all = python_candidates(text, tables, self._session.variables)
        return Found(begun, candidates, is_all)

    # ------------------------------------------------------------------------- IPython's side

    def _make_matcher(self) -> Callable[[Any], dict[str, Any]]:
        # In notebooks the type chooses a sign with its colour, and details stand in the help
        # beside the list, which `qs_jupyter.magics.inspection` makes.
        is_detailed = not hasattr(self._shell, "kernel")

        @context_matcher(priority=100, identifier="qserver_matcher")  # type: ignore[untyped-decorator]
        def qserver_matcher(context: Any) -> dict[str, Any]:
            cursor = _Cursor.of(context)
            found = self.candidates(cursor.before, cursor.line)
            if found is None:
                return {"completions": []}
            # Other matchers are silenced only by a match. What is typed already changes nothing.
            nothing = [Candidate(found.begun, NO_MATCH)] if found.is_all else []
            return {
                "completions": [
                    SimpleCompletion(each.text, type=each.label if is_detailed else each.kind)
                    for each in found.candidates or nothing
                ],
                "matched_fragment": found.begun,
                "suppress": found.is_all,
                "ordered": True,
            }

        result: Callable[[Any], dict[str, Any]] = qserver_matcher
        return result


def _reaches_end(word: TypedWord, text: str) -> bool:
    return bool(word.open) or not text[-1:].isspace()


def _once(candidates: Iterable[Candidate]) -> list[Candidate]:
    return list({each.text: each for each in reversed(list(candidates))}.values())[::-1]


# ------------------------------------------------------------------- words known of each kind


def _nothing(_session: Session, _typed: str) -> Iterator[Candidate]:
    return iter(())


def _plans(session: Session, _typed: str) -> Iterator[Candidate]:
    for name, plan in sorted(session.names.at_hand().plans.items()):
        yield Candidate(name, "plan", short_signature(plan))


def _queue_uids(session: Session, typed: str) -> Iterator[Candidate]:
    hub = session.hub
    with hub.lock:
        items = [*hub.mirror.queue, hub.mirror.running_item]
    yield from _uids(items, typed)


def _runs(session: Session, typed: str) -> Iterator[Candidate]:
    hub = session.hub
    with hub.lock:
        items = [hub.mirror.running_item, *hub.mirror.history[::-1]]
    yield from _uids(items, typed)


def _history_uids(session: Session, typed: str) -> Iterator[Candidate]:
    hub = session.hub
    with hub.lock:
        items = hub.mirror.history[::-1]
    yield from _uids(items, typed)


def _uids(items: Iterable[Any], typed: str) -> Iterator[Candidate]:
    """Yield the UIDs that begin as typed, short unless more is typed, labelled by their plans."""
    uids = ((str(item.get("item_uid", "")), item) for item in items)
    fitting = ((uid, item) for uid, item in uids if uid and uid.startswith(typed))
    for uid, item in islice(fitting, MOST_UIDS):
        shown = uid if len(typed) >= SHORT_UID else uid[:SHORT_UID]
        yield Candidate(shown, str(item.get("name", "item")))


def _task_uids(session: Session, _typed: str) -> Iterator[Candidate]:
    hub = session.hub
    with hub.lock:
        tasks = list(hub.mirror.tasks.items())
    for uid, task in reversed(tasks):
        yield Candidate(uid, str(task.get("status", "task")))


def _files(_session: Session, typed: str) -> Iterator[Candidate]:
    head, slash, begun = typed.rpartition("/")
    folder = Path(f"{head}{slash}" or ".").expanduser()
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(begun) and (begun.startswith(".") or entry.name[0] != "."):
            yield Candidate(f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}", "file")


def _manager_options(session: Session, typed: str) -> Iterator[Candidate]:
    """Yield what may follow ``launch``: options of a manager, and files for their values."""
    from qs_jupyter.settings import options  # noqa: PLC0415 - seldom needed

    if not typed.startswith("-"):
        yield from _files(session, typed)
        return
    flags = sorted(flag for option in options().values() for flag in option.flags)
    yield from (Candidate(flag, "option") for flag in flags if flag.startswith(typed))


def _positions(_session: Session, _typed: str) -> Iterator[Candidate]:
    yield from (Candidate(word, "position") for word in ("front", "back"))


def _modes(_session: Session, _typed: str) -> Iterator[Candidate]:
    yield from (Candidate(word, "mode") for word in ("loop", "ignore_failures"))


def _booleans(_session: Session, _typed: str) -> Iterator[Candidate]:
    yield from (Candidate(word, "value") for word in ("True", "False"))


def _methods(_session: Session, _typed: str) -> Iterator[Candidate]:
    yield from (Candidate(name, "method") for name in sorted(METHODS))


def _notes(session: Session, _typed: str) -> Iterator[Candidate]:
    yield from (Candidate(f"'{note}'", "note") for note in session.notes)


_KINDS: dict[str, Callable[[Session, str], Iterator[Candidate]]] = {
    "PLAN": _plans,
    "UID": _queue_uids,
    "HISTORY_UID": _history_uids,
    "TASK_UID": _task_uids,
    "FILE": _files,
    "POS": _positions,
    "NAME": _modes,
    "VALUE": _booleans,
    "METHOD": _methods,
    "RUN": _runs,
    "NOTE": _notes,
}
