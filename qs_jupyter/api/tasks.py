"""Functions and scripts: run them in the worker, fetch what they returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.api.parameters import Flag, ItemMap, Script, TaskUid, TaskUids, UserGroup, UserName
from qs_jupyter.api.table import method

if TYPE_CHECKING:
    from qs_jupyter.manager.manager import Manager

Reply = Mapping[str, Any]


@method(
    lock="environment",
    state_refused="",
    reply={"task_uid": None},
    starts=True,
    phrases=("script upload {script_file} {script_options?}",),
)
async def script_upload(
    manager: Manager,
    script: Script,
    update_lists: Flag = True,
    update_re: Flag = False,
    run_in_background: Flag = False,
) -> Reply:
    """Run Python source in the worker, and look for new plans and devices afterwards."""
    return await manager.task_runs.upload_script(
        script, update_lists=update_lists, update_re=update_re, background=run_in_background
    )


@method(
    lock="environment",
    reply={"item": None, "task_uid": None},
    echo=("item",),
    starts=True,
    phrases=("function execute {function} {background?}",),
)
async def function_execute(
    manager: Manager,
    item: ItemMap,
    user: UserName,
    user_group: UserGroup,
    run_in_background: Flag = False,
) -> Reply:
    """Call a function of the worker's namespace."""
    return await manager.task_runs.execute_function(
        item, user, user_group, background=run_in_background
    )


@method(
    reply={"task_uid": None, "status": None},
    echo=("task_uid",),
    phrases=("task status {task_uid}",),
)
def task_status(manager: Manager, task_uid: TaskUids) -> Reply:
    """Return ``running``, ``completed`` or ``not_found``, for one task or for each of a list."""
    return {"task_uid": task_uid, "status": manager.task_runs.status(task_uid)}


@method(
    reply={"task_uid": None, "status": None, "result": None},
    echo=("task_uid",),
    phrases=("task result {task_uid}",),
)
def task_result(manager: Manager, task_uid: TaskUid) -> Reply:
    """Return what a task gave back, or when it began."""
    return manager.task_runs.result(task_uid)


@method(
    lock="environment",
    state_refused="Failed to interrupt IPython kernel: ",
    phrases=("kernel interrupt {interrupt_options?}",),
)
async def kernel_interrupt(
    manager: Manager, interrupt_task: Flag = False, interrupt_plan: Flag = False
) -> Reply:
    """Interrupt the worker's main thread, as Ctrl-C would."""
    return await manager.task_runs.interrupt(task=interrupt_task, plan=interrupt_plan)
