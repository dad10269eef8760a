"""The kernel of the worker: jobs over shell, requests over control, events over iopub.

Hooks into ipykernel 7.4 (``kernelbase.Kernel``, ``ipkernel.IPythonKernel``):
``process_control``, ``shell_channel_thread_main``, ``dispatch_shell``, ``set_parent``,
``shutdown_request``, ``interrupt_request``, ``_send_interrupt_children``, ``pre_handler_hook``,
``post_handler_hook``, ``_publish_status``, ``_topic``, ``shell_class``, ``shell_stream``,
``control_stream``, ``control_thread``, ``iopub_socket``, ``start``,
``shell_channel_thread.io_loop``, ``io_loop``, ``_shell_parent``, ``_shell_parent_ident``,
``poll_stopped_queue``.

A stock kernel announces every control request as busy and idle, waits for two flushes in it,
runs jobs and cells in one undivided queue, lets any client end it, and interrupts its whole
process group.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq
from ipykernel.ipkernel import IPythonKernel
from traitlets import Type

from qs_kernel_worker import messages as m
from qs_kernel_worker.clients import Clients
from qs_kernel_worker.endpoint import Endpoint, error_reply
from qs_kernel_worker.interrupts import Interrupts
from qs_kernel_worker.main_thread import AcceptedJob, Admission
from qs_kernel_worker.outbox import to_json
from qs_kernel_worker.output import flush_output
from qs_kernel_worker.parked_cells import ParkedCells
from qs_kernel_worker.shell import WorkerShell
from qs_kernel_worker.worker import Worker, failed_job

logger = logging.getLogger(__name__)

# A worker whose manager died while it started it may have been noted nowhere.
UNGREETED_LIMIT_S = 120.0

CELL = "execute_request"


@dataclass(frozen=True)
class _Envelope:
    """A message of which only the outside was read, so that it can still be passed on."""

    idents: list[bytes]
    header: dict[str, Any]
    content: bytes

    @property
    def msg_type(self) -> str:
        """Type of the message."""
        return str(self.header["msg_type"])

    @property
    def session(self) -> str | None:
        """Session of the client that sent it."""
        return self.header.get("session")


class WorkerKernel(IPythonKernel):  # type: ignore[misc]
    """The kernel. Which method runs in which thread stands in its docstring."""

    shell_class = Type(WorkerShell)

    def attach(self, worker: Worker) -> None:
        """Serve this worker; called before the channels are read."""
        self._worker = worker
        self._clients = Clients(self, worker.main_thread)
        self._parked = ParkedCells(self, worker.main_thread, super().shell_channel_thread_main)
        self._late_answers: set[asyncio.Task[None]] = set()
        self.interrupts = Interrupts(lambda: worker.main_thread.holder)
        self.interrupts.install()
        self._endpoint = Endpoint(worker, end=self.end, strike=self.interrupts.strike)
        self.shell.interrupts = self.interrupts
        worker.outbox.on_append(self._push_event)
        worker.engine.documents.on_batch(self._push_documents)
        worker.main_thread.when_unparked(
            lambda: self.shell_channel_thread.io_loop.add_callback(self._parked.retry)
        )

    def start(self) -> None:
        """Serve the channels; end when no manager says hello."""
        super().start()
        loop = self.control_thread.io_loop
        loop.add_callback(loop.call_later, UNGREETED_LIMIT_S, self._end_if_ungreeted)

    async def poll_stopped_queue(self) -> None:
        """Wait for no stops: there is no debugger."""

    def _end_if_ungreeted(self) -> None:
        if self._worker.lease is None:
            logger.warning("No manager has said hello; the worker ends")
            self.end()

    def end(self) -> None:
        """Let the main thread leave its loop for good, when it gets there; any thread."""
        self._worker.is_ending = True
        self.io_loop.add_callback(self.io_loop.stop)

    # ------------------------------------------------------------------- control thread

    async def process_control(self, msg: list[Any]) -> None:
        """Answer requests of a manager; everything else is for the stock kernel."""
        envelope = self._open(msg)
        if envelope is None or envelope.msg_type != m.REQUEST_TYPE:
            await super().process_control(msg)
            return
        answer, is_slow = self._endpoint.prepare(envelope.content, envelope.session)
        if is_slow:
            task = asyncio.create_task(self._answer_late(envelope, answer))
            self._late_answers.add(task)
            task.add_done_callback(self._late_answers.discard)
        else:
            self._reply(envelope, answer())

    async def _answer_late(self, envelope: _Envelope, answer: Callable[[], str]) -> None:
        self._reply(envelope, await asyncio.to_thread(answer))

    def _reply(self, envelope: _Envelope, text: str) -> None:
        self.session.send(
            self.control_stream,
            m.REPLY_TYPE,
            text.encode(),
            parent={"header": envelope.header},
            ident=envelope.idents,
        )
        self.control_stream.flush(zmq.POLLOUT)

    async def shutdown_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """End for the manager; tell everybody else that it is all right, and stay."""
        content = {"status": "ok", "restart": bool(parent["content"].get("restart", False))}
        self.session.send(stream, "shutdown_reply", content, parent, ident=ident)
        if parent["header"].get("session") == self._worker.lease:
            self.end()

    async def interrupt_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Interrupt what the sender has typed, and take back its cells that wait.

        A front end that uses other sessions for its cells names them in ``sessions``;
        ``waiting_only`` leaves alone what runs.
        """
        session = parent["header"].get("session")
        if session == self._worker.lease:
            self._send_interrupt_children()
            refusal = None
        else:
            refusal = await self._interrupt_cells(session, parent["content"])
        content: dict[str, Any] = {"status": "ok"}
        if refusal is not None:
            content = {"status": "error", "ename": "NotInterrupted", "evalue": refusal}
            content["traceback"] = [f"NotInterrupted: {refusal}"]
        self.session.send(stream, "interrupt_reply", content, parent, ident=ident)

    async def _interrupt_cells(self, session: Any, content: dict[str, Any]) -> str | None:
        """Take back or interrupt cells; say what is in the way when neither was possible."""
        sessions = content.get("sessions") or [session]
        main_thread = self._worker.main_thread
        loop = self.shell_channel_thread.io_loop.asyncio_loop
        taking_back = asyncio.run_coroutine_threadsafe(self._parked.take_back(sessions), loop)
        if await asyncio.wrap_future(taking_back) or content.get("waiting_only"):
            return None
        if main_thread.interrupt_cell(sessions, self.interrupts.strike) or not main_thread.is_busy:
            return None
        return main_thread.busy_with()

    def _send_interrupt_children(self) -> None:
        self._worker.main_thread.interrupt(self.interrupts.strike)

    # ------------------------------------------------------------- shell-channel thread

    async def shell_channel_thread_main(self, msg: list[Any]) -> None:
        """Admit jobs, park cells, answer for the main thread; pass on the rest."""
        envelope = self._open(msg)
        if envelope is None or envelope.header.get("subshell_id") is not None:
            await super().shell_channel_thread_main(msg)
        elif envelope.msg_type == m.RUN_TYPE:
            accepted = self._admit(envelope)
            if accepted is not None:
                self._worker.main_thread.hand_over(accepted)
                await super().shell_channel_thread_main(
                    msg
                )  # wakes the main thread, in any GUI loop
        elif envelope.msg_type == CELL:
            await self._parked.take(envelope.header, envelope.idents, msg)
        elif self._clients.can_answer(envelope.msg_type):
            await self._clients.answer(msg)
        else:
            await super().shell_channel_thread_main(msg)

    def _admit(self, envelope: _Envelope) -> AcceptedJob | None:
        """Take or refuse a job, and have the answer on the wire before the job can start."""
        accepted, text = None, ""
        try:
            job = m.decode(json.loads(envelope.content))
            refusal = self._endpoint.refusal(envelope.session)
        except ValueError as error:
            refusal = f"cannot read the job: {error}"
        if refusal is not None:
            text = error_reply(refusal)
        else:
            parent = {"header": _labelled(envelope.header, job)}
            accepted = AcceptedJob(job, envelope.idents, parent, time.time())
            admission = self._worker.main_thread.admit(accepted)
            text = _admission_reply(admission)
            if admission.verdict != "taken":
                accepted = None
        self.session.send(
            self.shell_stream,
            m.RUN_REPLY_TYPE,
            text.encode(),
            parent={"header": envelope.header},
            ident=envelope.idents,
        )
        self.shell_stream.flush(zmq.POLLOUT)
        return accepted

    # ---------------------------------------------------------------------- main thread

    async def dispatch_shell(
        self, msg: list[Any], /, subshell_id: str | None = None, *, concurrent: bool = False
    ) -> None:
        """Leave the loop for a job; note the end of a cell."""
        envelope = None if subshell_id is not None or len(msg) == 1 else self._open(msg)
        if envelope is not None and envelope.msg_type == m.RUN_TYPE:
            self.io_loop.stop()
            return
        try:
            await super().dispatch_shell(msg, subshell_id=subshell_id, concurrent=concurrent)
        finally:
            if envelope is not None and envelope.msg_type == CELL:
                self._worker.cell_done(envelope.header["msg_id"])

    def pre_handler_hook(self) -> None:
        """Be interrupted in our way, whatever user code has installed."""
        self.interrupts.install()

    def post_handler_hook(self) -> None:
        """Do the same between jobs and cells."""
        self.interrupts.install()

    def run_next_job(self) -> None:
        """Run the job that was handed over, if there is one, outside of the loop."""
        accepted = self._worker.main_thread.next_job()
        if accepted is None:
            return
        # A job before may have left the thread without a loop (asyncio.run does).
        asyncio.set_event_loop(self.io_loop.asyncio_loop)
        self.set_parent(accepted.idents, accepted.parent)
        self._publish_status("busy", "shell")
        try:
            self.pre_handler_hook()
            with self.interrupts.user_code():
                done = self._worker.run(accepted.job)
        except BaseException as error:  # noqa: BLE001 - an interrupt between two of our lines
            done = failed_job(accepted.job, error)
        finally:
            self.post_handler_hook()
        flush_output()
        self._worker.main_thread.finish_job(done)
        self._publish_status("idle", "shell")

    # ---------------------------------------------------------------------- any thread

    def set_parent(self, ident: Any, parent: dict[str, Any], channel: str = "shell") -> None:
        """Label what is written from now on; outside of the main thread only this thread's."""
        if channel == "shell" and threading.current_thread() is not threading.main_thread():
            self._shell_parent_ident.set(ident)
            self._shell_parent.set(parent)
            self.shell.set_thread_parent(parent)
        else:
            super().set_parent(ident, parent, channel)

    def label(self, source: str, uid: str | None) -> None:
        """Label what the calling thread writes from now on."""
        header = self.session.msg_header(f"qs_{source}")
        self.set_parent([], {"header": {**header, "qs_source": source, "qs_uid": uid}})

    def _push_event(self, text: str) -> None:
        self.session.send(
            self.iopub_socket, m.EVENT_TYPE, text.encode(), ident=self._topic(m.EVENT_TYPE)
        )

    def _push_documents(self, item_uid: str | None, documents: list[dict[str, Any]]) -> None:
        text = to_json({"item_uid": item_uid, "documents": documents})
        self.session.send(
            self.iopub_socket, m.DOCUMENTS_TYPE, text.encode(), ident=self._topic(m.DOCUMENTS_TYPE)
        )

    def _open(self, msg: list[Any]) -> _Envelope | None:
        """Read the outside of a message, None when it is not a valid one.

        The content stays packed: unpacking it here would make the kernel take the message
        for a replayed one when it is read again.
        """
        try:
            idents, frames = self.session.feed_identities(msg, copy=False)
            message = self.session.deserialize(frames, content=False, copy=False)
        except (ValueError, TypeError, KeyError):
            return None
        return _Envelope(idents, message["header"], message["content"])


def _labelled(header: dict[str, Any], job: m.Job) -> dict[str, Any]:
    """Return the header with the item or task to which output of the job belongs."""
    if isinstance(job, (m.PlanJob, m.ContinueJob)):
        return {**header, "qs_source": "item", "qs_uid": job.item_uid}
    return {**header, "qs_source": "task", "qs_uid": job.uid}


def _admission_reply(admission: Admission) -> str:
    if admission.verdict == "busy":
        return to_json({"status": "busy", "message": admission.reason})
    return to_json({"status": "ok", "verdict": admission.verdict})
