"""The interactive shell of the worker: an exit typed in a console leaves the worker alone.

Hooks into ipykernel 7.4 (``zmqshell.ZMQInteractiveShell``): ``ask_exit``, ``payload_manager``,
``init_completer``, ``init_events``, ``run_code``, ``history_manager.input_hist_parsed``,
``history_manager.input_hist_raw``;
``builtins.input`` and ``getpass.getpass`` are what ``ipkernel.IPythonKernel`` saves before a
cell and restores after it.
"""

from __future__ import annotations

import builtins
import getpass
from typing import Any, NoReturn

from ipykernel.zmqshell import ZMQInteractiveShell

from qs_kernel_worker.interrupts import Interrupts

# As many as IPython keeps results.
KEPT_INPUTS = 1000


class WorkerShell(ZMQInteractiveShell):  # type: ignore[misc]
    """The shell in which startup code, plans and cells live."""

    interrupts = Interrupts()

    async def run_code(self, code_obj: Any, result: Any = None, *, async_: bool = False) -> Any:
        """Run a part of a cell, which may be interrupted."""
        with self.interrupts.user_code():
            return await super().run_code(code_obj, result, async_=async_)

    def init_completer(self) -> None:
        """Complete from the objects alone, unless the profile says otherwise.

        Jedi reads sources for seconds, and that time is taken from a plan or delays its start.
        """
        super().init_completer()
        if not any("use_jedi" in self.config[name] for name in ("IPCompleter", "Completer")):
            self.Completer.use_jedi = False

    def init_events(self) -> None:
        """Look after every cell how many are remembered."""
        super().init_events()
        self.events.register("post_run_cell", self._forget_an_old_cell)

    def _forget_an_old_cell(self, _result: Any) -> None:
        """Keep the latest inputs only, for the worker lives for weeks; results have a bound."""
        number = self.execution_count - KEPT_INPUTS
        history = self.history_manager
        for inputs in (history.input_hist_parsed, history.input_hist_raw):
            if 0 < number < len(inputs):
                inputs[number] = ""
        self.user_ns.pop(f"_i{number}", None)

    def ask_exit(self) -> None:
        """Send the console away and keep the kernel."""
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": True})


def refuse_input() -> None:
    """Let ``input()`` fail at once wherever no client is there to answer.

    A cell brings its own ``input``, which asks the client that sent it.
    """
    builtins.input = _refused
    getpass.getpass = _refused


def _refused(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise EOFError("input() has nobody to ask: this code was started by the queue server")
