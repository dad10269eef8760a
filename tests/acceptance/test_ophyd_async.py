"""A profile with devices of ophyd-async, and one in which much is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.running import Home, MakeManager, RunningManager

DEVICES = """\
import bluesky.plan_stubs as bps
from bluesky import RunEngine
from bluesky.plans import count
from bluesky.protocols import Movable, Readable
from ophyd_async.core import (
    Device,
    DeviceVector,
    StandardReadable,
    init_devices,
    soft_signal_r_and_setter,
    soft_signal_rw,
)

RE = RunEngine({})


class Stage(StandardReadable):
    def __init__(self, name=""):
        with self.add_children_as_readables():
            self.x = soft_signal_rw(float, initial_value=1.5)
            self.y = soft_signal_rw(float)
        super().__init__(name=name)


class Bundle(StandardReadable):
    def __init__(self, name=""):
        with self.add_children_as_readables():
            self.table = Stage()
            self.temperature, self._set_temperature = soft_signal_r_and_setter(float, 4.2)
        self.channels = DeviceVector({0: soft_signal_rw(int), 1: soft_signal_rw(int)})
        super().__init__(name=name)


with init_devices():
    bundle = Bundle()
with init_devices(mock=True):
    pretended = Stage()


def look(detectors: list[Readable], num: int = 1):
    yield from count(detectors, num)


def put(signal: Movable, value: float, detector: Readable = bundle):
    yield from bps.abs_set(signal, value, wait=True)
    yield from count([detector])
"""
BAD = """\
class NoChildren(Device):
    are_at_school = False

    def children(self):
        if self.are_at_school:
            raise RuntimeError("the children are at school")
        return iter(())


class Rude:
    name = "rude"

    def __getattr__(self, name):
        raise ValueError(f"do not ask for {name}")


class Shy:
    def __repr__(self):
        raise RuntimeError("no repr")


bad_device = NoChildren(name="bad_device")
bad_device.are_at_school = True
rude = Rude()


def shy_default(value=Shy()):
    yield from bps.null()


def device_default(device=bad_device, vector=bundle.channels):
    yield from bps.null()


def unreadable(value):
    yield from bps.null()


unreadable.__signature__ = "not a signature"
"""
PERMISSIONS = """\
user_groups:
  root: {allowed_plans: [null], allowed_devices: [null]}
  primary: {allowed_plans: [":.*"], allowed_devices: [":?.*:depth=5"]}
"""


def profile(home: Home, *extra: str) -> str:
    folder = home.folder / "home" / "startup"
    folder.mkdir()
    for number, source in enumerate((DEVICES, *extra)):
        (folder / f"{number}0-devices.py").write_text(source)
    (folder / "user_group_permissions.yaml").write_text(PERMISSIONS)
    return str(folder)


@pytest.fixture
def opened(make_manager: MakeManager) -> RunningManager:
    manager = make_manager()
    manager.start("--startup-dir", profile(manager.home))
    manager.open()
    return manager


def run(manager: RunningManager, name: str, *args: Any) -> dict[str, Any]:
    """Run a plan and return its result."""
    done = manager.status()["items_in_history"]
    item = {"item_type": "plan", "name": name, "args": list(args)}
    manager.do("queue_item_add", item=item, user="a test", user_group="primary")
    manager.do("queue_start")
    manager.until(lambda status: status["items_in_history"] == done + 1)
    manager.until_idle()
    result: dict[str, Any] = manager.history()[-1]["result"]
    return result


def test_devices_of_ophyd_async_are_listed_and_run_with_their_children(
    opened: RunningManager,
) -> None:
    devices = opened.do("devices_allowed", user_group="primary")["devices_allowed"]
    assert {"bundle", "pretended"} <= devices.keys()
    bundle = devices["bundle"]
    assert (bundle["is_readable"], bundle["is_movable"]) == (True, False)
    assert bundle["components"]["table"]["components"]["x"]["is_movable"] is True
    assert bundle["components"]["temperature"]["is_readable"] is True

    result = run(opened, "look", ["bundle", "bundle.table", "bundle.table.x", "pretended"], 2)
    assert (result["exit_status"], len(result["run_uids"])) == ("completed", 1), result
    result = run(opened, "put", "bundle.table.y", 2.5)
    assert result["exit_status"] == "completed", result
    result = run(opened, "put", "pretended.x", 3, "bundle.temperature")
    assert result["exit_status"] == "completed", result


def test_what_cannot_be_described_is_left_out_and_told(make_manager: MakeManager) -> None:
    manager = make_manager()
    startup = profile(manager.home, BAD)
    manager.start("--startup-dir", startup)
    manager.open()
    plans = manager.do("plans_existing")["plans_existing"]
    assert {"look", "put", "shy_default", "device_default"} <= plans.keys()
    assert "unreadable" not in plans
    report = manager.do("environment_report")["environment_report"]["report"]
    assert "signature" in report["rejected_plans"]["unreadable"]
    assert any("at school" in reason for reason in report["rejected_devices"].values())
    manager.until_text("Left out of the list of plans: 'unreadable'")
    assert run(manager, "look", ["bundle"])["exit_status"] == "completed"
    assert run(manager, "device_default")["exit_status"] == "completed"
    assert run(manager, "shy_default")["exit_status"] == "completed"
