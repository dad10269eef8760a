"""How replies look in notebooks and terminals."""

from __future__ import annotations

from typing import Any

from IPython.lib.pretty import pretty

from qs_jupyter.magics.display import Look, Reply
from qs_jupyter.magics.failures import RequestRejected, one_line
from qs_jupyter.magics.views import duration, reply_of


def shown(method: str, reply: dict[str, Any], **facts: Any) -> Reply:
    return reply_of(method, reply, Look(names=frozenset({"det1"})), **facts)


def items(number: int) -> list[dict[str, Any]]:
    return [
        {"item_uid": f"{n:08d}-0000", "name": "count", "args": [["det1"]], "user": "<b>eve</b>"}
        for n in range(number)
    ]


def test_a_reply_is_a_map_with_two_faces() -> None:
    reply = shown("queue_get", {"success": True, "items": items(2), "running_item": {}})
    assert dict(reply)["success"] is True
    assert len(reply["items"]) == 2
    assert "count([det1])" in pretty(reply)
    assert reply._repr_html_().startswith("<div")
    assert reply._ipython_key_completions_() == ["success", "items", "running_item"]


def test_long_tables_are_cut() -> None:
    reply = shown("queue_get", {"items": items(500)})
    assert repr(reply).count("count(") == 50
    assert repr(reply).endswith("… and 450 more")
    assert reply._repr_html_().count("<tr>") == 51


def test_everything_from_elsewhere_is_escaped() -> None:
    queue = shown("queue_get", {"items": items(1)})
    message = shown("environment_open", {"success": True, "msg": "<script>alert(1)</script>"})
    for reply in (queue, message):
        assert "<b>eve" not in reply._repr_html_()
        assert "<script>" not in reply._repr_html_()


def test_the_status_shows_words_besides_colours() -> None:
    status = {
        "msg": "RE Manager v0",
        "manager_state": "executing_queue",
        "worker_environment_exists": True,
        "worker_environment_state": "executing_plan",
        "re_state": "running",
        "items_in_queue": 3,
        "items_in_history": 1,
        "lock": {"environment": True, "queue": False},
        "plan_queue_mode": {"loop": True, "ignore_failures": False},
        "queue_stop_pending": True,
    }
    text = repr(shown("status", status))
    for word in ("executing queue", "running", "environment", "loop", "stop pending"):
        assert word in text
    assert "▶" in shown("status", status)._repr_html_()


def test_the_history_begins_with_the_newest() -> None:
    past = [
        {**item, "result": {"exit_status": state, "time_start": 10.0, "time_stop": 75.5}}
        for item, state in zip(items(2), ("completed", "failed"), strict=True)
    ]
    lines = repr(shown("history_get", {"items": past})).splitlines()
    assert "failed" in lines[2]
    assert "completed" in lines[3]
    assert "1 min 6 s" in lines[2]


def test_the_keys_of_the_worker_are_not_shown() -> None:
    config = {"config": {"ip_connect_info": {"key": "sesame", "ip": "127.0.0.1"}}}
    reply = shown("config_get", config)
    assert "sesame" not in repr(reply)
    assert "sesame" not in reply._repr_html_()
    assert reply["config"]["ip_connect_info"]["key"] == "sesame"


def test_failures_are_one_line() -> None:
    assert one_line("Invalid lock key: \nlocked by bob\n\nNote:  x") == (
        "Invalid lock key: locked by bob; Note: x"
    )
    assert len(one_line("x" * 1000)) < 420
    (line,) = RequestRejected("queue_start", {"msg": "No\nenvironment"})._render_traceback_()
    assert line == "\x1b[31mqserver: No; environment\x1b[0m"


def test_durations_have_two_units() -> None:
    assert [duration(s) for s in (0.44, 61, 7260)] == ["0.4 s", "1 min 1 s", "2 h 1 min"]
