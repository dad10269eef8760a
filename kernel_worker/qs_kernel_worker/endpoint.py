"""Requests of the manager, answered at once on the control channel."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from qs_kernel_worker import messages as m
from qs_kernel_worker import output
from qs_kernel_worker.outbox import to_json
from qs_kernel_worker.tasks import Task
from qs_kernel_worker.worker import Worker

# What changes something; only the session that said Hello last may ask for it.
LEASED = (
    m.Acknowledge,
    m.Pause,
    m.ForceHalt,
    m.Interrupt,
    m.StartTask,
    m.CancelTask,
    m.Hold,
    m.FollowDocuments,
    m.Shutdown,
)

# What may take long because it runs code of the user's objects.
SLOW = (m.GetMetadata,)


class Endpoint:
    """One handler per request. All of them are quick and called in the control thread."""

    def __init__(
        self, worker: Worker, *, end: Callable[[], None], strike: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._end = end
        self._strike = strike
        self._hold_timer: asyncio.TimerHandle | None = None
        self._handlers: dict[type, Callable[[Any], Any]] = {
            m.Hello: self._hello,
            m.GetStatus: self._get_status,
            m.GetEvents: self._get_events,
            m.Acknowledge: self._acknowledge,
            m.GetText: self._get_text,
            m.GetLists: self._get_lists,
            m.GetReport: self._get_report,
            m.GetMetadata: self._get_metadata,
            m.Pause: self._pause,
            m.ForceHalt: self._force_halt,
            m.Interrupt: self._interrupt,
            m.StartTask: self._start_task,
            m.CancelTask: self._cancel_task,
            m.Hold: self._hold,
            m.FollowDocuments: self._follow_documents,
            m.GetStacks: self._get_stacks,
            m.Shutdown: self._shutdown,
        }

    def refusal(self, session: str | None) -> str | None:
        """Say why a session may not change anything here, None when it may."""
        if session == self._worker.lease:
            return None
        return f"another manager holds the lease of this worker (session {self._worker.lease})"

    def prepare(self, content: bytes, session: str | None) -> tuple[Callable[[], str], bool]:
        """Return how to answer a request, and whether that may take long."""
        try:
            request = m.decode(json.loads(content))
            handler = self._handlers[type(request)]
            refusal = self.refusal(session) if isinstance(request, LEASED) else None
        except (ValueError, KeyError) as error:
            refusal, request, handler = f"cannot read the request: {error}", None, _nothing
        if refusal is not None:
            return lambda: error_reply(refusal), False
        return lambda: _answer(handler, request), isinstance(request, SLOW)

    def _hello(self, request: m.Hello) -> dict[str, Any]:
        self._worker.lease = request.session
        self._worker.main_thread.hold(False)
        return asdict(self._worker.report())

    def _get_status(self, _request: m.GetStatus) -> dict[str, Any]:
        return asdict(self._worker.report())

    def _get_events(self, request: m.GetEvents) -> dict[str, Any]:
        seq = self._worker.outbox.seq  # first, so that no event up to it can be missing
        events = [json.loads(text) for text in self._worker.outbox.since(request.since)]
        return {"events": events, "seq": seq}

    def _acknowledge(self, request: m.Acknowledge) -> dict[str, Any]:
        self._worker.outbox.acknowledge(request.upto)
        output.shared.kept.acknowledge(request.text_upto)
        return {}

    def _get_text(self, request: m.GetText) -> dict[str, Any]:
        return output.shared.kept.since(request.since)

    def _get_lists(self, request: m.GetLists) -> dict[str, Any]:
        return self._worker.lists.changes_since(request.since)

    def _get_report(self, _request: m.GetReport) -> dict[str, Any]:
        return self._worker.opening_report()

    def _get_metadata(self, _request: m.GetMetadata) -> dict[str, Any]:
        return self._worker.engine.metadata()

    def _pause(self, request: m.Pause) -> dict[str, Any]:
        if request.option not in ("deferred", "immediate"):
            raise ValueError(
                f"Option {request.option!r} is not supported. "
                "Available options: ('deferred', 'immediate')"
            )
        self._worker.engine.pause(request.option)
        return {}

    def _force_halt(self, _request: m.ForceHalt) -> dict[str, Any]:
        self._worker.engine.force_halt()
        return {}

    def _interrupt(self, _request: m.Interrupt) -> dict[str, Any]:
        self._worker.main_thread.interrupt(self._strike)
        return {}

    def _start_task(self, request: m.StartTask) -> dict[str, Any]:
        job: Task = m.decode(request.job)
        if not isinstance(job, (m.FunctionJob, m.ScriptJob)):
            raise TypeError(f"a {type(job).__name__} cannot run in the background")
        if self._worker.report().phase != "ready":
            raise RuntimeError("the environment is not ready")
        if self._worker.main_thread.remember(job):
            self._worker.background.start(job)
        return {}

    def _cancel_task(self, request: m.CancelTask) -> dict[str, Any]:
        self._worker.background.cancel(request.uid)
        return {}

    def _hold(self, request: m.Hold) -> dict[str, Any]:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None
        main_thread = self._worker.main_thread
        on = request.on and (request.seconds is not None or self._worker.config.parked_cells)
        main_thread.hold(on)
        if on and request.seconds is not None:
            loop = asyncio.get_running_loop()
            self._hold_timer = loop.call_later(request.seconds, main_thread.hold, False)
        return {"held": main_thread.is_held, "cell": main_thread.cell}

    def _follow_documents(self, request: m.FollowDocuments) -> dict[str, Any]:
        self._worker.engine.documents.want(request.on)
        return {}

    def _get_stacks(self, _request: m.GetStacks) -> dict[str, Any]:
        return {"stacks": stacks()}

    def _shutdown(self, _request: m.Shutdown) -> dict[str, Any]:
        self._end()
        return {}


def error_reply(message: str) -> str:
    """Return the content of a reply that refuses."""
    return to_json({"status": "error", "message": message})


def stacks() -> str:
    """Return the stacks of all threads as text."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = [
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001
    ]
    return "\n".join(parts)


def _nothing(_request: Any) -> None:
    return None


def _answer(handler: Callable[[Any], Any], request: Any) -> str:
    try:
        return to_json({"status": "ok", "result": handler(request)})
    except Exception as error:  # noqa: BLE001 - the text goes to the one who asked
        return error_reply(str(error) or type(error).__name__)
