"""Managers and launchers are killed at random moments while people work."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path

import psutil
import pytest

from tests.acceptance.running import MakeManager
from tests.soak.campaign import Campaign
from tests.soak.site import rounds

pytestmark = pytest.mark.timeout(0)


def test_nothing_is_lost_doubled_or_stuck_when_manager_and_launcher_are_killed(
    make_manager: MakeManager, tmp_path: Path
) -> None:
    campaign = Campaign(make_manager(), tmp_path, random.Random(1))
    campaign.start()
    with campaign.present():
        for number, chance in rounds(0.4, "kills"):
            campaign.tell(f"round {number}")
            with campaign.load():
                for _ in range(chance.randint(1, 3)):
                    threading.Event().wait(chance.uniform(0.1, 2.5))
                    kill_something(campaign, chance)
            campaign.settle()
            campaign.check()
        campaign.finish()


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
