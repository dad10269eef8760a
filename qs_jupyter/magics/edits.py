"""What this notebook did to the queue, so that undo takes nobody else's work back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qs_jupyter.magics.failures import MagicFailure

UNDO, REDO = "queue_undo", "queue_redo"


class Edits:
    """The edits of one queue: each is the UID that the queue had right after it."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._undone: list[str] = []

    def expected(self, method: str) -> dict[str, str]:
        """Return the parameter with which undo or redo turns an edit of ours, or nothing.

        Raises
        ------
        MagicFailure
            There is no edit of ours.
        """
        if method not in (UNDO, REDO):
            return {}
        edits = self._done if method == UNDO else self._undone
        if not edits:
            word = method.removeprefix("queue_")
            raise MagicFailure(
                f"there is no edit of this notebook to {word} (%qserver -y queue {word} turns "
                "the last one, whoever made it)"
            )
        return {"plan_queue_uid": edits[-1]}

    def note(self, method: str, reply: Mapping[str, Any]) -> None:
        """Remember the edit that a reply is about."""
        uid = reply.get("plan_queue_uid")
        if not uid:
            return
        if method not in (UNDO, REDO):
            self._done.append(str(uid))
            self._undone.clear()
            return
        source, target = (
            (self._done, self._undone) if method == UNDO else (self._undone, self._done)
        )
        if source:
            source.pop()
        target.append(str(uid))
