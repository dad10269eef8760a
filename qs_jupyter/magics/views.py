"""Which view a reply has, by its method."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.client.estimates import total_in_words
from qs_jupyter.magics import described, item_views, worker_views
from qs_jupyter.magics.display import Badge, Look, Reply, Table, View
from qs_jupyter.magics.item_views import hints
from qs_jupyter.magics.wording import badge, count, local_time

Data = Mapping[str, Any]
Facts = Mapping[str, Any]
MakeView = Callable[[Data, Look, Facts], View]


WORTH_A_CLOCK_S = 300.0


def reply_of(method: str, reply: Data, look: Look, **facts: Any) -> Reply:
    """Return a reply that shows itself as fits its method."""
    view = _VIEWS.get(method, _anything)(reply, look, facts)
    return Reply(method, reply, view)


# ----------------------------------------------------------------------------------- the status


def _status(reply: Data, look: Look, facts: Facts) -> View:
    running = look.mirror.running_item
    is_shown = running and running.get("item_uid") == reply.get("running_item_uid")
    badges = [
        badge("manager", reply.get("manager_state")),
        *([item_views.running_badge(running, look)] if is_shown else []),
        badge("environment", _environment(reply)),
        badge("Run Engine", reply.get("re_state") or "none"),
        badge("queue", _queue_words(reply, look)),
        badge("history", reply.get("items_in_history")),
        _lock_badge(reply.get("lock") or {}),
        *(Badge("mode", word, "busy") for word in _modes(reply)),
    ]
    report = reply.get("environment_report")
    texts = []
    if isinstance(report, Mapping) and report.get("ok") is False:
        texts.append(f"The environment could not be opened: {report.get('msg')}")
    return View(str(facts.get("title") or reply.get("msg", "")), badges, texts=texts)


def _queue_done(reply: Data, look: Look, facts: Facts) -> View:
    """Show what has ended during a wait, and the status at its end."""
    ended = reply.get("ended") or []
    states = Counter((item.get("result") or {}).get("exit_status") for item in ended)
    words = ", ".join(f"{number} {state}" for state, number in states.items())
    if len(states) == 1:
        words = f"{count(len(ended), 'plan')} {next(iter(states))}"
    elif ended:
        words = f"{count(len(ended), 'plan')} ended: {words}"
    number = reply.get("items_in_queue") or 0
    rest = f"; {count(number, 'item')} left in the queue" if number else ""
    title = f"{words or 'No plan has run meanwhile'}{rest}"
    return _status(reply, look, {**facts, "title": title})


def _environment(reply: Data) -> Any:
    state = reply.get("worker_environment_state")
    return state if reply.get("worker_environment_exists") else _opening(reply) or "closed"


def _opening(reply: Data) -> str | None:
    state = str(reply.get("manager_state"))
    return state if state.endswith("_environment") else None


def _queue_words(reply: Data, look: Look) -> str:
    number = reply.get("items_in_queue")
    items = look.mirror.queue
    seconds, unknown = look.mirror.estimates.queue_seconds(items)
    # The mirror may be a moment behind the reply.
    if not seconds or len(items) != number:
        return str(number)
    return f"{number}, {total_in_words(seconds, unknown)}{_end_words(reply, look)}"


def _end_words(reply: Data, look: Look) -> str:
    """Return when the queue that runs will be done, if that is worth a look at the clock."""
    seconds, unknown = look.mirror.queue_left(look.now)
    if reply.get("manager_state") != "executing_queue" or unknown or seconds < WORTH_A_CLOCK_S:
        return ""
    return f", done at about {local_time(look.now + seconds, look.now)[:-3]}"


def _lock_badge(lock: Data) -> Badge:
    locked = [name for name in ("environment", "queue") if lock.get(name)]
    return Badge("lock", " and ".join(locked) or "none", "bad" if locked else "plain")


def _modes(reply: Data) -> list[str]:
    modes = [name for name, on in (reply.get("plan_queue_mode") or {}).items() if on]
    pending = {
        "stop pending": "queue_stop_pending",
        "pause pending": "pause_pending",
        "autostart": "queue_autostart_enabled",
    }
    return [
        *(mode.replace("_", " ") for mode in modes),
        *(word for word, name in pending.items() if reply.get(name)),
    ]


# ------------------------------------------------------------------------------ lock and groups


def _lock_info(reply: Data, look: Look, _facts: Facts) -> View:
    info = reply.get("lock_info") or {}
    locked = [name for name in ("environment", "queue") if info.get(name)]
    if not locked:
        return View("Not locked")
    badges = [Badge("locked", " and ".join(locked), "bad")]
    since = local_time(info.get("time"), look.now)
    badges += [
        Badge(label, str(text))
        for label, text in (("by", info.get("user")), ("since", since), ("note", info.get("note")))
        if text
    ]
    return View("", badges, hints=["Unlock, with its key: %qserver unlock"])


_RULES = ("plans", "devices", "functions")


def _permissions(reply: Data, _look: Look, _facts: Facts) -> View:
    groups = (reply.get("user_group_permissions") or {}).get("user_groups") or {}
    rows = [
        (name, what, _patterns(rules, f"allowed_{what}"), _patterns(rules, f"forbidden_{what}"))
        for name, rules in groups.items()
        for what in _RULES
    ]
    table = [Table(("group", "of these", "may use", "but not"), rows)] if rows else []
    return View(
        count(len(groups), "group"),
        (),
        table,
        hints=["What this means for a group: %qserver -g GROUP allowed plans"],
    )


def _patterns(rules: Data, key: str) -> str:
    # An empty pattern stands for everything where it allows, for nothing where it forbids.
    nothing = "anything" if key.startswith("allowed") else ""
    return ", ".join(nothing if each is None else str(each) for each in rules.get(key) or ())


# --------------------------------------------------------------------------------------- others


def _done(title: str, next_step: str = "") -> MakeView:
    steps = [next_step] if next_step else []
    return lambda _reply, _look, facts: View(title, hints=[*steps, *hints(facts)])


def _turned(word: str) -> MakeView:
    return lambda reply, _look, _facts: View(
        f"{word}: {reply.get('edit')}", [badge("queue", reply.get("qsize"))]
    )


def _history_cleared(_reply: Data, _look: Look, facts: Facts) -> View:
    params = facts.get("params") or {}
    if params.get("size"):
        return View(f"The history keeps its newest {count(params['size'], 'item')}")
    if params.get("item_uid"):
        return View(f"The history begins after {str(params['item_uid'])[:8]}")
    return View("Cleared the history")


def _autostart(_reply: Data, _look: Look, facts: Facts) -> View:
    if (facts.get("params") or {}).get("enable"):
        return View("Autostart is on: the queue starts by itself when it can")
    return View("Autostart is off")


def _mode(_reply: Data, _look: Look, facts: Facts) -> View:
    mode = (facts.get("params") or {}).get("mode") or {}
    if mode == "default":
        return View("Queue mode: as by default")
    words = [f"{name.replace('_', ' ')} {'on' if on else 'off'}" for name, on in mode.items()]
    return View(f"Queue mode: {', '.join(words) or 'nothing changed'}")


def _pause(_reply: Data, _look: Look, facts: Facts) -> View:
    is_immediate = (facts.get("params") or {}).get("option") == "immediate"
    when = "now, and goes back to its last checkpoint" if is_immediate else "at its next checkpoint"
    return View(
        f"The plan pauses {when}",
        hints=["Wait: %qserver wait paused. Then: %qserver re resume, stop, abort or halt"],
    )


def _anything(reply: Data, _look: Look, facts: Facts) -> View:
    """Show what a reply holds beyond its success: fields, and maps as JSON."""
    texts = [str(reply["msg"])] if reply.get("msg") else []
    badges = []
    for name, value in reply.items():
        if name in ("success", "msg") or (name.endswith("_uid") and name != "task_uid"):
            continue
        if isinstance(value, Mapping | list):
            texts.append(f"{name}: {json.dumps(value, indent=2, default=str)}")
        else:
            badges.append(badge(name, value))
    if not badges and not texts:
        return View("Accepted" if facts.get("starts") else "Done", hints=hints(facts))
    return View("", badges, texts=texts)


_VIEWS: dict[str, MakeView] = {
    "ping": _status,
    "status": _status,
    "wait_queue": _queue_done,
    "queue_get": item_views.queue,
    "history_get": item_views.history,
    "queue_item_add": item_views.added,
    "queue_item_add_batch": item_views.added_batch,
    "queue_item_get": item_views.one_item(""),
    "queue_item_remove": item_views.one_item("Removed"),
    "queue_item_move": item_views.one_item("Moved"),
    "queue_item_update": item_views.one_item("Changed to"),
    "queue_item_execute": item_views.one_item("Executing"),
    "queue_item_get_batch": item_views.several_items(""),
    "queue_item_remove_batch": item_views.several_items("Removed"),
    "queue_item_move_batch": item_views.several_items("Moved"),
    "queue_clear": _done("Cleared the queue"),
    "queue_start": _done("The queue starts", "Wait until it is done: %qserver wait"),
    "queue_stop": _done("The queue stops when the running plan has ended"),
    "queue_stop_cancel": _done("The queue goes on"),
    "environment_open": _done("The environment is being opened", "Wait: %qserver wait env"),
    "environment_close": _done("The environment is being closed"),
    "environment_destroy": _done("The environment is being destroyed"),
    "re_pause": _pause,
    "re_resume": _done("The plan goes on"),
    "re_stop": _done("The plan is being stopped, and counts as a success"),
    "re_abort": _done("The plan is being aborted, and counts as failed"),
    "re_halt": _done("The plan is being halted, without cleaning up"),
    "queue_mode_set": _mode,
    "queue_autostart": _autostart,
    "queue_undo": _turned("Taken back"),
    "queue_redo": _turned("Made again"),
    "history_clear": _history_cleared,
    "plans_allowed": described.plans,
    "plans_existing": described.plans,
    "devices_allowed": described.devices,
    "devices_existing": described.devices,
    "permissions_get": _permissions,
    "permissions_set": _done("The permissions are replaced"),
    "permissions_reload": _done("The permissions are read again"),
    "lock": _lock_info,
    "unlock": _lock_info,
    "lock_info": _lock_info,
    "task_status": worker_views.task,
    "task_result": worker_views.task,
    "re_runs": worker_views.runs,
    "re_metadata": worker_views.metadata,
    "function_execute": worker_views.begun_task,
    "script_upload": worker_views.begun_task,
    "environment_update": worker_views.begun_task,
    "kernel_interrupt": _done("The worker is interrupted"),
    "config_get": worker_views.config,
    "environment_report": worker_views.opening,
    "queue_item_status": item_views.whereabouts,
    "queue_item_check": item_views.checked,
}
