"""Devices of ophyd-async, and one of ophyd beside them."""

import asyncio

from bluesky import RunEngine
from bluesky.protocols import Locatable, Location, Stoppable, Triggerable
from ophyd.sim import SynAxis, SynGauss
from ophyd_async.core import (
    AsyncStatus,
    DeviceVector,
    Reference,
    StandardReadable,
    StandardReadableFormat,
    StrictEnum,
    init_devices,
    soft_signal_r_and_setter,
    soft_signal_rw,
)

RE = RunEngine({"instrument": "spectrometer"}, call_returns_result=True)


class Axis(StandardReadable, Locatable[float], Stoppable):
    def __init__(self, name=""):
        with self.add_children_as_readables(StandardReadableFormat.HINTED_SIGNAL):
            self.readback, self._move = soft_signal_r_and_setter(float)
        self.velocity = soft_signal_rw(float, initial_value=10.0)
        super().__init__(name=name)

    @AsyncStatus.wrap
    async def set(self, value: float):
        start, steps = await self.readback.get_value(), 3
        for n in range(1, steps + 1):
            self._move(start + (value - start) * n / steps)
            await asyncio.sleep(0.001)

    async def locate(self) -> Location[float]:
        position = await self.readback.get_value()
        return {"setpoint": position, "readback": position}

    async def stop(self, success: bool = False):
        pass


class SampleStage(StandardReadable):
    def __init__(self, name=""):
        with self.add_children_as_readables():
            self.x, self.y = Axis(), Axis()
        super().__init__(name=name)


class PointDetector(StandardReadable, Triggerable):
    def __init__(self, axis, name=""):
        with self.add_children_as_readables(StandardReadableFormat.HINTED_SIGNAL):
            self.counts, self._count = soft_signal_r_and_setter(int)
        self.axis = Reference(axis)
        super().__init__(name=name)

    @AsyncStatus.wrap
    async def trigger(self):
        self._count(round(100 * await self.axis().readback.get_value()))


class Filter(StrictEnum):
    NONE = "None"
    AL = "Al 10 um"
    CU = "Cu 5 um"


class Attenuator(StandardReadable):
    def __init__(self, name=""):
        with self.add_children_as_readables(StandardReadableFormat.CONFIG_SIGNAL):
            self.filter = soft_signal_rw(Filter, initial_value=Filter.NONE)
        with self.add_children_as_readables():
            self.transmission, self._set = soft_signal_r_and_setter(float, 1.0)
        super().__init__(name=name)


class Analyzer(StandardReadable):
    """A tree: axes, crystals in a vector, a reference to a device elsewhere."""

    def __init__(self, motor, name=""):
        with self.add_children_as_readables():
            self.theta, self.two_theta = Axis(), Axis()
        self.crystals = DeviceVector({n: soft_signal_rw(float) for n in range(3)})
        self.shared = Reference(motor)
        super().__init__(name=name)


with init_devices():
    sample = SampleStage()
    spectrometer = PointDetector(sample.x)
    attenuator = Attenuator()
    analyzer = Analyzer(sample.x)

with init_devices(mock=True):
    spare = Attenuator()

chopper = SynAxis(name="chopper")
monitor = SynGauss("monitor", chopper, "chopper", center=0, Imax=1)
