"""A manager in this process with a kernel that the test plays."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from qs_jupyter.testing.running_manager import RunningManager


@pytest_asyncio.fixture
async def closed() -> AsyncIterator[RunningManager]:
    """A manager without an environment."""
    async with RunningManager() as running:
        yield running


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[RunningManager]:
    """A manager with an open environment."""
    async with RunningManager() as running:
        await running.open()
        running.seen.clear()
        yield running
