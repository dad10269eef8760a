"""How replies look in notebooks and terminals."""

from __future__ import annotations

from typing import Any

from IPython.lib.pretty import pretty

from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.display import Look, Reply, Table, View, as_text
from qs_jupyter.magics.failures import RequestRejected, TaskEndedBadly, one_line
from qs_jupyter.magics.views import reply_of
from qs_jupyter.magics.wording import duration, local_time


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


def ran(seconds: float, state: str = "completed", **result: Any) -> dict[str, Any]:
    times = {"time_start": 100.0, "time_stop": 100.0 + seconds}
    item = {"item_uid": "aaaa0000-1", "name": "count", "args": [["det1"]], "kwargs": {"num": 10}}
    return {**item, "item_type": "plan", "result": {"exit_status": state, **times, **result}}


def knowing() -> Look:
    """A look at things by somebody who has seen ``count([det1], num=10)`` take 20 s."""
    mirror = Mirror()
    mirror.load({}, {}, {"items": [ran(20.0)]})
    return Look(names=frozenset({"det1"}), mirror=mirror, now=1000.0)


def test_items_are_shown_with_the_time_that_they_take() -> None:
    item = {**ran(0.0), "item_uid": "bbbb0000-1"}
    other = {"item_uid": "cccc0000-1", "name": "scan", "item_type": "plan"}
    stop = {"item_uid": "dddd0000-1", "name": "queue_stop", "item_type": "instruction"}
    text = repr(reply_of("queue_get", {"items": [item, other, stop]}, knowing()))
    assert "3 items, about 20 s + 1 unknown" in text
    assert "takes about" in text
    assert "unknown" in text.splitlines()[-2]
    assert "unknown" not in text.splitlines()[-1]
    added = reply_of("queue_item_add", {"item": item, "qsize": 1}, knowing())
    assert "takes about  20 s" in repr(added)
    unknown = reply_of("queue_item_add", {"item": other, "qsize": 2}, knowing())
    assert "takes about  unknown" in repr(unknown)


def test_without_any_known_time_the_queue_has_no_column_for_it() -> None:
    assert "takes about" not in repr(shown("queue_get", {"items": items(2)}))


def test_the_status_tells_what_runs_and_how_long_it_takes() -> None:
    look = knowing()
    item = {**ran(0.0), "item_uid": "eeee0000-1", "properties": {"time_start": 995.0}}
    look.mirror.load_queue({"items": [{**ran(0.0), "item_uid": "f"}], "running_item": item})
    status = {"running_item_uid": "eeee0000-1", "items_in_queue": 1}
    text = repr(reply_of("status", status, look))
    assert "count([det1], num=10), about 15 s left" in text
    assert "1, about 20 s" in text


def test_a_long_queue_that_runs_tells_when_it_is_done() -> None:
    look = knowing()
    queued = [{**ran(0.0), "item_uid": f"f{number}"} for number in range(30)]
    look.mirror.load_queue({"items": queued, "running_item": {}})
    status = {"items_in_queue": 30, "manager_state": "executing_queue"}
    done = local_time(1600.0, 1000.0)[:-3]
    assert f"30, about 10 min, done at about {done}" in repr(reply_of("status", status, look))
    idle = {**status, "manager_state": "idle"}
    assert "done at" not in repr(reply_of("status", idle, look))


def test_failures_in_the_history_carry_their_traceback_folded() -> None:
    past = [ran(2.0, "failed", msg="the motor is stuck", traceback="line 1\nline 2")]
    reply = reply_of("history_get", {"items": past}, knowing())
    assert "aaaa0000 count([det1], num=10): the motor is stuck" in repr(reply)
    assert "<details>" in reply._repr_html_()
    assert "line 2" in reply._repr_html_()


def test_a_check_of_items_shows_what_is_wrong_with_which() -> None:
    tried = items(2)
    results = [{"success": True, "msg": ""}, {"success": False, "msg": "no such\ndevice"}]
    text = repr(shown("queue_item_check", {"results": results}, params={"items": tried}))
    assert "1 item could be added, 1 could not" in text
    assert text.splitlines()[-1].split(maxsplit=2) == ["1", "count([det1])", "no such; device"]
    fine = repr(shown("queue_item_check", {"results": results[:1]}, params={"items": tried[:1]}))
    assert fine == "1 item could be added; nothing was sent to the queue"


def test_permissions_are_a_table_of_groups() -> None:
    groups = {"primary": {"allowed_plans": [None], "forbidden_plans": [":^_"]}}
    text = repr(shown("permissions_get", {"user_group_permissions": {"user_groups": groups}}))
    assert "1 group" in text
    assert next(line.split() for line in text.splitlines() if "plans " in line) == [
        "primary",
        "plans",
        "anything",
        ":^_",
    ]


def test_the_report_of_an_opening_shows_its_files() -> None:
    report = {
        "ok": False,
        "msg": "NameError in 15-plans.py",
        "traceback": "Traceback …",
        "report": {
            "files": [
                {"file": "/home/x/startup/00-devices.py", "seconds": 7.6, "ok": True},
                {"file": "/home/x/startup/15-plans.py", "seconds": 0.1, "ok": False},
            ],
            "rejected_plans": {"odd": "no docstring"},
        },
    }
    text = repr(shown("environment_report", {"environment_report": report}))
    for words in ("failed to open", "00-devices.py", "7.6 s", "NameError", "1 plan left out"):
        assert words in text
    assert "not opened yet" in repr(shown("environment_report", {"environment_report": None}))


def test_tables_fit_into_the_terminal() -> None:
    long = "count([det1], " + ", ".join(f"parameter_{n}={n}" for n in range(20)) + ")"
    table = Table(("#", "item", "user", "note"), [("0", long, "alice", "n" * 60)])
    for width in (60, 80, 200):
        lines = as_text(View("", (), [table]), width).splitlines()
        assert max(map(len, lines)) <= width
        assert all("alice" in line for line in lines[1:])
    assert "parameter_19=19)" in as_text(View("", (), [table]), 600)


def test_what_a_check_of_arguments_found_is_readable() -> None:
    text = (
        "Plan validation failed: 1 validation error for Model\nnum\n  Input should be a valid "
        "integer, unable to parse string as an integer [type=int_parsing, input_value='a', "
        "input_type=str]\nPlan: {'name': 'count'}"
    )
    assert one_line(text) == (
        "Plan validation failed: num: Input should be a valid integer, unable to parse string as "
        "an integer (not 'a')"
    )


def test_a_task_that_failed_shows_the_traceback_of_the_worker() -> None:
    reply = {"result": {"success": False, "msg": "no", "traceback": "Traceback\n  line 1"}}
    lines = TaskEndedBadly(reply)._render_traceback_()
    assert lines == ["Traceback", "  line 1", "\x1b[31mqserver: the task failed: no\x1b[0m"]
