"""Commands of several words: what people type, as a method and its parameters.

A method declares phrases such as ``queue item move {source} {destination}`` or ``history clear
{trim?}``. Names in braces are slots of `phrase_slots.SLOTS`, with a question mark those that
may be left out. Plain words stand for themselves; one that is named like a parameter that is
either true or false (``replace``) makes it true. One matcher serves reading, completion and
the texts of errors: all follow from how far the words fit.

Parameters that a phrase cannot know (user, user group, lock key) are added to those methods
that take them. Nothing here does input or output; files are read by a function handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from qs_jupyter.api.phrase_slots import (
    SLOTS,
    Free,
    Params,
    PhraseError,
    Slot,
    Speaker,
    Token,
    Way,
    Word,
)
from qs_jupyter.errors import did_you_mean

if TYPE_CHECKING:
    from qs_jupyter.api.table import Parameter

# Phrases of tutorials and of people in a hurry.
SHORT_FORMS = {"queue_start": ("start",)}


class Spoken(Protocol):
    """What the grammar has to know of a method: how it is said, and what it takes."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """The phrases as declared."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that words can set."""

    @property
    def parameter_names(self) -> list[str]:
        """All parameters, also those that no word sets."""


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A command of one tool that is no method: how it is said and what it does."""

    phrases: tuple[str, ...]
    doc: str
    parameters: tuple[Parameter, ...] = ()

    @property
    def parameter_names(self) -> list[str]:
        """Nothing is added to what the words say."""
        return []


@dataclass(frozen=True, slots=True)
class Command:
    """A method and the parameters to call it with."""

    method: str
    params: Params


@dataclass(frozen=True, slots=True)
class Expected:
    """What the next word may be: fixed ``words``, or ``kinds`` of words such as ``UID``."""

    words: tuple[str, ...]
    kinds: tuple[str, ...]
    may_end: bool = False

    def __str__(self) -> str:
        choices = [*self.words, *self.kinds, *(("nothing more",) if self.may_end else ())]
        if len(choices) < 2:
            return "".join(choices)
        return f"{', '.join(choices[:-1])} or {choices[-1]}"


@dataclass(slots=True)
class _Trace:
    """How far the words fitted, what would have gone on, and what was wrong inside a word."""

    reached: int = -1
    tokens: list[Token] = field(default_factory=list)
    may_end: bool = False
    error: PhraseError | None = None
    error_end: int = -1

    def note(self, index: int, token: Token | None) -> None:
        if index > self.reached:
            self.reached, self.tokens, self.may_end = index, [], False
        if index == self.reached and token is None:
            self.may_end = True
        elif index == self.reached and token is not None and token not in self.tokens:
            self.tokens.append(token)

    def refuse(self, end: int, error: PhraseError) -> None:
        """Remember what was wrong inside the words before ``end``."""
        if end > max(self.reached, self.error_end):
            self.error, self.error_end = error, end

    def complaint(self, words: Sequence[str]) -> PhraseError:
        """Return the error that explains best why the words are no command."""
        if self.error is not None and self.error_end > self.reached:
            return self.error
        return PhraseError(_complaint(words, self))

    def expected(self) -> Expected:
        words = tuple(token.text for token in self.tokens if isinstance(token, Word))
        kinds = dict.fromkeys(token.kind for token in self.tokens if isinstance(token, Free))
        return Expected(words, tuple(kinds), self.may_end)


@dataclass(frozen=True, slots=True)
class Part:
    """A plain word of a phrase with what it sets, or a slot."""

    content: Word | Slot
    optional: bool = False
    params: Params = field(default_factory=dict)

    @property
    def usage(self) -> str:
        """The part as people read it."""
        if isinstance(self.content, Word):
            return self.content.text
        usage = self.content.usage
        if self.optional and "[" not in usage:
            return f"[{usage}]"
        return f"({usage})" if " | " in usage else usage


@dataclass(frozen=True, slots=True)
class Phrase:
    """One compiled phrase of a method."""

    method: str
    parts: tuple[Part, ...]

    @classmethod
    def compile(
        cls,
        method: str,
        text: str,
        flags: Iterable[str] = (),
        slots: Mapping[str, Slot] = SLOTS,
    ) -> Phrase:
        """Return the phrase that a declaration spells."""
        parts = []
        for word in text.split():
            name = word.strip("{?}")
            if name == word:
                parts.append(Part(Word(word), params={word: True} if word in flags else {}))
            elif name in slots:
                parts.append(Part(slots[name], optional=word.endswith("?}")))
            else:
                raise ValueError(f"{method}: unknown slot {word}{did_you_mean(name, slots)}")
        return cls(method, tuple(parts))

    @property
    def usage(self) -> str:
        """The phrase as people read it, with the usage of each slot in its place."""
        return " ".join(part.usage for part in self.parts)

    def match(self, words: Sequence[str], speaker: Speaker, trace: _Trace) -> Params | None:
        """Return the parameters that all the words together stand for, None if they do not."""
        return next(self._match(0, words, 0, speaker, trace), None)

    def _match(
        self, index: int, words: Sequence[str], start: int, speaker: Speaker, trace: _Trace
    ) -> Iterator[Params]:
        if index == len(self.parts):
            trace.note(start, None)
            if start == len(words):
                yield {}
            return
        for params, end in _fill(self.parts[index], words, start, speaker, trace):
            for rest in self._match(index + 1, words, end, speaker, trace):
                yield merged(params, rest)


def _fill(
    part: Part, words: Sequence[str], start: int, speaker: Speaker, trace: _Trace
) -> Iterator[tuple[Params, int]]:
    """Yield the parameters and the end of each way to fill a part, the longest first."""
    if isinstance(part.content, Word):
        if (end := _fit((part.content,), words, start, trace)) is not None:
            yield part.params, end
        return
    slot = part.content
    yield from _fill_slot(slot, slot.ways, words, start, speaker, trace)
    if part.optional or slot.empty is not None:
        yield slot.empty or {}, start


def _fill_slot(
    slot: Slot,
    ways: Sequence[Way],
    words: Sequence[str],
    start: int,
    speaker: Speaker,
    trace: _Trace,
) -> Iterator[tuple[Params, int]]:
    for way in ways:
        end = _fit(way.tokens, words, start, trace)
        if end is None:
            continue
        try:
            params = way.build(words[start:end], speaker)
        except PhraseError as error:
            trace.refuse(end, error)
            continue
        if slot.repeated:
            # A flag counts once; pairs of free words may come again.
            is_flag = isinstance(way.tokens[0], Word)
            left = [other for other in ways if other is not way] if is_flag else ways
            for more, far_end in _fill_slot(slot, left, words, end, speaker, trace):
                yield merged(params, more), far_end
        yield params, end


def _fit(tokens: Iterable[Token], words: Sequence[str], start: int, trace: _Trace) -> int | None:
    index = start
    for token in tokens:
        trace.note(index, token)
        if index >= len(words) or not token.fits(words[index]):
            return None
        index += 1
    return index


def merged(first: Params, second: Params) -> Params:
    """Return both maps in one; maps inside are merged too."""
    result = dict(first)
    for key, value in second.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = {**result[key], **value}
        else:
            result[key] = value
    return result


class Grammar:
    """All phrases of a table of methods, with the slots that may stand in them."""

    def __init__(self, methods: Mapping[str, Spoken], slots: Mapping[str, Slot] = SLOTS) -> None:
        self._parameters = {name: method.parameter_names for name, method in methods.items()}
        self.phrases = [
            Phrase.compile(name, text, _flags(method), slots)
            for name, method in methods.items()
            for text in (*method.phrases, *SHORT_FORMS.get(name, ()))
        ]

    def read(self, words: Sequence[str], speaker: Speaker | None = None) -> Command:
        """Return the method and parameters that words stand for.

        Raises
        ------
        PhraseError
            The words are no command.
        """
        speaker = speaker or Speaker()
        trace = _Trace()
        for phrase in self.phrases:
            params = phrase.match(words, speaker, trace)
            if params is not None:
                return Command(phrase.method, self._complete(phrase.method, params, speaker))
        raise trace.complaint(words)

    def expected(self, words: Sequence[str]) -> Expected:
        """Return what may follow complete words."""
        trace = _Trace()
        speaker = Speaker(read_file=lambda _name: "", read_items=lambda _name: [])
        for phrase in self.phrases:
            phrase.match(words, speaker, trace)
        return trace.expected() if trace.reached == len(words) else Expected((), ())

    def complete(
        self,
        words: Sequence[str],
        begun: str = "",
        names: Callable[[str], Iterable[str]] | None = None,
    ) -> list[str]:
        """Return the words that may follow and begin as the last one does.

        ``names`` returns the words known of a kind (``UID``, ``PLAN``, ``FILE`` …).
        """
        expected = self.expected(words)
        found = list(expected.words)
        for kind in expected.kinds:
            found += ("front", "back") if kind == "POS" else ()
            found += names(kind) if names is not None else ()
        return [word for word in dict.fromkeys(found) if word.startswith(begun)]

    def _complete(self, method: str, params: Params, speaker: Speaker) -> Params:
        known = self._parameters[method]
        added = {"user": speaker.user, "user_group": speaker.user_group}
        if speaker.lock_key is not None:
            added["lock_key"] = speaker.lock_key
        missing = {
            name: value for name, value in added.items() if name in known and name not in params
        }
        return {**params, **missing}


def _flags(method: Spoken) -> list[str]:
    return [each.name for each in method.parameters if each.kind.type_name == "bool"]


def _complaint(words: Sequence[str], trace: _Trace) -> str:
    before = " ".join(words[: trace.reached])
    expected = trace.expected()
    place = f" after {before!r}" if before else ""
    if trace.reached >= len(words):
        return f"A word is missing{place}: {expected} is expected"
    word = words[trace.reached]
    hint = did_you_mean(word, expected.words)
    if trace.reached == 0:
        return f"Unknown command {word!r}{hint}: {expected} is expected"
    return f"Unexpected word {word!r}{place}{hint}: {expected} is expected"
