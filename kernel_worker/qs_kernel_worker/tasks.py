"""Functions and scripts: in the main thread, or in a thread of their own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qs_kernel_worker import plain_data, plan_call, scripts
from qs_kernel_worker.interrupts import interrupt_thread
from qs_kernel_worker.lists import Lists
from qs_kernel_worker.messages import FunctionJob, JobDone, ScriptJob, TaskStarted
from qs_kernel_worker.outbox import Outbox
from qs_kernel_worker.results import ErrorText, describe_error, short_repr
from qs_kernel_worker.run_engine import NAME, RunEngineControl

logger = logging.getLogger(__name__)

Task = FunctionJob | ScriptJob


class _ScriptError(Exception):
    """The script itself raised its cause; what follows a script has errors of its own."""


def _told(error: BaseException) -> ErrorText:
    if not isinstance(error, _ScriptError) or error.__cause__ is None:
        return describe_error(error)
    text = describe_error(error.__cause__)
    # Clients look for this text, letter by letter.
    return replace(text, msg=f"Failed to execute stript: {text.msg}")


def _check_result(value: Any) -> None:
    # Raised and not only told, for clients look for the reason in the traceback as well.
    problem = plain_data.json_problem(value)
    if problem is not None:
        raise TypeError(f"Task result can not be serialized as JSON: {problem}")


class Tasks:
    """Runs functions and scripts with the user's namespace."""

    def __init__(
        self, shell: Any, engine: RunEngineControl, lists: Lists, script_root: str | None
    ) -> None:
        self._shell = shell
        self._engine = engine
        self._lists = lists
        self._script_root = script_root

    def run(self, job: Task, prepare: Callable[[], None] = lambda: None) -> JobDone:
        """Run a function or a script; whatever it raises is told, never raised.

        ``prepare`` comes first: an interrupt that strikes so early fails the task as well.
        """
        time_start = time.time()
        kind = "function" if isinstance(job, FunctionJob) else "script"
        value, msg, traceback, is_good = None, "", "", True
        try:
            prepare()
            if isinstance(job, FunctionJob):
                value = self._call(job)
            else:
                self._execute(job)
            _check_result(value)
        except BaseException as error:  # noqa: BLE001 - SystemExit fails the task, not the worker
            text = _told(error)
            msg, traceback, is_good = text.msg, text.traceback, False
        return JobDone(
            uid=job.uid,
            kind=kind,
            outcome="completed" if is_good else "failed",
            msg=msg,
            traceback=traceback,
            time_start=time_start,
            time_stop=time.time(),
            return_value=value if is_good else None,
            return_type=None if value is None else type(value).__name__,
            return_repr=None if is_good or value is None else short_repr(value),
        )

    def _call(self, job: FunctionJob) -> Any:
        function, args, kwargs = plan_call.prepare_function(job, self._shell.user_ns)
        result = function(*args, **kwargs)
        return self._wait_for(result) if inspect.iscoroutine(result) else result

    def _wait_for(self, coroutine: Any) -> Any:
        """Run a coroutine where the devices live: on the engine's loop, else on one of its own."""
        loop = getattr(self._engine.engine, "loop", None)
        if loop is None or not loop.is_running():
            return asyncio.run(coroutine)
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def _execute(self, job: ScriptJob) -> None:
        names = self._shell.user_ns
        engine = names.get(NAME)
        try:
            scripts.run_script(job, self._shell, self._script_root)
        except BaseException as error:
            raise _ScriptError from error
        finally:
            brings_another = job.update_re and self._engine.is_replaced
            if brings_another:
                names[NAME] = engine
        if brings_another:
            raise RuntimeError("Another Run Engine cannot be brought in while a plan is running")
        self._engine.refresh()
        if job.update_lists:
            self._lists.rebuild()


class BackgroundTasks:
    """Tasks in threads of their own, any number, also while a plan runs.

    ``label`` sets, for the calling thread, whose output it writes; ``flush`` sends the output
    on its way before the result follows.
    """

    def __init__(
        self,
        tasks: Tasks,
        outbox: Outbox,
        *,
        label: Callable[[str], None],
        flush: Callable[[], None],
        loop: Callable[[], asyncio.AbstractEventLoop | None],
    ) -> None:
        self._tasks = tasks
        self._outbox = outbox
        self._label = label
        self._flush = flush
        self._loop = loop
        self._threads: dict[str, threading.Thread] = {}

    @property
    def uids(self) -> list[str]:
        """Uids of the tasks that are running."""
        return list(self._threads)

    def start(self, job: Task) -> None:
        """Start a task and return at once."""
        name = job.name if isinstance(job, FunctionJob) else "script"
        thread = threading.Thread(
            target=self._run, args=(job,), name=f"task {name} {job.uid[:8]}", daemon=True
        )
        self._threads[job.uid] = thread
        self._outbox.append(TaskStarted(job.uid, name, time.time()))
        thread.start()

    def cancel(self, uid: str) -> None:
        """Raise KeyboardInterrupt in the thread of a task, when it next runs Python code."""
        thread = self._threads.get(uid)
        if thread is None or thread.ident is None:
            raise RuntimeError(f"No background task with uid {uid!r} is running")
        interrupt_thread(thread)

    def _run(self, job: Task) -> None:
        def prepare() -> None:
            self._label(job.uid)
            asyncio.set_event_loop(self._loop())

        done = self._tasks.run(job, prepare)
        self._flush()
        self._threads.pop(job.uid, None)
        self._outbox.append(replace(done, background=True))
