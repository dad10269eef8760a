"""What a killed manager, launcher or worker costs: nothing that was promised."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
import zmq

from tests.acceptance.running import (
    LIMIT_S,
    MakeManager,
    RunningManager,
    kill_and_wait,
    table_rows,
    uids,
)

EDIT = {
    "item": {"item_type": "plan", "name": "count", "args": [["det1"]]},
    "user": "a test",
    "user_group": "primary",
}


@pytest.fixture
def fresh(make_manager: MakeManager) -> RunningManager:
    """A manager of its own: one that dies again and again is started later and later."""
    manager = make_manager().start()
    manager.open()
    manager.hold_work()
    return manager


def begin_plan(manager: RunningManager, *, num: int = 5) -> tuple[str, int]:
    """Start a plan that is held before its last point.

    Return its UID and where its output begins, once the rows of its other points are there.
    """
    position = len(manager.watch.console)
    uid = manager.add_held(num, behind=num - 1)
    manager.do("queue_start")
    manager.until_text(rf"\n\|\s+{num - 1} \|", position)
    return uid, position


@contextmanager
def replies_of(address: str, pid: int) -> Iterator[Callable[..., dict[str, Any] | None]]:
    """Yield a way to send requests to a process; the reply is None once it has ended."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    process = os.pidfd_open(pid)
    poller = zmq.Poller()
    try:
        with context.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(address)
            poller.register(socket, zmq.POLLIN)
            poller.register(process, zmq.POLLIN)

            def reply_to(method: str, **params: Any) -> dict[str, Any] | None:
                # Not to the next manager: it would take what is sent between the two.
                if process in dict(poller.poll(0)):
                    return None
                socket.send_json({"method": method, "params": params})
                found = dict(poller.poll(LIMIT_S * 1000))
                assert found, f"neither a reply nor an end within {LIMIT_S:g} s"
                return dict(json.loads(socket.recv())) if socket in found else None

            yield reply_to
    finally:
        os.close(process)
        context.term()


def stop_plan(manager: RunningManager) -> None:
    """End the plan that runs, in order."""
    # A new manager first goes through what the worker has not been thanked for yet.
    manager.until_running()
    manager.do("re_pause", option="immediate")
    manager.until_state("paused")
    manager.do("re_stop")
    manager.until_idle()


# ------------------------------------------------------------------------- the manager is killed


def test_a_plan_outlives_the_manager_and_is_archived_once(fresh: RunningManager) -> None:
    uid, position = begin_plan(fresh)
    waiting = [fresh.add_count(), fresh.add_count(num=2)]
    fresh.do("queue_stop")
    fresh.do("lock", lock_key="k", user="Jane", queue=True)
    worker = fresh.worker_pid

    fresh.kill_manager()
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    assert status["queue_stop_pending"] is True
    assert status["lock"] == {"environment": False, "queue": True}
    assert fresh.worker_pid == worker
    assert uids(fresh.queue()) == waiting
    assert len(fresh.do("re_runs")["run_list"]) == 1

    fresh.gate.touch()
    status = fresh.until_idle()
    assert uids(fresh.queue()) == waiting
    (entry,) = fresh.history()
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == "completed"
    assert len(entry["result"]["run_uids"]) == 1
    fresh.do("unlock", lock_key="k")
    fresh.do("queue_start")
    fresh.until(lambda status: status["items_in_history"] == 3)
    fresh.until_idle()
    assert uids(fresh.history()) == [uid, *waiting]
    fresh.until_text(r"\n\|\s+5 \|", position)
    rows = table_rows(fresh.watch.console[position:])
    # Text that was written while nobody listened is not lost with the manager that died; what
    # that one had shown in its last moment may come again.
    assert list(dict.fromkeys(rows))[:5] == [1, 2, 3, 4, 5], rows


def test_the_queue_goes_on_when_the_manager_is_back(fresh: RunningManager) -> None:
    first, _ = begin_plan(fresh)
    second = fresh.add_count(num=2, delay=0.3)
    fresh.kill_manager()
    fresh.gate.touch()
    fresh.until(lambda status: status["items_in_history"] == 2)
    fresh.until_idle()
    assert uids(fresh.history()) == [first, second]
    assert fresh.queue() == []


def test_a_plan_that_ends_while_the_manager_is_away_is_archived_when_it_is_back(
    fresh: RunningManager,
) -> None:
    first, _ = begin_plan(fresh, num=3)
    second = fresh.add_count()
    # A stopped manager is replaced after some seconds; by then the plan has long ended.
    manager = psutil.Process(fresh.manager_pid)
    manager.suspend()
    fresh.gate.touch()
    _, alive = psutil.wait_procs([manager], timeout=LIMIT_S)
    assert alive == []
    fresh.first_answer()
    fresh.until(lambda status: status["items_in_history"] == 2)
    fresh.until_idle()
    assert uids(fresh.history()) == [first, second]
    assert {entry["result"]["exit_status"] for entry in fresh.history()} == {"completed"}
    first_end, second_begin = (
        fresh.history()[0]["result"]["time_stop"],
        fresh.history()[1]["result"]["time_start"],
    )
    assert second_begin > first_end


def test_autostart_and_mode_outlive_the_manager(fresh: RunningManager) -> None:
    fresh.do("queue_mode_set", mode={"ignore_failures": True})
    fresh.do("queue_autostart", enable=True)
    fresh.kill_manager()
    status = fresh.until_idle()
    assert status["queue_autostart_enabled"] is True
    assert status["plan_queue_mode"] == {"loop": False, "ignore_failures": True}
    fresh.add_count()
    fresh.until(lambda status: status["items_in_history"] == 1)
    fresh.until_idle()


def test_a_paused_plan_stays_paused_and_is_resumed(fresh: RunningManager) -> None:
    uid, position = begin_plan(fresh, num=3)
    fresh.do("re_pause", option="immediate")
    fresh.until_state("paused")
    fresh.kill_manager()
    # The next manager first goes through what the worker has not been thanked for yet.
    status = fresh.until_state("paused")
    assert status["re_state"] == "paused"
    assert status["running_item_uid"] == uid
    fresh.gate.touch()
    fresh.do("re_resume")
    fresh.until(lambda status: status["items_in_history"] == 1)
    fresh.until_idle()
    (entry,) = fresh.history()
    assert entry["result"]["exit_status"] == "completed"
    fresh.until_text(r"\n\|\s+3 \|", position)
    assert table_rows(fresh.watch.console[position:])[-2:] == [2, 3]


def test_an_idle_environment_is_found_again(fresh: RunningManager) -> None:
    waiting = [fresh.add_count(num=n) for n in (1, 2, 3)]
    worker = fresh.worker_pid
    plans = fresh.status()["plans_allowed_uid"]
    fresh.kill_manager()
    status = fresh.until_idle()
    assert status["worker_environment_exists"] is True
    assert status["re_state"] == "idle"
    assert status["plans_allowed_uid"] != plans
    assert fresh.worker_pid == worker
    assert uids(fresh.queue()) == waiting
    fresh.do("queue_start")
    fresh.until(lambda status: status["items_in_history"] == 3)
    fresh.until_idle()


def test_a_foreground_task_goes_on_and_delivers_its_result(fresh: RunningManager) -> None:
    item = {"item_type": "function", "name": "func_for_test_hold", "args": [str(fresh.gate)]}
    reply = fresh.do("function_execute", item=item, user="a test", user_group="primary")
    task = reply["task_uid"]
    fresh.until(lambda status: status["worker_environment_state"] == "executing_task")
    fresh.kill_manager()
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_task"
    refused = fresh.ask("queue_start")
    assert refused["success"] is False
    fresh.gate.touch()
    fresh.until_idle()
    reply = fresh.do("task_result", task_uid=task)
    assert reply["status"] == "completed"
    assert reply["result"]["return_value"] == "held"
    assert fresh.history() == []


def test_a_manager_that_is_killed_while_the_environment_opens_leaves_nothing_behind(
    make_manager: MakeManager,
) -> None:
    manager = make_manager().start()
    begun = manager.status()
    manager.do("environment_open")
    manager.until(lambda status: status["worker_environment_state"] == "initializing", since=begun)
    manager.kill_manager()
    status = manager.until_idle()
    if not status["worker_environment_exists"]:
        # The kernel had not got as far as to be found again; then it may not stay either.
        assert manager.launcher is not None
        service = (manager.launcher.pid, manager.manager_pid)
        others = [each for each in manager.home.processes() if each.pid not in service]
        _, alive = psutil.wait_procs(others, timeout=LIMIT_S)
        assert alive == []
    manager.open()
    assert len(manager.home.processes()) == 3


def test_a_plan_that_starts_with_the_opening_outlives_the_manager(
    make_manager: MakeManager,
) -> None:
    manager = make_manager().start()
    uid = manager.add_count(num=1000, delay=1)
    manager.do("queue_autostart", enable=True)
    begun = manager.status()
    manager.do("environment_open")
    manager.until(lambda status: status["re_state"] == "running", since=begun)
    manager.kill_manager()
    status = manager.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    stop_plan(manager)
    (entry,) = manager.history()
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "stopped")


def test_every_acknowledged_edit_is_there_after_a_kill(make_manager: MakeManager) -> None:
    manager = make_manager().start()
    acknowledged: list[str] = []
    enough = threading.Event()
    pid = manager.manager_pid

    def kill() -> None:
        enough.wait(LIMIT_S)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with replies_of(manager.home.control, pid) as reply_to:
        try:
            while (reply := reply_to("queue_item_add", **EDIT)) is not None:
                acknowledged.append(reply["item"]["item_uid"])
                if len(acknowledged) == 100:
                    enough.set()
        finally:
            enough.set()
            killer.join()
    manager.first_answer()
    manager.until_idle()
    stored = uids(manager.queue())
    assert len(acknowledged) >= 100
    # One more may be there: stored, but its reply was lost with the process.
    assert stored[: len(acknowledged)] == acknowledged
    assert len(stored) <= len(acknowledged) + 1


def test_a_manager_that_was_told_to_freeze_is_replaced(fresh: RunningManager) -> None:
    uid, _ = begin_plan(fresh)
    answer = fresh.qserver("manager", "kill", "test")
    assert answer.code == 3
    fresh.first_answer()
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    stop_plan(fresh)
    (entry,) = fresh.history()
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "stopped")


# ------------------------------------------------------------------------ the launcher is killed


def test_without_a_launcher_the_ports_are_free_and_the_next_service_takes_over(
    fresh: RunningManager,
) -> None:
    uid, _ = begin_plan(fresh)
    waiting = fresh.add_count()
    worker = fresh.worker_pid
    old = psutil.Process(fresh.manager_pid)
    assert fresh.launcher is not None
    fresh.launcher.kill()
    fresh.launcher.wait(LIMIT_S)
    _, alive = psutil.wait_procs([old], timeout=LIMIT_S)
    assert alive == []

    fresh.start()
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    assert fresh.worker_pid == worker
    fresh.gate.touch()
    fresh.until(lambda status: status["items_in_history"] == 2)
    fresh.until_idle()
    assert uids(fresh.history()) == [uid, waiting]
    assert {entry["result"]["exit_status"] for entry in fresh.history()} == {"completed"}


# -------------------------------------------------------------------------- the worker is killed


def test_a_killed_worker_is_noticed_and_its_plan_comes_back(fresh: RunningManager) -> None:
    uid, _ = begin_plan(fresh)
    later = fresh.add_count()
    worker = fresh.worker_pid
    begun = fresh.status()
    os.kill(worker, signal.SIGKILL)
    fresh.until(lambda status: not status["worker_environment_exists"], since=begun)
    status = fresh.until_idle()
    assert status["worker_environment_state"] == "closed"
    assert status["re_state"] is None
    (entry,) = fresh.history()
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == "failed"
    assert "SIGKILL" in entry["result"]["msg"]
    assert len(entry["result"]["run_uids"]) == 1
    front, back = fresh.queue()
    assert front["item_uid"] not in (uid, later)
    assert front["result"]["exit_status"] == "failed"
    assert back["item_uid"] == later

    fresh.open()
    fresh.hold_work()
    fresh.gate.touch()
    fresh.do("queue_start")
    fresh.until(lambda status: status["items_in_history"] == 3)
    fresh.until_idle()
    assert [entry["result"]["exit_status"] for entry in fresh.history()] == [
        "failed",
        "completed",
        "completed",
    ]


@pytest.mark.parametrize(
    ("source", "cause"),
    [("import os; os._exit(3)", "exit code 3"), ("import ctypes; ctypes.string_at(0)", "SIGSEGV")],
    ids=["os._exit", "segmentation fault"],
)
def test_a_plan_that_ends_the_worker_is_archived_with_the_cause(
    fresh: RunningManager, source: str, cause: str
) -> None:
    script = f"def deadly():\n    yield from bps.null()\n    {source}\n"
    fresh.do("script_upload", script=script)
    fresh.until_idle()
    item = {"item_type": "plan", "name": "deadly"}
    fresh.do("queue_item_add", item=item, user="a test", user_group="primary")
    shown = len(fresh.watch.console)
    fresh.do("queue_start")
    fresh.until(lambda status: not status["worker_environment_exists"])
    fresh.until_idle()
    (entry,) = fresh.history()
    assert entry["result"]["exit_status"] == "failed"
    assert cause in entry["result"]["msg"]
    if cause == "SIGSEGV":
        msg = entry["result"]["msg"]
        assert msg.count("Fatal Python error") == 1
        first_stack = msg.partition("\n\n")[2]
        assert first_stack.startswith("Current thread"), "who crashed is what one wants to know"
        assert "in deadly" in first_stack.partition("\n\n")[0]
    # The cause is told once, and once as the end of the plan; the status may come before it.
    fresh.until_text("(RE Worker has ended unexpectedly(.|\n)*){2}", shown)
    told = fresh.watch.console[shown:].count("RE Worker has ended unexpectedly")
    assert told == 2, "told too often"
    assert fresh.watch.console[shown:].count("Current thread") <= 1
    assert fresh.status()["items_in_queue"] == 1


def test_a_worker_that_is_killed_while_idle_is_noticed_too(fresh: RunningManager) -> None:
    waiting = fresh.add_count()
    os.kill(fresh.worker_pid, signal.SIGKILL)
    fresh.until(lambda status: not status["worker_environment_exists"])
    fresh.until_idle()
    assert fresh.history() == []
    assert uids(fresh.queue()) == [waiting]
    fresh.open()


def test_a_worker_that_dies_while_the_manager_is_away_is_noticed_by_the_next(
    fresh: RunningManager,
) -> None:
    uid, _ = begin_plan(fresh)
    worker = fresh.worker_pid
    kill_and_wait(fresh.manager_pid)
    os.kill(worker, signal.SIGKILL)
    fresh.first_answer()
    status = fresh.until_idle()
    assert status["worker_environment_exists"] is False
    (entry,) = fresh.history()
    assert entry["item_uid"] == uid
    # What became of it, nobody can tell; it is neither lost nor run again by itself.
    assert entry["result"]["exit_status"] == "unknown"
    assert fresh.queue() == []
    fresh.open()
