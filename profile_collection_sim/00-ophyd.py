print(f"Loading file {__file__!r}")

import time as ttime
import typing
from typing import Any, List, Optional

import bluesky
import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import ophyd
from bluesky.plan_stubs import mv, mvr, null
from ophyd import Component as Cpt
from ophyd import Device
from ophyd.sim import hw as _simulated_hardware

# Motors, detectors and flyers: det1, motor1 …
globals().update(vars(_simulated_hardware()))
