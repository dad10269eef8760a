"""Profiles as beamlines have them: all is found in them, and all of it runs.

The profiles beside this file are written like those of facilities: a package that sets up the
engine, magics and ``%run``, area detectors and fake process variables; devices of ophyd-async
and typed plans; one file for the plain loader that imports from ``bluesky_queueserver``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import _managers
from tests.acceptance.running import Home, RunningManager

pytestmark = pytest.mark.xdist_group("profiles")

PROFILES = Path(__file__).parent / "profiles"


def profile(home: Home, name: str) -> Path:
    """Return a copy of a profile, so that nothing is written beside the original."""
    folder = home.folder / "home" / ".ipython" / f"profile_{name}"
    shutil.copytree(PROFILES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "startup"


def served(name: str, *options: str) -> Iterator[RunningManager]:
    with _managers() as (_home, make):
        manager = make()
        manager.start("--startup-dir", str(profile(manager.home, name)), *options)
        manager.open()
        yield manager


@pytest.fixture(scope="module")
def scattering() -> Iterator[RunningManager]:
    yield from served("scattering", "--use-ipython-kernel", "ON")


@pytest.fixture(scope="module")
def spectroscopy() -> Iterator[RunningManager]:
    yield from served("spectroscopy")


@pytest.fixture(scope="module")
def tomography() -> Iterator[RunningManager]:
    yield from served("tomography", "--use-ipython-kernel", "OFF")


def plans_of_the_profile(manager: RunningManager) -> dict[str, Any]:
    """Return the plans that are not bluesky's own."""
    plans = manager.do("plans_existing")["plans_existing"]
    return {n: p for n, p in plans.items() if not p["module"].startswith("bluesky.")}


def report(manager: RunningManager) -> dict[str, Any]:
    found = manager.do("environment_report")["environment_report"]
    assert found["ok"] is True
    return dict(found["report"])


def plan(name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}


def run_all(manager: RunningManager, *items: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the plans, all of which must be accepted and completed; return their results."""
    manager.do("history_clear")
    manager.do("queue_item_add_batch", items=list(items), user="a test", user_group="primary")
    manager.do("queue_start")
    manager.until_idle(limit_s=60)
    history = manager.history()
    failed = [
        (item["name"], item["args"], item["result"]["msg"], item["result"]["traceback"])
        for item in history
        if item["result"]["exit_status"] != "completed"
    ]
    manager.do("queue_clear")
    assert failed == []
    assert len(history) == len(items)
    return [item["result"] for item in history]


# ----------------------------------------------------------- files, magics, area detectors


def test_a_profile_of_many_files_is_loaded_in_full(scattering: RunningManager) -> None:
    found = report(scattering)
    assert [Path(each["file"]).name for each in found["files"]] == [
        *("00-base.py", "05-magics.ipy", "10-motors.py", "20-detectors.py", "90-plans.py")
    ]
    assert (found["warnings"], found["rejected_plans"], found["rejected_devices"]) == ([], {}, {})
    assert plans_of_the_profile(scattering).keys() == {
        *("open_shutter", "close_shutter", "saxs", "_align_inner", "align", "grid"),
        *("temperature_ramp", "slit_scan", "fly_once", "flag_to", "repeat_twice", "rough"),
    }
    plans = scattering.do("plans_existing")["plans_existing"]
    assert plans["quick_count"]["module"] == "bluesky.plans"
    devices = scattering.do("devices_existing")["devices_existing"]
    assert devices.keys() == {
        *("stage", "slits", "mono", "shutter_open"),
        *("pilatus", "diode", "sequencer", "det1", "det2", "motor1"),
    }
    assert devices["slits"]["components"]["h"]["components"].keys() == {
        *("center", "gap", "inner", "outer")
    }
    # Whether they are created on demand makes no difference.
    mono = devices["mono"]["components"]
    assert mono["bragg"]["components"].keys() == mono["energy"]["components"].keys()
    assert mono["flags"]["components"].keys() == {"flag0", "flag1", "flag2"}
    assert "components" not in devices["pilatus"]


def test_plans_as_they_grow_over_the_years_run(scattering: RunningManager) -> None:
    results = run_all(
        scattering,
        plan("open_shutter"),
        plan("saxs", 0.1, frames=2, sample_name="AgBeh", user_md={"operator": "Ann"}),
        plan("rough", 2),
        plan("align"),
        plan("align", "stage.y", 0.2, detector="det1"),
        plan("grid", ["stage.x", "stage.y"]),
        plan("grid", ["stage.x", "stage.y"], [[0, 1], [0, 1]], 2),
        plan("temperature_ramp", [300, 310], cooling="slow"),
        plan("slit_scan", 0, 1, 2),
        plan("slit_scan", start=0.0, stop=1.0, num=2, blade="v"),
        plan("fly_once"),
        plan("fly_once", flyer="sequencer"),
        plan("flag_to", 0.5),
        plan("repeat_twice", ["diode"]),
        plan("quick_count", ["diode", "stage.x.readback"]),
        plan("scan", ["diode", "det1"], "slits.h.gap", 0, 1, 2),
        plan("rel_grid_scan", ["diode"], "stage.x", -1, 1, 2, "stage.y", -1, 1, 2),
        plan("list_scan", ["diode"], "stage.x", [1, 2], "stage.y", [3, 4]),
        plan("mv", "stage.x", 0, "stage.y", 0),
        plan("count", ["diode", "mono.bragg"]),
    )
    assert [len(result["run_uids"]) for result in results] == [
        *(0, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1)
    ]


def test_functions_and_metadata_of_a_profile_are_within_reach(scattering: RunningManager) -> None:
    item = {"item_type": "function", "name": "q_of", "args": [10.0]}
    task = scattering.do("function_execute", item=item, user="a", user_group="primary")["task_uid"]
    scattering.until_idle()
    result = scattering.ask("task_result", task_uid=task)["result"]
    assert result["return_value"] == pytest.approx(0.0419, rel=0.01)
    metadata = scattering.do("re_metadata")["re_metadata"]
    assert metadata["sample"] == "silver behenate"
    assert metadata["beamline_id"] == "SCAT"
    assert "numpy" in metadata["versions"]


# ------------------------------------------------------------------ ophyd-async, typed plans


def test_typed_plans_and_async_devices_are_described(spectroscopy: RunningManager) -> None:
    found = report(spectroscopy)
    assert (found["warnings"], found["rejected_plans"], found["rejected_devices"]) == ([], {}, {})
    plans = plans_of_the_profile(spectroscopy)
    assert plans.keys() == {
        *("xas", "typed", "protocols", "follow", "on_each", "staged", "marked"),
        *("with_baseline", "positional"),
    }
    types = {p["name"]: p.get("annotation", {}).get("type") for p in plans["typed"]["parameters"]}
    assert {name for name, text in types.items() if text is None} == {
        *("path", "energy", "model", "unknown", "generic")
    }
    devices = spectroscopy.do("devices_existing")["devices_existing"]
    assert devices.keys() == {
        *("sample", "spectrometer", "attenuator", "analyzer", "spare", "chopper", "monitor")
    }
    assert devices["sample"]["components"]["x"]["is_movable"] is True
    assert devices["analyzer"]["components"].keys() == {"theta", "two_theta", "crystals"}


def test_typed_plans_run_with_async_devices(spectroscopy: RunningManager) -> None:
    run_all(
        spectroscopy,
        plan("xas", ["spectrometer", "monitor"], "sample.x"),
        plan("xas", ["spectrometer"], "analyzer.theta", mode="slow", edge="L3", md={"a": "sample"}),
        plan("typed", 5),
        plan(
            "typed",
            1,
            2,
            "sample",
            True,
            "b",
            None,
            "x",
            [1, 2.5],
            [1, 2],
            [1, 2],
            {"a": [1]},
            ["u", "v"],
            None,
            "/tmp",
            3,
            4.5,
            {"name": "n"},
        ),
        plan("protocols", "monitor.val", "chopper", "sample.y", "spectrometer"),
        plan(
            *("protocols", "monitor", "chopper", "sample.x", "monitor", "sample"),
            several=["monitor", "attenuator.transmission"],
        ),
        plan("follow", ["monitor"], "chopper", 0, 1, "sample.x", 0, 1.5, num=3),
        plan("on_each", ["monitor"]),
        plan("on_each", ["monitor"], "energies", each="staged"),
        plan("staged", 3),
        plan("marked", "sample.x", 2),
        plan("with_baseline"),
        plan("positional", 1),
        plan("positional", 1, "c", fourth=False),
    )


@pytest.mark.parametrize(
    ("item", "reasons"),
    [
        (plan("typed", "5"), ["key='number', value='5'", "interpreted as '5' (<class 'int'>)"]),
        (plan("typed", 1, choice="c"), ["Input should be 'a' or 'b'", "'c'"]),
        (plan("typed", 1, many=[1, "2"], pair=[1], real="x"), ["many", "pair", "real"]),
        (plan("typed", 1, nunber=2), ["unexpected keyword argument 'nunber'", "'number'"]),
        (plan("typed"), ["missing a required argument: 'number'"]),
        (plan("positional", 1, "b", 0.1, True), ["too many positional arguments"]),
        (plan("positional", first=1), ["'first'"]),
        (plan("type", 1), ["'type' is not in the list of allowed plans", "'typed'"]),
    ],
    ids=lambda value: str(value.get("name", "")) if isinstance(value, dict) else "",
)
def test_arguments_that_do_not_fit_are_refused_with_all_reasons(
    spectroscopy: RunningManager, item: dict[str, Any], reasons: list[str]
) -> None:
    reply = spectroscopy.ask("queue_item_add", item=item, user="a test", user_group="primary")
    assert reply["success"] is False
    for reason in reasons:
        assert reason in reply["msg"]


# ------------------------------------------------------------------------- the plain loader


def test_a_profile_for_the_plain_loader_is_loaded(tomography: RunningManager) -> None:
    found = report(tomography)
    assert found["warnings"] == [
        "Registered device 'not_made_yet' does not exist. It is not listed"
    ]
    assert (found["rejected_plans"], found["rejected_devices"]) == ({}, {})
    plans = plans_of_the_profile(tomography)
    assert plans.keys() == {
        *("tomo", "take_flats", "take_darks", "named", "count_by_name"),
        *("sample_scan", "dictionary"),
    }
    assert plans["tomo"]["description"] == "Take projections over a range of angles."
    parameters = {p["name"]: p for p in plans["tomo"]["parameters"]}
    assert parameters["detectors"]["annotation"]["devices"] == {"Cameras": ["camera", "flat"]}
    assert parameters["prelude"]["annotation"]["plans"] == {"Prelude": ["take_darks", "take_flats"]}
    assert [p["name"] for p in plans["named"]["parameters"]] == ["name"]
    devices = tomography.do("devices_existing")["devices_existing"]
    assert devices.keys() == {"rotation", "camera", "flat", "dark", "area", "area_in_full"}
    assert "components" not in devices["area"]
    assert "cam" in devices["area_in_full"]["components"]
    tomography.until_text("the log of the shell is there")


def test_plans_with_the_decorator_run(tomography: RunningManager) -> None:
    results = run_all(
        tomography,
        plan("tomo"),
        plan("tomo", ["camera", "flat"], [-10, 10.5], 2, "it's", "take_flats", "rotation"),
        plan("tomo", label="camera", md={"sample": "camera"}),
        plan("take_flats"),
        plan("take_darks", 2),
        plan("named", "camera"),
        plan("count_by_name", "camera", 2),
        plan("sample_scan", ["camera"]),
        plan("sample_scan", ["rotation.angle"], "camera 1"),
        plan("dictionary", {"devices": ["rotation", "rotation.angle"], "targets": [1, 2]}),
    )
    assert [len(result["run_uids"]) for result in results] == [1, 2, 1, 1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("item", "reasons"),
    [
        (plan("tomo", ["camra"]), ["Input should be 'camera' or 'flat'", "did you mean 'camera'?"]),
        (plan("tomo", num=0), ["Value 0 is out of range [1, 100000]", "'num'"]),
        (plan("tomo", angles=[0, 181]), ["Value 181 is out of range [-180, 180]"]),
        (plan("tomo", mode="stp"), ["Input should be 'step', 'fly' or ", "did you mean 'step'?"]),
        (plan("tomo", mode="stp", detectors=["camra"]), ["mode", "detectors.0"]),
        (
            plan("tomo", ["camra"], [0, 181], 0),
            ["detectors.0", "Value 181 is out of range", "Value 0 is out of range"],
        ),
    ],
)
def test_choices_and_ranges_are_kept(
    tomography: RunningManager, item: dict[str, Any], reasons: list[str]
) -> None:
    reply = tomography.ask("queue_item_add", item=item, user="a test", user_group="primary")
    assert reply["success"] is False
    for reason in reasons:
        assert reason in reply["msg"]
