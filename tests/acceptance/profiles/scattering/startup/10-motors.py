"""Stages and slits as trees of components."""

from ophyd import Component as Cpt
from ophyd import Device, EpicsMotor, EpicsSignal, Signal
from ophyd import DynamicDeviceComponent as DDC
from ophyd import FormattedComponent as FCpt
from ophyd.pseudopos import (
    PseudoPositioner,
    PseudoSingle,
    pseudo_position_argument,
    real_position_argument,
)
from ophyd.sim import SynAxis, make_fake_device
from ophyd.positioner import SoftPositioner


class Stage(Device):
    x = Cpt(SynAxis, labels={"motors"})
    y = Cpt(SynAxis, labels={"motors"})
    th = Cpt(SynAxis, labels={"motors"})


class Blades(PseudoPositioner):
    center = Cpt(PseudoSingle, limits=(-10, 10))
    gap = Cpt(PseudoSingle, limits=(0, 10))
    inner = Cpt(SoftPositioner, init_pos=0.0)
    outer = Cpt(SoftPositioner, init_pos=1.0)

    @pseudo_position_argument
    def forward(self, position):
        return self.RealPosition(
            inner=position.center - position.gap / 2, outer=position.center + position.gap / 2
        )

    @real_position_argument
    def inverse(self, position):
        return self.PseudoPosition(
            center=(position.inner + position.outer) / 2, gap=position.outer - position.inner
        )


class Slits(Device):
    h = Cpt(Blades)
    v = Cpt(Blades)


class Monochromator(Device):
    """As in the hutch: motors and signals by process variables."""

    energy = Cpt(EpicsMotor, "-Ax:E}Mtr")
    bragg = FCpt(EpicsMotor, "{prefix}-Ax:{_axis}}}Mtr", lazy=True)
    feedback = Cpt(EpicsSignal, "-Fb:Sts", lazy=True, kind="omitted")
    flags = DDC({f"flag{n}": (Signal, None, {"value": n}) for n in range(3)})

    def __init__(self, *args, axis="Bragg", **kwargs):
        self._axis = axis
        super().__init__(*args, **kwargs)


stage = Stage("", name="stage")
slits = Slits("", name="slits")
mono = make_fake_device(Monochromator)("BL:Mono{1", name="mono")
mono.energy.user_setpoint.sim_put(8979.0)
shutter_open = Signal(name="shutter_open", value=0)
# Collections of devices are no devices.
all_motors = [stage.x, stage.y, stage.th]
by_name = {motor.name: motor for motor in all_motors}
