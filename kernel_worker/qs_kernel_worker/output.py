"""Output of the worker: one ordered buffer for both streams, labelled, flushed without waiting.

Hooks into ipykernel 7.4 (``iostream.OutStream``): ``write``, ``flush``, ``_flush``,
``_schedule_flush``, ``_watch_pipe_fd`` and the attributes ``_fid``,
``_original_stdstream_copy``, ``_original_stdstream_fd``, ``_should_watch``,
``_parent_header_global``, ``parent_header``, ``_flush_pending``, ``_is_master_process``,
``pub_thread``.

The stock streams keep a buffer each, so the order of stdout and stderr is lost; they flush in
the thread of iopub, so a result sent right after a flush can overtake the text; and they cut
the output of file descriptors every 1000 bytes, also inside a character. A label is the
parent header of a message: of the context (a job, a thread that set its own) or else of what
the main thread did last.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import select
import sys
import threading
from typing import Any

from ipykernel.iostream import OutStream

from qs_kernel_worker.written_text import SharedBuffer

logger = logging.getLogger(__name__)

READ_BYTES = 65_536
READS_AT_A_TIME = 64

# What is written past Python goes to the log file as well, but not for months: the file may
# lie in memory.
LOGGED_BYTES = 2**20


shared = SharedBuffer()


class WorkerOutStream(OutStream):  # type: ignore[misc]
    """Standard output or error of the worker."""

    flush_interval = 0.05

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._fd_lock = threading.RLock()
        self._left_to_log = LOGGED_BYTES
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        super().__init__(*args, **kwargs)

    def write(self, string: str) -> int:
        """Take text with the label of the calling context."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        if string:
            self._add(string, self.parent_header)
        return len(string)

    def flush(self) -> None:
        """Send all text of both streams, in order, before returning."""
        self.drain()
        self._flush()

    def drain(self) -> None:
        """Take what was written to the file descriptor and not read yet."""
        if self._fid is None or not self._should_watch or not self._is_master_process():
            return
        with self._fd_lock, contextlib.suppress(BlockingIOError):
            for _ in range(READS_AT_A_TIME):
                data = os.read(self._fid, READ_BYTES)
                if not data:
                    return
                self._log(data)
                text = self._decoder.decode(data)
                if text:
                    self._add(text, self._parent_header_global)

    def _log(self, data: bytes) -> None:
        if self._left_to_log > 0:
            self._left_to_log -= len(data)
            with contextlib.suppress(OSError):  # a full disk must not silence the worker
                os.write(self._original_stdstream_copy, data)

    def _add(self, text: str, label: dict[str, Any]) -> None:
        shared.add(self.name, label, text)
        if self._is_master_process():
            self._schedule_flush()
        else:
            self._flush()  # a forked child has no thread that would do it later

    def _flush(self) -> None:
        self._flush_pending = False
        if self.pub_thread is not None:
            shared.send(self.session, self.pub_thread)

    def _watch_pipe_fd(self) -> None:
        """Run in a thread of its own: read the file descriptor as long as it is watched."""
        if self._fid is None:
            return
        os.set_blocking(self._fid, False)
        while self._should_watch:
            select.select([self._fid], [], [])
            self.drain()


def flush_output() -> None:
    """Send everything written so far, by Python or past it, on its way to the clients."""
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except Exception as error:  # noqa: BLE001 - see below
        # User code has put something else there, or nothing. What becomes of its text is its own
        # affair; the job still has an end that must be told.
        logger.debug("%r cannot be flushed: %s", stream, error)


def log_file_descriptor() -> int | None:
    """Return the file descriptor of the process's own stderr, behind the redirection."""
    copy = getattr(sys.stderr, "_original_stdstream_copy", None)
    return copy if isinstance(copy, int) else None
