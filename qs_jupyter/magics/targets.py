"""From the words behind ``wait`` to what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qs_jupyter.magics import waiting
from qs_jupyter.magics.selection import find
from qs_jupyter.magics.session import Session


def goal_of(session: Session, params: Mapping[str, Any]) -> tuple[waiting.Goal, str]:
    """Return the goal, and the method whose reply its result looks like.

    Raises
    ------
    MagicFailure
        The item that is named is not there.
    """
    target = params.get("target", "queue")
    if target == "item":
        return waiting.item_ended(_item_uid(session, params["uid"])), "queue_item_get"
    if target == "task":
        uid = params["task_uid"]
        status = session.request("task_status", {"task_uid": uid})["status"]
        return waiting.task_ended(uid, status != "running"), "task_result"
    goals = {
        "idle": waiting.idle,
        "queue": waiting.queue_done,
        "env": waiting.environment_open,
    }
    return goals[target](), "status"


def _item_uid(session: Session, word: str) -> str:
    queue = session.request("queue_get")
    history = session.request("history_get")
    items = [*queue["items"], *history["items"]]
    if queue.get("running_item"):
        items.append(queue["running_item"])
    return str(find(word, items)["item_uid"])
