"""A loop of thousands of plans lets neither manager nor worker grow without end."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.acceptance.running import MakeManager, RunningManager
from tests.soak.site import MINUTES, Site

pytestmark = pytest.mark.timeout(0)

WHO = {"user": "soak", "user_group": "primary"}
PLANS = round(800 * max(MINUTES, 1))
PHASES = 8
# The backlogs of events fill up to 8 MB of text; each entry of history costs some kilobytes.
BACKLOGS_KB = 12_000
SPARE_KB = {"manager": 6_000, "worker": 6_000}
ENTRY_KB = 8


def processes(manager: RunningManager) -> dict[str, psutil.Process]:
    pids = {"manager": manager.manager_pid, "worker": manager.worker_pid}
    return {who: psutil.Process(pid) for who, pid in pids.items()}


def resident_kb(manager: RunningManager) -> dict[str, int]:
    return {who: p.memory_info().rss // 1024 for who, p in processes(manager).items()}


def handles(manager: RunningManager) -> dict[str, tuple[int, int]]:
    """Return open files and threads."""
    return {who: (p.num_fds(), p.num_threads()) for who, p in processes(manager).items()}


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
    number = PLANS // PHASES
    empty = resident_kb(manager)["manager"]
    sizes, used = [], []
    for _ in range(PHASES):
        manager.do("queue_start")
        manager.until(lambda s: s["items_in_history"] >= number, 3000)
        manager.do("queue_stop")
        manager.until_idle()
        sizes.append(resident_kb(manager))
        used.append(handles(manager))
        history = manager.history()
        assert {item["result"]["exit_status"] for item in history} == {"completed"}
        manager.do("history_clear")
    print(f"\n{PHASES} times {number} plans; kB of memory: {empty} {sizes}; {used[-1]}")
    assert used[-1] == used[0], "files or threads are left over"
    most = max(size["manager"] for size in sizes)
    assert most - empty < SPARE_KB["manager"] + BACKLOGS_KB + ENTRY_KB * number
    # By the half everything that may fill up has done so.
    half, last = sizes[PHASES // 2 - 1], sizes[-1]
    for who, spare in SPARE_KB.items():
        assert last[who] - half[who] < spare, sizes
