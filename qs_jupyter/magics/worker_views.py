"""How the worker looks: its opening, tasks, runs, metadata, and how to reach it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from qs_jupyter.magics.display import Badge, Look, Table, View
from qs_jupyter.magics.wording import badge, count, duration

Data = Mapping[str, Any]
Facts = Mapping[str, Any]

_SECRETS = ("key", "curve_secretkey")


def opening(reply: Data, look: Look, _facts: Facts) -> View:
    """Show how the environment was opened last: its startup files, and what was left out."""
    report = reply.get("environment_report")
    if not report:
        return View("The environment was not opened yet", hints=["%qserver environment open"])
    details = report.get("report") or {}
    files = details.get("files") or []
    rows = [
        (
            PurePath(str(each.get("file"))).name,
            Badge("", "ok", "good") if each.get("ok") else badge("", "failed"),
            duration(float(each.get("seconds") or 0)),
        )
        for each in files
    ]
    title = "The environment was opened" if report.get("ok") else "The environment failed to open"
    trace = str(report.get("traceback") or "")
    return View(
        title,
        tables=[Table(("startup file", "state", "took"), rows)] if rows else [],
        texts=[str(report["msg"])] if report.get("msg") else [],
        folded=[*([("Traceback", trace)] if trace else []), *_left_out(details, look)],
    )


def _left_out(details: Data, look: Look) -> list[tuple[str, str]]:
    """Return what of the startup code is not usable, with the reasons."""
    folded = []
    for what in ("plan", "device"):
        rejected = details.get(f"rejected_{what}s") or {}
        lines = [f"{name}: {reason}" for name, reason in list(rejected.items())[: look.rows]]
        if lines:
            folded.append((f"{count(len(rejected), what)} left out", "\n".join(lines)))
    warnings = details.get("warnings") or []
    if warnings:
        caption = count(len(warnings), "warning")
        folded.append((caption, "\n".join(str(each) for each in warnings[: look.rows])))
    return folded


def task(reply: Data, _look: Look, _facts: Facts) -> View:
    """Show a task with its result."""
    badges = [Badge("task", str(reply.get("task_uid"))), badge("status", reply.get("status"))]
    result = reply.get("result")
    if not isinstance(result, Mapping):
        return View("", badges)
    if "success" in result:
        badges.append(badge("result", "failed" if result["success"] is False else "completed"))
    texts = [repr(result["return_value"])] if result.get("return_value") is not None else []
    texts += [str(result["msg"])] if result.get("msg") else []
    trace = str(result.get("traceback") or "")
    return View("", badges, texts=texts, folded=[("Traceback", trace)] if trace else [])


def begun_task(reply: Data, _look: Look, _facts: Facts) -> View:
    """Show that a task has begun."""
    badges = [Badge("task", str(reply.get("task_uid")))]
    return View("Accepted", badges, hints=["Its result: %qserver wait task"])


def runs(reply: Data, _look: Look, _facts: Facts) -> View:
    """Show the runs of a plan."""
    rows = [
        (
            str(run.get("scan_id", "")),
            badge("", "open" if run.get("is_open") else run.get("exit_status")),
            str(run.get("uid")),
        )
        for run in reply.get("run_list") or []
    ]
    return View(
        count(len(rows), "run"), (), [Table(("scan", "state", "UID"), rows)] if rows else []
    )


def config(reply: Data, _look: Look, _facts: Facts) -> View:
    """Show how to reach the worker; its secret key stays in the reply."""
    config = dict(reply.get("config") or {})
    info = dict(config.get("ip_connect_info") or {})
    if not info:
        return View("The worker kernel does not run", hints=["Start it: %qserver environment open"])
    config["ip_connect_info"] = {
        name: "(hidden)" if name in _SECRETS else value for name, value in info.items()
    }
    return View(
        "The worker kernel can be attached to",
        texts=[json.dumps(config, indent=2, default=str)],
        hints=["Attach a console: %qserver attach"],
    )


def metadata(reply: Data, _look: Look, _facts: Facts) -> View:
    """Show the metadata of the Run Engine."""
    rows = [
        (name, value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in (reply.get("re_metadata") or {}).items()
    ]
    return View("Metadata of the Run Engine", (), [Table(("name", "value"), rows)] if rows else [])
