"""Tells the service manager that started this program how it stands: ready, alive, stopping.

This is the protocol of systemd's ``sd_notify(3)``: datagrams with lines ``NAME=value``, sent
to the socket that the environment variable ``NOTIFY_SOCKET`` names. Without the variable
nobody is told anything.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
WATCHDOG_PROCESS = "WATCHDOG_PID"


class ServiceManager:
    """The other end of the notifications; silent when there is none.

    ``watchdog_s`` is the time in seconds within which the service manager wants to hear that
    all is well.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s
        self._told = 0.0

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> ServiceManager:
        """Return the one that the environment names.

        The variables are taken out of it: they are meant for this process alone, and the
        worker would inherit them.
        """
        address = environment.pop(SOCKET, None)
        period = environment.pop(WATCHDOG, "")
        process = environment.pop(WATCHDOG_PROCESS, None)
        is_ours = process is None or process == str(os.getpid())
        return cls(address, int(period) / 1e6 if is_ours and period.isdigit() else None)

    def ready(self) -> None:
        """Tell that requests are answered."""
        self._tell("READY=1", "STATUS=Requests are answered")

    def restarting(self) -> None:
        """Tell that the manager is being replaced; plans go on meanwhile."""
        self._tell("STATUS=The manager is started again")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._tell("STOPPING=1", "STATUS=Stopping")

    def alive(self) -> None:
        """Tell that all is well, as often as that is wanted."""
        now = time.monotonic()
        if self._watchdog_s is None or now - self._told < self._watchdog_s / 3:
            return
        self._told = now
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        # A name that begins with @ is an abstract one, without a file.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # Nobody listens any more: that is for the service manager to know.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            sender.sendto("\n".join(lines).encode(), address)
