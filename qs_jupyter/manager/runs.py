"""Starting, stopping and pausing what the Run Engine does, as clients ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from qs_jupyter.encoded import EncodedText
from qs_jupyter.errors import BadRequest, KernelFailure, WrongState
from qs_jupyter.model import events
from qs_jupyter.model.metadata import is_permitted, permitted
from qs_jupyter.model.state import Phase, Stage
from qs_kernel_worker.messages import GetMetadata

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]
PAUSE_OPTIONS = ("deferred", "immediate")
RUN_OPTIONS = ("active", "open", "closed")


class Runs:
    """Carries out the methods that run, pause and continue plans."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def start(self) -> Reply:
        """Run the queue; answered when the worker has taken the first plan or refused it."""
        manager = self._manager
        manager.handle(events.StartRequested())
        await self._taken()
        return {}

    async def execute(self, raw: Any, user: str, user_group: str) -> Reply:
        """Run one item past the queue."""
        manager = self._manager
        item = manager.queue_edits.prepare(raw, user, user_group, manager.new_uid())
        manager.handle(events.ExecuteRequested(item))
        reply = {"qsize": len(manager.queue), "item": EncodedText(item.text)}
        await self._taken()
        return reply

    async def _taken(self) -> None:
        manager = self._manager
        running = manager.model.running
        if running is not None and manager.model.phase is Phase.STARTING:
            await manager.submissions.wait(running.job_uid)

    async def stop(self) -> Reply:
        """Stop the queue behind the running plan."""
        self._manager.handle(events.StopRequested())
        await self._manager.commit()
        return {}

    async def cancel_stop(self) -> Reply:
        """Forget a pending stop."""
        self._manager.handle(events.StopCancelled())
        await self._manager.commit()
        return {}

    async def set_autostart(self, *, enable: bool) -> Reply:
        """Switch autostart."""
        self._manager.handle(events.AutostartChanged(enable))
        await self._manager.commit()
        return {}

    def pause(self, option: str) -> Reply:
        """Pause the running plan."""
        _check_option(option, PAUSE_OPTIONS)
        word: Literal["deferred", "immediate"] = (
            "immediate" if option == "immediate" else "deferred"
        )
        self._manager.handle(events.PauseRequested(word))
        return {}

    async def carry_on(self, action: Literal["resume", "stop", "abort", "halt"]) -> Reply:
        """Decide about the paused plan; answered when the worker has taken the decision."""
        manager = self._manager
        manager.handle(events.ContinueRequested(action))
        running = manager.model.running
        if running is not None:
            await manager.submissions.wait(running.job_uid)
        return {}

    def listed(self, option: str) -> Reply:
        """Return the runs of the running plan."""
        _check_option(option, RUN_OPTIONS)
        runs = self._manager.run_list
        if option != "active":
            runs = [run for run in runs if run["is_open"] is (option == "open")]
        return {"run_list": list(runs), "run_list_uid": self._manager.uids["run_list_uid"]}

    async def metadata(self) -> Reply:
        """Return the permitted part of the Run Engine's metadata."""
        manager = self._manager
        if manager.model.environment.stage is not Stage.READY:
            raise WrongState("Environment does not exist. Cannot retrieve RE metadata.")
        try:
            reply = await manager.driver.request(GetMetadata(), timeout_s=10)
        except KernelFailure as failure:
            # Clients know what the worker says by this prefix, and what follows without it.
            raise WrongState(f"Error: {failure}") from failure
        paths = manager.settings.permitted_re_metadata_keys
        for value in reply.get("foreign", ()):
            if is_permitted(value["path"], paths):
                raise WrongState(_unfit(value, manager.settings.zmq_encoding))
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
