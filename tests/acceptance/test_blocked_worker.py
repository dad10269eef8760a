"""A worker whose Python is blocked: shown as such, found again, or destroyed."""

from __future__ import annotations

import os

from tests.acceptance.running import MakeManager, RunningManager, kill_and_wait

# A function called through PyDLL keeps the interpreter lock: no other thread gets to run. A pipe
# is open for reading as soon as somebody opens it for writing.
SCRIPT = """
import ctypes, os
def stall(pipe):
    yield from bps.open_run()
    ctypes.PyDLL(None).open(pipe.encode(), os.O_RDONLY)
    yield from bps.close_run()
"""


def begin_to_stall(make_manager: MakeManager) -> tuple[RunningManager, str]:
    """Run a plan that blocks the worker until the gate is opened; return its uid when it does."""
    manager = make_manager().start()
    manager.open()
    os.mkfifo(manager.gate)
    manager.do("script_upload", script=SCRIPT)
    manager.until_idle()
    item = {"item_type": "plan", "name": "stall", "args": [str(manager.gate)]}
    reply = manager.do("queue_item_add", item=item, user="a test", user_group="primary")
    manager.do("queue_start")
    status = manager.until(lambda s: not s["worker_responsive"])
    assert status["manager_state"] == "executing_queue"
    assert status["worker_environment_exists"] is True
    return manager, str(reply["item"]["item_uid"])


def test_a_blocked_worker_is_found_again_by_the_next_manager(make_manager: MakeManager) -> None:
    manager, uid = begin_to_stall(make_manager)
    worker = manager.worker_pid
    waiting = manager.add_count()
    kill_and_wait(manager.manager_pid)
    manager.first_answer()
    status = manager.until_ready()
    assert (status["manager_state"], status["running_item_uid"]) == ("executing_queue", uid)
    assert status["worker_responsive"] is False
    assert manager.history() == []
    os.close(os.open(manager.gate, os.O_WRONLY | os.O_NONBLOCK))
    manager.until(lambda s: s["worker_responsive"])
    manager.until(lambda s: s["items_in_history"] == 2)
    manager.until_idle()
    assert [(entry["item_uid"], entry["result"]["exit_status"]) for entry in manager.history()] == [
        (uid, "completed"),
        (waiting, "completed"),
    ]
    assert manager.worker_pid == worker


def test_a_blocked_worker_can_be_destroyed_also_by_the_next_manager(
    make_manager: MakeManager,
) -> None:
    manager, uid = begin_to_stall(make_manager)
    kill_and_wait(manager.manager_pid)
    manager.first_answer()
    assert manager.until_ready()["worker_responsive"] is False
    manager.do("environment_destroy")
    manager.until(lambda s: not s["worker_environment_exists"])
    manager.until_idle()
    (entry,) = manager.history()
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "failed")
    assert manager.status()["items_in_queue"] == 1
    assert manager.open()["worker_responsive"] is True
