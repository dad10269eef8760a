"""One file that serves both a terminal and the queue server, for the plain loader."""

import bluesky_queueserver
from bluesky_queueserver import (
    is_ipython_mode,
    is_re_worker_active,
    parameter_annotation_decorator,
    register_device,
    register_plan,
)
from bluesky_queueserver.manager.profile_tools import global_user_namespace, set_user_ns
from IPython import (
    get_ipython,
)

assert is_re_worker_active()
assert not is_ipython_mode()
assert get_ipython().user_ns is globals()
assert global_user_namespace.user_ns is globals()
get_ipython().log.warning("the log of the shell is there")

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
from bluesky import RunEngine
from bluesky.callbacks import LiveTable
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.areadetector import SimDetector
from ophyd.sim import SynAxis, SynGauss, make_fake_device

RE = RunEngine({})
RE.subscribe(lambda name, doc: None, "stop")


class Rotation(Device):
    angle = Cpt(SynAxis, labels={"motors"})
    speed = Cpt(Signal, value=1.0)

    def set(self, value):
        return self.angle.set(value)


rotation = Rotation(name="rotation")
camera = SynGauss("camera", rotation.angle, "rotation_angle", center=0, Imax=10)
flat, dark = Signal(name="flat", value=1), Signal(name="dark", value=0)
area = make_fake_device(SimDetector)("SIM:", name="area")
area_in_full = make_fake_device(SimDetector)("SIM:", name="area_in_full")
register_device("area_in_full", depth=2)
secret = Signal(name="secret", value=0)
register_device("secret", exclude=True)
register_device("not_made_yet")
register_plan("helper", exclude=True)

PARAMETERS = {
    "description": "Take projections over a range of angles.",
    "parameters": {
        "detectors": {
            "description": "Cameras",
            "annotation": "typing.List[Cameras]",
            "devices": {"Cameras": ["camera", ":^fl", "__DETECTOR__:?^rot"]},
            "default": ["camera"],
        },
        "angles": {"annotation": "typing.Tuple[float, float]", "min": -180, "max": 180},
        "num": {"min": 1, "max": 100000, "step": 1},
        "mode": {"annotation": "Mode", "enums": {"Mode": ["step", "fly", "it's"]}},
        "prelude": {"annotation": "typing.Optional[Prelude]", "plans": {"Prelude": [":^take_"]}},
        "motor": {"annotation": "__MOVABLE__"},
        "label": {"annotation": "__DEVICE__", "convert_device_names": False},
        "action": {"annotation": "__CALLABLE__"},
    },
}


@parameter_annotation_decorator(PARAMETERS)
def tomo(
    detectors=None,
    angles=(0.0, 180.0),
    num: int = 3,
    mode="step",
    prelude=None,
    motor=rotation,
    label="camera",
    action=None,
    *,
    md=None,
):
    """Not shown: the decorator has a text."""
    assert label == "camera"
    assert not isinstance(motor, str)
    if prelude is not None:
        yield from prelude()
    yield from bp.scan(detectors, motor.angle, *angles, num, md={"mode": mode, **(md or {})})


@parameter_annotation_decorator({"parameters": {"num": {"default": 2}}})
def take_flats(num=1):
    yield from bp.count([flat], num=num)


def take_darks(num=1):
    yield from bp.count([dark], num=num)


def helper():
    yield from bps.null()


@set_user_ns
def named(name: str, *, user_ns, ipython):
    """Find a device by its name in the namespace."""
    assert ipython is None
    yield from bp.count([user_ns[name]])


def count_by_name(name: str, num: int = 1):
    """The annotation keeps the text."""
    assert isinstance(name, str)
    yield from bp.count([globals()[name]], num=num)


def sample_scan(detectors, sample="camera 1", md={"sample": "camera"}):
    assert sample == "camera 1"
    assert md["sample"] == "camera"
    yield from bp.count(detectors, md=md)


def dictionary(moves, table=dict(), offset=np.float64(0.5)):
    for device, target in zip(moves["devices"], moves["targets"]):
        assert not isinstance(device, str)
        yield from bps.mv(device, target + offset)


# Much that is found in namespaces and is neither plan nor device.
mocked = np.ma.masked_array([1, 2])
pile = [rotation] * 3
table = LiveTable(["camera"])
generator = take_darks()
Measure = type("Measure", (), {"__call__": lambda self: (yield)})
measure = Measure()
