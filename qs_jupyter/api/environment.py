"""The environment: open, close, destroy, update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import Flag
from qs_jupyter.api.table import method
from qs_jupyter.model import events

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(lock="environment", state_refused="", starts=True, phrases=("environment open",))
def environment_open(manager: Manager) -> Reply:
    """Start a worker kernel and load the startup code."""
    manager.core.handle(events.OpenRequested())
    return {}


@method(lock="environment", state_refused="", starts=True, phrases=("environment close",))
def environment_close(manager: Manager) -> Reply:
    """End the worker in order; only when nothing goes on in it."""
    manager.core.check_nothing_is_unsaved()
    manager.core.handle(events.CloseRequested())
    return {}


@method(lock="environment", state_refused="", starts=True, phrases=("environment destroy",))
def environment_destroy(manager: Manager) -> Reply:
    """Kill the worker, whatever it does; a running plan fails and returns to the queue."""
    manager.core.handle(events.DestroyRequested())
    return {}


@method(
    lock="environment",
    state_refused="",
    reply={"task_uid": None},
    starts=True,
    phrases=("environment update {background?}",),
)
async def environment_update(manager: Manager, run_in_background: Flag = False) -> Reply:
    """Read ``RE``, plans and devices from the namespace again."""
    return await manager.task_runs.update_environment(background=run_in_background)


@method(reply={"environment_report": None}, phrases=("environment report",))
def environment_report(manager: Manager) -> Reply:
    """Return the report of the last opening: files, durations, what failed and where."""
    return {"environment_report": manager.core.opening_report}
