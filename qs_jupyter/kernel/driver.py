"""What the manager asks of a kernel, as a protocol.

A driver owns one worker kernel at a time. The manager calls its coroutines from one event
loop; the driver calls the listener back from the same loop, in the order in which things
happened in the worker. Nothing here knows how a kernel is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from qs_jupyter.errors import KernelFailure
from qs_kernel_worker.messages import Job, NumberedEvent, Request, WorkerReport


@dataclass(frozen=True, slots=True)
class ConsoleText:
    """A piece of output of the worker.

    ``source`` is ``item`` (a plan), ``task``, ``startup`` or ``console`` (a cell of another
    client); ``uid`` the item or task it belongs to, or the session of the console.
    """

    time: float
    text: str
    stream: str
    source: str
    uid: str | None = None


class KernelListener(Protocol):
    """Who is told what happens in the worker. The methods are quick and never raise."""

    def worker_event(self, event: NumberedEvent) -> None:
        """Take the next event; numbers are without gaps and never repeated."""

    def worker_text(self, text: ConsoleText) -> None:
        """Take output of the worker, in the order in which it was written."""

    def worker_documents(self, item_uid: str | None, documents: list[dict[str, Any]]) -> None:
        """Take documents of a plan, if they were asked for with `FollowDocuments`."""

    def worker_died(self, cause: str) -> None:
        """Learn that the process is gone without having been asked to go."""


class WorkerBusyError(Exception):
    """The worker refused a job because its main thread is taken; the text says by whom."""


class JobRefusedError(KernelFailure):
    """The worker will not run a job, now or later; the text says why."""


class KernelDriver(Protocol):
    """One worker kernel: start, find again, talk to, end."""

    @property
    def is_running(self) -> bool:
        """Whether a worker process is known and alive."""

    async def start(self) -> WorkerReport:
        """Start a worker; return when its control channel answers, before startup code ends.

        Raises
        ------
        KernelFailure
            The process ended or did not answer in time; the text holds the reason.
        """

    async def adopt(self, since: int = 0) -> WorkerReport | None:
        """Attach to the worker an earlier manager left running; None when there is none.

        Events after number ``since`` are delivered to the listener before this returns.
        """

    async def request(self, message: Request, *, timeout_s: float = 2.0) -> dict[str, Any]:
        """Send a request over control and return the reply's result.

        Raises
        ------
        KernelFailure
            The worker refused (text of its error) or did not answer in time.
        """

    async def submit(self, job: Job, *, timeout_s: float = 5.0) -> None:
        """Hand a job to the main thread; return when the worker has taken it.

        Submitting the same uid and attempt twice is harmless.

        Raises
        ------
        WorkerBusyError
            The main thread is taken by a cell of another client.
        JobRefusedError
            The worker will not run it.
        KernelFailure
            No answer: whether the job was taken is unknown.
        """

    def acknowledge(self, seq: int) -> None:
        """Tell the worker that events up to ``seq`` are durable; does not wait."""

    async def shutdown(self) -> None:
        """End the worker in order, by force when it does not follow in time."""

    async def kill(self) -> None:
        """End the worker and its children at once, and remove its files."""

    async def detach(self) -> None:
        """Let go of the worker and leave it running."""

    def connection_info(self) -> dict[str, Any]:
        """Return the Jupyter connection information of the worker, ``{}`` without one."""

    def connection_file(self) -> str | None:
        """Return the path of the connection file, None without a worker."""
