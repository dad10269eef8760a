"""Workers die or get stuck in every way there is: the queue stays, the cause is told."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.running import MakeManager, RunningManager, kill_and_wait, uids
from tests.soak.site import Site, rounds

pytestmark = pytest.mark.timeout(0)

WHO = {"user": "soak", "user_group": "primary"}
# What ends the worker, and what is to be read in history.
CAUSES = {
    "steps": "SIGKILL",
    "leave": "exit code 7",
    "crash": "SIGSEGV",
    "spin": "destroyed",
    "stall": "destroyed",
}
NOTICED_WITHIN_S = 10.0


@pytest.fixture
def manager(make_manager: MakeManager, tmp_path: Path) -> RunningManager:
    return make_manager().start(*Site(tmp_path).options)


def begin(manager: RunningManager, name: str, **kwargs: float) -> str:
    """Start a plan at the front of the queue; return its uid when it runs or has ended."""
    item = {"item_type": "plan", "name": name, "kwargs": kwargs}
    uid = manager.do("queue_item_add", item=item, pos="front", **WHO)["item"]["item_uid"]
    begun = manager.status()
    manager.do("queue_start")
    manager.until(
        lambda s: (
            s["items_in_history"] == 1
            or (s["running_item_uid"] == uid and s["re_state"] == "running")
        ),
        since=begun,
    )
    return str(uid)


def until_blocked(manager: RunningManager) -> None:
    status = manager.until(lambda s: not s["worker_responsive"], NOTICED_WITHIN_S)
    assert status["worker_environment_exists"]
    assert manager.do("queue_get")["running_item"], "the manager goes on while the worker does not"


def one_death(manager: RunningManager, name: str, *, with_new_manager: bool) -> None:
    """Let the worker die in the course of a plan, and go on with the next worker."""
    manager.open()
    manager.do("queue_clear")
    manager.do("history_clear")
    later = [{"item_type": "plan", "name": "tiny"} for _ in range(3)]
    waiting = uids(manager.do("queue_item_add_batch", items=later, **WHO)["items"])
    uid = begin(manager, name, **({"num": 1000, "delay": 0.05} if name == "steps" else {}))
    if name == "steps":
        os.kill(manager.worker_pid, signal.SIGKILL)
    elif name in ("spin", "stall"):
        destroy_stuck_worker(manager, name, uid, with_new_manager=with_new_manager)
    manager.until(lambda s: not s["worker_environment_exists"])
    manager.until_idle()
    check_failure(manager, name, uid, waiting)

    manager.open()
    assert manager.status()["worker_responsive"]
    manager.do("queue_item_remove", pos="front")
    manager.do("queue_start")
    manager.until(lambda s: s["items_in_history"] == 4)
    manager.until_idle()
    assert uids(manager.history()[1:]) == waiting


def destroy_stuck_worker(
    manager: RunningManager, name: str, uid: str, *, with_new_manager: bool
) -> None:
    if name == "stall":
        until_blocked(manager)
    if with_new_manager:
        kill_and_wait(manager.manager_pid)
        manager.first_answer()
        status = manager.until_ready()
        assert (status["manager_state"], status["running_item_uid"]) == ("executing_queue", uid)
        assert status["worker_responsive"] is (name == "spin")
    assert manager.history() == []
    manager.do("environment_destroy")


def check_failure(manager: RunningManager, name: str, uid: str, waiting: list[str]) -> None:
    """Look for the plan in history, with the cause, and for a copy before the other items."""
    (entry,) = manager.history()
    assert entry["item_uid"] == uid
    assert entry["result"]["exit_status"] == "failed"
    assert CAUSES[name] in entry["result"]["msg"], entry
    front, *rest = manager.queue()
    assert (front["name"], front["result"]["exit_status"]) == (name, "failed")
    assert uids(rest) == waiting


def test_whatever_ends_or_blocks_a_worker_costs_one_plan_and_no_more(
    manager: RunningManager,
) -> None:
    for number, chance in rounds(0.15, "deaths"):
        names = list(CAUSES)
        chance.shuffle(names)
        for name in names:
            print(number, name)
            one_death(manager, name, with_new_manager=chance.random() < 0.5)


def test_a_worker_that_was_blocked_goes_on_as_if_nothing_had_been(
    manager: RunningManager,
) -> None:
    manager.open()
    worker = manager.worker_pid
    uid = begin(manager, "stall", seconds=20)
    until_blocked(manager)
    kill_and_wait(manager.manager_pid)
    manager.first_answer()
    manager.until_ready()
    assert manager.status()["running_item_uid"] == uid
    manager.until(lambda s: s["worker_responsive"])
    manager.until(lambda s: s["items_in_history"] == 1)
    manager.until_idle()
    (entry,) = manager.history()
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "completed")
    assert manager.worker_pid == worker
    assert manager.queue() == []


def test_a_stopped_worker_is_told_from_a_dead_one(manager: RunningManager) -> None:
    manager.open()
    uid = begin(manager, "steps", num=40, delay=0.05)
    os.kill(manager.worker_pid, signal.SIGSTOP)
    until_blocked(manager)
    os.kill(manager.worker_pid, signal.SIGCONT)
    manager.until(lambda s: s["worker_responsive"])
    manager.until(lambda s: s["items_in_history"] == 1)
    (entry,) = manager.history()
    assert (entry["item_uid"], entry["result"]["exit_status"]) == (uid, "completed")
