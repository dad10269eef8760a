"""Cells that wait are let go, however unluckily their waiting ends."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from qs_kernel_worker import main_thread as module
from qs_kernel_worker.main_thread import AcceptedJob, MainThread
from qs_kernel_worker.messages import JobDone, PlanJob
from qs_kernel_worker.outbox import Outbox
from qs_kernel_worker.parked_cells import ParkedCells

LIMIT_S = 20.0


class Clock:
    """Stands in for `time`; stalls after so many looks until the wait for the next plan is over."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._now = 0.0

    def monotonic(self) -> float:
        self._looks -= 1
        now = self._now
        if self._looks == 0:
            self._now += 1.0
        return now

    time = staticmethod(time.time)


class Kernel:
    """Says nothing to anybody."""

    def _publish_status(self, *_what: Any, **_about: Any) -> None:
        """Nobody listens."""


@pytest.mark.parametrize("looks", [1, 2, 3])
async def test_a_cell_goes_though_its_waiting_ends_while_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    main_thread = MainThread(Outbox(), next_plan_within_s=0.01)
    main_thread.finish_opening()
    has_gone = asyncio.Event()

    async def forward(_frames: list[Any]) -> None:
        has_gone.set()

    parked = ParkedCells(Kernel(), main_thread, forward)
    main_thread.admit(AcceptedJob(PlanJob("u", 1, "item", "count"), [], {}, 1.0))
    with monkeypatch.context() as patch:
        patch.setattr(module, "time", Clock(looks + 1))  # the first look begins the waiting
        main_thread.finish_job(JobDone("u", "plan", "completed", item_uid="item"))
        await parked.take({"msg_id": "m", "session": "s", "username": "u"}, [], [])
        async with asyncio.timeout(LIMIT_S):
            await has_gone.wait()
