"""Parts of the panel with a hand-made comm: snapshots, changes, commands, secrets."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from qs_jupyter.errors import BadRequest, Failure
from qs_widgets.desk import Desk
from qs_widgets.locking import Locking
from qs_widgets.panel import SECTIONS, open_panel
from qs_widgets.part import release_from_shell
from qs_widgets.queue_table import QueueTable
from qs_widgets.sources import style
from qs_widgets.status_bar import StatusBar
from tests.unit.hand_made import HandMadeHub, connected

KEY = "a-very-secret-key"


@pytest.fixture
def hub() -> HandMadeHub:
    return HandMadeHub()


@pytest.fixture
def desk(hub: HandMadeHub) -> Desk:
    return Desk(hub, "alice", "primary")  # type: ignore[arg-type]


def item(uid: str) -> dict[str, Any]:
    return {"item_uid": uid, "item_type": "plan", "name": "count", "args": [["det1"]]}


def insert(seq: int, *uids: str) -> dict[str, Any]:
    items = [item(uid) for uid in uids]
    return {"kind": "queue", "op": "insert", "seq": seq, "items": items, "before": None}


def test_a_view_that_knows_the_revision_gets_only_changes(hub: HandMadeHub, desk: Desk) -> None:
    part = QueueTable(desk)
    comm = connected(part)
    comm.receive(do="hello", rev=0)
    assert comm.sent == []
    hub.happen(insert(1, "a", "b"))
    assert part.deliver() > 0
    hub.happen(insert(2, "c"))
    part.deliver()
    first, second = comm.of_kind("change")
    assert [first["rev"], second["rev"]] == [1, 2]
    assert second["rows"] == [[0, 2], {"new": [["c", "plan", "count", "[det1]", "", "", "?", ""]]}]
    assert part.deliver() == 0


def test_a_view_with_a_gap_gets_everything(hub: HandMadeHub, desk: Desk) -> None:
    part = QueueTable(desk)
    comm = connected(part)
    hub.happen(insert(1, "a"))
    part.deliver()
    comm.receive(do="hello", rev=0)
    snapshot = comm.wait_for("snapshot")
    assert snapshot["rev"] == 1
    assert [row[0] for row in snapshot["rows"]] == ["a"]


def test_the_state_that_jupyter_asks_for_is_that_of_the_moment(
    hub: HandMadeHub, desk: Desk
) -> None:
    part = QueueTable(desk)
    hub.happen(insert(1, "a"))
    part.deliver()
    snapshot = part.get_state("snapshot")["snapshot"]
    assert snapshot["rev"] == 1
    assert [row[0] for row in snapshot["rows"]] == ["a"]


def test_a_command_is_answered_with_its_id_and_the_words_of_the_manager(
    hub: HandMadeHub, desk: Desk
) -> None:
    part = StatusBar(desk)
    comm = connected(part)
    hub.replies["environment_open"] = {"success": False, "msg": "not now"}
    comm.receive(do="request", id="c1", params={"method": "environment_open", "params": {}})
    assert comm.wait_for("answer") == {"kind": "answer", "id": "c1", "ok": False, "text": "not now"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"do": "no_such_thing"}, "StatusBar has no command 'no_such_thing'"),
        (
            {"do": "request", "params": {"method": "manager_kill"}},
            "This part of the panel does not call 'manager_kill'",
        ),
        ({"do": "end_plan", "params": {}}, "KeyError: 'how'"),
    ],
)
def test_nothing_that_goes_wrong_in_a_handler_is_lost(
    desk: Desk, message: dict[str, Any], text: str
) -> None:
    comm = connected(StatusBar(desk))
    comm.receive(id="c1", **message)
    answer = comm.wait_for("answer")
    assert (answer["ok"], answer["text"]) == (False, text)


def test_user_and_group_are_added_to_the_requests_that_take_them(
    hub: HandMadeHub, desk: Desk
) -> None:
    desk.ask("queue_item_add", {"item": {}})
    desk.ask("queue_clear")
    assert hub.requests == [
        ("queue_item_add", {"item": {}, "user": "alice", "user_group": "primary"}),
        ("queue_clear", {}),
    ]


def test_a_lock_key_is_sent_only_where_a_lock_is_and_is_in_no_state(
    hub: HandMadeHub, desk: Desk
) -> None:
    part = Locking(desk)
    comm = connected(part)
    comm.receive(do="lock", id="c1", params={"queue": True, "key": KEY})
    assert comm.wait_for("answer")["ok"]
    assert hub.requests[0][1]["lock_key"] == KEY
    desk.ask("queue_clear")
    assert hub.requests[-1] == ("queue_clear", {})
    hub.happen({"kind": "status", "seq": 1, "status": {"lock": {"queue": True}}})
    desk.ask("queue_clear")
    desk.ask("environment_open")
    assert hub.requests[-2:] == [("queue_clear", {"lock_key": KEY}), ("environment_open", {})]
    part.deliver()
    shown = json.dumps([part.get_state(), comm.sent], default=repr) + repr(vars(desk))
    assert KEY not in shown


def test_undo_takes_back_only_what_this_panel_did(hub: HandMadeHub, desk: Desk) -> None:
    comm = connected(QueueTable(desk))
    comm.receive(do="undo", id="c1")
    assert "nothing to undo" in comm.wait_for("answer")["text"]
    hub.replies["queue_item_add_batch"] = {"success": True, "items": [], "plan_queue_uid": "u1"}
    hub.replies["queue_undo"] = {"success": True, "edit": "added", "plan_queue_uid": "u2"}
    comm.receive(do="insert_stop", id="c2", params={})
    comm.receive(do="undo", id="c3")
    comm.receive(do="redo", id="c4")
    turned = [(name, params) for name, params in hub.requests if name != "queue_item_add_batch"]
    assert turned == [
        ("queue_undo", {"plan_queue_uid": "u1"}),
        ("queue_redo", {"plan_queue_uid": "u2"}),
    ]


def test_the_pulse_sends_what_the_hub_tells_of(hub: HandMadeHub) -> None:
    panel = open_panel(hub, "queue", "status", user="alice")  # type: ignore[arg-type]
    try:
        comm = connected(panel.parts["queue"])
        hub.happen(insert(1, "a"))
        assert comm.wait_for("change")["rows"][0]["new"][0][0] == "a"
    finally:
        panel.close()
    assert hub.listeners == []


def test_an_error_of_a_part_is_shown_in_it_and_the_others_go_on(hub: HandMadeHub) -> None:
    class Broken(HandMadeHub):
        def request(self, method: str, **params: Any) -> dict[str, Any]:
            raise Failure("the manager is away")

    broken = Broken()
    panel = open_panel(broken, "lock", "status")  # type: ignore[arg-type]
    try:
        lock, status = connected(panel.parts["lock"]), connected(panel.parts["status"])
        now = {"lock_info_uid": "1", "manager_state": "idle"}
        broken.happen({"kind": "status", "seq": 1, "status": now})
        assert "the manager is away" in lock.wait_for("note")["text"]
        assert status.wait_for("change")["fields"]["state"] == "NO ENVIRONMENT"
    finally:
        panel.close()


def test_an_unknown_section_is_refused_with_a_suggestion(hub: HandMadeHub) -> None:
    with pytest.raises(BadRequest, match=r"no section 'queu'.*queue"):
        open_panel(hub, "queu")  # type: ignore[arg-type]


def test_a_saved_notebook_without_kernel_shows_how_things_stood(hub: HandMadeHub) -> None:
    panel = open_panel(hub, "queue")  # type: ignore[arg-type]
    try:
        bundle = panel._repr_mimebundle_()
    finally:
        panel.close()
    assert "tcp://here:1" in bundle["text/plain"]
    assert bundle["text/html"].startswith("<pre>")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_widget_is_released_from_the_shell_that_sent_last() -> None:
    comm = SimpleNamespace(_reply_subshell_for=lambda data, default: "main")
    release_from_shell(SimpleNamespace(comm=comm))
    assert comm._reply_subshell_for({}, "chosen") == "chosen"
    release_from_shell(SimpleNamespace(comm=SimpleNamespace()))


@pytest.mark.parametrize("name", list(SECTIONS))
def test_the_front_end_is_whole_and_asks_nobody(name: str) -> None:
    source = str(SECTIONS[name]._esm)
    assert source.count("export default") == 1
    for forbidden in ("innerHTML", "insertAdjacentHTML", "import ", "https://", "eval("):
        assert forbidden not in source
    assert "url(" not in style()


def test_a_refused_batch_tells_what_was_wrong_with_its_items(hub: HandMadeHub, desk: Desk) -> None:
    results = [{"success": True, "msg": ""}, {"success": False, "msg": "no such plan"}]
    hub.replies["queue_item_add_batch"] = {"success": False, "msg": "no", "results": results}
    comm = connected(QueueTable(desk))
    comm.receive(do="paste", id="c1", params={"text": "count([det1])\nnothing()"})
    assert comm.wait_for("answer")["text"] == "no\n2: no such plan"
    assert comm.wait_for("taken")["id"] == "c1"


def test_a_panel_to_look_at_changes_nothing(hub: HandMadeHub) -> None:
    panel = open_panel(hub, read_only=True)  # type: ignore[arg-type]
    try:
        assert list(panel.parts) == ["status", "running", "queue", "history", "console"]
        assert panel.parts["queue"].snapshot_now()["read_only"]
        acting = {
            "status": {"do": "end_plan", "params": {"how": "abort"}},
            "running": {"do": "copy_to_queue"},
            "queue": {"do": "request", "params": {"method": "queue_clear"}},
            "history": {"do": "request", "params": {"method": "history_clear"}},
        }
        for name, message in acting.items():
            comm = connected(panel.parts[name])
            comm.receive(id="c1", **message)
            assert "changes nothing" in comm.wait_for("answer")["text"]
        assert [name for name, _ in hub.requests if not name.endswith("_allowed")] == []
        comm = connected(panel.parts["queue"])
        comm.receive(do="save", id="c2", params={"name": "queue.json"})
        assert comm.wait_for("answer")["data"] == "[]"
    finally:
        panel.close()


def test_a_section_that_only_acts_has_no_place_in_a_panel_to_look_at(hub: HandMadeHub) -> None:
    with pytest.raises(BadRequest, match="'form' is there to change things"):
        open_panel(hub, "queue", "form", read_only=True)  # type: ignore[arg-type]


def test_a_click_on_the_lock_in_the_status_brings_the_lock_to_the_front(hub: HandMadeHub) -> None:
    panel = open_panel(hub, "status", "queue", "lock")  # type: ignore[arg-type]
    try:
        comm = connected(panel.parts["status"])
        comm.receive(do="show", id="c1", params={"part": "lock"})
        assert comm.wait_for("answer")["ok"]
        assert panel._tab.selected_index == 1
        comm.receive(do="show", id="c2", params={"part": "form"})
        assert "%qserver panel form" in comm.wait_for("answer")["text"]
    finally:
        panel.close()


def test_a_view_that_opens_later_is_told_of_an_error_too(desk: Desk) -> None:
    part = StatusBar(desk)
    part.complain("something is wrong")
    assert part.snapshot_now()["note"] == "something is wrong"
    part.deliver()
    assert part.snapshot_now()["note"] == ""


def test_a_part_that_no_page_shows_sends_nothing_until_one_does(
    hub: HandMadeHub, desk: Desk
) -> None:
    part = QueueTable(desk)
    comm = connected(part)
    comm.receive(do="shown", page="p1")
    comm.receive(do="shown", page="p2")
    comm.receive(do="hidden", page="p1")
    hub.happen(insert(1, "a"))
    assert part.deliver() > 0
    comm.receive(do="hidden", page="p2")
    hub.happen(insert(2, "b"))
    assert part.deliver() == 0
    comm.receive(do="shown", page="p3")
    assert part.deliver() > 0
    assert [change["rev"] for change in comm.of_kind("change")] == [1, 2]
