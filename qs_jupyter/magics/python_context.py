"""Where the cursor is in unfinished Python code: in which call, at which parameter."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from qs_jupyter.magics.words import end_of_string

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_KEYWORD = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)")
_BEGUN = re.compile(r"[A-Za-z_][\w.]*$")


@dataclass(frozen=True, slots=True)
class Place:
    """The innermost call of a plan around the cursor.

    ``plan`` is None outside of such calls. ``index`` counts the arguments before the cursor,
    ``keyword`` is the name in front of the value that is being typed. ``is_direct`` tells that
    the cursor is in no list or other bracket of the call. ``string`` holds what is typed of a
    text in quotes, else None.
    """

    plan: str | None = None
    index: int = 0
    keyword: str | None = None
    used: Collection[str] = ()
    is_direct: bool = True
    begun: str = ""
    string: str | None = None


@dataclass(slots=True)
class _Bracket:
    kind: str
    callee: str | None
    arguments: list[str] = field(default_factory=lambda: [""])


def place_in(text: str, plans: Collection[str]) -> Place:
    """Return where the end of the text is, with regard to calls of plans."""
    open_brackets, string = _scan(text)
    begun_match = _BEGUN.search(text) if string is None else None
    begun = begun_match.group() if begun_match else ""
    for depth, bracket in enumerate(reversed(open_brackets)):
        if bracket.callee is None or bracket.callee not in plans:
            continue
        keywords = [_KEYWORD.match(argument) for argument in bracket.arguments]
        current = keywords[-1]
        return Place(
            plan=bracket.callee,
            index=len(bracket.arguments) - 1,
            keyword=current.group(1) if current else None,
            used={match.group(1) for match in keywords[:-1] if match},
            is_direct=depth == 0,
            begun=begun,
            string=string,
        )
    return Place(begun=begun, string=string)


def _scan(text: str) -> tuple[list[_Bracket], str | None]:
    """Return the brackets that are open at the end, and what is typed of a string there."""
    brackets: list[_Bracket] = []
    index = 0
    while index < len(text):
        letter = text[index]
        end = index + 1
        if letter in "'\"":
            found = end_of_string(text, index)
            newline = text.find("\n", index)
            if found is None or 0 <= newline < found:
                if newline < 0:
                    return brackets, text[index + 1 :]
                found = newline
            end = found
        elif letter == "#":
            newline = text.find("\n", index)
            end = len(text) if newline < 0 else newline
            index = end
            continue
        _take(text, index, end, brackets)
        index = end
    return brackets, None


def _take(text: str, start: int, end: int, brackets: list[_Bracket]) -> None:
    letter = text[start]
    if letter in _CLOSING:
        if brackets:
            brackets[-1].arguments[-1] += letter
        brackets.append(_Bracket(letter, _name_before(text, start) if letter == "(" else None))
    elif brackets and letter == _CLOSING[brackets[-1].kind]:
        brackets.pop()
        if brackets:
            brackets[-1].arguments[-1] += letter
    elif brackets and letter == ",":
        brackets[-1].arguments.append("")
    elif brackets:
        brackets[-1].arguments[-1] += text[start:end]


def _name_before(text: str, end: int) -> str | None:
    """Return the name in front of a bracket."""
    start = end
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_."):
        start -= 1
    return text[start:end] or None
