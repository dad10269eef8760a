"""Starting, stopping and pausing what the Run Engine does, as clients ask for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Literal

from qs_jupyter.encoded import EncodedText
from qs_jupyter.errors import BadRequest, KernelFailure, WrongState
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.execution import Submissions
from qs_jupyter.manager.queue_edits import QueueEdits
from qs_jupyter.model import events
from qs_jupyter.model.metadata import is_permitted, permitted
from qs_jupyter.model.state import Phase, Stage
from qs_kernel_worker.messages import GetMetadata

Reply = Mapping[str, Any]
PAUSE_OPTIONS = ("deferred", "immediate")
RUN_OPTIONS = ("active", "open", "closed")
# Less than clients wait for a reply.
UNDER_WAY_WITHIN_S = 1.0


class Runs:
    """Carries out the methods that run, pause and continue plans."""

    def __init__(self, core: Core, queue_edits: QueueEdits, submissions: Submissions) -> None:
        self._core = core
        self._queue_edits = queue_edits
        self._submissions = submissions

    async def start(self) -> Reply:
        """Run the queue; answered when the worker has taken the first plan or refused it."""
        core = self._core
        core.handle(events.StartRequested())
        await self._taken()
        return {}

    async def execute(self, raw: Any, user: str, user_group: str) -> Reply:
        """Run one item past the queue."""
        core = self._core
        item = await self._queue_edits.prepared(raw, user, user_group, core.new_uid())
        core.handle(events.ExecuteRequested(item))
        reply = {"qsize": len(core.queue), "item": EncodedText(item.text)}
        await self._taken()
        return reply

    async def _taken(self) -> None:
        core = self._core
        running = core.model.running
        if running is not None and core.model.phase is Phase.STARTING:
            await self._submissions.wait(running.job_uid)

    async def stop(self) -> Reply:
        """Stop the queue behind the running plan."""
        self._core.handle(events.StopRequested())
        await self._core.commit()
        return {}

    async def cancel_stop(self) -> Reply:
        """Forget a pending stop."""
        self._core.handle(events.StopCancelled())
        await self._core.commit()
        return {}

    async def set_autostart(self, *, enable: bool) -> Reply:
        """Switch autostart."""
        self._core.handle(events.AutostartChanged(enable))
        await self._core.commit()
        return {}

    async def pause(self, option: str) -> Reply:
        """Pause the running plan."""
        _check_option(option, PAUSE_OPTIONS)
        word: Literal["deferred", "immediate"] = (
            "immediate" if option == "immediate" else "deferred"
        )
        await self._under_way()
        self._core.handle(events.PauseRequested(word))
        return {}

    async def carry_on(self, action: Literal["resume", "stop", "abort", "halt"]) -> Reply:
        """Decide about the paused plan; answered when the worker has taken the decision."""
        core = self._core
        core.handle(events.ContinueRequested(action))
        running = core.model.running
        if running is not None:
            await self._submissions.wait(running.job_uid)
        return {}

    async def end(self, action: Literal["stop", "abort", "halt"]) -> Reply:
        """End the plan; a running one is paused first, and answered as soon as that is asked."""
        if self._core.model.phase is Phase.PAUSED:
            return await self.carry_on(action)
        await self._under_way()
        self._core.handle(events.EndRequested(action))
        return {}

    async def _under_way(self) -> None:
        """Let a plan that was just resumed begin to move, so that it can be paused again."""
        core = self._core
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNDER_WAY_WITHIN_S):
                while (
                    core.model.phase is Phase.EXECUTING
                    and core.model.environment.re_state == "paused"
                ):
                    await core.status_board.next_change()

    def listed(self, option: str) -> Reply:
        """Return the runs of the running plan."""
        _check_option(option, RUN_OPTIONS)
        runs = self._core.run_list
        if option != "active":
            runs = [run for run in runs if run["is_open"] is (option == "open")]
        return {"run_list": list(runs), "run_list_uid": self._core.uids["run_list_uid"]}

    async def metadata(self) -> Reply:
        """Return the permitted part of the Run Engine's metadata."""
        core = self._core
        if core.model.environment.stage is not Stage.READY:
            raise WrongState("Environment does not exist. Cannot retrieve RE metadata.")
        try:
            reply = await core.driver.request(GetMetadata(), timeout_s=10)
        except KernelFailure as failure:
            # Clients know what the worker says by this prefix, and what follows without it.
            raise WrongState(f"Error: {failure}") from failure
        paths = core.settings.permitted_re_metadata_keys
        for value in reply.get("foreign", ()):
            if is_permitted(value["path"], paths):
                raise WrongState(_unfit(value, core.settings.zmq_encoding))
        return {"re_metadata": permitted(reply["metadata"], paths)}


def _check_option(option: str, known: tuple[str, ...]) -> None:
    if option not in known:
        raise BadRequest(f"Option '{option}' is not supported. Available options: {known}")


def _unfit(value: Mapping[str, Any], encoding: str) -> str:
    """Return the words about metadata that cannot be sent, as the encoders put them."""
    reason = (
        f"can not serialize '{value['full_type']}' object"
        if encoding == "msgpack"
        else f"Object of type {value['type']} is not JSON serializable"
    )
    place = "/" + "/".join(value["path"])
    return f"Failed to serialize RE metadata with {encoding.upper()}: {reason} (at '{place}')"
