"""Which items are meant: whole UIDs, their beginnings, names of plans, ranges.

The manager knows only whole UIDs and positions. What people type instead is looked up in the
queue, the running item and the history before the request is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.plain import call_text
from qs_jupyter.magics.python_items import suggestion
from qs_jupyter.magics.wording import short_uid

WHOLE_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
RANGE = re.compile(r"(-?\d*):(-?\d*)")
# Eight digits are the beginning of a UID as it is shown, and no position.
POSITION = re.compile(r"[+-]?\d{1,7}|front|back")
SHORTEST = 4

# Parameters that name an item of the queue, by method; others are left alone.
_QUEUE_UIDS = ("uid", "before_uid", "after_uid")

Item = Mapping[str, Any]
Request = Callable[[str], Mapping[str, Any]]
Called = tuple[str, dict[str, Any]]


def resolved(method: str, params: Mapping[str, Any], request: Request) -> Called:
    """Return the request with whole UIDs; a range turns it into the request of a batch.

    Raises
    ------
    MagicFailure
        A word names no item, or several.
    """
    params = dict(params)
    if RANGE.fullmatch(str(params.get("uid", ""))):
        method, params = _batch(method, params, request)
    for name in _QUEUE_UIDS:
        if _is_short(params.get(name)):
            params[name] = find(params[name], _queue_items(request))["item_uid"]
    item = params.get("item")
    if isinstance(item, Mapping) and _is_short(item.get("item_uid")):
        found = chosen(_place(item["item_uid"]), _queue_items(request))
        params["item"] = {**item, "item_uid": found["item_uid"]}
    if method == "queue_item_status" and _is_short(params.get("item_uid")):
        everything = [*past_items(request), *_queue_items(request)]
        params["item_uid"] = find(params["item_uid"], everything, last=True)["item_uid"]
    if method == "history_clear" and _is_short(params.get("item_uid")):
        params["item_uid"] = find(params["item_uid"], past_items(request), last=True)["item_uid"]
    return method, params


def chosen(params: Mapping[str, Any], items: Sequence[Item], *, last: bool = False) -> Item:
    """Return the item that ``pos`` or ``uid`` name.

    Raises
    ------
    MagicFailure
        There is no such item, or more than one.
    """
    if RANGE.fullmatch(str(params.get("uid", ""))):
        raise MagicFailure(f"{params['uid']!r} are several items; one is expected here")
    if "pos" not in params:
        return find(params["uid"], items, last=last)
    pos = {"front": 0, "back": -1}.get(params["pos"], params["pos"])
    try:
        return items[int(pos)]
    except IndexError:
        raise MagicFailure(f"there is no item {pos} among {len(items)}") from None


def several(params: Mapping[str, Any], items: Sequence[Item], *, last: bool = False) -> list[Item]:
    """Return the items of a range, or the one item that ``pos`` or ``uid`` name.

    Raises
    ------
    MagicFailure
        There is no such item.
    """
    found = RANGE.fullmatch(str(params.get("uid", "")))
    return _in_range(found[0], items) if found else [chosen(params, items, last=last)]


def _in_range(word: str, items: Sequence[Item]) -> list[Item]:
    begin, end = (int(bound) if bound else None for bound in word.split(":"))
    found = list(items[begin:end])
    if not found:
        raise MagicFailure(f"there is no item in the range {word} of {len(items)}")
    return found


def _place(word: str) -> dict[str, Any]:
    """Return what a word names an item by: its position or its UID."""
    return {"pos": word} if POSITION.fullmatch(word) else {"uid": word}


def find(word: str, items: Sequence[Item], *, last: bool = False) -> Item:
    """Return the item with a UID, the beginning of one, or the name of its plan.

    With ``last``, the last of several items of a name is meant.

    Raises
    ------
    MagicFailure
        There is no such item, or more than one.
    """
    items = _once(items)
    begun = [item for item in items if str(item["item_uid"]).startswith(word)]
    found = begun if len(word) >= SHORTEST else []
    if not found:
        found = [item for item in items if item.get("name") == word]
        if last:
            found = found[-1:]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{short_uid(item)} {call_text(item)}" for item in found[:4])
        more = ", …" if len(found) > 4 else ""
        raise MagicFailure(f"{word!r} may be any of {len(found)} items: {several}{more}")
    if begun:
        raise MagicFailure(f"{word!r} is too short for a UID: {SHORTEST} characters at least")
    hint = suggestion(word, {str(item.get("name")) for item in items})
    raise MagicFailure(f"no item has the UID or the name {word!r}{hint}")


def _once(items: Iterable[Item]) -> list[Item]:
    """Return each item as it is found last: one that ended between two readings is in both."""
    latest: dict[str, Item] = {}
    for item in items:
        latest.pop(item["item_uid"], None)
        latest[item["item_uid"]] = item
    return list(latest.values())


def task_uid(word: str, known: Sequence[str]) -> str:
    """Return the UID of a task: the one that begins like that, without a word the latest.

    Raises
    ------
    MagicFailure
        There is no such task, or more than one.
    """
    if not word:
        if not known:
            raise MagicFailure("no task was begun from here")
        return known[-1]
    found = [uid for uid in known if uid.startswith(word)]
    if len(found) == 1 and len(word) >= SHORTEST:
        return found[0]
    # Tasks of before this notebook are known to the manager only.
    if WHOLE_UID.fullmatch(word):
        return word
    reason = f"may be any of {len(found)} tasks" if found else "is the UID of no task known here"
    raise MagicFailure(f"{word!r} {reason}")


def queued_items(request: Request) -> list[Item]:
    """Return the items of the queue."""
    return list(request("queue_get")["items"])


def past_items(request: Request) -> list[Item]:
    """Return the finished items, oldest first."""
    return list(request("history_get")["items"])


def _queue_items(request: Request) -> list[Item]:
    reply = request("queue_get")
    running = reply.get("running_item") or {}
    return [*reply["items"], *([running] if running else [])]


def _is_short(word: Any) -> bool:
    return isinstance(word, str) and not WHOLE_UID.fullmatch(word)


def _batch(method: str, params: dict[str, Any], request: Request) -> Called:
    batches = {
        "queue_item_remove": "queue_item_remove_batch",
        "queue_item_move": "queue_item_move_batch",
    }
    if method not in batches:
        raise MagicFailure(f"{params['uid']!r} are several items; one is expected here")
    items = _in_range(params.pop("uid"), queued_items(request))
    return batches[method], {**params, "uids": [item["item_uid"] for item in items]}
