"""Halting by force: a plan that lets nothing come is ended, and the engine lives on."""

from __future__ import annotations

import pytest

from qs_jupyter.errors import KernelFailure
from qs_kernel_worker.messages import ForceHalt, Pause, RunChanged, RunEngineChanged

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLANS = """
class Blocking:
    name = "blocking"
    parent = None
    def set(self, value):
        print("moves", flush=True)
        while not enough.is_set():
            pass
    def stop(self, success=False):
        pass

blocking = Blocking()

def moving():
    yield from bps.abs_set(blocking, 1)

@bpp.run_decorator(md={})
def with_clean_up():
    def last():
        print("cleaning up", flush=True)
        while True:
            yield from bps.sleep(0.5)
    yield from bpp.finalize_wrapper(held(), last)

@bpp.run_decorator(md={})
def blocking_run():
    yield from bps.null()
    print("computes", flush=True)
    while True:
        pass

def spin():
    while not enough.is_set():
        pass

def stubborn():
    yield from bps.null()
    print("begins", flush=True)
    for n in range(2):
        try:
            spin()  # a loop right here would not always be inside of the try for Python 3.12
        except KeyboardInterrupt:
            print("no", n, flush=True)
    enough.wait()
    enough.clear()
"""


async def test_a_plan_that_computes_without_end_is_halted(bench) -> None:
    await bench.script(PLANS)
    job = await bench.submit_plan("blocking_run")
    await bench.recorder.until(lambda: "computes" in bench.recorder.text_of(job.item_uid))
    await bench.driver.request(Pause("immediate"))
    await bench.driver.request(ForceHalt())
    done = await bench.done(job.uid)
    assert done.outcome == "halted"
    assert [run["exit_status"] for run in done.runs] == ["abort"]
    assert (await bench.plan("steps", number=1)).outcome == "completed"


async def test_a_device_that_blocks_the_engine_is_broken_into(bench) -> None:
    await bench.script(PLANS)
    job = await bench.submit_plan("moving")
    await bench.recorder.until(lambda: "moves" in bench.recorder.text_of(job.item_uid))
    await bench.driver.request(ForceHalt())
    done = await bench.done(job.uid)
    assert done.outcome == "halted"
    assert "keeps the Run Engine from answering" in bench.recorder.text_of(job.item_uid)
    assert (await bench.plan("steps", number=1)).outcome == "completed"


async def test_a_plan_that_ignores_the_first_blow_gets_another(bench) -> None:
    await bench.script(PLANS)
    job = await bench.submit_plan("stubborn")
    await bench.recorder.until(lambda: "begins" in bench.recorder.text_of(job.item_uid))
    await bench.driver.request(ForceHalt())
    await bench.recorder.until(lambda: "no 1" in bench.recorder.text_of(job.item_uid))
    await bench.let_go()
    assert (await bench.done(job.uid)).outcome in ("completed", "halted")
    await bench.script("enough.clear()")  # a last blow may have come before the plan did it
    assert (await bench.plan("steps", number=1)).outcome == "completed"


async def test_a_plan_whose_engine_answers_is_left_to_its_pause(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunChanged, since=since, is_open=True)
    await bench.driver.request(ForceHalt())
    await bench.let_go()
    assert (await bench.done(job.uid)).outcome == "completed"


async def test_a_clean_up_that_does_not_end_is_halted(bench) -> None:
    await bench.script(PLANS)
    since = bench.seq
    job = await bench.submit_plan("with_clean_up")
    await bench.recorder.event(RunChanged, since=since, is_open=True)
    await bench.driver.request(Pause("immediate"))
    assert (await bench.done(job.uid)).outcome == "paused"
    abort = await bench.submit_continue("abort", job.item_uid)
    await bench.recorder.event(RunEngineChanged, since=since, state="aborting")
    await bench.recorder.until(lambda: "cleaning up" in bench.recorder.text_of(job.item_uid))
    await bench.driver.request(ForceHalt())
    assert (await bench.done(abort.uid)).outcome == "aborted"
    assert (await bench.plan("steps", number=1)).outcome == "completed"


async def test_nothing_is_halted_while_no_plan_runs(bench) -> None:
    with pytest.raises(KernelFailure, match="No plan of the queue is running"):
        await bench.driver.request(ForceHalt())
