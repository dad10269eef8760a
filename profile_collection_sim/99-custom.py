print(f"Loading file {__file__!r}")

from ophyd.sim import MockFlyer, SynAxis, SynGauss

from qs_kernel_worker import parameter_annotation_decorator

# ----------------------------------------------------------------------------------- devices

custom_test_device = ophyd.Device(name="custom_test_device")
custom_test_signal = ophyd.Signal(name="custom_test_signal")
custom_test_flyer = MockFlyer("custom_test_flyer", det, motor, 1, 5, 20)


class SimStage(Device):
    """Three motors that move together."""

    x = Cpt(SynAxis, name="x", labels={"motors"})
    y = Cpt(SynAxis, name="y", labels={"motors"})
    z = Cpt(SynAxis, name="z", labels={"motors"})

    def set(self, x, y, z):
        """Move all three motors."""
        return self.x.set(x) & self.y.set(y) & self.z.set(z)


class SimDetectors(Device):
    """Two detectors that look at two motors."""

    det_A = Cpt(
        SynGauss,
        name="det_A",
        motor=motor1,
        motor_field="motor1",
        center=0,
        Imax=5,
        sigma=0.5,
        labels={"detectors"},
    )
    det_B = Cpt(
        SynGauss,
        name="det_B",
        motor=motor2,
        motor_field="motor2",
        center=0,
        Imax=5,
        sigma=0.5,
        labels={"detectors"},
    )


class SimBundle(Device):
    """A stage and its detectors."""

    mtrs = Cpt(SimStage, name="mtrs")
    dets = Cpt(SimDetectors, name="dets")


sim_bundle_A = SimBundle(name="sim_bundle_A")
sim_bundle_B = SimBundle(name="sim_bundle_B")

# ------------------------------------------------------------------------------------- plans


@parameter_annotation_decorator(
    {
        "description": "Move motors to positions, then take one reading of the detectors.",
        "parameters": {
            "motors": {
                "description": "Motors to move, one for each position",
                "annotation": "typing.List[Motors]",
                "devices": {"Motors": ("motor1", "motor2")},
            },
            "detectors": {
                "description": "Detectors to read when the motors have arrived",
                "annotation": "typing.List[Detectors]",
                "devices": {"Detectors": ("det1", "det2", "det3")},
                "default": ["det1", "det2"],
            },
            "positions": {
                "description": "Where to move the motors, in the order of the motors",
                "annotation": "typing.List[float]",
                "min": -10,
                "max": 10,
                "step": 0.01,
            },
        },
    }
)
def move_then_count(
    motors: List[Device],
    detectors: Optional[List[Device]] = None,
    positions: Optional[List[float]] = None,
):
    for name, value in (("motors", motors), ("detectors", detectors), ("positions", positions)):
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{name!r} must be a list, not {type(value).__name__!r}")
    if len(motors) != len(positions):
        raise TypeError(f"{len(motors)} motors can not move to {len(positions)} positions")
    moves = [part for pair in zip(motors, positions, strict=True) for part in pair]
    yield from bps.mv(*moves)
    yield from count(list(detectors))


@bpp.set_run_key_decorator("run_2")
@bpp.run_decorator(md={})
def _sim_plan_inner(npts: int, delay: float = 1.0):
    for position in range(npts):
        yield from bps.mv(motor1, position - 0.5 * npts, motor2, 0.5 * npts - position)
        yield from bps.trigger_and_read([motor1, motor2, det2])
        yield from bps.sleep(delay)


@parameter_annotation_decorator(
    {
        "description": "Two runs, one inside the other: the second is open while the first waits.",
        "parameters": {
            "npts": {"description": "Number of points of the outer run"},
            "delay": {"description": "Seconds to wait after each point"},
        },
    }
)
@bpp.set_run_key_decorator("run_1")
@bpp.run_decorator(md={})
def sim_multirun_plan_nested(npts: int, delay: float = 1.0):
    def points(first, last):
        for position in range(first, last):
            yield from bps.mv(motor, position)
            yield from bps.trigger_and_read([motor, det])
            yield from bps.sleep(delay)

    half = npts // 2
    yield from points(0, half)
    yield from _sim_plan_inner(npts + 1, delay)
    yield from points(half, npts)


@parameter_annotation_decorator(
    {
        "parameters": {
            "detectors": {
                "annotation": "typing.List[DetList]",
                "devices": {"DetList": ["det", "det1", "det2", "det3", ":+^sim_bundle:?.*$"]},
            }
        }
    }
)
def count_bundle_test(detectors, num=1, delay=None, *, per_shot=None, md=None):
    yield from count(detectors, num=num, delay=delay, per_shot=per_shot, md=md)


class StatusPlaceholder:
    """As much of a status as a progress bar looks at."""

    def __init__(self):
        self.done = False

    def watch(self, _):
        """Take a callback and never call it."""


def plan_test_progress_bars(n_progress_bars: int = 1):
    """
    Show progress bars that grow for five seconds.

    Parameters
    ----------
    n_progress_bars : int
        Number of bars, at least one
    """
    count_of_bars = max(1, n_progress_bars)
    steps = 10
    # Public client tests look for these words.
    print(f"TESTING {count_of_bars} PROGRESS BARS")
    statuses = [StatusPlaceholder() for _ in range(count_of_bars)]
    bar = ProgressBar(statuses)
    for step in range(1, steps + 1):
        yield from bps.sleep(0.5)
        for number, status in enumerate(statuses):
            status.done = step == steps
            bar.update(
                number,
                name=f"TEST{number + 1}",
                current=step,
                initial=0,
                target=steps,
                fraction=1 - step / steps,
                time_elapsed=step * 0.5,
            )
    # Drawing has left the cursor in the line of the first bar.
    print("\n" * count_of_bars + "TEST COMPLETED")


# --------------------------------------------------------------------------------- functions


def function_sleep(time):
    """Sleep a number of seconds and say so."""
    print("function_sleep: starts")
    print(f"function_sleep: waits {time} s")
    ttime.sleep(time)
    print("function_sleep: finishes")
    return {"success": True, "time": time}


_fifo_buffer = []


def push_buffer_element(element):
    """Put an element at the end of the buffer."""
    print(f"Buffer: put {element!r}")
    _fifo_buffer.append(element)


def pop_buffer_element():
    """Take the first element out of the buffer."""
    print("Buffer: take the first element")
    return _fifo_buffer.pop(0)


def clear_buffer():
    """Empty the buffer."""
    print("Buffer: clear")
    _fifo_buffer.clear()
