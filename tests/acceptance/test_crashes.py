"""What a killed manager, launcher or worker costs: nothing that was promised."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pytest

from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import NoReply
from tests.acceptance.running import MakeManager, RunningManager, kill_and_wait, table_rows, uids

# How long a manager may be silent before it is taken for frozen.
SILENCE_S = 5.0


def is_soon(manager: RunningManager, seconds: float) -> bool:
    """Tell whether that is soon for this machine, busy as it is: no silence was waited for."""
    return seconds < max(3.0, 3 * manager.started_in_s)


@pytest.fixture
def fresh(make_manager: MakeManager) -> RunningManager:
    """A manager of its own: one that dies again and again is started later and later."""
    manager = make_manager().start()
    manager.open()
    return manager


def begin_plan(manager: RunningManager, *, num: int = 5, delay: float = 0.5) -> tuple[str, int]:
    """Start a plan; return its UID and where its output begins, once its first row is there.

    On a busy machine, where a manager takes longer to come back, the plan takes longer too.
    """
    position = len(manager.watch.console)
    uid = manager.add_count(num=num, delay=delay * max(1.0, 2 * manager.started_in_s))
    manager.do("queue_start")
    manager.until_text(r"\n\|\s+1 \|", position)
    return uid, position


# ------------------------------------------------------------------------- the manager is killed


def test_a_plan_outlives_the_manager_and_is_archived_once(fresh: RunningManager) -> None:
    uid, position = begin_plan(fresh)
    waiting = [fresh.add_count(), fresh.add_count(num=2)]
    fresh.do("queue_stop")
    fresh.do("lock", lock_key="k", user="Jane", queue=True)
    worker = fresh.worker_pid

    assert is_soon(fresh, fresh.kill_manager())
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    assert status["queue_stop_pending"] is True
    assert status["lock"] == {"environment": False, "queue": True}
    assert fresh.worker_pid == worker
    assert uids(fresh.queue()) == waiting
    assert len(fresh.do("re_runs")["run_list"]) == 1

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
    rows = table_rows(fresh.watch.console[position:])
    # Text that was written while nobody listened is not lost with the manager that died; what
    # that one had shown in its last moment may come again.
    assert list(dict.fromkeys(rows))[:5] == [1, 2, 3, 4, 5], rows


def test_the_queue_goes_on_when_the_manager_is_back(fresh: RunningManager) -> None:
    first, _ = begin_plan(fresh)
    second = fresh.add_count(num=2, delay=0.3)
    assert is_soon(fresh, fresh.kill_manager())
    fresh.until(lambda status: status["items_in_history"] == 2)
    fresh.until_idle()
    assert uids(fresh.history()) == [first, second]
    assert fresh.queue() == []


def test_a_plan_that_ends_while_the_manager_is_away_is_archived_when_it_is_back(
    fresh: RunningManager,
) -> None:
    first, _ = begin_plan(fresh, num=3, delay=0.3)
    second = fresh.add_count()
    # A stopped manager is replaced after some seconds; by then the plan has long ended.
    manager = psutil.Process(fresh.manager_pid)
    manager.suspend()
    _, alive = psutil.wait_procs([manager], timeout=10)
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
    assert is_soon(fresh, fresh.kill_manager())
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
    assert is_soon(fresh, fresh.kill_manager())
    status = fresh.until_ready()
    assert status["manager_state"] == "paused"
    assert status["re_state"] == "paused"
    assert status["running_item_uid"] == uid
    fresh.do("re_resume")
    fresh.until(lambda status: status["items_in_history"] == 1)
    fresh.until_idle()
    (entry,) = fresh.history()
    assert entry["result"]["exit_status"] == "completed"
    assert table_rows(fresh.watch.console[position:])[-2:] == [2, 3]


def test_an_idle_environment_is_found_again(fresh: RunningManager) -> None:
    waiting = [fresh.add_count(num=n) for n in (1, 2, 3)]
    worker = fresh.worker_pid
    plans = fresh.status()["plans_allowed_uid"]
    assert is_soon(fresh, fresh.kill_manager())
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
    item = {"item_type": "function", "name": "function_sleep", "args": [2.5]}
    reply = fresh.do("function_execute", item=item, user="a test", user_group="primary")
    task = reply["task_uid"]
    fresh.until(lambda status: status["worker_environment_state"] == "executing_task")
    assert is_soon(fresh, fresh.kill_manager())
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_task"
    refused = fresh.ask("queue_start")
    assert refused["success"] is False
    fresh.until_idle()
    reply = fresh.do("task_result", task_uid=task)
    assert reply["status"] == "completed"
    assert reply["result"]["return_value"] == {"success": True, "time": 2.5}
    assert fresh.history() == []


def test_a_manager_that_is_killed_while_the_environment_opens_leaves_nothing_behind(
    make_manager: MakeManager,
) -> None:
    manager = make_manager().start()
    manager.do("environment_open")
    manager.until(lambda status: status["worker_environment_state"] == "initializing")
    manager.kill_manager()
    status = manager.until_idle()
    if not status["worker_environment_exists"]:
        # The kernel had not got as far as to be found again; then it may not stay either.
        assert manager.launcher is not None
        service = (manager.launcher.pid, manager.manager_pid)
        others = [each for each in manager.home.processes() if each.pid not in service]
        _, alive = psutil.wait_procs(others, timeout=3)
        assert alive == []
    manager.open()
    assert len(manager.home.processes()) == 3


def test_a_plan_that_starts_with_the_opening_outlives_the_manager(
    make_manager: MakeManager,
) -> None:
    manager = make_manager().start()
    uid = manager.add_count(num=3, delay=0.7)
    manager.do("queue_autostart", enable=True)
    begun = manager.status()
    manager.do("environment_open")
    manager.until(lambda status: status["re_state"] == "running", since=begun)
    assert is_soon(manager, manager.kill_manager())
    status = manager.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    manager.until(lambda status: status["items_in_history"] == 1)
    manager.until_idle()
    assert uids(manager.history()) == [uid]
    assert manager.history()[0]["result"]["exit_status"] == "completed"


def test_every_acknowledged_edit_is_there_after_a_kill(make_manager: MakeManager) -> None:
    manager = make_manager().start()
    acknowledged: list[str] = []
    enough = threading.Event()
    pid = manager.manager_pid

    def kill() -> None:
        enough.wait(20)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    params = {
        "item": {"item_type": "plan", "name": "count", "args": [["det1"]]},
        "user": "a test",
        "user_group": "primary",
    }
    with Client(manager.home.control, timeout_s=1) as client:
        try:
            for number in range(5000):
                if number == 100:
                    enough.set()
                if number > 100 and not killer.is_alive():
                    # Killed between two requests: the next manager would take the rest.
                    break
                reply = client.request("queue_item_add", **params)
                acknowledged.append(reply["item"]["item_uid"])
        except NoReply:
            # The request that was on its way when the process died.
            pass
        finally:
            enough.set()
            killer.join()
    manager.first_answer()
    manager.until_idle()
    stored = uids(manager.queue())
    assert 100 <= len(acknowledged) < 5000
    # One more may be there: stored, but its reply was lost with the process.
    assert stored[: len(acknowledged)] == acknowledged
    assert len(stored) <= len(acknowledged) + 1


def test_manager_kill_is_over_within_six_seconds(fresh: RunningManager) -> None:
    uid, _ = begin_plan(fresh, num=100, delay=0.5)
    begun = time.monotonic()
    answer = fresh.qserver("manager", "kill", "test")
    assert answer.code == 3
    fresh.first_answer()
    assert is_soon(fresh, time.monotonic() - begun - SILENCE_S)
    status = fresh.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    fresh.do("re_pause", option="immediate")
    fresh.until_state("paused")
    fresh.do("re_stop")
    fresh.until_idle()
    (entry,) = fresh.history()
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "stopped")


# ------------------------------------------------------------------------ the launcher is killed


def test_without_a_launcher_the_ports_are_free_and_the_next_service_takes_over(
    make_manager: MakeManager,
) -> None:
    manager = make_manager().start()
    manager.open()
    uid, _ = begin_plan(manager, num=4, delay=0.7)
    waiting = manager.add_count()
    worker = manager.worker_pid
    old = psutil.Process(manager.manager_pid)
    assert manager.launcher is not None
    manager.launcher.kill()
    manager.launcher.wait(10)
    _, alive = psutil.wait_procs([old], timeout=3)
    assert alive == []

    manager.start()
    status = manager.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    assert manager.worker_pid == worker
    manager.until(lambda status: status["items_in_history"] == 2)
    manager.until_idle()
    assert uids(manager.history()) == [uid, waiting]
    assert {entry["result"]["exit_status"] for entry in manager.history()} == {"completed"}


# -------------------------------------------------------------------------- the worker is killed


def test_a_killed_worker_is_noticed_at_once_and_its_plan_comes_back(
    fresh: RunningManager,
) -> None:
    uid, _ = begin_plan(fresh)
    later = fresh.add_count()
    worker = fresh.worker_pid
    begun = fresh.status()
    moment = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    fresh.until(lambda status: not status["worker_environment_exists"], since=begun)
    assert is_soon(fresh, time.monotonic() - moment)
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
    told = fresh.watch.console[shown:].count("RE Worker has ended unexpectedly")
    assert told == 2, "the cause once, and once as the end of the plan"
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
