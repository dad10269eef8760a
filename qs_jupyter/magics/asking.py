"""The few questions that ``%qserver`` asks: before a running plan would be killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.api.methods import METHODS
from qs_jupyter.magics.failures import MagicFailure

_BUSY = ("executing_queue", "paused", "starting_queue")

Status = Mapping[str, Any]


def question(method: str, params: Mapping[str, Any], status: Callable[[], Status]) -> str | None:
    """Return what to ask before a request is sent, None for all that kill no running plan."""
    deeds = {
        "environment_destroy": "destroy the environment",
        "manager_stop": "stop manager and worker" if params.get("option") == "safe_off" else None,
        "manager_kill": "kill the manager",
    }
    deed = deeds.get(method)
    if deed is None or status().get("manager_state") not in _BUSY:
        return None
    return f"A plan is running. Really {deed}? [y/N] "


def confirm(text: str, ask: Callable[[str], str]) -> None:
    """Ask; anything but yes is a failure.

    Raises
    ------
    MagicFailure
        The answer was no, or nobody can be asked.
    """
    try:
        answer = ask(text)
    except (EOFError, NotImplementedError):
        raise MagicFailure(
            "a plan is running, which this would kill, and nobody can be asked here: add -y"
        ) from None
    if answer.strip().lower() not in ("y", "yes"):
        raise MagicFailure("nothing was done")


def way_back(method: str) -> str | None:
    """Return how to take a deed back that throws something away, if that is possible."""
    lossy = ("queue_clear", "queue_item_remove", "queue_item_remove_batch")
    if method in lossy and "queue_undo" in METHODS:
        return "Undo: %qserver queue undo"
    return None
