"""Background tasks of a real worker: beside a plan, with their own output and their own end."""

from __future__ import annotations

import time

import pytest

from qs_jupyter.errors import KernelFailure
from qs_kernel_worker.messages import (
    CancelTask,
    FunctionJob,
    GetStatus,
    PlanJob,
    ScriptJob,
    StartTask,
    TaskStarted,
    encode,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_task_runs_while_a_plan_runs(bench) -> None:
    job = await bench.submit_plan("held")
    uid = await bench.background("print('beside')\n")
    done = await bench.done(uid)
    assert (done.background, done.outcome) == (True, "completed")
    assert bench.recorder.text_of(uid, "task") == "beside\n"
    assert (await bench.driver.request(GetStatus()))["job"]["uid"] == job.uid
    await bench.let_go()
    await bench.done(job.uid)


async def test_the_lists_are_renewed_while_a_plan_runs(bench) -> None:
    """What ``environment_update`` in the background asks for; the engine is the same one."""
    job = await bench.submit_plan("held")
    update = ScriptJob(bench.uid("update"), 1, "", update_re=True)
    await bench.driver.request(StartTask(encode(update)))
    done = await bench.done(update.uid)
    assert (done.outcome, done.msg) == ("completed", "")
    await bench.let_go()
    assert (await bench.done(job.uid)).outcome == "completed"


async def test_start_and_end_of_a_task_are_told(bench) -> None:
    since = bench.seq
    uid = await bench.background("enough.wait()\nenough.clear()\n")
    await bench.recorder.event(TaskStarted, since=since, uid=uid)
    assert (await bench.driver.request(GetStatus()))["background_tasks"] == [uid]
    let_go = time.time()
    await bench.let_go()
    done = await bench.done(uid)
    assert done.time_start < let_go < done.time_stop
    assert (await bench.driver.request(GetStatus()))["background_tasks"] == []


async def test_a_task_that_is_started_twice_runs_once(bench) -> None:
    job = FunctionJob(bench.uid("twice"), 1, "print", ["once"])
    await bench.script("from builtins import print as say\n")
    job = FunctionJob(job.uid, 1, "say", ["once"])
    await bench.driver.request(StartTask(encode(job)))
    await bench.done(job.uid)
    await bench.driver.request(StartTask(encode(job)))
    await bench.plan("empty")
    assert bench.recorder.text_of(job.uid) == "once\n"


async def test_a_task_is_cancelled(bench) -> None:
    uid = await bench.background("print('begun', flush=True)\nwhile True:\n    pass\n")
    await bench.recorder.until(lambda: "begun" in bench.recorder.text_of(uid))
    await bench.driver.request(CancelTask(uid))
    done = await bench.done(uid)
    assert done.outcome == "failed"
    assert "KeyboardInterrupt" in done.traceback


async def test_cancelling_an_unknown_task_is_refused(bench) -> None:
    with pytest.raises(KernelFailure, match="No background task with uid 'nobody'"):
        await bench.driver.request(CancelTask("nobody"))


async def test_a_plan_does_not_run_in_the_background(bench) -> None:
    with pytest.raises(KernelFailure, match="PlanJob cannot run in the background"):
        await bench.driver.request(StartTask(encode(PlanJob("p", 1, "i", "empty"))))


async def test_the_loop_of_the_engine_is_current_in_a_task(bench) -> None:
    uid = await bench.background("print(asyncio.get_event_loop() is RE.loop)\n")
    await bench.done(uid)
    assert bench.recorder.text_of(uid) == "True\n"
