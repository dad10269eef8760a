"""What all live parts of the panel have in common: a view that follows, and commands.

The kernel sends the difference to what it sent before, numbered by a revision. A view that
finds a gap, or that opens later, asks for everything. The same holds for a page that is
loaded again: the synced trait ``snapshot`` is never assigned, it is computed when Jupyter
asks for the state.

A cell that is run again makes a new panel, and nobody sees the old one any more. So pages
tell when they show a part and when they do not; what is shown nowhere is not sent.

Commands of a view carry an id and are answered with it. Nothing that a handler raises gets
lost: in a handler, errors and text would show up nowhere.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from qs_jupyter.client.hub import Link
from qs_jupyter.errors import BadRequest, QueueServerError
from qs_widgets.changes import Content, change_between
from qs_widgets.sources import style

if TYPE_CHECKING:
    from qs_widgets.desk import Desk

logger = logging.getLogger(__name__)

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a command: what to tell, and data for the view."""

    text: str = ""
    data: Any = None


def _snapshot(_value: None, part: Part) -> dict[str, Any]:
    return part.snapshot_now()


class Part(anywidget.AnyWidget):  # type: ignore[misc]  # a class without types
    """A live part of the panel.

    Subclasses say what they show in `content`, which mirror parts that depends on in
    ``follows``, which API methods their view may call in ``methods``, and name further
    commands ``do_…``. Those in ``looks`` change nothing; a panel to look at has no others.
    """

    caption: ClassVar[str] = ""
    follows: ClassVar[frozenset[str]] = frozenset()
    methods: ClassVar[frozenset[str]] = frozenset()
    looks: ClassVar[frozenset[str]] = frozenset()
    # How long changes may wait for those of other parts when many come at once.
    patience_s: float = 0.4

    snapshot = traitlets.Any(None, allow_none=True).tag(sync=True, to_json=_snapshot)

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._guard = threading.RLock()
        self._revision = 0
        self._complaint = ""
        # The pages that show this part; None until one has said so.
        self._pages: set[str] | None = None
        with desk.hub.lock:
            self._sent = self.content()
        self._css = style()
        super().__init__()
        self.on_msg(self._received)
        release_from_shell(self)

    # -------------------------------------------------------------------- for subclasses

    def content(self) -> Content:
        """Return what to show; called with the hub's lock held."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Ask the manager for what the mirror does not hold, if that has changed."""

    def touch(self) -> None:
        """Have the view brought up to date for a change that the hub does not know of."""
        if self.desk.pulse is not None:
            self.desk.pulse.touch(self)

    # ----------------------------------------------------------------------- to the view

    def snapshot_now(self) -> dict[str, Any]:
        """Return what all views should show at this revision."""
        with self._guard:
            whole = self._sent.whole()
            facts = {"note": self._complaint, "read_only": self.desk.read_only}
            return {"rev": self._revision, **facts, **whole}

    def deliver(self) -> int:
        """Send what has changed; return the size of the message, 0 for none."""
        if self._pages is not None and not self._pages:
            return 0
        if self.desk.hub.link is Link.CONNECTED:
            try:
                self.refresh()
                self._complaint = ""
            except QueueServerError as error:
                self.complain(str(error))
        with self.desk.hub.lock:
            content = self.content()
        with self._guard:
            change = change_between(self._sent, content)
            if change is None:
                return 0
            self._sent = content
            self._revision += 1
            message = {"kind": "change", "rev": self._revision, **change}
            self.send(message)
        return len(json.dumps(message))

    def complain(self, text: str) -> None:
        """Show an error that did not come from a click, also to views that open later."""
        self._complaint = text
        self.send({"kind": "note", "text": text})

    # --------------------------------------------------------------------- from the view

    def _received(self, _widget: Any, message: Any, _buffers: Any) -> None:
        name = str(message.get("do"))
        if name == "hello":
            with self._guard:
                if message.get("rev") != self._revision:
                    self.send({"kind": "snapshot", **self.snapshot_now()})
            return
        if name in ("shown", "hidden"):
            self._seen(str(message.get("page")), shown=name == "shown")
            return
        # A view that hears this knows that the kernel listens, however long the answer takes.
        self.send({"kind": "taken", "id": message.get("id")})
        answer = self._carried_out(name, message.get("params") or {})
        self._answer(message.get("id"), answer)

    def _seen(self, page: str, *, shown: bool) -> None:
        pages = self._pages or set()
        # Another set, for the thread that sends looks at it as well.
        self._pages = pages | {page} if shown else pages - {page}
        if shown:
            self.touch()

    def _command(self, name: str, params: Params) -> Done:
        handler = getattr(self, f"do_{name}", None)
        if handler is None:
            raise BadRequest(f"{type(self).__name__} has no command {name!r}")
        if self.desk.read_only and name not in self.looks:
            raise BadRequest("This panel is to look at: it changes nothing")
        found: Done = handler(params)
        return found

    def _answer(self, number: Any, answer: Done | str) -> None:
        if isinstance(answer, str):
            self.send({"kind": "answer", "id": number, "ok": False, "text": answer})
        else:
            reply = {"kind": "answer", "id": number, "ok": True}
            self.send({**reply, "text": answer.text, "data": answer.data})

    def _carried_out(self, name: str, params: Params) -> Done | str:
        try:
            return self._command(name, params)
        except QueueServerError as error:
            return str(error)
        except Exception as error:  # the rim of a message handler: the view shows it
            logger.exception("A command of the panel failed")
            return f"{type(error).__name__}: {error}"

    def do_request(self, params: Params) -> Done:
        """Call an API method."""
        method = str(params.get("method"))
        if method not in self.methods:
            raise BadRequest(f"This part of the panel does not call {method!r}")
        reply = self.desk.ask(method, params.get("params") or {})
        self.replied(method, reply)
        return Done()

    def replied(self, method: str, reply: Mapping[str, Any]) -> None:
        """Take note of the reply to a request of the view."""


def release_from_shell(widget: Any) -> None:
    """Have clicks served while a cell runs.

    ipykernel 7.4 answers a comm in the subshell that last sent on it. The first message from
    a thread, or from a cell, would bind the widget to the main shell, and clicks would wait
    for the end of every cell. Other versions do not have the attribute.
    """
    comm: Any = getattr(widget, "comm", None)
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default  # noqa: SLF001
