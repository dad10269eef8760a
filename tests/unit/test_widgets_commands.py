"""What the parts of the panel do when somebody clicks."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from qs_jupyter.lists_file import read_lists
from qs_jupyter.profiles import sim_profile
from qs_widgets.desk import Desk
from qs_widgets.history_table import HistoryTable
from qs_widgets.panel import Panel, open_panel
from qs_widgets.permissions import Permissions, as_yaml
from qs_widgets.plan_form import PlanForm
from qs_widgets.queue_table import QueueTable
from qs_widgets.running_plan import RunningPlan
from qs_widgets.status_bar import StatusBar
from qs_widgets.tasks import Tasks
from tests.unit.hand_made import HandMadeComm, HandMadeHub, connected

ITEM = {
    "item_uid": "u1",
    "item_type": "plan",
    "name": "scan",
    "args": [["det1"], "motor", -1, 1],
    "kwargs": {"num": 5},
    "user": "bob",
}
ADDED = {"success": True, "qsize": 3, "item": ITEM, "items": [ITEM], "plan_queue_uid": "q1"}


@pytest.fixture
def hub() -> HandMadeHub:
    plans, devices = read_lists(sim_profile() / "existing_plans_and_devices.yaml")
    hub = HandMadeHub()
    hub.replies = {
        "plans_allowed": {"success": True, "plans_allowed": plans},
        "devices_allowed": {"success": True, "devices_allowed": devices},
        "plans_existing": {"success": True, "plans_existing": plans},
        "devices_existing": {"success": True, "devices_existing": devices},
        "queue_item_add": ADDED,
        "queue_item_add_batch": ADDED,
        "queue_item_update": ADDED,
    }
    hub.mirror.status = {"plans_allowed_uid": "p", "devices_allowed_uid": "d"}
    return hub


@pytest.fixture
def desk(hub: HandMadeHub) -> Desk:
    desk = Desk(hub, "alice", "primary")  # type: ignore[arg-type]
    desk.lists.refresh()
    hub.requests.clear()
    return desk


def asked(comm: HandMadeComm, command: str, **params: Any) -> dict[str, Any]:
    """Send a command and return its answer."""
    comm.receive(do=command, id="c", params=params)
    return comm.wait_for("answer")


def test_a_plan_is_previewed_and_added_as_it_was_typed(hub: HandMadeHub, desk: Desk) -> None:
    comm = connected(PlanForm(desk))
    values = {"detectors": ["det1"], "args": [["motor", "-1", "1"]], "num": "5"}
    typed = {"name": "scan", "values": values, "meta": [["sample", "A1"]]}
    preview = asked(comm, "preview", **typed)["data"]
    assert preview == {
        "python": "scan([det1], motor, -1, 1, num=5)",
        "errors": {},
        "problem": "",
        "takes": "unknown",
    }
    assert asked(comm, "add", **typed, place={"pos": "front"})["ok"]
    method, params = hub.requests[-1]
    assert (method, params["pos"]) == ("queue_item_add", "front")
    assert params["item"]["args"] == [["det1"], "motor", -1, 1]
    assert params["item"]["meta"] == {"sample": "A1"}
    assert asked(comm, "describe", name="scan")["data"]["values"] == values


def test_a_note_is_kept_with_the_item_and_comes_back_into_the_form(
    hub: HandMadeHub, desk: Desk
) -> None:
    form = PlanForm(desk)
    comm = connected(form)
    typed = {"name": "count", "values": {"detectors": ["det1"]}, "meta": [["sample", "A1"]]}
    assert asked(comm, "add", **typed, note="second try")["ok"]
    item = hub.requests[-1][1]["item"]
    assert item["meta"] == {"sample": "A1", "note": "second try"}
    form.open_item(item, "u1")
    opened = form.content().fields["opened"]
    assert (opened["meta"], opened["note"]) == ([["sample", "A1"]], "second try")


@pytest.mark.parametrize("name", ["queue.json", "queue.yaml"])
def test_a_saved_queue_is_loaded_again(hub: HandMadeHub, desk: Desk, name: str) -> None:
    hub.mirror.queue = [ITEM]
    comm = connected(QueueTable(desk))
    saved = asked(comm, "save", name=name)
    assert saved["text"] == f"Saved 1 item as {name}"
    content = base64.b64encode(saved["data"].encode()).decode()
    assert asked(comm, "load", name=name, content=content, before="u1")["ok"]
    method, params = hub.requests[-1]
    assert (method, params["before_uid"]) == ("queue_item_add_batch", "u1")
    assert params["items"] == [{key: ITEM[key] for key in ("item_type", "name", "args", "kwargs")}]


def test_a_file_without_plans_is_refused_by_its_name(hub: HandMadeHub, desk: Desk) -> None:
    comm = connected(QueueTable(desk))
    content = base64.b64encode(b"{").decode()
    assert "'a.json' cannot be read" in asked(comm, "load", name="a.json", content=content)["text"]
    sheet = base64.b64encode(b"name,args\n").decode()
    assert "holds no plans" in asked(comm, "load", name="a.csv", content=sheet)["text"]
    assert hub.requests == []


def test_the_history_is_exported_in_the_format_of_the_name(hub: HandMadeHub, desk: Desk) -> None:
    hub.mirror.history = [{**ITEM, "result": {"exit_status": "completed"}}]
    comm = connected(HistoryTable(desk))
    assert '"completed"' in asked(comm, "export", name="history.json")["data"]
    assert "exit_status: completed" in asked(comm, "export", name="history.yaml")["data"]


def test_who_starts_the_queue_is_told_that_its_first_plan_came_back(
    hub: HandMadeHub, desk: Desk
) -> None:
    running = RunningPlan(desk)
    idle = {"manager_state": "idle", "worker_environment_exists": True, "items_in_queue": 1}
    hub.mirror.status = idle
    assert running.content().fields["advice"] == "Ready: Start runs the queue from its front"
    hub.mirror.queue = [ITEM]
    hub.mirror.history = [{**ITEM, "item_uid": "old", "result": {"exit_status": "failed"}}]
    assert "came back (failed)" in running.content().fields["advice"]
    hub.mirror.status = {"manager_state": "idle"}
    assert "Open starts the worker" in running.content().fields["advice"]


def test_the_points_of_a_finished_plan_are_shown_until_the_next_one_starts(
    hub: HandMadeHub, desk: Desk
) -> None:
    ended = {**ITEM, "item_uid": "old", "result": {"exit_status": "completed", "time_stop": 9.0}}
    lost = {**ended, "item_uid": "lost"}
    hub.mirror.history = [lost, ended]
    comm = connected(HistoryTable(desk))
    assert "section 'running'" in asked(comm, "plot", key="old@9.0")["text"]
    running = RunningPlan(desk)
    connected(running)
    for uid, item_uid in (("r" * 8, "old"), ("s" * 8, "newer")):
        hub.mirror.live.take(item_uid, {"name": "start", "uid": uid, "num_points": 3})
    assert running.content().fields["plot"]["run"] == "s" * 8
    assert asked(comm, "plot", key="old@9.0")["ok"]
    assert running.content().fields["plot"]["run"] == "r" * 8
    assert "not known here" in asked(comm, "plot", key="lost@9.0")["text"]
    hub.mirror.running_item = ITEM
    assert "A plan is running" in asked(comm, "plot", key="old@9.0")["text"]
    assert not running.content().fields["chosen"]


def test_what_the_manager_would_refuse_is_told_before_it_is_sent(
    hub: HandMadeHub, desk: Desk
) -> None:
    comm = connected(PlanForm(desk))
    answer = asked(comm, "add", name="count", values={"detectors": ["det1"], "num": "no"})
    assert answer["text"] == "num: 'no' is not a whole number"
    answer = asked(comm, "describe", name="scam")
    assert "did you mean" in answer["text"].lower()
    assert hub.requests == []


def test_an_item_opened_in_the_form_is_saved_in_its_place(hub: HandMadeHub) -> None:
    panel = open_panel(hub, "queue", "form")  # type: ignore[arg-type]
    try:
        assert isinstance(panel, Panel)
        panel.desk.lists.refresh()
        hub.mirror.queue = [ITEM]
        assert asked(connected(panel.parts["queue"]), "edit", uid="u1")["ok"]
        form = panel.parts["form"]
        opened = form.content().fields["opened"]
        assert (opened["name"], opened["uid"]) == ("scan", "u1")
        saved = {"name": "scan", "values": opened["values"], "meta": [], "uid": "u1"}
        assert asked(connected(form), "save", **saved)["text"] == "Changed scan"
        item = next(p["item"] for m, p in hub.requests if m == "queue_item_update")
        assert item["item_uid"] == "u1"
        assert item["args"] == ITEM["args"]
    finally:
        panel.close()


def test_finished_items_are_run_again_in_their_old_order(hub: HandMadeHub, desk: Desk) -> None:
    first = {**ITEM, "result": {"time_stop": 1.0, "exit_status": "failed", "traceback": "trace"}}
    second = {**ITEM, "item_uid": "u2", "name": "count", "result": {"time_stop": 2.0}}
    hub.mirror.history = [first, second]
    part = HistoryTable(desk)
    keys = [row[0] for row in part.content().rows]
    assert keys == ["u2@2.0", "u1@1.0"]
    comm = connected(part)
    assert asked(comm, "details", key=keys[1])["data"]["traceback"] == "trace"
    assert asked(comm, "rerun", keys=keys)["ok"]
    items = hub.requests[-1][1]["items"]
    assert [item["name"] for item in items] == ["scan", "count"]
    assert "item_uid" not in items[0]
    assert "not in the history" in asked(comm, "details", key="u3@3.0")["text"]


def test_functions_and_scripts_become_tasks_of_the_list(hub: HandMadeHub, desk: Desk) -> None:
    hub.replies["function_execute"] = {"success": True, "task_uid": "t1"}
    hub.replies["permissions_get"] = {"success": True, "user_group_permissions": {}}
    part = Tasks(desk)
    comm = connected(part)
    assert asked(comm, "function", call="function_sleep(2)", background=True)["ok"]
    assert hub.requests[-1][1]["run_in_background"] is True
    assert hub.requests[-1][1]["item"]["args"] == [2]
    assert [row[:4] for row in part.content().rows] == [
        ("t1", "running", "▶ running", "function_sleep(2)")
    ]
    done = {"kind": "task", "seq": 1, "task_uid": "t1", "status": "completed", "success": False}
    hub.happen({**done, "time": 20.0})
    assert part.content().rows[0][2] == "✗ failed"
    hub.happen({**done, "seq": 2, "task_uid": "t2", "time": 10.0})
    assert [row[0] for row in part.content().rows] == ["t1", "t2"]
    assert asked(comm, "function", call="no call")["text"].startswith("'no call' is not a call")
    assert asked(comm, "script", script="  ")["text"] == "The script is empty"


def test_permissions_are_seen_in_effect_before_they_are_saved(hub: HandMadeHub, desk: Desk) -> None:
    everything = {"allowed_plans": [None], "allowed_devices": [None]}
    groups = {"root": everything, "primary": {"allowed_plans": [":.*"], "allowed_devices": [":.*"]}}
    now = {"user_groups": groups}
    hub.replies["permissions_get"] = {"success": True, "user_group_permissions": now}
    part = Permissions(desk)
    part.refresh()
    text = part.content().fields["text"]
    assert text == as_yaml(now)
    comm = connected(part)
    edited = text.replace(":.*", "count", 1)
    found = asked(comm, "preview", text=edited)["data"]
    (group,) = found["groups"]
    assert (group["plans"], group["plans_gained"]) == (["count"], [])
    assert "scan" in group["plans_lost"]
    assert "+    - count" in found["difference"]
    assert asked(comm, "preview", text="a: [")["text"].startswith("This is not YAML")
    assert asked(comm, "save", text=edited)["ok"]
    assert hub.requests[-1][0] == "permissions_set"


@pytest.mark.parametrize("how", ["stop", "abort", "halt"])
def test_a_plan_is_ended_by_one_request(hub: HandMadeHub, desk: Desk, how: str) -> None:
    assert asked(connected(StatusBar(desk)), "end_plan", how=how)["ok"]
    assert hub.requests == [(f"re_{how}", {"now": True})]


def test_the_running_plan_is_shown_and_copied(hub: HandMadeHub, desk: Desk) -> None:
    hub.mirror.running_item = {**ITEM, "properties": {"time_start": 5.0}}
    part = RunningPlan(desk)
    fields = part.content().fields
    assert (fields["name"], fields["parameters"]) == ("scan", "[det1], motor, -1, 1, num=5")
    assert fields["began"] == 5.0
    assert asked(connected(part), "copy_to_queue")["text"] == "Added scan: 3 in the queue"
    part.close()
