"""When an interrupt of the engine's thread is harmless: told with a real Run Engine."""

from __future__ import annotations

import sys

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from ophyd.sim import NullStatus

from qs_kernel_worker.force_halt import is_in_plan


class Mover:
    """A device that notes, from inside its methods, whether it may be interrupted."""

    name = "mover"
    parent = None

    def __init__(self, engine: RunEngine) -> None:
        self.engine = engine
        self.seen: dict[str, bool] = {}

    def note(self, place: str) -> None:
        self.seen[place] = is_in_plan(sys._getframe(), self.engine)

    def set(self, _value: float) -> NullStatus:
        self.note("set")
        return NullStatus()

    def stop(self, *, success: bool = False) -> None:
        self.note("stop")


@pytest.fixture
def engine() -> RunEngine:
    return RunEngine({}, context_managers=[])


def test_plans_commands_and_callbacks_may_be_interrupted_and_nothing_else(engine) -> None:
    mover = Mover(engine)

    def plan():
        mover.note("plan")
        yield from bps.abs_set(mover, 1)
        mover.note("between")

    engine.subscribe(lambda name, _: mover.note(name))
    engine.loop.call_soon_threadsafe(lambda: mover.note("loop, before"))
    engine(bpp.run_wrapper(plan()))
    assert mover.seen == {
        "loop, before": False,
        "start": True,
        "plan": True,
        "set": True,
        "between": True,
        "stop": False,
    }


def test_an_engine_that_never_ran_a_plan_is_not_in_one(engine) -> None:
    assert not is_in_plan(sys._getframe(), engine)
    assert not is_in_plan(None, engine)
