"""The manager itself: stop it, and aids for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import Option, TestName
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(starts=True, phrases=("manager stop {stop_option?}",))
async def manager_stop(manager: Manager, option: Option = "safe_on") -> Reply:
    """End the manager and its worker: ``safe_on`` only when idle, ``safe_off`` in any state."""
    return await manager.ending.stop(option)


@method(phrases=("manager kill test",))
async def manager_kill(manager: Manager) -> Reply:
    """Make the manager fall silent, as a test of its watchdog; there is never a reply."""
    return await manager.ending.freeze()


@method()
async def manager_test(manager: Manager, test_name: TestName) -> Reply:
    """Carry out a test: ``reserve_kernel`` holds the kernel for two seconds."""
    return await manager.ending.test(test_name)
