"""Functions and scripts, in front and in the background, as clients ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from qs_jupyter.errors import BadRequest, KernelFailure, NotAllowed, Refusal, WrongState
from qs_jupyter.huge_json import is_huge
from qs_jupyter.manager.core import Core
from qs_jupyter.manager.execution import Submissions
from qs_jupyter.manager.lists import Lists
from qs_jupyter.model import events
from qs_jupyter.model.item import Item
from qs_jupyter.model.preparation import prepare_item
from qs_jupyter.model.state import Phase, Stage
from qs_kernel_worker.messages import FunctionJob, Interrupt, Job, ScriptJob, StartTask, encode

Reply = Mapping[str, Any]
FUNCTION_KEYS = ("name", "args", "kwargs", "user", "user_group", "item_uid")


class TaskRuns:
    """Carries out the methods about tasks."""

    def __init__(self, core: Core, lists: Lists, submissions: Submissions) -> None:
        self._core = core
        self._lists = lists
        self._submissions = submissions

    # ---------------------------------------------------------------------------- starting

    async def execute_function(
        self, raw: Any, user: str, user_group: str, *, background: bool
    ) -> Reply:
        """Call a function of the namespace."""
        core = self._core
        uid = core.new_uid()
        prepare = partial(prepare_item, raw, user, user_group, uid, ("function",))
        item = await asyncio.to_thread(prepare, make=Item.huge) if is_huge(raw) else prepare()
        name = item.data.get("name")
        if not isinstance(name, str) or not name:
            raise BadRequest(f"Function name is not specified: {dict(raw)}")
        args, kwargs = item.data.get("args", []), item.data.get("kwargs", {})
        if not isinstance(args, list | tuple):
            raise BadRequest(f"Parameter 'args' is not a tuple or a list: {args!r}")
        if not isinstance(kwargs, dict):
            raise BadRequest(f"Parameter 'kwargs' is not a dictionary: {kwargs!r}")
        self._check_function(name, user_group)
        job = FunctionJob(uid=uid, attempt=1, name=name, args=list(args), kwargs=kwargs)
        await self._run(job, background=background)
        shown = {**item.data, "args": list(args), "kwargs": kwargs}
        return {"item": {key: shown[key] for key in FUNCTION_KEYS}, "task_uid": uid}

    def _check_function(self, name: str, user_group: str) -> None:
        catalogue = self._lists.catalogue
        if not catalogue.has_group(user_group):
            raise BadRequest(f"Unknown user group: '{user_group}'")
        if not catalogue.permissions.allows_function(user_group, name):
            raise NotAllowed(
                f"Function '{name}' is not allowed for users from '{user_group}' group."
            )

    async def upload_script(
        self, script: str, *, update_lists: bool, update_re: bool, background: bool
    ) -> Reply:
        """Run source code in the namespace."""
        uid = self._core.new_uid()
        job = ScriptJob(
            uid=uid, attempt=1, script=script, update_lists=update_lists, update_re=update_re
        )
        await self._run(job, background=background)
        return {"task_uid": uid}

    async def update_environment(self, *, background: bool) -> Reply:
        """Have ``RE``, plans and devices looked up again."""
        return await self.upload_script(
            "", update_lists=True, update_re=True, background=background
        )

    async def _run(self, job: FunctionJob | ScriptJob, *, background: bool) -> None:
        if background:
            await self._run_in_background(job)
        else:
            await self._run_in_front(job)

    async def _run_in_front(self, job: Job) -> None:
        core = self._core
        core.handle(events.TaskRequested(job.uid))
        core.tasks.start(job.uid, time_start=core.now(), run_in_background=False)
        core.spawn(self._submissions.submit(job), "foreground task")
        try:
            await self._submissions.wait(job.uid)
        except Refusal as refusal:
            core.tasks.forget(job.uid)
            raise Refusal(f"Failed to start the task: {refusal}") from refusal

    async def _run_in_background(self, job: FunctionJob | ScriptJob) -> None:
        core = self._core
        if core.model.environment.stage is not Stage.READY:
            raise WrongState("RE Worker environment is not open")
        try:
            await core.driver.request(StartTask(job=encode(job)), timeout_s=1.5)
        except KernelFailure as failure:
            raise Refusal(f"Failed to start the task: {failure}") from failure
        if core.tasks.status(job.uid, now=core.now()) == "not_found":
            core.tasks.start(job.uid, time_start=core.now(), run_in_background=True)
            running = core.model.environment.background_tasks | {job.uid}
            core.update_environment(background_tasks=running)

    # ----------------------------------------------------------------------------- results

    def status(self, task_uid: str | list[str]) -> Any:
        """Return how far one task or several are."""
        return self._core.tasks.statuses(task_uid, now=self._core.now())

    def result(self, task_uid: str) -> Reply:
        """Return what is known about a task."""
        core = self._core
        now = core.now()
        return {
            "task_uid": task_uid,
            "status": core.tasks.status(task_uid, now=now),
            "result": core.tasks.result(task_uid, now=now),
        }

    # ------------------------------------------------------------------------ interrupting

    async def interrupt(self, *, task: bool, plan: bool) -> Reply:
        """Interrupt the main thread of the worker, unless it does what must not be disturbed."""
        core = self._core
        if not core.settings.use_ipython_kernel:
            raise WrongState("RE Manager is not in IPython mode: IPython kernel is not used")
        if core.model.environment.stage is not Stage.READY:
            raise WrongState("Worker environment does not exist")
        if core.model.phase in (Phase.EXECUTING, Phase.STARTING) and not plan:
            raise WrongState("Not allowed to interrupt running plan")
        if core.model.phase is Phase.TASK and not task:
            raise WrongState("Not allowed to interrupt running task")
        try:
            await core.driver.request(Interrupt(), timeout_s=1.5)
        except KernelFailure as failure:
            raise WrongState(str(failure)) from failure
        return {}
