"""How a job ended: errors as text for people, values that are no JSON as a short description."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qs_kernel_worker.execution import user_traceback

MAX_REPR = 500

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class ErrorText:
    """An exception as a client reads it."""

    msg: str
    traceback: str


def describe_error(error: BaseException) -> ErrorText:
    """Return message and traceback of an exception, without colours and our own frames."""
    return ErrorText(_ANSI.sub("", _message(error)), _ANSI.sub("", user_traceback(error)))


def _message(error: BaseException) -> str:
    """Return the text of an exception; its class where it has none, as a bare ``assert``."""
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 - user classes may raise anything here
        return f"{type(error).__name__} (its text failed: {type(second).__name__})"
    return text or type(error).__name__


def short_repr(value: object) -> str:
    """Return the representation of any object, cut to a bearable length."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - the __repr__ of user code may raise anything
        text = f"<{type(value).__name__} without a representation: {error}>"
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 1] + "…"
