"""All parts of the panel on one page, or some of them."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from qs_jupyter.errors import BadRequest, did_you_mean
from qs_widgets import controls
from qs_widgets.console import Console
from qs_widgets.desk import Desk
from qs_widgets.history_table import HistoryTable
from qs_widgets.locking import Locking
from qs_widgets.part import Part, release_from_shell
from qs_widgets.permissions import Permissions
from qs_widgets.plan_form import PlanForm
from qs_widgets.pulse import Pulse
from qs_widgets.queue_table import QueueTable
from qs_widgets.running_plan import RunningPlan
from qs_widgets.status_bar import StatusBar
from qs_widgets.tasks import Tasks

if TYPE_CHECKING:
    from qs_jupyter.client.hub import Hub
    from qs_jupyter.magics.keys import KeyRing

SECTIONS: Final[Mapping[str, Callable[[Desk], Part]]] = {
    "status": StatusBar,
    "running": RunningPlan,
    "queue": QueueTable,
    "form": PlanForm,
    "history": HistoryTable,
    "console": Console,
    "tasks": Tasks,
    "lock": Locking,
    "permissions": Permissions,
}
# What a panel to look at consists of.
LOOKS: Final = ("status", "running", "queue", "history", "console")
# These stay in sight above the others, which take turns.
ABOVE: Final = ("status", "running")
CONSOLE_HINT: Final = (
    "The panel itself is shown in notebooks. In a console: %qserver status, queue get, history "
    "get, monitor, follow, wait or plot"
)
RIGHT_HINT: Final = (
    "To have the panel beside the notebook, right-click on it and choose 'Create New View for "
    "Output', or install the package 'sidecar'"
)


class Panel(ipywidgets.VBox):  # type: ignore[misc]  # a class without types
    """A panel that follows one manager."""

    def __init__(self, desk: Desk, names: tuple[str, ...]) -> None:
        self.desk = desk
        self.parts = {name: SECTIONS[name](desk) for name in names}
        above = [self.parts[name] for name in names if name in ABOVE]
        below = {name: self.parts[name] for name in names if name not in ABOVE}
        self._tab = _frame(below)
        super().__init__([*above, *([self._tab] if self._tab is not None else below.values())])
        for widget in (self, self._tab):
            if widget is not None:
                release_from_shell(widget)
        self.add_class("qsj-panel")
        if self._tab is not None:
            self._tab.add_class("qsj-tabs")
        form = self.parts.get("form")
        if isinstance(form, PlanForm):
            desk.open_form = self._open_form
        desk.show = self.show_part
        desk.pulse = Pulse(desk.hub, list(self.parts.values()))

    def _open_form(self, item: Mapping[str, Any], uid: str | None) -> None:
        form = self.parts["form"]
        assert isinstance(form, PlanForm)
        form.open_item(item, uid)
        self.show_part("form")

    def show_part(self, name: str) -> bool:
        """Bring a part to the front; return whether the panel has it."""
        if self._tab is not None and self.parts.get(name) in self._tab.children:
            self._tab.selected_index = self._tab.children.index(self.parts[name])
        return name in self.parts

    def close(self) -> None:
        """Stop following and close all views; a second call does nothing."""
        pulse, self.desk.pulse = self.desk.pulse, None
        if pulse is not None:
            pulse.close()
            for part in self.parts.values():
                part.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return the live panel, and for a saved notebook without a kernel how things stood."""
        bundle: dict[str, Any] = dict(super()._repr_mimebundle_(**kwargs))
        text = self.summary()
        plain = f"{text}\n{CONSOLE_HINT}"
        return {**bundle, "text/plain": plain, "text/html": f"<pre>{html.escape(text)}</pre>"}

    def summary(self) -> str:
        """Return how things stand, in a few words."""
        hub = self.desk.hub
        with hub.lock:
            status = hub.mirror.status
            word, _ = controls.state_word(status)
            queued, finished = status.get("items_in_queue"), status.get("items_in_history")
        return (
            f"Queue server at {self.desk.address} ({hub.link.value}): {word}, "
            f"{_count(queued)} in the queue, {_count(finished)} in the history"
        )


def open_panel(
    hub: Hub,
    *sections: str,
    right: bool = False,
    read_only: bool = False,
    user: str | None = None,
    user_group: str = "primary",
    keys: KeyRing | None = None,
) -> Any:
    """Return a panel that follows the manager of a hub.

    ``sections`` are names of `SECTIONS`; without any, all are shown. ``right`` puts the panel
    beside the notebook when the package ``sidecar`` is installed. A panel that is ``read_only``
    has the sections of `LOOKS` and no command that changes anything.
    """
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        hint = did_you_mean(unknown[0], SECTIONS) or f" Choose from {', '.join(SECTIONS)}."
        raise BadRequest(f"The panel has no section {unknown[0]!r}.{hint}")
    acting = [name for name in sections if read_only and name not in LOOKS]
    if acting:
        raise BadRequest(
            f"The section {acting[0]!r} is there to change things; to look at there are "
            f"{', '.join(LOOKS)}"
        )
    hub.start()
    desk = Desk(hub, user, user_group, keys, read_only=read_only)
    panel = Panel(desk, sections or (LOOKS if read_only else tuple(SECTIONS)))
    return _beside(panel) if right else panel


def _frame(below: Mapping[str, Part]) -> Any:
    if len(below) < 2:
        return None
    return ipywidgets.Tab(
        list(below.values()), titles=[part.caption for part in below.values()], selected_index=0
    )


def _beside(panel: Panel) -> Any:
    """Return the panel in a column of its own if that can be had."""
    try:
        from sidecar import Sidecar  # noqa: PLC0415 - an optional package
    except ImportError:
        panel.children = (ipywidgets.Label(RIGHT_HINT), *panel.children)
        return panel
    column = Sidecar(title="Queue server")
    with column:
        from IPython.display import display  # noqa: PLC0415

        display(panel)
    return column


def _count(number: Any) -> str:
    return "an unknown number" if number is None else str(number)
