"""A large beamline: 200 plans with rich signatures and 2 000 devices."""

import typing

import bluesky.plan_stubs as bps  # noqa: F401 - the plans use it
from bluesky import RunEngine
from bluesky.protocols import Readable  # noqa: F401 - the plans use it
from ophyd import Component, Device, Signal

RE = RunEngine({})


class Stage(Device):
    """A stage with a readback and a setpoint."""

    readback = Component(Signal, value=0.0)
    setpoint = Component(Signal, value=0.0)


PLAN = '''
def plan_{number}(
    detectors: typing.List[Readable],
    start: float,
    stop: float,
    num: int = {number},
    *,
    mode: str = "step",
    names: typing.Optional[typing.List[str]] = None,
    per_step: typing.Optional[typing.Callable] = None,
    md: typing.Optional[typing.Dict[str, typing.Any]] = None,
):
    """
    Scan number {number} between two places.

    Parameters
    ----------
    detectors : list
        What is read at each point.
    start : float
        The first place.
    stop : float
        The last place.
    num : int
        Number of points.
    mode : str
        How the points are reached.
    names : list
        Names for the columns.
    per_step : callable
        Called at each point.
    md : dict
        Metadata.
    """
    yield from bps.null()
'''

for number in range(200):
    exec(PLAN.format(number=number))
for number in range(2000):
    globals()[f"stage_{number}"] = Stage(f"BL:{number}", name=f"stage_{number}")
del number, PLAN


def bare_count():
    """Return how many plans there are."""
    return typing.cast(int, 200)
