"""How items look: queued, running, finished, added and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qs_jupyter.client.estimates import in_words, total_in_words
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.display import Badge, Cell, Look, Table, View
from qs_jupyter.magics.failures import one_line
from qs_jupyter.magics.plain import call_text
from qs_jupyter.magics.wording import badge, count, duration, local_time, short_uid

Data = Mapping[str, Any]
Facts = Mapping[str, Any]

BACK = "at the back"


# ------------------------------------------------------------------------------------ the queue


def queue(reply: Data, look: Look, _facts: Facts) -> View:
    """Show the queue, and what runs."""
    items = reply.get("items") or []
    running = reply.get("running_item") or {}
    badges = [Badge("queue", queue_words(items, look))]
    if running:
        badges.append(running_badge(running, look))
    return View("", badges, [item_table(items, look)] if items else [])


def queue_words(items: Sequence[Data], look: Look) -> str:
    """Return how many items there are and how long they will take, if anything is known."""
    seconds, unknown = look.mirror.estimates.queue_seconds(items)
    words = count(len(items), "item")
    return f"{words}, {total_in_words(seconds, unknown)}" if seconds else words


def running_badge(item: Data, look: Look) -> Badge:
    """Show the running item with its progress."""
    words = [call_text(item, look.names), progress_words(look.mirror, look.now)]
    return Badge("running", ", ".join(word for word in words if word), "busy")


def progress_words(mirror: Mirror, now: float) -> str:
    """Return how far the running item is: points, and the time that is left."""
    runs = mirror.live.of_item(str(mirror.running_item.get("item_uid")))
    words = []
    if runs and runs[-1].points_total:
        words.append(f"{runs[-1].points_done} of {runs[-1].points_total} points")
    left = mirror.running_left(now)
    if left:
        words.append(f"{total_in_words(left, 0)} left")
    return ", ".join(words)


def item_table(items: Sequence[Data], look: Look) -> Table:
    """Show items with their places, and how long they will take if that is known of any."""
    shown = items[: look.rows]
    times = [time_words(item, look) for item in shown]
    has_times = any(time not in ("", "unknown") for time in times)
    headings = ("#", "item", *(("takes about",) if has_times else ()), "user", "UID")
    rows = [
        (
            str(index),
            call_text(item, look.names),
            *((time,) if has_times else ()),
            str(item.get("user", "")),
            short_uid(item),
        )
        for index, (item, time) in enumerate(zip(shown, times, strict=True))
    ]
    return Table(headings, rows, hidden=len(items) - len(shown))


def time_words(item: Data, look: Look) -> str:
    """Return how long a plan will take, nothing for what is no plan."""
    if item.get("item_type") == "instruction":
        return ""
    seconds = look.mirror.estimates.seconds(item)
    return "unknown" if seconds is None else in_words(seconds)


# ---------------------------------------------------------------------------------- the history


def history(reply: Data, look: Look, _facts: Facts) -> View:
    """Show finished items, the newest first, and why the last failures happened."""
    items = reply.get("items") or []
    newest = list(enumerate(items))[::-1][: look.rows]
    rows = [_past_row(index, item, look) for index, item in newest]
    headings = ("#", "plan", "state", "ended", "took", "user", "UID")
    tables = [Table(headings, rows, hidden=len(items) - len(rows))] if rows else []
    failures = [item for _, item in newest if _message(item)]
    return View(
        "",
        [Badge("history", count(len(items), "item"))],
        tables,
        folded=[failure(item, look) for item in failures[:3]],
    )


def _past_row(index: int, item: Data, look: Look) -> tuple[Cell, ...]:
    result = item.get("result") or {}
    start, stop = result.get("time_start"), result.get("time_stop")
    took = ""
    if isinstance(start, int | float) and isinstance(stop, int | float):
        took = duration(stop - start)
    return (
        str(index),
        call_text(item, look.names),
        badge("", result.get("exit_status", "")),
        local_time(stop, look.now),
        took,
        str(item.get("user", "")),
        short_uid(item),
    )


def failure(item: Data, look: Look) -> tuple[str, str]:
    """Return why a plan failed, as a caption and the whole story."""
    result = item.get("result") or {}
    caption = f"{short_uid(item)} {call_text(item, look.names)}: {_message(item)}"
    return one_line(caption), str(result.get("traceback") or result.get("msg"))


def _message(item: Data) -> str:
    result = item.get("result") or {}
    is_bad = result.get("exit_status") in ("failed", "unknown")
    return str(result.get("msg") or "") if is_bad else ""


# ------------------------------------------------------------------------ what was done to items


def added(reply: Data, look: Look, facts: Facts) -> View:
    """Show an item that is new in the queue."""
    item = reply.get("item") or {}
    title = f"Added {call_text(item, look.names)} {facts.get('place') or BACK}"
    time = time_words(item, look)
    badges = [Badge("UID", short_uid(item)), badge("queue", reply.get("qsize"))]
    if item.get("item_type") != "instruction":
        badges.append(Badge("takes about", time))
    return View(title, badges)


def added_batch(reply: Data, look: Look, facts: Facts) -> View:
    """Show items that are new in the queue."""
    items = reply.get("items") or []
    seconds, unknown = look.mirror.estimates.queue_seconds(items)
    title = f"Added {count(len(items), 'item')} {facts.get('place') or BACK}"
    badges = [badge("queue", reply.get("qsize"))]
    if seconds:
        badges.append(Badge("they take", total_in_words(seconds, unknown)))
    return View(title, badges, [item_table(items, look)] if items else [])


def one_item(word: str) -> Callable[[Data, Look, Facts], View]:
    """Return the view of an item that something was done to."""

    def view(reply: Data, look: Look, facts: Facts) -> View:
        item = reply.get("item") or {}
        badges = [Badge("UID", short_uid(item)), Badge("user", str(item.get("user", "")))]
        if "qsize" in reply:
            badges.append(badge("queue", reply["qsize"]))
        result = item.get("result") or {}
        if result:
            badges.insert(0, badge("state", result.get("exit_status")))
        folded = [failure(item, look)] if _message(item) else []
        title = f"{word} {call_text(item, look.names)}".strip()
        return View(title, badges, folded=folded, hints=hints(facts))

    return view


def whereabouts(reply: Data, look: Look, facts: Facts) -> View:
    """Show where an item is."""
    state = str(reply.get("state")).replace("_", " ")
    item = reply.get("item") or {}
    if not item:
        return View(f"The item {str(reply.get('item_uid'))[:8]} is {state}")
    shown = one_item("")({"item": item}, look, facts)
    place = [badge("place", reply["pos"])] if reply.get("pos") is not None else []
    return replace(shown, badges=[badge("it is", state), *place, *shown.badges])


def checked(reply: Data, look: Look, facts: Facts) -> View:
    """Show which items could be added, and why the others could not."""
    results = reply.get("results") or []
    items = (facts.get("params") or {}).get("items") or []
    rows = [
        (str(index), call_text(item, look.names), one_line(str(result.get("msg"))))
        for index, (item, result) in enumerate(zip(items, results, strict=False))
        if not result.get("success")
    ]
    good = count(len(results) - len(rows), "item")
    if not rows:
        return View(f"{good} could be added; nothing was sent to the queue")
    title = f"{good} could be added, {len(rows)} could not; nothing was sent to the queue"
    table = Table(("#", "item", "reason"), rows[: look.rows], len(rows) - look.rows)
    return View(title, tables=[table])


def several_items(word: str) -> Callable[[Data, Look, Facts], View]:
    """Return the view of items that something was done to."""

    def view(reply: Data, look: Look, facts: Facts) -> View:
        items = reply.get("items") or []
        tables = [item_table(items, look)] if items else []
        return View(f"{word} {count(len(items), 'item')}".strip(), (), tables, hints=hints(facts))

    return view


def hints(facts: Facts) -> list[str]:
    """Return what to do next, as far as there is something."""
    return [str(facts["hint"])] if facts.get("hint") else []
