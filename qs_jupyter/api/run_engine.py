"""The Run Engine: pause, resume, stop, abort, halt, runs, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from qs_jupyter.api.parameters import Flag, Option
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(lock="environment", state_refused="", starts=True, phrases=("re pause {pause_option?}",))
async def re_pause(manager: Manager, option: Option = "deferred") -> Reply:
    """Pause the running plan: ``deferred`` at its next checkpoint, ``immediate`` at once."""
    return await manager.runs.pause(option)


@method(lock="environment", writes=True, state_refused="", starts=True, phrases=("re resume",))
async def re_resume(manager: Manager) -> Reply:
    """Go on with the paused plan."""
    return await manager.runs.carry_on("resume")


@method(lock="environment", state_refused="", starts=True, phrases=("re stop {now?}",))
async def re_stop(manager: Manager, now: Flag = False) -> Reply:
    """End the paused plan; what it measured counts as complete.

    With ``now`` a running plan is paused at once and then ended; a paused one is ended as well.
    """
    return await _end(manager, "stop", now)


@method(lock="environment", state_refused="", starts=True, phrases=("re abort {now?}",))
async def re_abort(manager: Manager, now: Flag = False) -> Reply:
    """End the paused plan and mark its runs as aborted; ``now`` as for ``re_stop``."""
    return await _end(manager, "abort", now)


@method(lock="environment", state_refused="", starts=True, phrases=("re halt {now?}",))
async def re_halt(manager: Manager, now: Flag = False) -> Reply:
    """End the paused plan without its clean-up; ``now`` as for ``re_stop``.

    Devices stay as they are: have a look at them before the next plan. With ``now`` also a plan
    is ended that lets no pause come, because it computes without end or a device blocks, and a
    clean-up that does not end; the environment stays open.
    """
    return await _end(manager, "halt", now)


async def _end(manager: Manager, action: Literal["stop", "abort", "halt"], now: bool) -> Reply:
    return await (manager.runs.end(action) if now else manager.runs.carry_on(action))


@method(reply={"run_list": [], "run_list_uid": ""}, phrases=("re runs {run_option?}",))
def re_runs(manager: Manager, option: Option = "active") -> Reply:
    """Return the runs of the running plan: ``active`` (all), ``open`` or ``closed``."""
    return manager.runs.listed(option)


@method(reply={"re_metadata": {}}, state_refused="", phrases=("re metadata",))
async def re_metadata(manager: Manager) -> Reply:
    """Return the permitted part of ``RE.md``."""
    return await manager.runs.metadata()
