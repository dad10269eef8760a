"""Cells of other clients that wait: their authors are told why, and can take them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from qs_jupyter.attach.interrupt import interrupt_cells
from qs_kernel_worker.messages import (
    GetStatus,
    Hold,
    MainThreadChanged,
    RunEngineChanged,
)
from qs_kernel_worker.parked_cells import EXPLAINED_AFTER_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMIT_S = 20.0


class Told:
    """What a client is told on iopub about its own requests."""

    def __init__(self, console: Any) -> None:
        self._console = console
        self.messages: list[dict[str, Any]] = []

    async def until(self, msg_type: str, msg_id: str, **content: Any) -> dict[str, Any]:
        """Wait for a message about a request, with this content."""
        while True:
            message = await self._console.client.get_iopub_msg(timeout=LIMIT_S)
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            self.messages.append(message)
            fits = all(message["content"].get(key) == value for key, value in content.items())
            if message["msg_type"] == msg_type and fits:
                return dict(message["content"])

    def types(self) -> list[str]:
        """Return the types of all messages so far."""
        return [message["msg_type"] for message in self.messages]


@asynccontextmanager
async def plan_running(bench: Any) -> AsyncIterator[Any]:
    """Have a plan of the queue running as long as the block lasts."""
    since = bench.seq
    job = await bench.submit_plan("held")
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    try:
        yield job
        report = await bench.driver.request(GetStatus())
        assert report["job"]["uid"] == job.uid, "the plan did not last"
        assert report["re_state"] == "running", "the plan was disturbed"
    finally:
        await bench.let_go()
        done = await bench.done(job.uid)
    assert done.outcome == "completed"


def info(bench: Any) -> dict[str, Any]:
    return dict(bench.driver.connection_info())


async def test_the_author_of_a_waiting_cell_is_told_why_it_waits(bench, console) -> None:
    told = Told(console)
    async with plan_running(bench):
        cell = console.client.execute("print('now')")
        text = (await told.until("stream", cell, name="stderr"))["text"]
    assert text == (
        "Waiting: the queue is running, now the plan 'held'. "
        "An interrupt (Ctrl-C) takes this cell back.\n"
    )
    assert (await console.reply(cell))["status"] == "ok"
    await told.until("status", cell, execution_state="idle")
    await bench.until_free()
    kinds = told.types()
    # The explanation goes as soon as the cell runs, so that it does not stay in a notebook.
    assert kinds.index("clear_output") < kinds.index("execute_input")
    assert kinds[0] == "status", "a console must not take an earlier end for that of its cell"
    await bench.recorder.until(lambda: "now" in bench.recorder.text_of(console.session))
    assert "Waiting" not in "".join(text.text for text in bench.recorder.texts)


async def explain_after(bench: Any, seconds: float) -> None:
    """Let a cell wait that long before its author is told why."""
    source = f"from qs_kernel_worker import parked_cells as p\np.EXPLAINED_AFTER_S = {seconds}"
    assert (await bench.script(source)).outcome == "completed"


async def test_a_cell_that_waits_for_a_moment_only_is_not_explained(bench, console) -> None:
    told = Told(console)
    await explain_after(bench, 1000)  # which is no moment, also when all processes stand still
    await bench.driver.request(Hold(True, seconds=0.1))
    cell = console.client.execute("1")
    await console.reply(cell)
    await told.until("status", cell, execution_state="idle")
    await bench.until_free()
    await explain_after(bench, EXPLAINED_AFTER_S)
    assert "stream" not in told.types()
    assert "clear_output" not in told.types()


async def test_an_interrupt_takes_a_waiting_cell_back(bench, console) -> None:
    told = Told(console)
    async with plan_running(bench):
        first = console.client.execute("taken_back = 1")
        second = console.client.execute("taken_back = 2")
        await told.until("stream", second, name="stderr")  # an interrupt overtakes cells
        assert await interrupt_cells(info(bench), [console.session]) is None
        for cell in (first, second):
            reply = await console.reply(cell)
            assert (reply["status"], reply["ename"]) == ("error", "TakenBack")
        assert (await told.until("error", second))["evalue"].startswith("this cell was taken back")
        await told.until("status", second, execution_state="idle")
    await bench.script("assert 'taken_back' not in globals()")
    reply = await console.run("taken_back")
    assert reply["ename"] == "NameError"
    assert "taken back" not in "".join(text.text for text in bench.recorder.texts)


async def test_the_cells_of_others_stay_when_one_is_taken_back(bench, console, colleague) -> None:
    async with plan_running(bench):
        mine = console.client.execute("mine = 1")
        other = colleague.client.execute("6 * 7")
        await Told(console).until("stream", mine, name="stderr")
        assert await interrupt_cells(info(bench), [console.session]) is None
        assert (await console.reply(mine))["ename"] == "TakenBack"
    assert (await colleague.reply(other))["status"] == "ok"
    await bench.until_free()


async def test_an_interrupt_of_a_client_never_reaches_a_plan(bench, console) -> None:
    async with plan_running(bench) as job:
        reason = await interrupt_cells(info(bench), [console.session])
        assert reason == f"the job {job.uid} (plan) is running"
        # The message by which stock front ends interrupt says nothing about sessions.
        client = console.client
        client.control_channel.send(client.session.msg("interrupt_request", {}))
        reply = await client.get_control_msg(timeout=LIMIT_S)
        assert (reply["content"]["status"], reply["content"]["ename"]) == (
            "error",
            "NotInterrupted",
        )


async def test_an_interrupt_of_a_client_stops_its_own_cell_only(bench, console, colleague) -> None:
    since = bench.seq
    cell = console.client.execute("time.sleep(30)")
    await bench.recorder.event(MainThreadChanged, since=since, busy=True)
    assert await interrupt_cells(info(bench), [console.session], waiting_only=True) is None
    reason = await interrupt_cells(info(bench), [colleague.session])
    assert reason is not None
    assert reason.startswith("a cell of another client is running (user ")
    assert await interrupt_cells(info(bench), [console.session]) is None
    reply = await console.reply(cell)
    assert reply["ename"] == "KeyboardInterrupt"
    assert "interrupts.py" not in "".join(reply["traceback"])
    await bench.until_free()


async def test_an_interrupt_of_an_idle_worker_is_accepted_and_does_nothing(bench, console) -> None:
    assert await interrupt_cells(info(bench), [console.session]) is None
    assert (await bench.function("double", 21)).return_value == 42


async def test_what_waits_behind_a_taken_back_cell_runs_in_order(bench, console) -> None:
    async with plan_running(bench):
        wrong = console.client.execute("order = ['wrong']")
        await Told(console).until("stream", wrong, name="stderr")
        await interrupt_cells(info(bench), [console.session])
        cells = [
            console.client.execute(f"order = globals().get('order', []) + [{n}]") for n in "12"
        ]
    replies = await asyncio.gather(*(console.reply(cell) for cell in cells[-1:]))
    assert replies[0]["status"] == "ok"
    await bench.until_free()
    await bench.script("def order_of_cells():\n    return order\n")
    assert (await bench.function("order_of_cells")).return_value == [1, 2]
