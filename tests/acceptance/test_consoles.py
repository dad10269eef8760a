"""People at the worker kernel: what they get, what they do to the queue, what the status tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq

from tests.acceptance.consoles import Notebook, attached, in_order, story, terminal
from tests.acceptance.running import MakeManager, RunningManager, Status

pytestmark = pytest.mark.xdist_group("consoles")

MANAGER, WORKER = "manager_state", "worker_environment_state"
KERNEL, CAPTURED = "ip_kernel_state", "ip_kernel_captured"
ENGINE = "re_state"
WHO_HOLDS_IT = (MANAGER, KERNEL, CAPTURED)

CONSOLE_PLAN = "from bluesky.plans import count as c; RE(c([det1], num=300, delay=0.1))"


@pytest.fixture
def opened(opened: RunningManager) -> RunningManager:
    """A manager with an open environment that nobody uses."""
    until_free(opened)
    return opened


@pytest.fixture
def notebook(opened: RunningManager) -> Iterator[Notebook]:
    """A client of an idle worker."""
    with attached(opened) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "gate"


def until_there(path: Path) -> str:
    """Return code that runs until a file is there."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}):\n    time.sleep(0.02)"


def run_slowly(manager: RunningManager) -> str:
    """Have a plan running that does not end by itself in the time of a test."""
    uid = manager.add_count(num=300, delay=0.1)
    manager.do("queue_start")
    manager.until_running(uid)
    return uid


def pause(manager: RunningManager) -> None:
    manager.do("re_pause", option="immediate")
    manager.until_state("paused")


def end_plan(manager: RunningManager) -> None:
    """Abort the plan that runs."""
    pause(manager)
    manager.do("re_abort")
    manager.until_idle()


def refusal(manager: RunningManager, method: str, /, **params: Any) -> str:
    reply = manager.ask(method, **params)
    assert reply["success"] is False, f"{method} was not refused: {reply}"
    return str(reply["msg"])


def pieces(manager: RunningManager, since: int) -> list[tuple[str, str, str | None]]:
    """Return source, text and uid of the console output behind an event number."""
    events = manager.do("events_get", since=since)["events"]
    return [
        (event["source"], event["text"], event.get("uid"))
        for event in events
        if event["kind"] == "console" and event["source"] != "manager"
    ]


def statuses(manager: RunningManager, since: int) -> list[Status]:
    """Return all that was told of the status behind an event number, oldest first."""
    events = manager.do("events_get", since=since)["events"]
    return [event["status"] for event in events if event["kind"] == "status"]


def texts_of(manager: RunningManager, since: int, source: str, uid: str) -> str:
    return "".join(text for s, text, u in pieces(manager, since) if (s, u) == (source, uid))


def last_event(manager: RunningManager) -> int:
    return int(manager.do("events_get")["seq"])


def is_free(status: Status) -> bool:
    return status[KERNEL] == "idle" and status[CAPTURED] is False


def until_free(manager: RunningManager) -> Status:
    return manager.until(is_free)


def do_when_free(manager: RunningManager, method: str) -> None:
    """Send a request behind a cell that was answered.

    The manager hears of the beginning and the end of a cell apart from the answer, maybe later.
    """
    until_free(manager)
    reply = manager.ask(method)
    if not reply["success"]:
        assert "is busy. It runs a cell" in reply["msg"]
        until_free(manager)
        manager.do(method)


def no_idle_manager_holds_the_kernel(rows: list[tuple[Any, ...]]) -> bool:
    """Whether ``idle`` and ``paused`` are told only after the kernel was let go."""
    return not any(state in ("idle", "paused") and captured for state, _, captured in rows)


# -------------------------------------------------------------------------- without a worker


def test_a_console_without_a_worker_says_what_to_do(closed: RunningManager) -> None:
    answer = closed.home.run("qserver-console")
    assert answer.code == 5
    assert "Failed to start the console: " in answer.output
    assert "open the environment first" in answer.output


def test_an_interrupt_without_a_worker_is_refused(closed: RunningManager) -> None:
    assert "Worker environment does not exist" in refusal(closed, "kernel_interrupt")


# ------------------------------------------------------------ what the status tells of the kernel


def test_the_kernel_is_free_as_soon_as_the_environment_is_open(closed: RunningManager) -> None:
    since = closed.status()
    assert (since[KERNEL], since[CAPTURED]) == (None, None)
    closed.open()
    rows = story(closed, since, MANAGER, WORKER, KERNEL, CAPTURED)
    opening = ("creating_environment", "initializing", "starting", False)
    assert in_order(rows, opening, ("idle", "idle", "idle", False))
    assert not any(captured for *_, captured in rows)


def test_the_kernel_is_captured_while_a_plan_runs(opened: RunningManager) -> None:
    uid = opened.add_held()
    since = opened.status()
    opened.do("queue_start")
    opened.until_running(uid)
    opened.gate.touch()
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    rows = story(opened, since, MANAGER, WORKER, KERNEL, CAPTURED, ENGINE)
    assert in_order(
        rows,
        ("executing_queue", "executing_plan", "busy", True, "running"),
        ("idle", "idle", "idle", False, "idle"),
    )
    assert no_idle_manager_holds_the_kernel(story(opened, since, *WHO_HOLDS_IT))
    assert not any(engine == "running" and not captured for *_, captured, engine in rows)


def test_a_paused_plan_leaves_the_kernel_to_the_consoles(
    opened: RunningManager, notebook: Notebook, gate: Path
) -> None:
    since = opened.status()
    run_slowly(opened)
    pause(opened)
    cell = notebook.send(until_there(gate))
    opened.until(lambda status: status[KERNEL] == "busy")
    gate.touch()
    assert notebook.reply(cell)["status"] == "ok"
    resumed = until_free(opened)
    opened.do("re_resume")
    opened.until(lambda status: status[ENGINE] == "running", since=resumed)
    end_plan(opened)
    rows = story(opened, since, MANAGER, WORKER, KERNEL, CAPTURED, ENGINE)
    running = ("executing_queue", "executing_plan", "busy", True, "running")
    paused = ("paused", "idle", "idle", False, "paused")
    in_a_cell = ("paused", "idle", "busy", False, "paused")
    idle = ("idle", "idle", "idle", False, "idle")
    assert in_order(rows, running, paused, in_a_cell, paused, running, paused, idle)
    assert no_idle_manager_holds_the_kernel(story(opened, since, *WHO_HOLDS_IT))


def test_the_kernel_is_captured_while_a_script_runs(opened: RunningManager, gate: Path) -> None:
    since = opened.status()
    opened.do("script_upload", script=until_there(gate))
    opened.until(lambda status: status[CAPTURED] and status[KERNEL] == "busy")
    gate.touch()
    opened.until(lambda status: status["task_results_uid"] != since["task_results_uid"])
    opened.until_idle()
    rows = story(opened, since, MANAGER, WORKER, KERNEL, CAPTURED)
    assert in_order(
        rows,
        ("executing_task", "executing_task", "busy", True),
        ("idle", "idle", "idle", False),
    )
    assert no_idle_manager_holds_the_kernel(story(opened, since, *WHO_HOLDS_IT))


def test_a_cell_makes_the_kernel_busy_and_the_manager_stays_idle(
    opened: RunningManager, notebook: Notebook, gate: Path
) -> None:
    since = opened.status()
    cell = notebook.send(until_there(gate))
    opened.until(lambda status: status[KERNEL] == "busy")
    gate.touch()
    notebook.reply(cell)
    until_free(opened)
    rows = story(opened, since, MANAGER, WORKER, KERNEL, CAPTURED)
    busy, idle = ("idle", "idle", "busy", False), ("idle", "idle", "idle", False)
    assert rows == [idle, busy, idle]


def test_questions_of_a_client_do_not_make_the_kernel_busy(
    opened: RunningManager, notebook: Notebook
) -> None:
    since = opened.status()
    notebook.ask("kernel_info")
    notebook.ask("complete", "det", 3)
    assert story(opened, since, KERNEL) == [("idle",)]


def test_a_reserved_kernel_is_shown_and_let_go_by_itself(
    opened: RunningManager, notebook: Notebook
) -> None:
    since = opened.status()
    opened.do("manager_test", test_name="reserve_kernel")
    opened.until(lambda status: status[WORKER] == "reserved", since=since)
    assert notebook.run("1")["status"] == "ok"
    until_free(opened)
    rows = story(opened, since, MANAGER, WORKER, KERNEL, CAPTURED)
    reserved, free = ("idle", "reserved", "busy", True), ("idle", "idle", "idle", False)
    assert in_order(rows, free, reserved, free)
    assert "Unknown test: 'x'." in refusal(opened, "manager_test", test_name="x")


# --------------------------------------------------------------- a console while a plan runs


def test_a_client_is_answered_while_a_plan_runs(opened: RunningManager) -> None:
    run_slowly(opened)
    with attached(opened) as notebook:
        assert notebook.ask("kernel_info")["status"] == "ok"
        assert ".read_attrs" in notebook.ask("complete", "det1.rea", 8)["matches"]
        assert notebook.ask("inspect", "det1", 4)["found"]
        assert notebook.ask("is_complete", "for x in y:")["status"] in ("invalid", "incomplete")
        assert notebook.ask("history")["status"] == "ok"
    assert opened.status()[ENGINE] == "running"
    end_plan(opened)


def test_a_console_shows_prompt_and_completion_idle_or_not(opened: RunningManager) -> None:
    with terminal(opened.home) as first:
        first.until_prompt()
        first.enter("6 * 7")
        first.until("42")
        run_slowly(opened)
        first.until_prompt()
        with terminal(opened.home) as second:
            second.until("Starting Jupyter Console ...")
            second.until_prompt()
            second.type("det1.rea\t")
            second.until("read_attrs")
            assert opened.status()[ENGINE] == "running"
            second.enter("\x15'typed' + ' cell'")
            pause(opened)
            second.until("'typed cell'")
    do_when_free(opened, "re_abort")
    opened.until_idle()


def arrived(notebook: Notebook, code: str) -> str:
    """Send a cell that waits for the queue; return its id when it has arrived."""
    cell = notebook.send(code)
    # Taken in the same order, and answered although the cell waits.
    notebook.ask("kernel_info")
    return cell


def test_a_cell_typed_while_the_queue_runs_waits_until_it_is_done(
    opened: RunningManager, notebook: Notebook
) -> None:
    first, *_ = opened.add_held(), opened.add_count(), opened.add_count()
    since = opened.status()
    opened.do("queue_start")
    opened.until_running(first)
    cell = arrived(notebook, "print('the cell sees', RE.state)")
    assert opened.status()[MANAGER] == "executing_queue"
    assert not notebook.has_reply()
    opened.gate.touch()
    assert notebook.reply(cell)["status"] == "ok"
    opened.until_text("the cell sees idle")
    until_free(opened)
    assert len(opened.history()) == 3
    busy = story(opened, since, MANAGER, KERNEL, CAPTURED)
    assert ("executing_queue", "busy", False) not in busy


def is_in_a_cell_between_plans(status: Status) -> bool:
    return (status[MANAGER], status[KERNEL], status[CAPTURED]) == ("executing_queue", "busy", False)


def test_cells_may_run_between_plans_and_the_queue_goes_on(
    make_manager: MakeManager, gate: Path
) -> None:
    manager = make_manager().start("--cells-between-plans", "allow")
    manager.open()
    first, *_ = manager.add_held(), manager.add_count(), manager.add_count()
    with attached(manager) as notebook:
        manager.do("queue_start")
        manager.until_running(first)
        # Long enough that the next plan finds the kernel taken.
        cell = arrived(notebook, until_there(gate))
        manager.gate.touch()
        between = manager.until(is_in_a_cell_between_plans)
        assert between["items_in_history"] == 1
        gate.touch()
        assert notebook.reply(cell)["status"] == "ok"
        manager.until_idle()
        assert [entry["result"]["exit_status"] for entry in manager.history()] == ["completed"] * 3

        # Who does not want to wait for the cell stops the queue.
        manager.gate.unlink()
        first, *_ = manager.add_held(), manager.add_count()
        manager.do("queue_start")
        manager.until_running(first)
        cell = arrived(notebook, "import time; time.sleep(60)")
        manager.gate.touch()
        manager.until(is_in_a_cell_between_plans)
        manager.do("queue_stop")
        manager.until_idle()
        assert manager.status()["items_in_queue"] == 1
        manager.do("kernel_interrupt")
        assert notebook.reply(cell)["ename"] == "KeyboardInterrupt"


# ------------------------------------------------------------------------ plans of a console


def test_a_plan_of_a_console_is_seen_and_keeps_the_queue_away(
    opened: RunningManager, notebook: Notebook
) -> None:
    cell = notebook.send(CONSOLE_PLAN)
    status = opened.until(lambda status: status[ENGINE] == "running")
    assert (status[MANAGER], status[KERNEL], status[CAPTURED]) == ("idle", "busy", False)
    assert status["running_item_uid"] is None
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    who = {"user": "a test", "user_group": "primary"}
    opened.do("queue_item_add", item=item, **who)
    for method, params in (
        ("queue_start", {}),
        ("queue_item_execute", {"item": item, **who}),
        ("script_upload", {"script": "pass"}),
        ("environment_close", {}),
    ):
        text = refusal(opened, method, **params)
        assert "IPython kernel" in text
        assert "is busy. It runs a cell of a console (user " in text
    assert opened.status()["items_in_queue"] == 1
    assert opened.do("re_runs")["run_list"] == []

    opened.do("re_pause", option="immediate")
    assert notebook.reply(cell)["ename"] == "RunEngineInterrupted"
    status = until_free(opened)
    assert (status[MANAGER], status[ENGINE]) == ("idle", "paused")
    assert "current state is 'idle'" in refusal(opened, "re_resume")
    assert "started outside of the queue" in refusal(opened, "queue_start")
    since = opened.status()
    assert notebook.run("RE.abort();")["status"] == "ok"
    opened.until(lambda status: status[ENGINE] == "idle" and is_free(status))
    assert {state for (state,) in story(opened, since, MANAGER)} == {"idle"}
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)


def test_autostart_waits_for_the_end_of_a_cell(
    opened: RunningManager, notebook: Notebook, gate: Path
) -> None:
    since = opened.status()
    cell = notebook.send(until_there(gate))
    opened.until(lambda status: status[KERNEL] == "busy")
    opened.do("queue_autostart", enable=True)
    opened.add_count()
    gate.touch()
    assert notebook.reply(cell)["status"] == "ok"
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    assert ("executing_queue", "busy", False) not in story(opened, since, *WHO_HOLDS_IT)


@pytest.mark.parametrize(
    ("typed", "exit_status"),
    [
        ("RE.resume();", "unknown"),
        ("RE.stop();", "unknown"),
        ("RE.abort();", "aborted"),
        ("RE.halt();", "aborted"),
    ],
)
def test_a_console_that_ends_our_paused_plan_ends_the_item(
    opened: RunningManager, notebook: Notebook, gate: Path, typed: str, exit_status: str
) -> None:
    uid = opened.add_held()
    opened.add_count()
    opened.do("queue_start")
    opened.until_running(uid)
    opened.until(lambda status: len(opened.do("re_runs")["run_list"]) == 1)
    pause(opened)
    opened.gate.touch()
    since = opened.status()
    cell = notebook.send(f"{until_there(gate)}\n{typed}")
    opened.until(lambda status: status[KERNEL] == "busy")
    gate.touch()
    notebook.reply(cell)
    opened.until(lambda status: status["items_in_history"] == 1 and status[MANAGER] == "idle")
    until_free(opened)

    rows = story(opened, since, MANAGER, KERNEL, CAPTURED)
    assert in_order(rows, ("paused", "idle", False), ("paused", "busy", False))
    assert {state for state, _, _ in rows} == {"paused", "idle"}
    assert not any(captured for *_, captured in rows)
    (entry,) = opened.history()
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == exit_status
    assert entry["result"]["msg"] == "The plan is completed outside RE Manager"
    assert len(entry["result"]["run_uids"]) == 1
    # Only a plan that was given up comes back to the queue, and the queue is not continued.
    names = [item["item_uid"] for item in opened.queue()]
    assert len(names) == (1 if exit_status == "unknown" else 2)
    assert opened.status()["running_item_uid"] is None


def test_a_plan_that_fails_in_the_hands_of_a_console_has_failed(
    opened: RunningManager, notebook: Notebook
) -> None:
    script = """
def careless():
    yield from bps.open_run()
    yield from bps.checkpoint()
    yield from bps.pause()
    raise RuntimeError("too much")
"""
    opened.do("script_upload", script=f"import bluesky.plan_stubs as bps\n{script}")
    opened.until_idle()
    opened.do("permissions_reload")
    item = {"item_type": "plan", "name": "careless"}
    opened.do("queue_item_execute", item=item, user="a test", user_group="primary")
    opened.until_state("paused")
    assert notebook.run("RE.resume()")["ename"] == "RuntimeError"
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "failed"


def test_a_paused_plan_is_not_continued_while_a_cell_runs(
    opened: RunningManager, notebook: Notebook
) -> None:
    run_slowly(opened)
    pause(opened)
    cell = notebook.send("import time; time.sleep(30)")
    opened.until(lambda status: status[KERNEL] == "busy")
    for method in ("re_resume", "re_stop", "re_abort", "re_halt"):
        text = refusal(opened, method)
        assert text.startswith("Error: IPython kernel (RE Worker) is busy. It runs a cell of a ")
    assert opened.status()[MANAGER] == "paused"
    opened.do("kernel_interrupt")
    assert notebook.reply(cell)["ename"] == "KeyboardInterrupt"
    do_when_free(opened, "re_abort")
    opened.until_idle()


# ---------------------------------------------------------------------------- leaving a console


@pytest.mark.parametrize("words", ["exit", "quit()", "quit(keep_kernel=True)"])
def test_leaving_a_console_leaves_the_worker(opened: RunningManager, words: str) -> None:
    worker = opened.worker_pid
    with terminal(opened.home) as console:
        console.until_prompt()
        console.enter(words)
        assert console.exit_code() == 0
    assert opened.status()["worker_environment_exists"] is True
    assert opened.worker_pid == worker
    with attached(opened) as notebook:
        assert notebook.run("1")["status"] == "ok"


def test_ctrl_d_leaves_the_console_in_the_middle_of_a_plan(opened: RunningManager) -> None:
    run_slowly(opened)
    with terminal(opened.home) as console:
        console.until_prompt()
        console.type_end()
        console.until("really want to exit")
        console.enter("y")
        assert console.exit_code() == 0
    assert opened.status()[ENGINE] == "running"
    end_plan(opened)


def test_a_shutdown_by_a_notebook_is_answered_and_not_obeyed(
    opened: RunningManager, notebook: Notebook
) -> None:
    worker = opened.worker_pid
    assert notebook.shut_down()["status"] == "ok"
    assert notebook.run("1")["status"] == "ok"
    assert opened.worker_pid == worker
    opened.add_count()
    do_when_free(opened, "queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)


# ------------------------------------------------------------------------------------- output


def test_output_tells_whether_a_console_or_the_queue_wrote_it(
    opened: RunningManager, notebook: Notebook
) -> None:
    since = last_event(opened)
    notebook.run("print('from a cell'); RE.md.get('x'); 6 * 7")
    notebook.run("1 / 0")
    uid = opened.add_count(num=2)
    do_when_free(opened, "queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    task = opened.do("script_upload", script="print('from a script')")["task_uid"]
    opened.until_text("from a script")
    until_free(opened)

    typed = texts_of(opened, since, "console", notebook.session)
    assert typed.startswith("from a cell\n>> 42\n")
    assert "ZeroDivisionError" in typed
    assert "\x1b" not in typed
    assert "generator count" in texts_of(opened, since, "item", uid)
    assert texts_of(opened, since, "task", task) == "from a script\n"
    assert {source for source, _, _ in pieces(opened, since)} == {"console", "item", "task"}


def test_subscribers_are_told_who_wrote_the_output(
    opened: RunningManager, notebook: Notebook
) -> None:
    context: zmq.Context[Any] = zmq.Context()
    try:
        stream = context.socket(zmq.SUB)
        stream.subscribe(b"QS_")
        stream.connect(opened.home.info)
        assert stream.poll(5000), "not even a heartbeat"
        notebook.run("print('for', 'subscribers')")
        said = {}
        while "for subscribers" not in said.get("msg", ""):
            assert stream.poll(5000)
            topic, content = stream.recv_multipart()
            said = json.loads(content) if topic == b"QS_Console" else {}
    finally:
        context.destroy(linger=0)
    assert (said["source"], said["uid"]) == ("console", notebook.session)
    assert (said["stream"], said["msg"]) == ("stdout", "for subscribers\n")


def test_the_plan_of_a_console_is_output_of_the_console(
    opened: RunningManager, notebook: Notebook
) -> None:
    since = last_event(opened)
    begin = len(opened.watch.console)
    notebook.run("from bluesky.plans import count as c; RE(c([det1], num=1));")
    opened.until_text("generator count", begin)
    assert "generator count" in texts_of(opened, since, "console", notebook.session)
    assert {source for source, _, _ in pieces(opened, since)} == {"console"}


# ---------------------------------------------------------------------------------- interrupts


def test_an_interrupt_ends_a_cell_and_spares_an_idle_kernel(
    opened: RunningManager, notebook: Notebook
) -> None:
    opened.do("kernel_interrupt")
    cell = notebook.send("import time; time.sleep(30)")
    opened.until(lambda status: status[KERNEL] == "busy")
    opened.do("kernel_interrupt")
    assert notebook.reply(cell)["ename"] == "KeyboardInterrupt"
    until_free(opened)
    opened.do("kernel_interrupt")
    assert notebook.run("1")["status"] == "ok"


def test_an_interrupt_pauses_a_plan_only_when_that_is_meant(opened: RunningManager) -> None:
    run_slowly(opened)
    for params in ({}, {"interrupt_task": True}, {"interrupt_plan": False}):
        text = refusal(opened, "kernel_interrupt", **params)
        assert "Not allowed to interrupt running plan" in text
    assert opened.status()[ENGINE] == "running"
    opened.do("kernel_interrupt", interrupt_plan=True)
    opened.until_state("paused")
    opened.do("re_abort")
    opened.until_idle()


def test_the_kernel_is_busy_for_as_long_as_the_plan_that_an_interrupt_pauses(
    opened: RunningManager,
) -> None:
    before = opened.do("events_get", since=2**62)["seq"]
    run_slowly(opened)
    refusal(opened, "kernel_interrupt")
    opened.do("kernel_interrupt", interrupt_plan=True)
    opened.until_state("paused")
    told = statuses(opened, before)
    while_running = [status for status in told if status[ENGINE] in ("running", "pausing")]
    assert while_running, "nothing was told of the plan that ran"
    assert {(each[KERNEL], each[CAPTURED]) for each in while_running} == {("busy", True)}
    assert told[-1][ENGINE] == "paused"
    opened.do("re_abort")
    opened.until_idle()


def test_an_interrupt_ends_a_task_only_when_that_is_meant(opened: RunningManager) -> None:
    script = "import time; print('the script has begun'); time.sleep(60)"
    uid = opened.do("script_upload", script=script)["task_uid"]
    opened.until(lambda status: status[WORKER] == "executing_task" and status[CAPTURED])
    opened.until_text("the script has begun")
    for params in ({}, {"interrupt_plan": True}):
        text = refusal(opened, "kernel_interrupt", **params)
        assert "Not allowed to interrupt running task" in text
    opened.do("kernel_interrupt", interrupt_task=True)
    opened.until_idle()
    result = opened.do("task_result", task_uid=uid)["result"]
    assert result["success"] is False
    assert "KeyboardInterrupt" in result["traceback"]


def test_ctrl_c_takes_back_a_cell_that_waits_and_spares_the_plan(opened: RunningManager) -> None:
    with terminal(opened.home) as console:
        console.until_prompt()
        run_slowly(opened)
        console.enter("typed_too_late = 1")
        console.until("Waiting: the queue is running, now the plan 'count'")
        console.type("\x03")
        console.until("TakenBack: this cell was taken back before it ran")
        console.until_prompt()
        assert opened.status()[ENGINE] == "running"
        assert opened.status()["pause_pending"] is False
        end_plan(opened)
        console.enter("'typed_too_late' in globals()")
        console.until("False")


def test_a_cell_that_waits_goes_with_its_terminal(opened: RunningManager) -> None:
    run_slowly(opened)
    with terminal(opened.home) as console:
        console.until_prompt()
        console.enter("typed_too_late = 1")
        console.until("Waiting: the queue is running")
        console.hang_up()
    pause(opened)  # which lets go what waits
    with attached(opened) as notebook:
        assert notebook.run("assert 'typed_too_late' not in globals()")["status"] == "ok"
    do_when_free(opened, "re_abort")
    opened.until_idle()


def test_ctrl_c_stops_the_cell_that_was_typed_and_no_other(
    opened: RunningManager, notebook: Notebook, gate: Path
) -> None:
    with terminal(opened.home) as console:
        console.until_prompt()
        console.enter("import time; print('be' + 'gun'); time.sleep(50)")
        console.until("begun")
        console.type("\x03")
        console.until("KeyboardInterrupt")
        console.until_prompt()
        until_free(opened)

        cell = notebook.send(until_there(gate))
        opened.until(lambda status: status[KERNEL] == "busy")
        console.enter("print('after' + 'wards')")
        console.until_cell_runs()
        console.type("\x03")
        console.until("Not interrupted: a cell of another client is running")
        gate.touch()
        console.until("afterwards")
        assert notebook.reply(cell)["status"] == "ok"


def test_a_console_does_not_give_up_a_worker_that_stands_still(opened: RunningManager) -> None:
    worker = psutil.Process(opened.worker_pid)
    with terminal(opened.home) as console:
        console.until_prompt()
        worker.suspend()
        try:
            console.enter("6 * 7")
            console.until_cell_runs()
            assert console.stays_without_prompt(3)
        finally:
            worker.resume()
        console.until("42")


def test_a_console_asks_its_own_user_for_input(opened: RunningManager) -> None:
    with terminal(opened.home) as console:
        console.until_prompt()
        console.enter("'hello ' + input('your name? ')")
        console.until("your name\\? ")
        console.enter("Jane")
        console.until("'hello Jane'")


# ------------------------------------------------------------------------------- health


def test_the_memory_of_the_worker_is_told(opened: RunningManager, notebook: Notebook) -> None:
    status = opened.status()
    assert 30e6 < status["worker_memory"] < 2e9
    assert notebook.run("much = bytearray(200_000_000)")["status"] == "ok"
    grown = opened.until(
        lambda later: later["worker_memory"] > status["worker_memory"] + 150_000_000
    )
    assert notebook.run("del much")["status"] == "ok"
    opened.until(lambda later: later["worker_memory"] < grown["worker_memory"] - 150_000_000)


def test_old_inputs_are_forgotten(opened: RunningManager, notebook: Notebook) -> None:
    code = (
        "ip = get_ipython(); ip.execution_count = 1500; "
        "ip.history_manager.input_hist_raw[1:] = ['old'] * 1499; "
        "ip.history_manager.input_hist_parsed[1:] = ['old'] * 1499; _i500 = 'old'"
    )
    assert notebook.run(code)["status"] == "ok"
    for _ in range(3):
        notebook.run("1")
    assert notebook.run("assert '_i500' not in globals()")["status"] == "ok"
    assert notebook.run("assert In[499:502] == ['old', '', ''], In[499:503]")["status"] == "ok"


# ------------------------------------------------------------------------- nothing to share


def test_a_worker_that_is_not_shared_says_so(make_manager: MakeManager) -> None:
    manager = make_manager().start("--use-ipython-kernel", "OFF")
    closed = manager.status()
    assert (closed[KERNEL], closed[CAPTURED]) == (None, None)
    since = manager.open()
    assert (since[KERNEL], since[CAPTURED]) == ("disabled", True)
    manager.add_count()
    manager.do("queue_start")
    manager.until(lambda status: status["items_in_history"] == 1)
    manager.until_idle()
    assert set(story(manager, since, KERNEL, CAPTURED)) == {("disabled", True)}
    assert manager.do("config_get")["config"] == {"ip_connect_info": {}}
    answer = manager.home.run("qserver-console")
    assert answer.code == 5
    assert "--use-ipython-kernel OFF: its worker is not shared" in answer.output
    assert "IPython kernel is not used" in refusal(manager, "kernel_interrupt")


def test_a_flood_of_output_keeps_nobody_from_the_manager(
    opened: RunningManager, gate: Path
) -> None:
    manager = psutil.Process(opened.manager_pid)
    before = manager.memory_info().rss
    script = (
        "import os\nblock = ('x' * 99 + '\\n') * 1000\n"
        f"while not os.path.exists({str(gate)!r}):\n    print(block, end='')\n"
    )
    since = len(opened.watch.console)
    opened.do("script_upload", script=script)
    for _ in range(20):
        assert opened.status()["manager_state"] == "executing_task"
    opened.until_text("of output are left out: more than", since)
    assert opened.status()["manager_state"] == "executing_task"
    gate.touch()
    opened.until_idle()
    opened.do("script_upload", script="import time\ntime.sleep(0.2)\nprint('calm' + ' again')")
    opened.until_text("calm again", since)
    assert manager.memory_info().rss - before < 200_000_000


def test_a_console_leaves_no_key_behind(opened: RunningManager) -> None:
    folder = opened.home.folder / "tmp"
    with terminal(opened.home) as console:
        console.until_prompt()
        (kept,) = folder.glob("qserver-console-*/*.json")
        modes = [place.stat().st_mode & 0o777 for place in (kept.parent, kept)]
        assert modes == [0o700, 0o600]
        console.enter("exit")
        assert console.exit_code() == 0
    assert list(folder.glob("qserver-console-*")) == []
