"""Plans, functions and scripts in the main thread of a real worker."""

from __future__ import annotations

import pytest

from qs_jupyter.kernel.driver import ConsoleText
from qs_kernel_worker.messages import (
    FunctionJob,
    GetLists,
    GetMetadata,
    GetStatus,
    Interrupt,
    JobDone,
    ListsChanged,
    MainThreadChanged,
    Pause,
    PlanJob,
    RunChanged,
    RunEngineChanged,
)
from tests.contract.kernel.conftest import LIMIT_S

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_plan_that_ends_is_told_with_its_runs(bench) -> None:
    done = await bench.plan("steps", number=2)
    assert (done.outcome, done.kind, done.msg) == ("completed", "plan", "")
    [run] = done.runs
    assert run["exit_status"] == "success"
    assert run["item_uid"] == done.item_uid
    assert done.time_start < done.time_stop


async def test_everything_about_a_plan_is_told_before_its_end(bench) -> None:
    await bench.plan("steps", number=1)
    kinds = [type(news) for news in bench.recorder.story]
    assert kinds[-1] is JobDone
    assert kinds[-2] is MainThreadChanged
    assert kinds.index(RunChanged) < kinds.index(JobDone)
    assert bench.recorder.story[-2].busy is False
    assert bench.recorder.story[-3] == RunEngineChanged("idle", False)


async def test_output_of_a_plan_comes_before_its_end_and_bears_its_item(bench) -> None:
    done = await bench.plan("talking", words="good morning")
    story = bench.recorder.story
    texts = [news for news in story if isinstance(news, ConsoleText)]
    assert "".join(text.text for text in texts) == "good morning\n"
    assert {(text.source, text.uid) for text in texts} == {("item", done.item_uid)}
    assert story.index(texts[-1]) < story.index(done)


async def test_a_script_that_takes_standard_output_away_does_not_end_the_worker(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    done = await bench.script("import sys\nsys.stdout = None\n")
    assert done.outcome == "completed", done.msg
    uid = await bench.background("x = 1")
    assert (await bench.done(uid)).outcome == "completed"
    assert (await bench.function("double", 2)).return_value == 4
    assert not bench.recorder.deaths


async def test_metadata_of_the_job_reaches_the_start_document(bench) -> None:
    await bench.script(
        "seen = []\nRE.subscribe(lambda name, doc: seen.append(dict(doc)), 'start')\n"
        "def last_start():\n    return seen[-1]['queue_item_uid']\n"
    )
    done = await bench.plan("steps", number=1)
    assert (await bench.function("last_start")).return_value == done.uid


async def test_a_failing_plan_is_told_with_its_traceback(bench) -> None:
    done = await bench.plan("failing")
    assert (done.outcome, done.msg) == ("failed", "the sample fell off")
    assert done.traceback.startswith("Traceback")
    assert "00-all.py" in done.traceback
    assert "qs_kernel_worker" not in done.traceback
    assert [run["exit_status"] for run in done.runs] == ["fail"]


async def test_an_unknown_plan_fails_with_its_name(bench) -> None:
    done = await bench.plan("stepz")
    assert done.outcome == "failed"
    assert "stepz" in done.msg


async def test_the_next_plan_is_admitted_as_soon_as_the_end_is_told(bench) -> None:
    for _ in range(20):
        assert (await bench.plan("empty")).outcome == "completed"


async def test_a_job_that_is_sent_twice_runs_once(bench) -> None:
    uid = bench.uid("twice")
    job = PlanJob(uid, 1, "item", "talking", [], {"words": "once"}, {}, {})
    await bench.driver.submit(job)
    await bench.done(uid)
    await bench.driver.submit(job)
    await bench.plan("empty")
    assert bench.recorder.text_of("item") == "once\n"


@pytest.mark.parametrize(
    ("action", "outcome", "exit_status"),
    [
        ("resume", "completed", "success"),
        ("stop", "stopped", "success"),
        ("abort", "aborted", "abort"),
        ("halt", "halted", "abort"),
    ],
)
async def test_a_paused_plan_is_carried_on(bench, action, outcome, exit_status) -> None:
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunChanged, since=since, is_open=True)
    await bench.driver.request(Pause("immediate"))
    paused = await bench.done(job.uid)
    assert (paused.outcome, paused.runs[0]["is_open"]) == ("paused", True)
    report = await bench.driver.request(GetStatus())
    assert report["paused_item_uid"] == job.item_uid
    assert (report["re_state"], report["job"]) == ("paused", None)
    if action == "resume":
        await bench.let_go()
    done = await bench.carry_on(action, job.item_uid)
    assert (done.outcome, done.kind, done.item_uid) == (outcome, action, job.item_uid)
    assert [run["exit_status"] for run in done.runs] == [exit_status]
    assert done.time_start == paused.time_start


async def test_no_other_plan_or_engine_gets_in_while_one_is_paused(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    await bench.driver.request(Pause("immediate"))
    await bench.done(job.uid)
    done = await bench.plan("empty")
    assert done.outcome == "failed"
    assert "Run Engine is in 'paused' state" in done.msg
    done = await bench.script("RE = RunEngine({})", update_re=True)
    assert "while a plan is running" in done.msg
    # The engine of the plan keeps its name, so that a script which leaves it alone is welcome.
    assert (await bench.script("RE", update_re=True)).outcome == "completed"
    await bench.let_go()
    assert (await bench.carry_on("resume", job.item_uid)).outcome == "completed"


async def test_the_main_thread_is_free_while_a_plan_is_paused(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    await bench.driver.request(Pause("immediate"))
    await bench.done(job.uid)
    assert (await bench.function("double", 4)).return_value == 8
    await bench.carry_on("stop", job.item_uid)


async def test_a_deferred_pause_is_told_and_waits_for_a_checkpoint(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("late_checkpoint")
    await bench.recorder.event(RunChanged, since=since, is_open=True)
    await bench.driver.request(Pause("deferred"))
    await bench.recorder.event(RunEngineChanged, since=since, deferred_pause_requested=True)
    await bench.let_go()
    assert (await bench.done(job.uid)).outcome == "paused"
    assert (await bench.carry_on("halt", job.item_uid)).pause_missed is False


async def test_a_deferred_pause_without_a_checkpoint_lets_the_plan_end(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("no_checkpoints")
    await bench.recorder.event(RunChanged, since=since, is_open=True)
    await bench.driver.request(Pause("deferred"), timeout_s=LIMIT_S)
    await bench.let_go()
    done = await bench.done(job.uid)
    assert (done.outcome, done.pause_missed) == ("completed", True)
    assert (await bench.plan("empty")).pause_missed is False
    report = await bench.driver.request(GetStatus())
    assert report["deferred_pause_requested"] is False


async def test_a_pause_without_a_running_plan_is_refused(bench) -> None:
    with pytest.raises(Exception, match=r"can be paused only in 'running' state. .* 'idle'"):
        await bench.driver.request(Pause())


async def test_continuing_without_a_paused_plan_fails(bench) -> None:
    done = await bench.carry_on("resume", "item")
    assert done.outcome == "failed"
    assert "no plan of the queue is paused" in done.msg


async def test_a_function_returns_its_value(bench) -> None:
    done = await bench.function("double", 21)
    assert (done.outcome, done.return_value, done.return_type) == ("completed", 42, "int")


async def test_numbers_beyond_json_survive_the_journey(bench) -> None:
    done = await bench.function("double", float("inf"))
    assert done.return_value == float("inf")
    done = await bench.function("double", 2**70)
    assert done.return_value == 2**71


async def test_a_value_that_is_no_json_fails_the_task(bench) -> None:
    await bench.script("def gives_a_set():\n    return {1}\n")
    done = await bench.function("gives_a_set")
    assert (done.outcome, done.return_value) == ("failed", None)
    assert "Object of type set is not JSON serializable" in done.msg
    assert done.traceback.startswith("Traceback")
    assert "Object of type set is not JSON serializable" in done.traceback
    assert (done.return_type, done.return_repr) == ("set", "{1}")


async def test_a_coroutine_function_runs_on_the_loop_of_the_engine(bench) -> None:
    await bench.script("async def on_loop():\n    return asyncio.get_running_loop() is RE.loop\n")
    assert (await bench.function("on_loop")).return_value is True


async def test_asyncio_run_works_in_a_job(bench) -> None:
    await bench.script("def runs():\n    return asyncio.run(asyncio.sleep(0, 'slept'))\n")
    assert (await bench.function("runs")).return_value == "slept"
    assert (await bench.function("runs")).return_value == "slept"


async def test_an_exit_in_a_task_fails_the_task_only(bench) -> None:
    await bench.script("def leaves():\n    sys.exit(3)\n")
    done = await bench.function("leaves")
    assert done.outcome == "failed"
    assert "SystemExit" in done.traceback
    assert (await bench.function("double", 1)).return_value == 2


async def test_input_fails_at_once_in_a_task(bench) -> None:
    await bench.script("def asks():\n    return input('really? ')\n")
    done = await bench.function("asks")
    assert done.outcome == "failed"
    assert "EOFError" in done.traceback


async def test_a_function_is_interrupted(bench) -> None:
    await bench.script("def waits():\n    print('waiting', flush=True)\n    time.sleep(100)\n")
    uid = bench.uid("waits")
    await bench.driver.submit(FunctionJob(uid, 1, "waits"))
    await bench.recorder.until(lambda: "waiting" in bench.recorder.text_of(uid))
    await bench.driver.request(Interrupt())
    done = await bench.done(uid)
    assert (done.outcome, done.msg) == ("failed", "KeyboardInterrupt")
    assert "KeyboardInterrupt" in done.traceback
    assert "interrupts.py" not in done.traceback, "a line of ours in the user's traceback"


async def test_an_interrupt_of_an_idle_worker_does_nothing(bench) -> None:
    await bench.driver.request(Interrupt())
    assert (await bench.function("double", 1)).return_value == 2


async def test_a_script_that_adds_a_plan_changes_the_lists_before_it_ends(bench) -> None:
    before = (await bench.driver.request(GetLists()))["generation"]
    done = await bench.script("def new_plan():\n    yield from bps.null()\n")
    kinds = [type(news) for news in bench.recorder.story]
    assert kinds.index(ListsChanged) < bench.recorder.story.index(done)
    changes = await bench.driver.request(GetLists(before))
    assert changes["since"] == before
    assert list(changes["plans"]) == ["new_plan"]
    await bench.script("del new_plan")
    changes = await bench.driver.request(GetLists(before + 1))
    assert changes["plans"] == {"new_plan": None}
    assert changes["devices"] == {}


async def test_a_script_that_changes_nothing_leaves_the_lists_alone(bench) -> None:
    before = (await bench.driver.request(GetLists()))["generation"]
    await bench.script("nothing_new = 1")
    assert (await bench.driver.request(GetLists()))["generation"] == before


async def test_a_failing_script_is_told_with_its_line(bench) -> None:
    done = await bench.script("a = 1\n1 / 0\n")
    assert (done.outcome, done.msg) == ("failed", "Failed to execute stript: division by zero")
    assert "line 2" in done.traceback


async def test_a_script_with_update_re_brings_another_engine(bench) -> None:
    first = bench.seq
    await bench.script("old, RE = RE, 5", update_re=True)
    await bench.recorder.event(RunEngineChanged, since=first, state=None)
    done = await bench.plan("empty")
    assert done.outcome == "failed"
    assert "Run Engine is not found in the RE Worker environment" in done.msg
    with pytest.raises(Exception, match="Run Engine is not found"):
        await bench.driver.request(Pause())
    await bench.script("RE = old", update_re=True)
    assert (await bench.plan("empty")).outcome == "completed"


async def test_the_metadata_of_the_engine_is_read(bench) -> None:
    await bench.script("RE.md['proposal'] = {'number': 7}")
    reply = await bench.driver.request(GetMetadata())
    assert reply["metadata"]["proposal"] == {"number": 7}


async def test_our_hook_keeps_the_one_that_was_there(bench) -> None:
    await bench.script(
        "hooked = []\nRE.state_hook = lambda new, old: hooked.append(str(new))\n"
        "def heard():\n    return hooked\n"
    )
    since = bench.seq
    await bench.plan("empty")
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    assert (await bench.function("heard")).return_value == ["running", "idle"]


async def test_one_interrupt_of_a_plan_is_a_deferred_pause(bench) -> None:
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunChanged, since=since, is_open=True)
    await bench.driver.request(Interrupt())
    assert (await bench.done(job.uid)).outcome == "paused"
    assert (await bench.carry_on("abort", job.item_uid)).outcome == "aborted"


async def test_a_plan_that_asks_for_input_fails_and_says_so(bench) -> None:
    await bench.script("def asking():\n    yield from bps.input_plan('continue? ')\n")
    done = await bench.plan("asking")
    assert done.outcome == "failed"
    assert "input" in done.msg
