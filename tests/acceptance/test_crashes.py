"""What a killed manager, launcher or worker costs: nothing that was promised."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pytest

from tests.acceptance.running import MakeManager, RunningManager, kill_and_wait, table_rows, uids

pytestmark = pytest.mark.xdist_group("crashes")

BACK_S = 1.0
FREEZE_S = 6.0


def begin_plan(manager: RunningManager, *, num: int = 5, delay: float = 0.5) -> tuple[str, int]:
    """Start a plan; return its UID and where its output begins, once its first row is there."""
    position = len(manager.watch.console)
    uid = manager.add_count(num=num, delay=delay)
    manager.do("queue_start")
    manager.until_text(r"\n\|\s+1 \|", position)
    return uid, position


# ------------------------------------------------------------------------- the manager is killed


def test_a_plan_outlives_the_manager_and_is_archived_once(opened: RunningManager) -> None:
    uid, position = begin_plan(opened)
    waiting = [opened.add_count(), opened.add_count(num=2)]
    opened.do("queue_stop")
    opened.do("lock", lock_key="k", user="Jane", queue=True)
    worker = opened.worker_pid

    assert opened.kill_manager() < BACK_S
    status = opened.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    assert status["queue_stop_pending"] is True
    assert status["lock"] == {"environment": False, "queue": True}
    assert opened.worker_pid == worker
    assert uids(opened.queue()) == waiting
    assert len(opened.do("re_runs")["run_list"]) == 1

    status = opened.until_idle()
    assert uids(opened.queue()) == waiting
    (entry,) = opened.history()
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == "completed"
    assert len(entry["result"]["run_uids"]) == 1
    opened.do("unlock", lock_key="k")
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 3)
    opened.until_idle()
    assert uids(opened.history()) == [uid, *waiting]
    rows = table_rows(opened.watch.console[position:])
    # Text that was written while nobody listened is not lost with the manager that died.
    assert rows[:5] == [1, 2, 3, 4, 5], rows


def test_the_queue_goes_on_when_the_manager_is_back(opened: RunningManager) -> None:
    first, _ = begin_plan(opened)
    second = opened.add_count(num=2, delay=0.3)
    assert opened.kill_manager() < BACK_S
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()
    assert uids(opened.history()) == [first, second]
    assert opened.queue() == []


def test_a_plan_that_ends_while_the_manager_is_away_is_archived_when_it_is_back(
    opened: RunningManager,
) -> None:
    first, _ = begin_plan(opened, num=3, delay=0.3)
    second = opened.add_count()
    # A stopped manager is replaced after some seconds; by then the plan has long ended.
    manager = psutil.Process(opened.manager_pid)
    manager.suspend()
    _, alive = psutil.wait_procs([manager], timeout=10)
    assert alive == []
    opened.first_answer()
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()
    assert uids(opened.history()) == [first, second]
    assert {entry["result"]["exit_status"] for entry in opened.history()} == {"completed"}
    first_end, second_begin = (
        opened.history()[0]["result"]["time_stop"],
        opened.history()[1]["result"]["time_start"],
    )
    assert second_begin > first_end


def test_autostart_and_mode_outlive_the_manager(opened: RunningManager) -> None:
    opened.do("queue_mode_set", mode={"ignore_failures": True})
    opened.do("queue_autostart", enable=True)
    assert opened.kill_manager() < BACK_S
    status = opened.until_idle()
    assert status["queue_autostart_enabled"] is True
    assert status["plan_queue_mode"] == {"loop": False, "ignore_failures": True}
    opened.add_count()
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()


def test_a_paused_plan_stays_paused_and_is_resumed(opened: RunningManager) -> None:
    uid, position = begin_plan(opened, num=3)
    opened.do("re_pause", option="immediate")
    opened.until_state("paused")
    assert opened.kill_manager() < BACK_S
    status = opened.until_ready()
    assert status["manager_state"] == "paused"
    assert status["re_state"] == "paused"
    assert status["running_item_uid"] == uid
    opened.do("re_resume")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "completed"
    assert table_rows(opened.watch.console[position:])[-2:] == [2, 3]


def test_an_idle_environment_is_found_again(opened: RunningManager) -> None:
    waiting = [opened.add_count(num=n) for n in (1, 2, 3)]
    worker = opened.worker_pid
    plans = opened.status()["plans_allowed_uid"]
    assert opened.kill_manager() < BACK_S
    status = opened.until_idle()
    assert status["worker_environment_exists"] is True
    assert status["re_state"] == "idle"
    assert status["plans_allowed_uid"] != plans
    assert opened.worker_pid == worker
    assert uids(opened.queue()) == waiting
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 3)
    opened.until_idle()


def test_a_foreground_task_goes_on_and_delivers_its_result(opened: RunningManager) -> None:
    item = {"item_type": "function", "name": "function_sleep", "args": [2.5]}
    reply = opened.do("function_execute", item=item, user="a test", user_group="primary")
    task = reply["task_uid"]
    opened.until(lambda status: status["worker_environment_state"] == "executing_task")
    assert opened.kill_manager() < BACK_S
    status = opened.until_ready()
    assert status["manager_state"] == "executing_task"
    refused = opened.ask("queue_start")
    assert refused["success"] is False
    opened.until_idle()
    reply = opened.do("task_result", task_uid=task)
    assert reply["status"] == "completed"
    assert reply["result"]["return_value"] == {"success": True, "time": 2.5}
    assert opened.history() == []


def test_a_manager_that_is_killed_while_the_environment_opens_finds_it_opened(
    closed: RunningManager,
) -> None:
    closed.do("environment_open")
    closed.until(lambda status: status["worker_environment_state"] == "initializing")
    closed.kill_manager()
    status = closed.until_idle()
    if not status["worker_environment_exists"]:
        # The kernel had not got as far as to be found again; nothing of it may be left.
        assert len(closed.home.processes()) == 2
    closed.open()


def test_every_acknowledged_edit_is_there_after_a_kill(opened: RunningManager) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()
    manager_pid = opened.manager_pid

    def kill() -> None:
        enough.wait(20)
        os.kill(manager_pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for number in range(400):
            if number == 100:
                enough.set()
            acknowledged.append(add(opened, client))
    except Exception as error:  # noqa: BLE001 - whichever way the connection breaks
        assert "no reply" in str(error)
    finally:
        killer.join()
    opened.first_answer()
    opened.until_idle()
    stored = uids(opened.queue())
    assert len(acknowledged) >= 100
    # One more may be there: stored, but its reply was lost with the process.
    assert stored[: len(acknowledged)] == acknowledged
    assert len(stored) <= len(acknowledged) + 1


def test_manager_kill_is_over_within_six_seconds(opened: RunningManager) -> None:
    uid, _ = begin_plan(opened, num=8, delay=1)
    begun = time.monotonic()
    answer = opened.qserver("manager", "kill", "test")
    assert answer.code == 3
    opened.first_answer()
    assert time.monotonic() - begun < FREEZE_S + 1
    status = opened.until_ready()
    assert status["manager_state"] == "executing_queue"
    assert status["running_item_uid"] == uid
    opened.until_idle()
    assert uids(opened.history()) == [uid]


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
    opened: RunningManager,
) -> None:
    # How a process ended is known of own children only, and so not of a worker found again.
    opened.do("environment_destroy")
    opened.until(lambda status: not status["worker_environment_exists"])
    opened.until_idle()
    opened.open()
    uid, _ = begin_plan(opened)
    later = opened.add_count()
    worker = opened.worker_pid
    begun = opened.status()
    moment = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    opened.until(lambda status: not status["worker_environment_exists"], since=begun)
    assert time.monotonic() - moment < 1
    status = opened.until_idle()
    assert status["worker_environment_state"] == "closed"
    assert status["re_state"] is None
    (entry,) = opened.history()
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == "failed"
    assert "SIGKILL" in entry["result"]["msg"]
    assert len(entry["result"]["run_uids"]) == 1
    front, back = opened.queue()
    assert front["item_uid"] not in (uid, later)
    assert front["result"]["exit_status"] == "failed"
    assert back["item_uid"] == later

    opened.open()
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 3)
    opened.until_idle()
    assert [entry["result"]["exit_status"] for entry in opened.history()] == [
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
    opened: RunningManager, source: str, cause: str
) -> None:
    script = f"def deadly():\n    yield from bps.null()\n    {source}\n"
    opened.do("script_upload", script=script)
    opened.until_idle()
    item = {"item_type": "plan", "name": "deadly"}
    opened.do("queue_item_add", item=item, user="a test", user_group="primary")
    opened.do("queue_start")
    opened.until(lambda status: not status["worker_environment_exists"])
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "failed"
    assert cause in entry["result"]["msg"]
    assert opened.status()["items_in_queue"] == 1


def test_a_worker_that_is_killed_while_idle_is_noticed_too(opened: RunningManager) -> None:
    waiting = opened.add_count()
    os.kill(opened.worker_pid, signal.SIGKILL)
    opened.until(lambda status: not status["worker_environment_exists"])
    opened.until_idle()
    assert opened.history() == []
    assert uids(opened.queue()) == [waiting]
    opened.open()


def test_a_worker_that_dies_while_the_manager_is_away_is_noticed_by_the_next(
    opened: RunningManager,
) -> None:
    uid, _ = begin_plan(opened)
    worker = opened.worker_pid
    kill_and_wait(opened.manager_pid)
    os.kill(worker, signal.SIGKILL)
    opened.first_answer()
    status = opened.until_idle()
    assert status["worker_environment_exists"] is False
    (entry,) = opened.history()
    assert entry["item_uid"] == uid
    # What became of it, nobody can tell; it is neither lost nor run again by itself.
    assert entry["result"]["exit_status"] == "unknown"
    assert opened.queue() == []
    opened.open()
