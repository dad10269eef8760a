"""What the parts of the panel do when somebody clicks."""

from __future__ import annotations

from typing import Any

import pytest

from qs_jupyter.lists_file import read_lists
from qs_jupyter.profiles import sim_profile
from qs_widgets.desk import Desk
from qs_widgets.history_table import HistoryTable
from qs_widgets.panel import Panel, open_panel
from qs_widgets.permissions import Permissions, as_yaml
from qs_widgets.plan_form import PlanForm
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
    }
    assert asked(comm, "add", **typed, place={"pos": "front"})["ok"]
    method, params = hub.requests[-1]
    assert (method, params["pos"]) == ("queue_item_add", "front")
    assert params["item"]["args"] == [["det1"], "motor", -1, 1]
    assert params["item"]["meta"] == {"sample": "A1"}
    assert asked(comm, "describe", name="scan")["data"]["values"] == values


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
    hub.happen(done)
    assert part.content().rows[0][2] == "✗ failed"
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


def test_a_running_plan_is_paused_before_it_is_aborted(hub: HandMadeHub, desk: Desk) -> None:
    hub.mirror.status = {"manager_state": "executing_queue"}

    def wait(is_reached: Any, _limit_s: float) -> bool:
        hub.mirror.status = {"manager_state": "paused"}
        return bool(is_reached(hub.mirror))

    hub.wait = wait  # type: ignore[attr-defined]
    assert asked(connected(StatusBar(desk)), "end_plan", how="abort")["ok"]
    assert hub.requests == [("re_pause", {"option": "immediate"}), ("re_abort", {})]


def test_the_running_plan_is_shown_and_copied(hub: HandMadeHub, desk: Desk) -> None:
    hub.mirror.running_item = {**ITEM, "properties": {"time_start": 5.0}}
    part = RunningPlan(desk)
    fields = part.content().fields
    assert (fields["name"], fields["parameters"]) == ("scan", "[det1], motor, -1, 1, num=5")
    assert fields["began"] == 5.0
    assert asked(connected(part), "copy_to_queue")["text"] == "Added scan: 3 in the queue"
    part.close()
