"""What launcher and manager tell each other, through two pipes.

Launcher → manager: one line with the settings as JSON, then a line for each order to stop.
The end of the pipe means that the launcher is gone. Settings hold keys, so they travel
neither on the command line nor in the environment.

Manager → launcher: single bytes. `BEAT` twice a second as long as the event loop turns,
`READY` once when requests are answered, and at last `ENDED` or `FAILED` when the manager ends
because it was told to or cannot go on; a manager that vanishes without is started again.

The launcher only waits, so it is kept small: nothing here brings asyncio, which is half of
what a launcher would weigh.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum

from qs_jupyter.settings import Settings

BEAT = b"."
READY = b"R"
ENDED = b"0"
FAILED = b"1"


class StopReason(StrEnum):
    """Why the manager is to end.

    ``interrupt`` (Ctrl-C) and ``terminate`` end the worker too. When the launcher is gone the
    manager ends alone: the worker lives on and is found again by the next manager.
    """

    INTERRUPT = "interrupt"
    TERMINATE = "terminate"
    LAUNCHER_GONE = "launcher_gone"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a manager is told at its start.

    ``is_restart`` tells that an earlier manager of the same launcher vanished, so that its
    states are to be carried on; otherwise this is a fresh start of the program.
    """

    settings: Settings
    is_restart: bool = False

    def to_line(self) -> bytes:
        """Return the orders as the first line of the pipe."""
        orders = {"settings": self.settings.to_json(), "is_restart": self.is_restart}
        return json.dumps(orders).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Orders:
        """Return the orders that `to_line` wrote."""
        orders = json.loads(line)
        return cls(Settings.from_json(orders["settings"]), orders["is_restart"])


def read_orders(descriptor: int) -> Orders:
    """Return the orders at the head of a pipe, leaving everything behind them unread."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, 1)
        if not piece:
            raise EOFError("the launcher vanished before it had told the settings")
        line += piece
    return Orders.from_line(bytes(line))
