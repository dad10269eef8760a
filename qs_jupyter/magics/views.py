"""Which view a reply has, by its method."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from qs_jupyter.magics.display import Badge, Look, Reply, Table, View
from qs_jupyter.magics.plain import call_text

Data = Mapping[str, Any]

SHORT_UID = 8
_SECRETS = ("key", "curve_secretkey")
_BUSY = ("executing_queue", "starting_queue", "executing_task", "running")
_TONES = {
    **dict.fromkeys(_BUSY, "busy"),
    "idle": "good",
    "open": "good",
    "paused": "bad",
    "panicked": "bad",
    "completed": "good",
    **dict.fromkeys(("failed", "aborted", "halted", "unknown"), "bad"),
}


def reply_of(method: str, reply: Data, look: Look, **facts: Any) -> Reply:
    """Return a reply that shows itself as fits its method."""
    view = _VIEWS.get(method, _anything)(reply, look, facts)
    return Reply(method, reply, view, look)


def short_uid(item: Data) -> str:
    """Return the beginning of an item's UID, by which it can be named."""
    return str(item.get("item_uid", ""))[:SHORT_UID]


def local_time(moment: Any) -> str:
    """Return a time as people read it."""
    if not isinstance(moment, int | float):
        return ""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _badge(label: str, value: Any) -> Badge:
    text = str(value)
    return Badge(label, text.replace("_", " "), _TONES.get(text, "plain"))


def _status(reply: Data, _look: Look, _facts: Data) -> View:
    lock = reply.get("lock") or {}
    locked = [name for name in ("environment", "queue") if lock.get(name)]
    mode = [name for name, on in (reply.get("plan_queue_mode") or {}).items() if on]
    pending = [
        label
        for label, name in (
            ("stop pending", "queue_stop_pending"),
            ("pause pending", "pause_pending"),
            ("autostart", "queue_autostart_enabled"),
        )
        if reply.get(name)
    ]
    environment = (
        reply.get("worker_environment_state")
        if reply.get("worker_environment_exists")
        else "closed"
    )
    badges = [
        _badge("manager", reply.get("manager_state")),
        _badge("environment", environment),
        _badge("Run Engine", reply.get("re_state") or "none"),
        _badge("queue", reply.get("items_in_queue")),
        _badge("history", reply.get("items_in_history")),
        Badge("lock", " and ".join(locked) or "none", "bad" if locked else "plain"),
        *(Badge("mode", name.replace("_", " "), "busy") for name in (*mode, *pending)),
    ]
    report = reply.get("environment_report")
    texts = []
    if isinstance(report, Mapping) and report.get("ok") is False:
        texts.append(f"The environment could not be opened: {report.get('msg')}")
    return View(str(reply.get("msg", "")), badges, texts=texts)


def _queue(reply: Data, look: Look, _facts: Data) -> View:
    items = reply.get("items") or []
    running = reply.get("running_item") or {}
    badges = [Badge("queue", _count(len(items), "item"))]
    if running:
        badges.append(Badge("running", call_text(running, look.names), "busy"))
    return View("", badges, [_item_table(items, look)] if items else [])


def _item_table(items: Sequence[Data], look: Look) -> Table:
    rows = [
        (str(index), call_text(item, look.names), str(item.get("user", "")), short_uid(item))
        for index, item in enumerate(items)
    ]
    return Table(("#", "item", "user", "UID"), rows)


def _history(reply: Data, look: Look, _facts: Data) -> View:
    items = reply.get("items") or []
    rows = [_past_row(index, item, look) for index, item in enumerate(items)]
    # The newest are the interesting ones, so they come first.
    table = Table(("#", "plan", "state", "ended", "took", "user", "UID"), rows[::-1])
    return View("", [Badge("history", _count(len(items), "item"))], [table] if rows else [])


def _past_row(index: int, item: Data, look: Look) -> tuple[str, ...]:
    result = item.get("result") or {}
    start, stop = result.get("time_start"), result.get("time_stop")
    took = duration(stop - start) if isinstance(start, float) and isinstance(stop, float) else ""
    return (
        str(index),
        call_text(item, look.names),
        str(result.get("exit_status", "")),
        local_time(stop),
        took,
        str(item.get("user", "")),
        short_uid(item),
    )


def _added(reply: Data, look: Look, facts: Data) -> View:
    item = reply.get("item") or {}
    place = facts.get("place") or "at the back"
    title = f"Added {call_text(item, look.names)} {place}"
    return View(title, [Badge("UID", short_uid(item)), _badge("queue", reply.get("qsize"))])


def _added_batch(reply: Data, look: Look, facts: Data) -> View:
    items = reply.get("items") or []
    place = facts.get("place") or "at the back"
    title = f"Added {_count(len(items), 'item')} {place}"
    tables = [_item_table(items, look)] if items else []
    return View(title, [_badge("queue", reply.get("qsize"))], tables)


def _one_item(word: str) -> Callable[[Data, Look, Data], View]:
    def view(reply: Data, look: Look, facts: Data) -> View:
        item = reply.get("item") or {}
        badges = [Badge("UID", short_uid(item)), Badge("user", str(item.get("user", "")))]
        if "qsize" in reply:
            badges.append(_badge("queue", reply["qsize"]))
        title = f"{word} {call_text(item, look.names)}".strip()
        return View(title, badges, texts=_hints(facts))

    return view


def _several_items(word: str) -> Callable[[Data, Look, Data], View]:
    def view(reply: Data, look: Look, facts: Data) -> View:
        items = reply.get("items") or []
        tables = [_item_table(items, look)] if items else []
        return View(f"{word} {_count(len(items), 'item')}", (), tables, _hints(facts))

    return view


def _plans(reply: Data, look: Look, _facts: Data) -> View:
    plans = _first_map(reply)
    rows = [
        (name, signature(plan), str(plan.get("description", "")).partition("\n")[0])
        for name, plan in sorted(plans.items())
    ]
    table = Table(("plan", "parameters", "description"), rows)
    return View(_count(len(plans), "plan"), (), [table] if rows else [])


def signature(plan: Data) -> str:
    """Return the parameters of a described plan as in Python, types left out."""
    marks = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    parts = []
    is_bare_star_due = True
    for parameter in plan.get("parameters") or []:
        kind = (parameter.get("kind") or {}).get("name", "")
        if kind == "KEYWORD_ONLY" and is_bare_star_due:
            parts.append("*")
        if kind in ("KEYWORD_ONLY", "VAR_POSITIONAL"):
            is_bare_star_due = False
        default = f"={parameter['default']}" if "default" in parameter else ""
        parts.append(f"{marks.get(kind, '')}{parameter['name']}{default}")
    return f"({', '.join(parts)})"


def _devices(reply: Data, _look: Look, _facts: Data) -> View:
    devices = _first_map(reply)
    rows = [
        (name, str(device.get("classname", "")), _abilities(device), _parts(device))
        for name, device in sorted(devices.items())
    ]
    table = Table(("device", "class", "can be", "parts"), rows)
    return View(_count(len(devices), "device"), (), [table] if rows else [])


def _abilities(device: Data) -> str:
    words = {"is_readable": "read", "is_movable": "moved", "is_flyable": "flown"}
    return ", ".join(word for flag, word in words.items() if device.get(flag))


def _parts(device: Data) -> str:
    return ", ".join(device.get("components") or {})


def _lock_info(reply: Data, _look: Look, _facts: Data) -> View:
    info = reply.get("lock_info") or {}
    locked = [name for name in ("environment", "queue") if info.get(name)]
    if not locked:
        return View("Not locked")
    badges = [Badge("locked", " and ".join(locked), "bad")]
    badges += [
        Badge(label, str(info[name]))
        for label, name in (("by", "user"), ("since", "time_str"), ("note", "note"))
        if info.get(name)
    ]
    return View("", badges)


def _task(reply: Data, _look: Look, _facts: Data) -> View:
    badges = [Badge("task", str(reply.get("task_uid"))), _badge("status", reply.get("status"))]
    result = reply.get("result")
    texts = []
    if isinstance(result, Mapping):
        if "success" in result:
            failed = result["success"] is False
            badges.append(Badge("result", "failed" if failed else "completed", "plain"))
        texts = [str(result.get("msg") or ""), str(result.get("traceback") or "")]
        if result.get("return_value") is not None:
            texts.insert(0, repr(result["return_value"]))
    return View("", badges, texts=[text for text in texts if text])


def _cleared(what: str) -> Callable[[Data, Look, Data], View]:
    return lambda _reply, _look, facts: View(f"Cleared the {what}", texts=_hints(facts))


def _runs(reply: Data, _look: Look, _facts: Data) -> View:
    rows = [
        (
            str(run.get("scan_id", "")),
            "open" if run.get("is_open") else str(run.get("exit_status")),
            str(run.get("uid")),
        )
        for run in reply.get("run_list") or []
    ]
    table = [Table(("scan", "state", "UID"), rows)] if rows else []
    return View(_count(len(rows), "run"), (), table)


def _hints(facts: Data) -> list[str]:
    return [str(facts["hint"])] if facts.get("hint") else []


def _turned(word: str) -> Callable[[Data, Look, Data], View]:
    return lambda reply, _look, _facts: View(
        f"{word}: {reply.get('edit')}", [_badge("queue", reply.get("qsize"))]
    )


def _begun_task(reply: Data, _look: Look, _facts: Data) -> View:
    uid = str(reply.get("task_uid"))
    return View("Accepted", [Badge("task", uid)], texts=[f"Wait: %qserver wait task {uid}"])


def _config(reply: Data, _look: Look, _facts: Data) -> View:
    """Show how to reach the worker; its secret key stays in the reply."""
    config = dict(reply.get("config") or {})
    info = dict(config.get("ip_connect_info") or {})
    config["ip_connect_info"] = {
        name: "(hidden)" if name in _SECRETS else value for name, value in info.items()
    }
    return View("", texts=[json.dumps(config, indent=2, default=str)])


def _anything(reply: Data, _look: Look, facts: Data) -> View:
    """Show what a reply holds beyond its success: fields, and maps as JSON."""
    texts = [str(reply["msg"])] if reply.get("msg") else []
    badges = []
    for name, value in reply.items():
        if name in ("success", "msg") or (name.endswith("_uid") and name != "task_uid"):
            continue
        if isinstance(value, Mapping | list):
            texts.append(f"{name}: {json.dumps(value, indent=2, default=str)}")
        else:
            badges.append(_badge(name, value))
    if not badges and not texts:
        return View("Accepted" if facts.get("starts") else "Done")
    return View("", badges, texts=texts)


def _first_map(reply: Data) -> Mapping[str, Any]:
    return next((value for value in reply.values() if isinstance(value, Mapping)), {})


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_VIEWS: dict[str, Callable[[Data, Look, Data], View]] = {
    "ping": _status,
    "status": _status,
    "queue_get": _queue,
    "history_get": _history,
    "queue_item_add": _added,
    "queue_item_add_batch": _added_batch,
    "queue_item_get": _one_item(""),
    "queue_item_remove": _one_item("Removed"),
    "queue_item_move": _one_item("Moved"),
    "queue_item_update": _one_item("Changed to"),
    "queue_item_execute": _one_item("Executing"),
    "queue_item_remove_batch": _several_items("Removed"),
    "queue_item_move_batch": _several_items("Moved"),
    "queue_clear": _cleared("queue"),
    "history_clear": _cleared("history"),
    "plans_allowed": _plans,
    "plans_existing": _plans,
    "devices_allowed": _devices,
    "devices_existing": _devices,
    "lock": _lock_info,
    "unlock": _lock_info,
    "lock_info": _lock_info,
    "task_status": _task,
    "task_result": _task,
    "re_runs": _runs,
    "queue_undo": _turned("Taken back"),
    "queue_redo": _turned("Made again"),
    "function_execute": _begun_task,
    "script_upload": _begun_task,
    "environment_update": _begun_task,
    "config_get": _config,
}
