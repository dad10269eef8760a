"""The console: what the worker and its plans print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qs_widgets.changes import Content
from qs_widgets.console_lines import ConsoleLines
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module

if TYPE_CHECKING:
    from qs_widgets.desk import Desk


class Console(Part):
    """Shows the latest lines."""

    _esm = module("console")
    caption = "Console"
    looks = frozenset({"clear"})
    follows = frozenset({"console", "status", "connection"})

    def __init__(self, desk: Desk) -> None:
        self._lines = ConsoleLines()
        super().__init__(desk)

    def content(self) -> Content:
        """Return the lines as rows."""
        self._lines.follow(self.desk.hub.mirror.console)
        status = self.desk.hub.mirror.status
        fields = {
            "address": self.desk.address,
            "is_open": bool(status.get("worker_environment_exists")),
        }
        return Content(fields, list(self._lines.rows))

    def do_clear(self, _params: Params) -> Done:
        """Empty the console of this panel."""
        with self.desk.hub.lock:
            self._lines.clear()
        self.touch()
        return Done()
