"""Managers for the acceptance tests; each ends with everything that it started."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.running import Home, MakeHome, MakeManager, RunningManager


@contextlib.contextmanager
def _managers() -> Iterator[tuple[MakeHome, MakeManager]]:
    # The paths of the worker's sockets must be short, and those of pytest are not.
    folder = Path(tempfile.mkdtemp(prefix="qs"))
    homes: list[Home] = []
    managers: list[RunningManager] = []

    def make_home() -> Home:
        place = folder / str(len(homes))
        place.mkdir(mode=0o700)
        homes.append(Home(place))
        return homes[-1]

    def make_manager(home: Home | None = None) -> RunningManager:
        managers.append(RunningManager(home or make_home()))
        return managers[-1]

    try:
        yield make_home, make_manager
    finally:
        left = [name for manager in managers for name in manager.end()]
        left += [name for home in homes for name in home.end_processes()]
        shutil.rmtree(folder, ignore_errors=True)
    assert left == [], "processes were left behind"


@pytest.fixture
def make_home() -> Iterator[MakeHome]:
    """Make homes in which commands can be typed without a manager."""
    with _managers() as (home, _manager):
        yield home


@pytest.fixture
def make_manager() -> Iterator[MakeManager]:
    """Make managers that are not started yet, for tests that break them."""
    with _managers() as (_home, manager):
        yield manager


@pytest.fixture(scope="module")
def shared_manager() -> Iterator[RunningManager]:
    """The manager of a test file, started without an option about its work."""
    with _managers() as (_home, manager):
        yield manager().start()


@pytest.fixture
def manager(shared_manager: RunningManager) -> RunningManager:
    """The manager of the test file: idle, with nothing in queue and history."""
    shared_manager.reset()
    return shared_manager


@pytest.fixture
def closed(manager: RunningManager) -> RunningManager:
    """The same without an environment."""
    if manager.status()["worker_environment_exists"]:
        manager.do("environment_close")
        manager.until(lambda status: not status["worker_environment_exists"])
        manager.until_idle()
    return manager


@pytest.fixture
def opened(manager: RunningManager) -> RunningManager:
    """The same with an open environment."""
    manager.open()
    return manager
