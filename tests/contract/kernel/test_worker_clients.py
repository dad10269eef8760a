"""Other clients of a real worker: served while it is busy, kept from harm, told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from qs_jupyter.kernel.driver import ConsoleText, WorkerBusyError
from qs_kernel_worker.main_thread import NEXT_PLAN_WITHIN_S
from qs_kernel_worker.messages import (
    GetStatus,
    Hold,
    JobDone,
    MainThreadChanged,
    Pause,
    RunEngineChanged,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMIT_S = 20.0


async def started(bench, name: str, **kwargs: Any) -> Any:
    since = bench.seq
    job = await bench.submit_plan(name, **kwargs)
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    return job


async def test_a_client_gets_answers_while_a_plan_runs(bench, console) -> None:
    job = await started(bench, "computing")
    client = console.client
    assert (await console.reply(client.kernel_info()))["implementation"] == "ipython"
    assert "RE" in (await console.reply(client.complete("R")))["matches"]
    assert (await console.reply(client.inspect("double")))["found"]
    assert (await console.reply(client.is_complete("1 +")))["status"] == "invalid"
    assert (await console.reply(client.history(n=1)))["status"] == "ok"
    assert (await console.reply(client.comm_info()))["status"] == "ok"
    report = await bench.driver.request(GetStatus())
    assert report["job"]["uid"] == job.uid, "the answers came only after the plan"
    await bench.let_go()
    await bench.done(job.uid)


async def test_a_cell_runs_after_the_plan_that_was_running(bench, console) -> None:
    job = await started(bench, "steps", number=3)
    reply = asyncio.create_task(console.run("print('cell')"))
    await bench.done(job.uid)
    assert (await reply)["status"] == "ok"
    end = next(n for n in bench.recorder.story if isinstance(n, JobDone))
    text = next(
        n for n in bench.recorder.story if isinstance(n, ConsoleText) and n.source == "console"
    )
    assert (text.text, text.uid) == ("cell\n", console.session)
    assert bench.recorder.story.index(end) < bench.recorder.story.index(text)


async def reserve_after_plans(bench, seconds: float) -> None:
    """Let cells wait that long for another plan, and no longer for one that ended before."""
    done = await bench.script(
        "from ipykernel.kernelapp import IPKernelApp\n"
        "main_thread = IPKernelApp.instance().worker.main_thread\n"
        f"main_thread._next_plan_within_s, main_thread._reserved_until = {seconds}, 0.0\n"
    )
    assert done.outcome == "completed", done


async def test_a_cell_does_not_get_between_two_plans_of_a_queue(bench, console) -> None:
    await reserve_after_plans(bench, seconds=1000)
    job = await started(bench, "steps", number=3)
    reply = asyncio.create_task(console.run("print('cell')"))
    await bench.done(job.uid)
    for _ in range(3):
        await bench.plan("steps", number=1)
    assert not reply.done()
    await reserve_after_plans(bench, seconds=NEXT_PLAN_WITHIN_S)
    assert (await reply)["status"] == "ok"
    await bench.recorder.until(lambda: "cell" in bench.recorder.text_of(console.session))
    kinds = [getattr(n, "source", type(n).__name__) for n in bench.recorder.story]
    assert kinds.index("console") > max(i for i, k in enumerate(kinds) if k == "JobDone")


async def test_a_hold_keeps_cells_waiting_between_plans(bench, console) -> None:
    assert (await bench.driver.request(Hold(True)))["held"] is True
    reply = asyncio.create_task(console.run("held_cell = 1"))
    for _ in range(3):
        await bench.plan("empty")
    assert not reply.done()
    await bench.driver.request(Hold(False))
    assert (await reply)["status"] == "ok"


async def test_a_hold_with_a_limit_ends_by_itself(bench, console) -> None:
    since = bench.seq
    await bench.driver.request(Hold(True, seconds=0.1))
    await bench.recorder.event(MainThreadChanged, since=since, held=True)
    assert (await console.run("1"))["status"] == "ok"
    await bench.recorder.event(MainThreadChanged, since=since, held=False, busy=False)


async def test_a_job_is_refused_while_a_cell_runs(bench, console) -> None:
    since = bench.seq
    reply = asyncio.create_task(console.run("enough.wait(); enough.clear()"))
    change = await bench.recorder.event(MainThreadChanged, since=since, busy=True)
    assert change.cell["session"] == console.session
    with pytest.raises(WorkerBusyError, match="a cell of another client is running"):
        await bench.submit_plan("empty")
    await bench.let_go()
    await reply
    await bench.recorder.event(MainThreadChanged, since=since, busy=False)
    assert (await bench.plan("empty")).outcome == "completed"


async def test_results_and_errors_of_cells_are_shown(bench, console) -> None:
    await console.run("6 * 7")
    await console.run("1 / 0")
    await bench.recorder.until(lambda: "ZeroDivision" in bench.recorder.text_of(console.session))
    text = bench.recorder.text_of(console.session, "console")
    assert text.startswith(">> 42\nTraceback: ")
    assert "\x1b" not in text


async def finished_by(console, bench, cell: str) -> JobDone:
    """Have a console end a paused plan; return what is told of its end."""
    job = await started(bench, "held")
    await bench.driver.request(Pause("immediate"))
    await bench.done(job.uid)
    since = bench.seq
    if "resume" in cell:
        await bench.let_go()
    await console.run(cell)
    done: JobDone = await bench.recorder.event(JobDone, since=since, finished_outside=True)
    assert done.item_uid == job.item_uid
    return done


async def test_a_plan_that_a_console_finishes_is_told(bench, console) -> None:
    done = await finished_by(console, bench, "RE.resume();")
    assert done.outcome == "completed"
    assert done.runs[0]["exit_status"] == "success"
    report = await bench.driver.request(GetStatus())
    assert report["paused_item_uid"] is None


async def test_a_console_that_aborts_a_paused_plan_is_told_apart(bench, console) -> None:
    done = await finished_by(console, bench, "RE.abort();")
    assert done.outcome == "aborted"


async def test_a_plan_of_a_console_is_seen_and_can_be_paused(bench, console) -> None:
    since = bench.seq
    reply = asyncio.create_task(console.run("RE(held())"))
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    await bench.driver.request(Pause("immediate"))
    assert (await reply)["ename"] == "RunEngineInterrupted"
    assert (await bench.driver.request(GetStatus()))["re_state"] == "paused"
    await console.run("RE.halt();")


async def test_an_engine_bound_by_a_cell_is_found(bench, console) -> None:
    since = bench.seq
    await console.run("kept, RE = RE, None")
    await bench.recorder.event(RunEngineChanged, since=since, state=None)
    await console.run("RE = kept")
    await bench.recorder.event(RunEngineChanged, since=since, state="idle")


@pytest.mark.parametrize("code", ["exit", "quit()", "get_ipython().ask_exit()"])
async def test_an_exit_in_a_console_leaves_the_worker_running(bench, console, code) -> None:
    reply = await console.run(code)
    assert reply["payload"] == [{"source": "ask_exit", "keepkernel": True}]
    assert (await bench.plan("empty")).outcome == "completed"


async def test_a_shutdown_by_a_stranger_is_answered_and_ignored(bench, console) -> None:
    console.client.shutdown()
    reply = await console.client.get_control_msg(timeout=LIMIT_S)
    assert reply["content"]["status"] == "ok"
    assert (await bench.plan("empty")).outcome == "completed"


async def test_a_cell_may_await(bench, console) -> None:
    reply = await console.run("await asyncio.sleep(0); answer = 'awaited'")
    assert reply["status"] == "ok"
    await bench.script("def tell():\n    return answer\n")
    assert (await bench.function("tell")).return_value == "awaited"


async def test_a_subshell_looks_into_a_running_plan(bench, console) -> None:
    client = console.client
    control = client.session.msg("create_subshell_request", {})
    client.control_channel.send(control)
    reply = await client.get_control_msg(timeout=LIMIT_S)
    subshell = reply["content"]["subshell_id"]
    job = await started(bench, "talking_late")
    message = client.session.msg("execute_request", {"code": "str(RE.state)", "silent": False})
    message["header"]["subshell_id"] = subshell
    client.shell_channel.send(message)
    answer = await console.reply(message["header"]["msg_id"])
    assert answer["status"] == "ok"
    done = await bench.done(job.uid)
    assert bench.recorder.text_of(done.item_uid, "item") == "from the plan\nfrom its thread\n"


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def late_talker(bench) -> None:
    """A plan whose thread talks while somebody else uses a subshell."""
    await bench.script(
        """
        def talking_late():
            thread = threading.Thread(target=lambda: (time.sleep(0.3), print("from its thread")))
            print("from the plan")
            thread.start()
            yield from bps.sleep(0.4)
            thread.join()
        """
    )
    bench.recorder.story.clear()
    bench.recorder.texts.clear()


async def test_cells_may_run_between_plans_when_told_so(
    new_bench: Callable[..., Any],
) -> None:
    bench = new_bench(cells_between_plans="allow")
    await bench.open()
    assert (await bench.driver.request(Hold(True)))["held"] is False
