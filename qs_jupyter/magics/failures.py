"""Failures as one red line; the cell counts as failed, so "Run all" stops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qs_jupyter.client.connection import RequestRefused
from qs_jupyter.errors import QueueServerError

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"
LONGEST_LINE = 400


def one_line(text: str) -> str:
    """Return a text of several lines as one, not too long."""
    # Refusals of plans end with the whole item, which is what was typed.
    text = _readable(text.partition("\nPlan: {")[0])
    line = "; ".join(" ".join(part.split()) for part in text.splitlines() if part.strip())
    line = line.replace(":; ", ": ")
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …"


def _readable(text: str) -> str:
    """Return what a check of arguments by pydantic found, in words for people."""
    text = re.sub(r"\d+ validation errors? for Model\n", "", text)
    text = re.sub(r"(\S+)\n  (?=\S)", r"\1: ", text)
    return re.sub(r" \[type=\w+, input_value=(.*), input_type=\w+\]", r" (not \1)", text)


class MagicFailure(QueueServerError):  # noqa: N818 - the root of what people did, not of errors
    """Something that a person typed could not be done; shown without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback."""
        return [red_line(str(self))]


class RequestRejected(RequestRefused, MagicFailure):
    """The manager refused the request; ``reply`` is its whole answer."""

    def __init__(self, method: str, reply: Mapping[str, Any], text: str | None = None) -> None:
        RequestRefused.__init__(self, method, reply)
        if text is not None or not str(self):
            self.args = (text or f"the manager refused {method} without saying why",)


class NoManager(MagicFailure):
    """Nobody listens at the address."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"no manager at {address} (start one: %qserver launch; another address: "
            "%qserver connect ADDR)"
        )


class NoAnswer(MagicFailure):
    """Somebody listens at the address, and does not answer in time."""

    def __init__(self, address: str, timeout_s: float, *, is_sure: bool = True) -> None:
        found = "is there but" if is_sure else "perhaps:"
        reason = (
            "it is busy, or encoding or public key differ"
            if is_sure
            else "it does not run, is busy, or address, encoding or public key differ"
        )
        super().__init__(
            f"the manager at {address} {found} gave no answer within {timeout_s:g} s ({reason}; "
            "wait longer: -t SECONDS)"
        )


class PlanEndedBadly(MagicFailure):
    """The plan that was waited for did not complete; ``item`` is its entry in the history."""

    def __init__(self, text: str, item: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.item = dict(item)


class TaskEndedBadly(MagicFailure):
    """The task that was waited for failed; ``reply`` is its result."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        self.reply = dict(reply)
        result = reply.get("result") or {}
        reason = result.get("msg") or "no reason is known"
        super().__init__(f"the task failed: {reason}")
        self._traceback = str(result.get("traceback") or "")

    def _render_traceback_(self) -> list[str]:
        """Return the traceback of the worker before the line that sums it up."""
        return [*self._traceback.splitlines(), *super()._render_traceback_()]


class WaitEnded(MagicFailure):
    """The wait was interrupted; the manager goes on."""

    def __init__(self) -> None:
        super().__init__("no longer waiting; the manager goes on")


def red_line(text: str) -> str:
    """Return the line that tells of a failure."""
    return f"{_RED}qserver: {one_line(text)}{_PLAIN}"
