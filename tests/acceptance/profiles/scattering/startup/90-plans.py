"""Plans as they grow over the years: decorated, wrapped, with arguments of all kinds."""

import functools
from datetime import datetime

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.plans import count, scan
from bluesky.utils import short_uid


def open_shutter():
    """Open the shutter and wait."""
    yield from bps.mv(shutter_open, 1)


def close_shutter():
    yield from bps.mv(shutter_open, 0)


def shutter_decorator(plan):
    """Open the shutter for a plan, and close it however the plan ends."""

    @functools.wraps(plan)
    def wrapped(*args, **kwargs):
        def inner():
            yield from open_shutter()
            return (yield from plan(*args, **kwargs))

        return (yield from bpp.finalize_wrapper(inner(), close_shutter()))

    return wrapped


@shutter_decorator
def saxs(exposure=1.0, frames=1, *, sample_name="unnamed", user_md={}):
    """
    Expose the sample to the beam.

    Parameters
    ----------
    exposure : float
        Seconds per frame
    frames : int
        Number of frames
    sample_name : str
        What it will be called in the files
    user_md : dict
        More metadata
    """
    md = {"sample_name": sample_name, "exposure": exposure, **user_md}
    return (yield from count([diode, det1], num=frames, md=md))


@bpp.run_decorator(md={"plan_name": "align"})
def _align_inner(motor, span):
    for position in np.linspace(-span, span, 3):
        yield from bps.mv(motor, position)
        yield from bps.trigger_and_read([motor, diode])


def align(motor=stage.x, span=0.5, detector=diode):
    """The defaults are devices, as everybody writes them."""
    yield from _align_inner(motor, span)


def grid(motors, ranges=np.array([[-1, 1], [-1, 1]]), steps=np.int64(3), kind=np.float32):
    """Defaults of numpy."""
    args = [word for m, (a, b) in zip(motors, ranges) for word in (m, a, b, int(steps))]
    return (yield from grid_scan([diode], *args))


def temperature_ramp(setpoints, dwell=float("inf"), until=datetime.max, per_step=None, **kwargs):
    """Unbounded defaults, and whatever else the caller wants."""
    for setpoint in setpoints:
        yield from bps.null()
        yield from count([det2], md={"setpoint": setpoint, **kwargs})


def slit_scan(start: float, stop: float, num: "int" = 3, blade="h"):
    yield from scan([diode], getattr(slits, blade).gap, start, stop, num)


def fly_once(flyer=sequencer):
    yield from bps.open_run()
    yield from bps.kickoff(flyer, wait=True)
    yield from bps.complete(flyer, wait=True)
    yield from bps.collect(flyer)
    yield from bps.close_run()


def flag_to(position: float = 0.0, tolerance: float = 1e-3):
    """Move and read back, without a run."""
    yield from bps.abs_set(mono.flags.flag1, position, wait=True)
    got = yield from bps.rd(mono.flags.flag1)
    assert abs(got - position) < tolerance
    return short_uid("flag")


class Protocol:
    """Bound methods are plans as well."""

    def __init__(self, repeats):
        self.repeats = repeats

    def measure(self, dets, md=None):
        yield from count(dets, num=self.repeats, md=md)

    def __call__(self, dets):
        return (yield from self.measure(dets))


protocol = Protocol(2)
repeat_twice = protocol.measure
quick_count = functools.partial(count, num=1, delay=0)
rough = functools.partial(saxs, 0.01, sample_name="rough")
