"""Managers and launchers are killed at random moments while people work."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.acceptance.running import MakeManager, kill_and_wait
from tests.soak.campaign import Campaign
from tests.soak.people import WHO
from tests.soak.site import Site, rounds

pytestmark = pytest.mark.timeout(0)


def test_nothing_is_lost_doubled_or_stuck_when_manager_and_launcher_are_killed(
    make_manager: MakeManager, tmp_path: Path
) -> None:
    campaign = Campaign(make_manager(), tmp_path, random.Random(1))
    campaign.start()
    with campaign.present():
        for number, chance in rounds(0.3, "kills"):
            campaign.tell(f"round {number}")
            with campaign.load():
                for _ in range(chance.randint(1, 3)):
                    threading.Event().wait(chance.uniform(0.1, 2.5))
                    kill_something(campaign, chance)
            campaign.settle()
            campaign.check()
        campaign.finish()


def test_a_busy_queue_goes_through_kills_of_the_manager_without_a_seam(
    make_manager: MakeManager, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    manager = make_manager().start(*site.options)
    manager.open()
    manager.do("queue_mode_set", mode={"loop": True})
    items = [{"item_type": "plan", "name": "tiny"} for _ in range(3)]
    manager.do("queue_item_add_batch", items=items, **WHO)
    begun = manager.status()
    manager.do("queue_start")
    for number, chance in rounds(0.15, "busy"):
        # Seventy plans a second, so that each kill falls into another step of a plan's life.
        threading.Event().wait(chance.uniform(0.3, 1.0))
        kill_and_wait(manager.manager_pid)
        manager.first_answer()
        done = manager.until_ready()["items_in_history"]
        manager.until(lambda s, done=done: s["items_in_history"] > done + 5)
        assert manager.status()["manager_state"] == "executing_queue", (number, begun)
    manager.do("queue_stop")
    manager.until_idle()
    history = manager.history()
    print(f"\n{number + 1} kills, {len(history)} plans")
    ended = [entry["item_uid"] for entry in history]
    assert len(set(ended)) == len(ended)
    assert {entry["result"]["exit_status"] for entry in history} == {"completed"}
    assert {len(entry["result"]["run_uids"]) for entry in history} == {1}
    assert site.began() == Counter(ended)
    assert manager.status()["items_in_queue"] == 3


def kill_something(
    campaign: Campaign, chance: random.Random, *, with_launcher: bool = True
) -> None:
    """Kill the manager, or now and then its launcher, and start that again."""
    manager = campaign.manager
    assert manager.launcher is not None
    children = psutil.Process(manager.launcher.pid).children()
    if with_launcher and chance.random() < 0.25:
        campaign.tell("launcher-killed")
        manager.launcher.kill()
        manager.launcher.wait(10)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == [], campaign.report("the manager outlives its launcher")
        campaign.start_again()
    elif children:
        how = signal.SIGSTOP if chance.random() < 0.1 else signal.SIGKILL
        campaign.tell(how.name)
        os.kill(children[0].pid, how)
