"""Jupyter's console applications on the worker: with its keys, and with an interrupt.

Hooks into jupyter_client 8.9 and later: ``JupyterConsoleApp.init_kernel_client`` builds its
client from host and ports alone, so that a kernel with CURVE never answers. Here the client
reads the connection file itself. Into jupyter_console 6.6 (``ZMQTerminalIPythonApp``):
``handle_sigint``, ``shell._executing``; into qtconsole 5.4 and later (``JupyterQtConsoleApp``):
``init_qt_elements``, ``widget.custom_interrupt`` and ``custom_interrupt_requested``. Both refuse
to interrupt a kernel that they have not started.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from qs_jupyter.attach.interrupt import interrupt_cells

# A busy machine may stand still for seconds. A console that takes the worker for dead meanwhile
# gives its prompt back, and never shows what the cell printed.
SILENCE_S = 5.0

_APPLICATIONS = {
    "jupyter_console": ("jupyter_console.app", "ZMQTerminalIPythonApp"),
    "qtconsole": ("qtconsole.qtconsoleapp", "JupyterQtConsoleApp"),
}


def attached_application(package: str) -> Any:
    """Return the application class of ``jupyter_console`` or ``qtconsole``."""
    module, name = _APPLICATIONS[package]
    base = getattr(import_module(module), name)

    class AttachedConsole(base):  # type: ignore[misc, valid-type]  # known at run time only
        """A console on a kernel that somebody else started."""

        def init_kernel_client(self) -> None:
            """Build the client from the connection file with everything in it."""
            client = self.kernel_client_class(session=self.session, parent=self)
            client.load_connection_file(self.connection_file)
            client.hb_channel.time_to_dead = SILENCE_S
            self.kernel_client = client
            client.start_channels()

        def handle_sigint(self, *args: Any) -> None:
            """Interrupt the cell that was typed here, or take it back when it still waits."""
            if not self.shell._executing:  # noqa: SLF001
                raise KeyboardInterrupt  # draws the prompt anew
            refusal = _interrupt(self.connection_file, self.session.session)
            if refusal is not None:
                print(f"Not interrupted: {refusal}", file=sys.stderr)

        def start(self) -> None:
            """Work until the end, also until somebody closes the terminal."""
            signal.signal(signal.SIGHUP, self.hang_up)
            super().start()

        def hang_up(self, *_args: Any) -> None:
            """Take back what waits, before there is nobody any more who knows of it."""
            _interrupt(self.connection_file, self.session.session, waiting_only=True)
            raise SystemExit(128 + signal.SIGHUP)

        def init_qt_elements(self) -> None:
            """Do the same for the menu and the keys of a window."""
            super().init_qt_elements()
            widget = self.widget
            widget.custom_interrupt = True
            widget.custom_interrupt_requested.connect(self.interrupt_from_window)

        def interrupt_from_window(self) -> None:
            """Interrupt or take back what was typed in the window."""
            session = self.widget.kernel_client.session.session
            refusal = _interrupt(self.connection_file, session)
            if refusal is not None:
                self.widget._append_plain_text(f"Not interrupted: {refusal}\n")  # noqa: SLF001

    return AttachedConsole


def _interrupt(connection_file: str, session: str, *, waiting_only: bool = False) -> str | None:
    info = json.loads(Path(connection_file).read_text())
    # In a thread, for the console may be inside of a loop of its own.
    with ThreadPoolExecutor(1) as helper:
        work = interrupt_cells(info, [session], waiting_only=waiting_only)
        return helper.submit(asyncio.run, work).result()
