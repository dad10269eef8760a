"""Random days: whatever people, plans, consoles and crashes do, no item is lost or doubled.

A day is a sequence of random acts on a manager with a file for its store: edits, starts,
pauses, endings, consoles, deaths of the worker and new managers. After each act every item
is in exactly one place, and in the evening everything can still be run to its end.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from qs_jupyter.testing.fake_kernel import Ending, FakeKernel
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings, simulated_kernel
from tests.contract.manager.words import WHO, ok, plan

ACTS_A_DAY = 120
GONE = ("completed", "stopped", "unknown")


class Day:
    """One random day."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.settings = quiet_settings(store=str(folder / "store.sqlite"))
        self.kernel: FakeKernel = simulated_kernel()
        self.running: RunningManager
        self.numbers = itertools.count(1)
        self.known: set[int] = set()
        self.story: list[str] = []

    async def live(self) -> None:
        await self.new_manager(is_restart=False)
        acts = [name for name in dir(self) if name.startswith("act_")]
        for _ in range(ACTS_A_DAY):
            name = self.chance.choice(acts)
            self.story.append(name)
            await getattr(self, name)()
            await self.running.until()
            await self.check()
        await self.evening()
        await self.running.end()

    async def new_manager(self, *, is_restart: bool) -> None:
        self.running = RunningManager(self.kernel, settings=self.settings, is_restart=is_restart)
        await self.running.__aenter__()

    # -------------------------------------------------------------------------------- acts

    async def act_add(self) -> None:
        number = next(self.numbers)
        pos = self.chance.choice(["front", "back", 1, -2])
        await ok(self.running, "queue_item_add", item=plan(number), **WHO, pos=pos)
        self.known.add(number)

    async def act_add_many(self) -> None:
        numbers = [next(self.numbers) for _ in range(3)]
        items = [plan(number) for number in numbers]
        await ok(self.running, "queue_item_add_batch", items=items, **WHO)
        self.known.update(numbers)

    async def act_remove(self) -> None:
        reply = await self.running.call("queue_item_remove", pos=self.chance.choice([0, -1, 2]))
        if reply["success"]:
            self.known.discard(reply["item"]["kwargs"]["num"])

    async def act_move(self) -> None:
        pos, pos_dest = self.chance.choices([0, 1, 2, -1, "front", "back"], k=2)
        await self.running.call("queue_item_move", pos=pos, pos_dest=pos_dest)

    async def act_open(self) -> None:
        await self.running.call("environment_open")

    async def act_request(self) -> None:
        methods = [
            *("queue_start", "queue_start", "queue_stop", "queue_stop_cancel", "re_pause"),
            *("re_resume", "re_stop", "re_abort", "re_halt", "environment_update", "history_get"),
        ]
        await self.running.call(self.chance.choice(methods))

    async def act_seldom(self) -> None:
        if self.chance.random() < 0.2:
            methods = ["environment_close", "environment_destroy", "environment_destroy"]
            await self.running.call(self.chance.choice(methods))

    async def act_autostart(self) -> None:
        await ok(self.running, "queue_autostart", enable=self.chance.random() < 0.5)

    async def act_execute(self) -> None:
        await self.running.call("queue_item_execute", item=plan(0), **WHO)

    async def act_worker(self) -> None:
        kernel = self.kernel
        thread = kernel.main_thread
        if thread.job is None:
            (kernel.end_cell if thread.cell else kernel.start_cell)()
        elif thread.job.kind in ("function", "script"):
            kernel.end_task()
        elif self.chance.random() < 0.3:
            kernel.reach_pause()
        else:
            kernel.end_plan(self.chance.choice(["completed", "completed", "failed"]))

    act_worker_again = act_worker

    async def act_death(self) -> None:
        if self.kernel.is_running and self.chance.random() < 0.1:
            self.kernel.die()

    async def act_crash(self) -> None:
        """Replace the manager; the worker may do something in between."""
        if self.chance.random() < 0.3:
            await self.running.end(with_worker=False)
            if self.kernel.is_running and self.chance.random() < 0.5:
                await self.act_worker()
            await self.new_manager(is_restart=self.chance.random() < 0.7)

    # ------------------------------------------------------------------------------- checks

    async def check(self) -> None:
        queue = await ok(self.running, "queue_get")
        waiting = [item["kwargs"]["num"] for item in queue["items"]]
        current = queue["running_item"].get("kwargs", {}).get("num")
        present = [number for number in [*waiting, current] if number]
        done = await self.finished()
        status = self.running.status()
        told = (
            f"{self.story[-12:]} {status['manager_state']} {self.running.manager.core.story()[-8:]}"
        )
        assert len(present) == len(set(present)), f"doubled: {present}; {told}"
        assert set(present) | done == self.known, (
            f"lost: {self.known - set(present) - done}; {told}"
        )
        assert not set(present) & done, f"run and queued: {set(present) & done}; {told}"
        is_running = status["manager_state"] in ("executing_queue", "paused")
        assert (status["running_item_uid"] is not None) >= is_running, told

    async def finished(self) -> set[int]:
        """Return the numbers whose latest end took them out of the queue for good."""
        last: dict[int, str] = {}
        for entry in (await ok(self.running, "history_get"))["items"]:
            last[entry["kwargs"]["num"]] = entry["result"]["exit_status"]
        again = {item["kwargs"]["num"] for item in (await ok(self.running, "queue_get"))["items"]}
        running: dict[str, Any] = (await ok(self.running, "queue_get"))["running_item"]
        again.add(running.get("kwargs", {}).get("num"))
        ended = {number for number, status in last.items() if number and status in GONE}
        # A plan that failed and was removed from the queue by hand is nobody's business.
        return (ended | ({n for n in last if n} & self.known - again)) & self.known

    async def evening(self) -> None:
        """Let everything come to its end: nothing is stuck."""
        await ok(self.running, "queue_autostart", enable=False)
        await self.running.call("environment_destroy")
        await self.running.until(manager_state="idle", worker_environment_exists=False)
        await self.running.open()
        self.kernel.endings["count"] = Ending()
        await ok(self.running, "queue_start")
        await self.running.until(manager_state="idle", items_in_queue=0)
        await self.check()
        assert await self.finished() == self.known


@pytest.mark.parametrize("seed", range(12))
async def test_a_random_day_ends_with_every_item_in_its_place(seed: int, tmp_path: Path) -> None:
    day = Day(seed, tmp_path)
    try:
        await day.live()
    finally:
        await day.running.end(with_worker=False)
