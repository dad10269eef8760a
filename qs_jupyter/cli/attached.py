"""Jupyter's console applications, with the keys of an encrypted kernel handed on.

Hook into jupyter_client 8.9 and later: ``JupyterConsoleApp.init_kernel_client`` builds its
client from host and ports alone, so that a kernel with CURVE never answers. Here the client
reads the connection file itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

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
            self.kernel_client = client
            client.start_channels()

    return AttachedConsole
