"""One function per command of the machine.

Effects change the queue, the history and the store, and start what takes time. What must be
durable first waits behind the store: changes of one turn leave as one transaction, and jobs
are handed to the worker when that transaction is safe.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from qs_jupyter.errors import KernelFailure
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.environment import EnvironmentLife
from qs_jupyter.manager.execution import Submissions
from qs_jupyter.model import changes, commands, events
from qs_jupyter.model.history import finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import BACK, FRONT
from qs_jupyter.model.preparation import running_form
from qs_kernel_worker.messages import ForceHalt, Pause

logger = logging.getLogger(__name__)


class Effects:
    """Carries out the commands of the machine."""

    def __init__(
        self, core: Core, environment_life: EnvironmentLife, submissions: Submissions
    ) -> None:
        self._core = core
        self._environment_life = environment_life
        self._submissions = submissions
        self._effects: dict[type, Callable[[Any], None]] = {
            commands.StartWorker: self._start_worker,
            commands.CloseWorker: self._close_worker,
            commands.KillWorker: self._kill_worker,
            commands.FindFront: self._find_front,
            commands.FindImmediate: self._find_immediate,
            commands.DropInstruction: self._drop_instruction,
            commands.SubmitPlan: self._submit_plan,
            commands.PutBack: self._put_back,
            commands.Archive: self._archive,
            commands.RequestPause: self._request_pause,
            commands.ForceHalt: self._force_halt,
            commands.SubmitContinue: self._submit_continue,
            commands.ForgetTasks: self._forget_tasks,
        }

    def carry_out(self, command: commands.Command) -> None:
        """Carry out one command."""
        self._effects[type(command)](command)

    def _start_worker(self, _command: commands.StartWorker) -> None:
        logger.info("Opening the new RE environment ...")
        self._environment_life.start()

    def _close_worker(self, _command: commands.CloseWorker) -> None:
        logger.info("Closing the RE environment ...")
        self._environment_life.close()

    def _kill_worker(self, _command: commands.KillWorker) -> None:
        self._environment_life.kill()

    def _find_front(self, _command: commands.FindFront) -> None:
        core = self._core
        item = core.queue.front
        if item is None or item.item_type == "instruction":
            core.follow(events.FrontFound(item))
            return
        attempt = core.next_attempt()
        self._found(item, attempt, immediate=False)

    def _find_immediate(self, command: commands.FindImmediate) -> None:
        if command.item.item_type == "instruction":
            self._core.follow(events.FrontFound(command.item, immediate=True))
            return
        self._found(command.item, self._core.next_attempt(), immediate=True)

    def _found(self, item: Item, attempt: int, *, immediate: bool) -> None:
        self._core.follow(events.FrontFound(item, attempt, item.uid, self._core.now(), immediate))

    def _drop_instruction(self, command: commands.DropInstruction) -> None:
        core = self._core
        core.record(core.queue.remove([command.item.uid]))
        if command.to_back:
            again = command.item.with_changes(item_uid=core.new_uid())
            core.record(core.queue.insert([again], BACK))
        core.renew("plan_queue_uid")

    def _submit_plan(self, command: commands.SubmitPlan) -> None:
        core = self._core
        running = command.running
        queued = None if running.immediate else core.queue.take(running.item.uid)
        shown = running_form(running.item, running.time_start, immediate=running.immediate)
        core.running_item = shown
        core.record(changes.PlanStarted(shown, running.attempt, queued))
        self._clear_runs()
        core.renew("plan_queue_uid")
        core.after_commit(lambda: self._submissions.submit_plan(running))

    def _put_back(self, command: commands.PutBack) -> None:
        core = self._core
        core.running_item = None
        is_queued = not command.running.immediate
        inserted = core.queue.insert([command.running.item], FRONT) if is_queued else None
        core.record(changes.PlanPutBack(inserted))
        core.renew("plan_queue_uid")

    def _archive(self, command: commands.Archive) -> None:
        core = self._core
        running, ended = command.running, command.ended
        runs = ended.runs or tuple(core.run_list)
        result = {
            "exit_status": ended.outcome,
            "run_uids": [run["uid"] for run in runs],
            "scan_ids": [run["scan_id"] for run in runs],
            "time_start": running.time_start,
            "time_stop": ended.time or core.now(),
            "msg": ended.msg,
            "traceback": ended.traceback,
        }
        core.running_item = None
        self._clear_runs()
        entry = finished_entry(running.item, result)
        core.history.append(entry)
        inserted = None
        if command.requeue is not None:
            again = running.item.with_changes(item_uid=core.new_uid(), result=None)
            if command.requeue == "front":
                again = again.with_changes(result=result)
            place = FRONT if command.requeue == "front" else BACK
            inserted = core.queue.insert([again], place)
        core.record(changes.PlanFinished(entry, inserted))
        core.renew("plan_queue_uid", "plan_history_uid")
        logger.info(
            "The plan '%s' has ended: %s%s",
            running.item.name,
            ended.outcome,
            f" ({ended.msg.strip().splitlines()[0]})" if ended.msg.strip() else "",
            extra={"item_uid": running.item.uid},
        )

    def _request_pause(self, command: commands.RequestPause) -> None:
        logger.info("Pausing the running plan (%s) ...", command.option)
        self._core.spawn(self._ask(Pause(option=command.option), "pause the Run Engine"), "pause")

    def _force_halt(self, _command: commands.ForceHalt) -> None:
        self._core.spawn(self._ask(ForceHalt(), "halt the plan"), "halt")

    async def _ask(self, request: Pause | ForceHalt, aim: str) -> None:
        try:
            await self._core.driver.request(request)
        except KernelFailure as failure:
            logger.error("Failed to %s: %s", aim, failure)  # noqa: TRY400

    def _submit_continue(self, command: commands.SubmitContinue) -> None:
        logger.info("Continuing the paused plan with the option '%s' ...", command.action)
        self._submissions.carry_on(command.action)

    def _forget_tasks(self, _command: commands.ForgetTasks) -> None:
        self._core.tasks.forget_running()
        self._clear_runs()

    def _clear_runs(self) -> None:
        core = self._core
        if core.run_list:
            core.run_list.clear()
            core.renew("run_list_uid")
