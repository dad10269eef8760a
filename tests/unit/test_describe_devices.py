"""Descriptions of devices: abilities, components, depth, failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import ophyd
import ophyd.sim
import pytest
from ophyd import Component as Cpt
from ophyd.areadetector import EpicsSignalWithRBV, SimDetector
from ophyd_async.core import Device as AsyncDevice
from ophyd_async.core import DeviceVector, StandardReadable, soft_signal_rw

from qs_kernel_worker import parameter_annotation_decorator, registry
from qs_kernel_worker.describe_devices import DeviceTree, is_device
from qs_kernel_worker.namespace import InvalidPlanError, existing_lists


class Stage(ophyd.Device):
    x = Cpt(ophyd.sim.SynAxis, name="x")
    y = Cpt(ophyd.sim.SynAxis, name="y")


class Bundle(ophyd.Device):
    motors = Cpt(Stage, "")
    det = Cpt(
        ophyd.sim.SynGauss, name="d", motor=ophyd.sim.motor, motor_field="motor", center=0, Imax=1
    )


class Broken(ophyd.Device):
    good = Cpt(ophyd.Signal)
    bad = Cpt(ophyd.Signal)

    def __getattribute__(self, name: str) -> Any:
        if name == "bad" and "is_broken" in vars(self):
            raise TimeoutError("no answer")
        return super().__getattribute__(name)


class Uncreatable(ophyd.Signal):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TimeoutError("PV does not answer")


class Lazy(ophyd.Device):
    signal = Cpt(Uncreatable, "PV", lazy=True)


class Empty(ophyd.Signal):
    def __len__(self) -> int:
        return 0


@pytest.fixture(autouse=True)
def _no_registrations() -> Iterator[None]:
    registry.clear_registered_items()
    yield
    registry.clear_registered_items()


def lists(depth: int = 0, **user_ns: Any) -> Any:
    return existing_lists(user_ns, ignore_invalid_plans=False, device_max_depth=depth)


def names(devices: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for name, node in devices.items():
        found |= {name, *(f"{name}.{below}" for below in names(node.get("components", {})))}
    return found


def test_a_device_is_described_by_abilities_class_and_components() -> None:
    stage = DeviceTree().describe("s", Stage(name="s"))
    assert list(stage["components"]) == ["x", "y"]
    assert stage["components"]["x"] == {
        "is_readable": True,
        "is_movable": True,
        "is_flyable": False,
        "classname": "SynAxis",
        "module": "ophyd.sim",
        "components": stage["components"]["x"]["components"],
    }
    assert (stage["classname"], stage["is_movable"]) == ("Stage", False)


@pytest.mark.parametrize(
    ("depth", "count"), [(1, 1), (2, 3), (3, 11), (4, 21), (0, 21), (-5, 21), (9, 21)]
)
def test_the_depth_counts_levels(depth: int, count: int) -> None:
    assert len(names(lists(depth, b=Bundle(name="b")).devices)) == count


def test_only_devices_are_listed() -> None:
    class HasChildren:
        children = ()

    found = lists(
        det=ophyd.sim.det,
        flyer=ophyd.sim.flyer1,
        empty=Empty(name="e"),
        cls=Stage,
        module=ophyd,
        number=5,
        widget=HasChildren(),
        mock=MagicMock(spec=["children"]),
        nothing=None,
        _=ophyd.sim.det,
        _12=ophyd.sim.det,
        _hidden=ophyd.sim.det,
    )
    assert set(found.devices) == {"det", "flyer", "empty", "_hidden"}


def test_a_component_that_fails_is_left_out_alone() -> None:
    device = Broken(name="b")
    device.is_broken = True
    found = lists(b=device)
    assert names(found.devices) == {"b", "b.good"}
    assert found.rejected_devices == {"b.bad": "TimeoutError: no answer"}
    assert "no answer" in found.warnings[0]


def test_a_lazy_component_is_described_without_being_created() -> None:
    device = Lazy("", name="lazy")
    described = DeviceTree().describe("lazy", device)["components"]["signal"]
    assert described["classname"] == "Uncreatable"
    assert (described["is_readable"], described["is_movable"]) == (True, True)
    assert not device._signals


def test_area_detectors_are_expanded_only_when_registered() -> None:
    detector = SimDetector("X:", name="ad")
    assert "components" not in lists(ad=detector).devices["ad"]
    registry.register_device("ad", depth=2)
    components = lists(ad=detector).devices["ad"]["components"]
    assert "cam" in components
    assert "components" not in components["cam"]
    registry.register_device("ad", depth=0)
    acquire = lists(ad=detector).devices["ad"]["components"]["cam"]["components"]["acquire"]
    assert acquire["classname"] == EpicsSignalWithRBV.__name__
    assert acquire["is_movable"] is True


def test_devices_of_ophyd_async_are_listed_with_their_children() -> None:
    class Motor(StandardReadable):
        def __init__(self, name: str) -> None:
            with self.add_children_as_readables():
                self.position = soft_signal_rw(float)
            self.channels = DeviceVector({1: soft_signal_rw(int)})
            super().__init__(name)

    plain = AsyncDevice(name="plain")
    found = lists(motor=Motor("motor"), plain=plain).devices
    assert names(found) == {"motor", "motor.position", "motor.channels", "plain"}
    assert found["motor"]["components"]["position"]["is_movable"] is True
    assert found["plain"]["is_readable"] is False


def test_looking_at_a_strange_object_is_no_error() -> None:
    class Strange:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("not now")

    assert not is_device(Strange())
    assert lists(strange=Strange()).devices == {}


def test_a_device_that_does_not_answer_now_is_listed_all_the_same() -> None:
    class Absent:
        name = "absent"

        def read(self) -> None: ...

        def describe(self) -> None: ...

        @property
        def set(self) -> None:
            raise TimeoutError("no answer")

        kickoff = None

    described = lists(absent=Absent()).devices["absent"]
    assert (described["is_readable"], described["is_movable"]) == (True, True)
    assert described["is_flyable"] is False


def test_what_has_every_attribute_is_no_device() -> None:
    class Catalogue:
        def __getattr__(self, name: str) -> Any:
            return Catalogue()

    class Proxy:
        """Stands for a device that is made when it is first used."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ophyd.sim.det, name)

    assert set(lists(db=Catalogue(), mock=MagicMock(), proxy=Proxy()).devices) == {"proxy"}


def test_registration_adds_depth_and_excludes() -> None:
    registry.register_device("hidden", exclude=True)
    registry.register_device("stage", depth=1)
    registry.register_device("nosuch")
    registry.register_device("number")
    registry.register_plan("scan", exclude=True)
    registry.register_plan("missing")

    def scan():
        yield

    found = lists(hidden=ophyd.sim.det, stage=Stage(name="s"), number=5, scan=scan)
    assert names(found.devices) == {"stage"}
    assert found.plans == {}
    assert len(found.warnings) == 3
    assert "'nosuch' does not exist" in " ".join(found.warnings)
    assert "'number' is no device" in " ".join(found.warnings)


def test_an_invalid_plan_fails_the_lists_or_is_left_out() -> None:
    @parameter_annotation_decorator({"parameters": {"a": {"annotation": "X"}}})
    def bad(a):
        yield

    def good():
        yield

    with pytest.raises(InvalidPlanError, match="'bad'"):
        lists(bad=bad, good=good)
    found = existing_lists({"bad": bad, "good": good}, ignore_invalid_plans=True)
    assert set(found.plans) == {"good"}
    assert "name 'X' is not defined" in found.rejected_plans["bad"]
    assert len(found.warnings) == 1


def test_a_default_that_is_no_plain_value_is_invalid_when_the_lists_are_strict() -> None:
    def bad(a=ophyd.sim.det):
        yield

    with pytest.raises(InvalidPlanError, match=r"parameter 'a': The expression .* evaluated"):
        lists(bad=bad)
    (described,) = existing_lists({"bad": bad}, ignore_invalid_plans=True).plans["bad"][
        "parameters"
    ]
    assert described["x_default_repr"].startswith("SynGauss(")


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((5,), {}, TypeError),
        (("",), {}, ValueError),
        (("a.b",), {}, ValueError),
        (("1a",), {}, ValueError),
        (("a",), {"depth": "1"}, TypeError),
        (("a",), {"depth": True}, TypeError),
        (("a",), {"depth": -1}, ValueError),
    ],
)
def test_a_bad_registration_is_refused(
    arguments: Any, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        registry.register_device(*arguments, **options)
