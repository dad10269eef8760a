"""Status and console: who is told what, and when.

Text of the worker and log lines of the manager form one stream. Pieces that arrive within
a few milliseconds leave as one message, so a table row costs one message and not thirty.
The terminal is written by a thread of its own: a stopped terminal stops nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from qs_jupyter.manager.event_stream import EventStream

COALESCE_S = 0.01
# A little less than the second that is promised: six come within six seconds on a busy machine.
HEARTBEAT_S = 0.9
TERMINAL_KEPT = 4_000_000

# Subscribers that wait for a manager, or for the next one, try ten times a second.
CONNECTING_S = 0.5


class StreamPublisher(Protocol):
    """The publishing socket, as the streams use it."""

    def console(self, text: str, when: float, **labels: Any) -> None:
        """Publish output."""

    def info(self, content: Mapping[str, Any]) -> None:
        """Publish a piece of system information."""

    def event(self, topic: bytes, text: str) -> None:
        """Publish a numbered event."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text on its way to terminal and subscribers, with what is known of its origin."""

    time: float
    text: str
    labels: Mapping[str, Any]


class Terminal:
    """Writes to standard output from a thread that owns it.

    For a terminal that was stopped, some text is kept, and what follows is counted.
    """

    def __init__(self, kept: int = TERMINAL_KEPT) -> None:
        self._kept = kept
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._lines_left_out = 0
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Hand over text; never waits."""
        with self._lock:
            if self._waiting > self._kept:
                self._lines_left_out += text.count("\n")
                return
            if self._lines_left_out:
                text = f"… {self._lines_left_out} lines are left out here …\n{text}"
                self._lines_left_out = 0
            self._waiting += len(text)
        self._texts.put(text)

    def close(self) -> None:
        """Write what is left, within a second."""
        self._texts.put(None)
        self._thread.join(timeout=1.0)

    def _write(self) -> None:
        while (text := self._texts.get()) is not None:
            try:
                sys.stdout.write(text)
                if self._texts.empty():
                    sys.stdout.flush()
            except (OSError, ValueError):
                # The terminal has gone; the text still reaches subscribers.
                continue
            finally:
                with self._lock:
                    self._waiting -= len(text)


class Streams:
    """Joins text and status into the two published topics."""

    def __init__(self, publisher: StreamPublisher | None, terminal: Terminal | None) -> None:
        self._publisher = publisher
        self._terminal = terminal
        self.events = EventStream(publisher.event if publisher is not None else None)
        self._pieces: deque[Piece] = deque()
        self._flush_handle: asyncio.TimerHandle | None = None
        self._hold_handle: asyncio.TimerHandle | None = None
        self._status: Callable[[], Mapping[str, Any]] | None = None
        self._status_handle: asyncio.Handle | None = None
        self._heartbeat_handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, status: Callable[[], Mapping[str, Any]], *, hold_text_s: float = 0.0) -> None:
        """Begin to publish; ``status`` returns the status of the moment.

        ``hold_text_s`` is how long text is kept back, so that those who waited for this manager,
        or listened to an earlier one, are connected when it is sent.
        """
        self._loop = asyncio.get_running_loop()
        self._status = status
        if hold_text_s > 0:
            self._hold_handle = self._loop.call_later(hold_text_s, self._end_hold)
        self._flush()
        self._publish_status()

    def _end_hold(self) -> None:
        if self._hold_handle is not None:
            self._hold_handle.cancel()
            self._hold_handle = None
        self._flush()

    def close(self) -> None:
        """Publish what is left and stop."""
        self._end_hold()
        for handle in (self._flush_handle, self._status_handle, self._heartbeat_handle):
            if handle is not None:
                handle.cancel()
        self._loop = None
        if self._terminal is not None:
            self._terminal.close()

    def text(self, text: str, when: float | None = None, **labels: Any) -> None:
        """Take output; called from the event loop's thread."""
        if not text:
            return
        self._pieces.append(Piece(when or time.time(), text, labels))
        if self._flush_handle is None and self._loop is not None:
            self._flush_handle = self._loop.call_later(COALESCE_S, self._flush)

    def text_from_any_thread(self, text: str, **labels: Any) -> None:
        """Take output from another thread."""
        when = time.time()
        loop = self._loop  # the loop's thread may end the streams meanwhile
        try:
            if loop is not None:
                loop.call_soon_threadsafe(lambda: self.text(text, when, **labels))
                return
        except RuntimeError:
            pass  # the loop is closed
        self._pieces.append(Piece(when, text, labels))

    def status_changed(self) -> None:
        """Publish the status once this turn of the loop is over."""
        if self._status_handle is None and self._loop is not None:
            self._status_handle = self._loop.call_soon(self._publish_status)

    def _publish_status(self) -> None:
        self._status_handle = None
        if self._status is None:
            return
        # Text that was written before the change is published before it.
        self._flush()
        status = self._status()
        self.events.add("status", time.time(), {"status": status})
        self._publish_info(status)

    def _publish_info(self, status: Mapping[str, Any]) -> None:
        if self._loop is None or self._publisher is None:
            return
        if self._heartbeat_handle is not None:
            self._heartbeat_handle.cancel()
        self._publisher.info({"status": status})
        self._heartbeat_handle = self._loop.call_later(HEARTBEAT_S, self._publish_again)

    def _publish_again(self) -> None:
        """Repeat the status, so that subscribers know that the manager is there."""
        if self._status is not None:
            self._publish_info(self._status())

    def _flush(self) -> None:
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        if self._hold_handle is not None:
            return
        while self._pieces:
            first = self._pieces.popleft()
            texts = [first.text]
            while self._pieces and self._pieces[0].labels == first.labels:
                texts.append(self._pieces.popleft().text)
            text = "".join(texts)
            if self._terminal is not None:
                self._terminal.write(text)
            self.events.add("console", first.time, {"text": text, **first.labels})
            if self._publisher is not None:
                self._publisher.console(text, first.time, **first.labels)


class StreamLogHandler(logging.Handler):
    """Sends log lines of the manager into the console stream."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Format the record and pass it on."""
        text = self.format(record) + "\n"
        labels = {"stream": "stdout", "source": "manager"}
        if threading.get_ident() == self._thread:
            self._streams.text(text, record.created, **labels)
        else:
            self._streams.text_from_any_thread(text, **labels)
