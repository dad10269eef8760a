"""Redis goes away and comes back, for a moment or for long, while people work."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.running import MakeManager
from tests.contract.redis_server import RedisServer, running_server
from tests.soak.campaign import Campaign
from tests.soak.site import rounds
from tests.soak.test_kills import kill_something

pytestmark = pytest.mark.timeout(0)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of our own that keeps what it holds."""
    with running_server() as server:
        yield server


@pytest.mark.parametrize("with_kills", [False, True], ids=["outages", "outages and kills"])
def test_nothing_is_lost_doubled_or_stuck_over_outages_of_redis(
    make_manager: MakeManager, tmp_path: Path, server: RedisServer, with_kills: bool
) -> None:
    campaign = Campaign(make_manager(), tmp_path, random.Random(2))
    campaign.start("--redis-addr", server.url)
    with campaign.present():
        for number, chance in rounds(0.13, f"outages {with_kills}"):
            campaign.tell(f"round {number}")
            with campaign.load():
                threading.Event().wait(chance.uniform(0.2, 1.5))
                outage(campaign, server, chance, with_kills=with_kills)
                threading.Event().wait(chance.uniform(0.2, 1.5))
            campaign.settle()
            campaign.check()
        campaign.finish()


def outage(
    campaign: Campaign, server: RedisServer, chance: random.Random, *, with_kills: bool
) -> None:
    """Let Redis be dead or frozen for a tenth of a second to ten seconds."""
    seconds = 10 ** chance.uniform(-1, 1)
    is_frozen = chance.random() < 0.4
    campaign.tell(f"Redis-{'frozen' if is_frozen else 'down'} for {seconds:.1f} s")
    if is_frozen:
        os.kill(server.pid, signal.SIGSTOP)
    else:
        server.stop()
    threading.Event().wait(seconds / 2)
    # A new launcher gives up without a store, as it should; only managers are killed here.
    if with_kills and chance.random() < 0.5:
        kill_something(campaign, chance, with_launcher=False)
    threading.Event().wait(seconds / 2)
    if is_frozen:
        os.kill(server.pid, signal.SIGCONT)
    else:
        server.start()
