"""Detectors: simple ones, an area detector with plugins and file writing, a flyer."""

import time as ttime
from collections import deque

from ophyd import Component as Cpt
from ophyd import Device, Kind, Signal, SingleTrigger
from ophyd import ADComponent as ADCpt
from ophyd.areadetector import SimDetector
from ophyd.areadetector.filestore_mixins import FileStoreHDF5IterativeWrite
from ophyd.areadetector.plugins import HDF5Plugin, ImagePlugin, ROIPlugin, StatsPlugin
from ophyd.sim import SynGauss, det1, det2, motor1, make_fake_device
from ophyd.status import DeviceStatus, Status


class HDF5PluginWithFileStore(HDF5Plugin, FileStoreHDF5IterativeWrite):
    """Writes where the beamline keeps its images."""


class Pilatus(SingleTrigger, SimDetector):
    image = ADCpt(ImagePlugin, "image1:")
    stats1 = ADCpt(StatsPlugin, "Stats1:")
    stats2 = ADCpt(StatsPlugin, "Stats2:", lazy=True)
    roi1 = ADCpt(ROIPlugin, "ROI1:")
    hdf5 = ADCpt(
        HDF5PluginWithFileStore,
        suffix="HDF1:",
        write_path_template="/data/scat/%Y/%m/%d/",
        root="/data",
    )

    def set_exposure_time(self, seconds):
        self.cam.acquire_time.put(seconds)


pilatus = make_fake_device(Pilatus)("BL:Det{P1M}", name="pilatus")
pilatus.stats1.total.kind = Kind.hinted


class Diode(Device):
    """Reads a current that follows the position of a motor."""

    current = Cpt(SynGauss, motor=motor1, motor_field="motor1", center=0, Imax=5, kind="hinted")
    gain = Cpt(Signal, value=1, kind="config")

    def trigger(self):
        return self.current.trigger()


diode = Diode("", name="diode")


class Sequencer(Device):
    """Something that flies."""

    def kickoff(self):
        self._collected = deque([1.0, 2.0, 3.0])
        status = DeviceStatus(self)
        status.set_finished()
        return status

    def complete(self):
        status = Status(timeout=5)
        status.set_finished()
        return status

    def describe_collect(self):
        return {"sequence": {self.name: {"source": "sim", "dtype": "number", "shape": []}}}

    def collect(self):
        while self._collected:
            now = ttime.time()
            value = self._collected.popleft()
            yield {"data": {self.name: value}, "timestamps": {self.name: now}, "time": now}


sequencer = Sequencer("", name="sequencer")
sd.baseline = [stage, shutter_open]
sd.monitors = []
