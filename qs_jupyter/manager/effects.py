"""One function per command of the machine.

Effects change the queue, the history and the store, and start what takes time. What must be
durable first waits behind the store: changes of one turn leave as one transaction, and jobs
are handed to the worker when that transaction is safe.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qs_jupyter.manager import execution
from qs_jupyter.model import changes, commands, events
from qs_jupyter.model.history import finished_entry
from qs_jupyter.model.item import Item
from qs_jupyter.model.positions import BACK, FRONT
from qs_jupyter.model.preparation import running_form
from qs_kernel_worker.messages import Pause

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

logger = logging.getLogger(__name__)


def carry_out(manager: Manager, command: commands.Command) -> None:
    """Carry out one command."""
    _EFFECTS[type(command)](manager, command)


def _start_worker(manager: Manager, _command: commands.StartWorker) -> None:
    logger.info("Opening the new RE environment ...")
    manager.environment_life.start()


def _close_worker(manager: Manager, _command: commands.CloseWorker) -> None:
    logger.info("Closing the RE environment ...")
    manager.environment_life.close()


def _kill_worker(manager: Manager, _command: commands.KillWorker) -> None:
    manager.environment_life.kill()


def _find_front(manager: Manager, _command: commands.FindFront) -> None:
    item = manager.queue.front
    if item is None or item.item_type == "instruction":
        manager.follow(events.FrontFound(item))
        return
    attempt = manager.next_attempt()
    _found(manager, item, attempt, immediate=False)


def _find_immediate(manager: Manager, command: commands.FindImmediate) -> None:
    if command.item.item_type == "instruction":
        manager.follow(events.FrontFound(command.item, immediate=True))
        return
    _found(manager, command.item, manager.next_attempt(), immediate=True)


def _found(manager: Manager, item: Item, attempt: int, *, immediate: bool) -> None:
    manager.follow(events.FrontFound(item, attempt, item.uid, manager.now(), immediate))


def _drop_instruction(manager: Manager, command: commands.DropInstruction) -> None:
    manager.record(manager.queue.remove([command.item.uid]))
    if command.to_back:
        again = command.item.with_changes(item_uid=manager.new_uid())
        manager.record(manager.queue.insert([again], BACK))
    manager.renew("plan_queue_uid")


def _submit_plan(manager: Manager, command: commands.SubmitPlan) -> None:
    running = command.running
    queued = None if running.immediate else manager.queue.take(running.item.uid)
    shown = running_form(running.item, running.time_start, immediate=running.immediate)
    manager.running_item = shown
    manager.record(changes.PlanStarted(shown, running.attempt, queued))
    _clear_runs(manager)
    manager.renew("plan_queue_uid")
    manager.after_commit(lambda: execution.submit_plan(manager, running))


def _put_back(manager: Manager, command: commands.PutBack) -> None:
    manager.running_item = None
    is_queued = not command.running.immediate
    inserted = manager.queue.insert([command.running.item], FRONT) if is_queued else None
    manager.record(changes.PlanPutBack(inserted))
    manager.renew("plan_queue_uid")


def _archive(manager: Manager, command: commands.Archive) -> None:
    running, ended = command.running, command.ended
    runs = ended.runs or tuple(manager.run_list)
    result = {
        "exit_status": ended.outcome,
        "run_uids": [run["uid"] for run in runs],
        "scan_ids": [run["scan_id"] for run in runs],
        "time_start": running.time_start,
        "time_stop": ended.time or manager.now(),
        "msg": ended.msg,
        "traceback": ended.traceback,
    }
    manager.running_item = None
    _clear_runs(manager)
    entry = finished_entry(running.item, result)
    manager.history.append(entry)
    inserted = None
    if command.requeue is not None:
        again = running.item.with_changes(item_uid=manager.new_uid(), result=None)
        if command.requeue == "front":
            again = again.with_changes(result=result)
        place = FRONT if command.requeue == "front" else BACK
        inserted = manager.queue.insert([again], place)
    manager.record(changes.PlanFinished(entry, inserted))
    manager.renew("plan_queue_uid", "plan_history_uid")
    logger.info(
        "The plan '%s' has ended: %s%s",
        running.item.name,
        ended.outcome,
        f" ({ended.msg.strip().splitlines()[0]})" if ended.msg.strip() else "",
        extra={"item_uid": running.item.uid},
    )


def _request_pause(manager: Manager, command: commands.RequestPause) -> None:
    logger.info("Pausing the running plan (%s) ...", command.option)
    manager.spawn(
        execution.worker_request(manager, Pause(option=command.option), "pause the Run Engine"),
        "pause",
    )


def _submit_continue(manager: Manager, command: commands.SubmitContinue) -> None:
    logger.info("Continuing the paused plan with the option '%s' ...", command.action)
    execution.submit_continue(manager, command.action)


def _forget_tasks(manager: Manager, _command: commands.ForgetTasks) -> None:
    manager.tasks.forget_running()
    _clear_runs(manager)


def _clear_runs(manager: Manager) -> None:
    if manager.run_list:
        manager.run_list.clear()
        manager.renew("run_list_uid")


_EFFECTS: dict[type, Callable[[Manager, Any], None]] = {
    commands.StartWorker: _start_worker,
    commands.CloseWorker: _close_worker,
    commands.KillWorker: _kill_worker,
    commands.FindFront: _find_front,
    commands.FindImmediate: _find_immediate,
    commands.DropInstruction: _drop_instruction,
    commands.SubmitPlan: _submit_plan,
    commands.PutBack: _put_back,
    commands.Archive: _archive,
    commands.RequestPause: _request_pause,
    commands.SubmitContinue: _submit_continue,
    commands.ForgetTasks: _forget_tasks,
}
