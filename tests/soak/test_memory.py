"""A loop of thousands of plans does not let manager or worker grow without end."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from tests.acceptance.running import MakeManager, RunningManager
from tests.soak.site import MINUTES, Site

pytestmark = pytest.mark.timeout(0)

WHO = {"user": "soak", "user_group": "primary"}
PLANS = round(400 * max(MINUTES, 1))
WARM_UP = PLANS // 5
# History grows, as it must: about a kilobyte in the manager for each plan.
PER_PLAN_KB = {"manager": 8, "worker": 4}
SPARE_KB = 6_000


def resident_kb(manager: RunningManager) -> dict[str, int]:
    pids = {"manager": manager.manager_pid, "worker": manager.worker_pid}
    return {who: psutil.Process(pid).memory_info().rss // 1024 for who, pid in pids.items()}


def test_memory_stays_bounded_over_thousands_of_plans(
    make_manager: MakeManager, tmp_path: Path
) -> None:
    manager = make_manager().start(*Site(tmp_path).options)
    manager.open()
    manager.do("queue_mode_set", mode={"loop": True})
    for name in ("tiny", "tiny", "steps"):
        kwargs = {"num": 1, "delay": 0} if name == "steps" else {}
        item = {"item_type": "plan", "name": name, "kwargs": kwargs}
        manager.do("queue_item_add", item=item, **WHO)
    manager.do("queue_start")
    manager.until(lambda s: s["items_in_history"] >= WARM_UP, 600)
    before, begun = resident_kb(manager), time.monotonic()
    manager.until(lambda s: s["items_in_history"] >= PLANS, 3000)
    after, seconds = resident_kb(manager), time.monotonic() - begun
    manager.do("queue_stop")
    manager.until_idle()
    number = PLANS - WARM_UP
    growth = {who: after[who] - before[who] for who in before}
    print(f"\n{number} plans in {seconds:.0f} s; kB before {before}, growth {growth}")
    for who, kb in growth.items():
        assert kb < SPARE_KB + PER_PLAN_KB[who] * number, (who, before, after)
    assert {item["result"]["exit_status"] for item in manager.history()} == {"completed"}
