"""Tab in ``%qserver`` lines and cells."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from qs_jupyter.client.connection import Connection
from qs_jupyter.magics import known_names
from tests.contract.magics.notebook import LIMIT_S, ManagerThread, Notebook


@pytest.fixture
def warm(notebook: Notebook) -> Notebook:
    """A notebook that knows the plans and devices already."""
    notebook.good("%qserver -q -n queue add plan count([det1])")
    return notebook


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%qserver qu", ["queue"]),
        ("%qs environment o", ["open"]),
        ("%qserver -u alice queue auto", ["autostart"]),
        ("    %qserver queue mode set l", ["loop"]),
        ("for n in range(3):\n    %qserver re pa", ["pause"]),
        ("x = %qserver queue it", ["item"]),
        ("results['first'] = %qs queue it", ["item"]),
        ("x, y = %qserver queue add plan fl", ["fly"]),
        ("x = %qserver queue add plan count([det1], nu", ["num="]),
        ("qserver queue it", ["item"]),
        ("qs queue add plan count([det1], nu", ["num="]),
        ("%%qserver scr", ["script"]),
        ("%%qserver script upload up", ["update-re"]),
        ("%qserver --dry", ["--dry-run"]),
        ("%qserver queue add plan fl", ["fly"]),
        ("%qserver queue add plan count([det1], nu", ["num="]),
        ("%qserver queue add plan count([det1], num=1, m", ["md="]),
        ("%qserver queue add plan count([mot", ["motor", "motor1", "motor2", "motor3"]),
        ("%qserver queue add plan move_then_count([", ["motor1", "motor2"]),
        ("%qserver queue add plan move_then_count(motors=['m", ["motor1", "motor2"]),
        ("%qserver queue add plan fly([fl", ["flyer1", "flyer2"]),
        (
            "%qserver queue add plan count([sim_bundle_A.",
            ["sim_bundle_A.dets", "sim_bundle_A.mtrs"],
        ),
        ("%%qserver queue add\nfor x in range(3):\n    fl", ["fly", "flyer1", "flyer2"]),
        ("%%qserver queue add\ncount(\n    [det1],\n    nu", ["num="]),
        ("%%qserver queue add front\nx = 'count(['\nfly([flyer1, fl", ["flyer1", "flyer2"]),
        ("%qserver call queue_item_mov", ["queue_item_move", "queue_item_move_batch"]),
        ("%qserver help fl", ["fly"]),
        ("%qserver help queue aut", ["autostart"]),
        ("%qserver help queue item m", ["move"]),
        ("%qserver plo", ["plot"]),
        ("%qserver launch --startup-d", ["--startup-dir"]),
        ("%qserver launch --verbose --redis-a", ["--redis-addr"]),
    ],
)
def test_tab_offers_what_may_follow(warm: Notebook, text: str, expected: list[str]) -> None:
    found = warm.complete(text)
    assert [each for each in found if each in expected] == expected
    extra = set(found) - set(expected)
    assert all("motor_" in each or "flyer" in each for each in extra), extra


def test_a_parameter_takes_only_fitting_devices(warm: Notebook) -> None:
    movable = warm.complete("%qserver queue add plan mv(mot")
    assert "motor1" in movable
    motors = warm.complete("%qserver queue add plan tweak(det1, 'x', ")
    assert "motor" in motors
    assert "custom_test_flyer" not in motors
    assert not any(each in warm.shell.user_ns for each in motors)


def test_used_parameters_are_not_offered_again(warm: Notebook) -> None:
    found = warm.complete("%qserver queue add plan count([det1], num=2, ")
    assert "delay=" in found
    assert "num=" not in found
    assert "detectors=" not in found


def test_candidates_have_types(warm: Notebook) -> None:
    plans = warm.completions("%qserver queue add plan cou")
    assert plans["count"] == "plan (detectors, num=1, delay=0.0, *, per_shot=None, md=None)"
    parameters = warm.completions("%qserver queue add plan count([det1], ")
    assert parameters["num="] == "parameter int | None = 1"
    assert parameters["md="] == "parameter dict[str, Any] | None = None"
    assert warm.completions("%qserver queue add plan count([det")["det1"] == "device SynGauss"
    assert warm.completions("%%qserver queue add\nfl")["fly"] == "plan (flyers, *, md=None)"


def test_shift_tab_tells_what_a_plan_or_a_device_is(warm: Notebook) -> None:
    plan = warm.shell.object_inspect_mime("count")
    assert plan["text/plain"].startswith("count(detectors, num=1, delay=0.0")
    assert "number of readings" in plan["text/plain"]
    assert "<table" in plan["text/html"]
    device = warm.shell.object_inspect_mime("sim_bundle_A")["text/plain"]
    assert device.startswith("sim_bundle_A: SimBundle")
    assert "mtrs" in device
    assert "SynAxis" in warm.shell.object_inspect_mime("sim_bundle_A.mtrs.x")["text/plain"]


def test_the_very_first_tab_knows_the_plans(
    lone_notebook: Notebook, manager: ManagerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", manager.address)
    monkeypatch.setattr(known_names, "FIRST_TAB_S", LIMIT_S)
    assert lone_notebook.complete("%qserver queue add plan fl") == ["fly"]


def test_tab_without_a_manager_offers_what_it_knows(
    lone_notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", "tcp://127.0.0.1:9")
    assert lone_notebook.completions("%qserver queue add plan fl") == {"fl": "no match"}
    assert lone_notebook.complete("%qserver queue au") == ["autostart"]


def test_names_of_the_notebook_come_first_and_others_stay_unknown(warm: Notebook) -> None:
    warm.good("def count(mine):\n    'This one is mine.'")
    assert "This one is mine." in warm.shell.object_inspect_mime("count")["text/plain"]
    with pytest.raises(KeyError):
        warm.shell.object_inspect_mime("no_such_name")
    warm.good("%unload_ext qs_jupyter")
    with pytest.raises(KeyError):
        warm.shell.object_inspect_mime("fly")
    warm.load()


def test_items_are_offered_with_the_names_of_their_plans(
    warm: Notebook, manager: ManagerThread
) -> None:
    warm.good("%%qserver queue add\ncount([det1])\nmv(motor, 1)")
    uids = [item["item_uid"][:8] for item in manager.call("queue_get")["items"]]
    warm.good("from qs_jupyter.client.hub import shared_hub")
    warm.good("%qserver wait idle;")
    found = warm.completions("%qserver queue item get ")
    assert found[uids[0]] == "count"
    assert found[uids[1]] == "mv"
    assert list(found)[:2] == ["front", "back"]
    assert warm.complete(f"%qserver queue item move {uids[0]} af") == ["after"]
    assert uids[1] in warm.complete(f"%qserver queue item move {uids[0]} after ")
    (whole,) = warm.complete(f"%qserver queue item get {uids[0]}")
    assert len(whole) == 36


def test_files_are_offered(warm: Notebook) -> None:
    Path("scripts").mkdir()
    Path("scripts/one.py").touch()
    assert warm.complete("%qserver script upload sc") == ["scripts/"]
    assert warm.complete("%qserver script upload scripts/") == ["scripts/one.py"]


def test_notes_and_variables_of_before_are_offered(warm: Notebook) -> None:
    warm.good("detector_list = ['det1']")
    assert "detector_list" in warm.complete("%qserver queue add plan count(detector_l")
    warm.good("%qserver -k k lock all 'sample change'\n%qserver -k k unlock")
    assert warm.complete("%qserver lock queue ")[0] == "'sample change'"


def test_other_python_is_left_to_ipython(warm: Notebook) -> None:
    warm.good("import math")
    assert any(each.endswith("hypot") for each in warm.complete("math.hyp"))
    assert any(each.endswith("hypot") for each in warm.complete("%%qserver queue add\nmath.hyp"))
    assert "queue" not in warm.complete("print('%qserver qu")


def test_tab_never_waits_long_for_a_manager_that_is_away(
    lone_notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = Connection.choose
    patient = {"timeout_s": 60.0}
    monkeypatch.setattr(Connection, "choose", lambda *place, **how: choose(*place, **how | patient))
    lone_notebook.bad("%qserver connect tcp://127.0.0.1:9")
    lone_notebook.good("%config QServerMagics.address = 'tcp://127.0.0.1:9'")
    begun = time.perf_counter()
    assert lone_notebook.complete("%qserver queue add plan ") == [
        "before",
        "after",
        "front",
        "back",
    ]
    # Whoever waited until the hub gives up would come too late.
    assert time.perf_counter() - begun < 20
