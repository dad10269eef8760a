"""A notebook without a browser: an IPython shell in this process, and a manager in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from qs_jupyter.testing.running_manager import RunningManager

LIMIT_S = 20.0


class ManagerThread:
    """A manager with a fake kernel in a thread of its own, so that cells can wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="manager")
        self.error: BaseException | None = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _live(self) -> None:
        self._end = asyncio.Event()
        async with RunningManager() as self.running:
            self._ready.set()
            await self._end.wait()

    def __enter__(self) -> ManagerThread:
        self._thread.start()
        assert self._ready.wait(LIMIT_S)
        assert self.error is None, self.error
        return self

    def __exit__(self, *_: object) -> None:
        if self.error is None:
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        assert self.error is None, self.error

    @property
    def address(self) -> str:
        return self.running.application.control_address

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine where the manager lives, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    def touch(self, deed: Callable[[], Any]) -> None:
        """Do something where the manager lives."""

        async def work() -> None:
            deed()

        self.do(work())

    def call(self, method: str, **params: Any) -> Any:
        """Send a request past all clients."""
        return self.do(self.running.call(method, **params))

    def reset(self) -> None:
        """Forget what the test before has left."""
        status = self.call("status")
        assert status["lock"] == {"environment": False, "queue": False}, "a test left a lock behind"
        kernel = self.running.kernel
        kernel.endings.clear()
        kernel.start_failure = None
        # Or the end of the running plan would be the beginning of the next one.
        self.call("queue_clear")
        if status["manager_state"] == "executing_queue":
            self.touch(kernel.end_plan)
        elif status["manager_state"] == "executing_task":
            self.touch(kernel.end_task)
        self.do(self.running.idle())
        if not self.call("status")["worker_environment_exists"]:
            self.do(self.running.open())
        self.call("queue_clear")
        self.call("history_clear")


@dataclass
class Ran:
    """What a cell returned, printed and complained about."""

    ok: bool
    result: Any
    output: str
    error: BaseException | None

    @property
    def text(self) -> str:
        """The text that the cell shows as its result."""
        return repr(self.result)


class Notebook:
    """Cells are run and completed as in IPython."""

    def __init__(self, folder: str) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        config.QServerMagics.timeout = LIMIT_S
        self._before = sys.modules.get("__main__"), sys.displayhook, sys.excepthook
        self.shell = InteractiveShell.instance(config=config, ipython_dir=folder)
        self.load()

    def load(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self.shell.run_line_magic("load_ext", "qs_jupyter")

    def close(self) -> None:
        self.shell.run_line_magic("unload_ext", "qs_jupyter")
        self.shell.restore_sys_module_state()
        InteractiveShell.clear_instance()
        main, sys.displayhook, sys.excepthook = self._before
        if main is not None:
            sys.modules["__main__"] = main

    def run(self, cell: str) -> Ran:
        """Run a cell."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            done = self.shell.run_cell(cell)
        error = done.error_before_exec or done.error_in_exec
        return Ran(done.success, done.result, output.getvalue(), error)

    def good(self, cell: str) -> Any:
        """Run a cell that must succeed, and return its result."""
        ran = self.run(cell)
        assert ran.ok, ran.output
        return ran.result

    def bad(self, cell: str) -> str:
        """Run a cell that must fail with one line, and return this line."""
        ran = self.run(cell)
        assert not ran.ok
        lines = [line for line in ran.output.splitlines() if line]
        assert len(lines) == 1, ran.output
        return lines[0].replace("\x1b[31m", "").replace("\x1b[0m", "")

    def complete(self, text: str) -> list[str]:
        """Return the texts that Tab offers at the end of a cell."""
        return list(self.completions(text))

    def completions(self, text: str) -> dict[str, str]:
        """Return the texts that Tab offers at the end of a cell, with their types."""
        with provisionalcompleter():
            found = self.shell.Completer.completions(text, len(text))
            return {each.text: each.type for each in found if each.text}
