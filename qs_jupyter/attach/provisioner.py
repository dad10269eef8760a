"""A Jupyter kernel that is not started but found: the worker of the queue server.

Hooks into jupyter_client 8.9 and later: the entry point group
``jupyter_client.kernel_provisioners``; ``KernelManager.shutting_down``,
``transport_encryption``, ``curve_publickey``, ``curve_secretkey``, ``_restarter`` and
``connect_shell(identity)``, by which a Jupyter server connects one browser each.

Whatever a front end does to its kernel, the worker stays: shutdown, kill and restart let go
of it, a restart finds it again. An interrupt strikes cells of this front end only: it takes
back those that wait, or stops the one that runs.
"""

from __future__ import annotations

import logging
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from tornado.web import HTTPError

from qs_jupyter.attach.interrupt import interrupt_cells
from qs_jupyter.attach.worker import AttachFailure, FoundWorker, find_worker

logger = logging.getLogger(__name__)

CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
HANDED_ON = (
    "transport",
    "ip",
    "signature_scheme",
    "curve_publickey",
    "curve_secretkey",
    *(f"{channel}_port" for channel in CHANNELS),
)


class ShownFailure(AttachFailure, HTTPError):  # noqa: N818 - of the family of failures
    """A failure whose text a Jupyter server hands on to the notebook, which wraps no lines."""

    def __init__(self, text: str) -> None:
        self._text = fill(text, 90, break_long_words=False, break_on_hyphens=False)
        HTTPError.__init__(self, 503, self._text)

    def __str__(self) -> str:
        return self._text


class SocketLinks:
    """Links to sockets that are files: Jupyter removes those of a kernel that it shuts down."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def to(self, info: Mapping[str, Any]) -> str:
        """Link all sockets; return the path to use in place of theirs, always the same."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(
                prefix="qs-attached-", ignore_cleanup_errors=True
            )
        prefix = f"{self._folder.name}/k"
        for channel in CHANNELS:
            number = info[f"{channel}_port"]
            link = Path(f"{prefix}-{number}")
            link.unlink(missing_ok=True)
            link.symlink_to(f"{info['ip']}-{number}")
        return prefix

    def remove(self) -> None:
        """Remove the links; the sockets stay."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


class AttachedProvisioner(KernelProvisionerBase):  # type: ignore[misc]
    """Lends the worker to a Jupyter front end."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._worker: FoundWorker | None = None
        self._links = SocketLinks()
        self._sessions: set[str] = set()

    # ------------------------------------------------------------------- attach and let go

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Prepare nothing: there is no command to run."""
        return {**await super().pre_launch(**kwargs), "cmd": []}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Find the worker and return how it is reached."""
        try:
            worker = await find_worker(kwargs["env"])
            self._check_encryption(worker.info)
        except AttachFailure as failure:
            raise ShownFailure(f"Cannot attach to the RE worker: {failure}") from failure
        self._forget_keys()
        self._note_sessions()
        info = {name: worker.info[name] for name in HANDED_ON if name in worker.info}
        info["key"] = str(worker.info["key"]).encode()
        if info["transport"] == "ipc":
            info["ip"] = self._links.to(info)
        self._worker = worker
        self.connection_info = info
        return info

    async def post_launch(self, **kwargs: Any) -> None:
        """Let a worker that has ended be called dead at once; there is nothing to restart."""
        restarter = getattr(self.parent, "_restarter", None)
        if restarter is not None:
            restarter.restart_limit = 0

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Let go; the worker itself heeds nobody but its manager."""
        await self._let_go()

    async def terminate(self, restart: bool = False) -> None:
        """Let go."""
        await self._let_go()

    async def kill(self, restart: bool = False) -> None:
        """Let go."""
        await self._let_go()

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what was made here."""
        await self._let_go()
        if not restart:
            self._links.remove()

    async def _let_go(self) -> None:
        """Leave the worker; what was typed here and has not run must not run later."""
        worker, self._worker = self._worker, None
        if worker is not None and await worker.is_alive():
            await interrupt_cells(worker.info, self._sessions, waiting_only=True)

    # --------------------------------------------------------------------------- questions

    @property
    def has_process(self) -> bool:
        """Whether a worker is attached."""
        return self._worker is not None

    async def poll(self) -> int | None:
        """Return None as long as the worker is attached and runs."""
        worker = self._worker
        return None if worker is not None and await worker.is_alive() else 0

    async def wait(self) -> int | None:
        """Wait for nothing: what is let go goes on."""
        return 0

    # --------------------------------------------------------------------------- interrupt

    async def send_signal(self, signum: int) -> None:
        """Pass on an interrupt; all other signals are not for the worker."""
        if signum != signal.SIGINT or self._worker is None:
            return
        # Jupyter interrupts before it shuts down, which would hit what others do.
        if not self.parent.shutting_down:
            await self._interrupt(self._worker)

    async def _interrupt(self, worker: FoundWorker) -> None:
        refusal = await interrupt_cells(worker.info, self._sessions)
        if refusal is not None:
            raise ShownFailure(f"Not interrupted: {refusal}")

    def _note_sessions(self) -> None:
        """Learn the sessions of those who type here: our own, and one for each browser."""
        if self._sessions:
            return
        self._sessions.add(str(self.parent.session.session))
        connect = self.parent.connect_shell

        def connect_and_note(identity: bytes | None = None) -> Any:
            if identity is not None:
                self._sessions.add(identity.decode())
            return connect(identity=identity)

        self.parent.connect_shell = connect_and_note

    # -------------------------------------------------------------------------- encryption

    def _check_encryption(self, info: Mapping[str, Any]) -> None:
        is_private = info["transport"] == "ipc" or "curve_publickey" in info
        if self.parent.transport_encryption == "required" and not is_private:
            raise AttachFailure(
                "this Jupyter wants encrypted kernels, and the worker is not: start the manager "
                "with --security secure"
            )

    def _forget_keys(self) -> None:
        """Forget the keys of the worker before, which Jupyter would keep for one without."""
        self.parent.curve_publickey = self.parent.curve_secretkey = None
