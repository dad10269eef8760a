"""A line of text as words: JSON, Python calls and quoted text are one word each.

A word ends at a blank that stands in no bracket and in no quotes. So ``count([det1, det2],
num=10)`` is one word as typed, and ``'{"name": "count"}'`` is what the quotes hold, as in a
terminal. Quotes inside a word belong to it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qs_jupyter.api.phrase_slots import PhraseError

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "'\""


@dataclass(frozen=True, slots=True)
class TypedWord:
    """One word: what it says, where it begins, what of brackets and quotes is still open."""

    text: str
    start: int
    is_quoted: bool = False
    open: str = ""


def split(text: str) -> list[TypedWord]:
    """Return the words of a line; only the last one can be unfinished."""
    words = []
    index = 0
    while index < len(text):
        if text[index].isspace():
            index += 1
            continue
        word, index = _quoted(text, index) or _plain(text, index)
        words.append(word)
    return words


def finished(words: list[TypedWord]) -> list[TypedWord]:
    """Return the words when each is complete.

    Raises
    ------
    PhraseError
        A bracket or a quote is not closed.
    """
    if words and words[-1].open:
        what = "quote" if words[-1].open in _QUOTES else "bracket"
        raise PhraseError(f"the {what} {words[-1].open} of {words[-1].text!r} is not closed")
    return words


def is_silenced(text: str) -> bool:
    """Return whether a line or cell asks for no output, by a semicolon at its end."""
    return text.rstrip().endswith(";")


def without_semicolon(text: str) -> str:
    """Return the line without the semicolon at its end, which only silences the output."""
    bare = text.rstrip()
    return bare[:-1] if bare.endswith(";") else text


def expanded(word: TypedWord, variables: Mapping[str, Any]) -> str:
    """Return the word, or the value that it names as ``$name`` or ``{name}``.

    In braces may stand any expression, like ``{reply["task_uid"]}``; a map is left alone. A
    reply of the manager stands for the UID of its item or task.

    Raises
    ------
    PhraseError
        ``$name`` names no variable, or the value cannot be used.
    """
    text = word.text
    if word.is_quoted:
        return text
    if text.startswith("$") and text[1:].isidentifier():
        if text[1:] not in variables:
            raise PhraseError(f"there is no variable {text[1:]!r}")
        return _spelled(variables[text[1:]], text)
    expression = _in_braces(text)
    if expression is None or (isinstance(expression, ast.Name) and expression.id not in variables):
        return text
    code = compile(ast.Expression(expression), "<qserver>", "eval")
    try:
        value = eval(code, {}, dict(variables))  # the user's own words, in their own kernel
    except Exception as error:
        raise PhraseError(f"{text}: {type(error).__name__}: {error}") from error
    return _spelled(value, text)


def _in_braces(text: str) -> ast.expr | None:
    """Return the one expression in braces, None for everything else."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        display = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    is_one = isinstance(display, ast.Set) and len(display.elts) == 1
    return display.elts[0] if is_one and isinstance(display, ast.Set) else None


def _spelled(value: Any, text: str) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    item = value.get("item")
    uid = value.get("task_uid") or value.get("item_uid")
    if uid is None and isinstance(item, Mapping):
        uid = item.get("item_uid")
    if uid is None:
        raise PhraseError(f"{text} is the reply of a request that was about no item or task")
    return str(uid)


def _quoted(text: str, start: int) -> tuple[TypedWord, int] | None:
    """Return a word in quotes and its end; None when the quotes end inside the word."""
    quote = text[start]
    if quote not in _QUOTES:
        return None
    content = []
    index = start + 1
    while index < len(text) and text[index] != quote:
        # As in a terminal: only between double quotes a backslash has a meaning.
        if quote == '"' and text[index] == "\\" and text[index + 1 : index + 2] in ('"', "\\"):
            index += 1
        content.append(text[index])
        index += 1
    if index >= len(text):
        return TypedWord("".join(content), start, is_quoted=True, open=quote), index
    index += 1
    if index < len(text) and not text[index].isspace():
        return None
    return TypedWord("".join(content), start, is_quoted=True), index


def _plain(text: str, start: int) -> tuple[TypedWord, int]:
    brackets: list[str] = []
    index = start
    while index < len(text) and (brackets or not text[index].isspace()):
        letter = text[index]
        if letter in _QUOTES:
            end = end_of_string(text, index)
            if end is None:
                return TypedWord(text[start:], start, open=letter), len(text)
            index = end
            continue
        if letter in _CLOSING:
            brackets.append(letter)
        elif brackets and letter == _CLOSING[brackets[-1]]:
            brackets.pop()
        index += 1
    return TypedWord(text[start:index], start, open=brackets[-1] if brackets else ""), index


def end_of_string(text: str, start: int) -> int | None:
    """Return where the Python string that begins at ``start`` is over, None if it is not."""
    quote = text[start]
    index = start + 1
    while index < len(text):
        if text[index] == "\\":
            index += 2
            continue
        if text[index] == quote:
            return index + 1
        index += 1
    return None
