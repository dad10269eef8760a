"""The launcher: keeps a manager running, and ends with it when it ends in order.

The manager is a child process at the end of two pipes (see `launcher_orders`). It is started
again when it vanishes and killed when it stays silent. Whether it vanished, fell silent or a
signal came, it is one event of one selector; nothing is polled. The manager runs in a process
group of its own, so that Ctrl-C reaches it through the launcher and only once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import qs_jupyter
from qs_jupyter.launcher_orders import ENDED, FAILED, READY, Orders, StopReason
from qs_jupyter.service_manager import ServiceManager
from qs_jupyter.settings import Settings

logger = logging.getLogger(__name__)

_STOP_SIGNALS = {
    signal.SIGINT: StopReason.INTERRUPT,
    signal.SIGTERM: StopReason.TERMINATE,
}

# What the manager's interpreter runs. Options keep the current folder off its module path; in
# a checkout the package is found where the launcher found it.
_BOOTSTRAP = (
    "import sys; sys.path.append({!r}); from qs_jupyter.manager_process import main; main()"
)

_MOST_FALSE_STARTS = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the launcher waits, in seconds."""

    start: float = 60.0
    silence: float = 5.0
    stop: float = 20.0
    exit: float = 5.0
    quick_death: float = 5.0
    first_delay: float = 0.25
    longest_delay: float = 5.0


@dataclass(slots=True)
class _Child:
    """One manager process and what is known about it."""

    process: subprocess.Popen[bytes]
    orders_fd: int
    beats_fd: int
    started: float
    last_beat: float
    has_beaten: bool = False
    is_ready: bool = False
    ended: int | None = None

    def take(self, data: bytes, now: float) -> None:
        """Take what came through the pipe."""
        self.last_beat = now
        self.has_beaten = True
        if READY in data:
            self.is_ready = True
        if ENDED in data:
            self.ended = 0
        elif FAILED in data:
            self.ended = 1

    def order(self, reason: StopReason) -> None:
        """Pass on an order to stop."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.orders_fd, reason.value.encode() + b"\n")

    def close(self) -> None:
        """Let go of the pipes of a process that has ended."""
        os.close(self.orders_fd)
        os.close(self.beats_fd)


def manager_command() -> list[str]:
    """Return the command that runs a manager; the numbers of the pipes are added to it."""
    folder = str(Path(qs_jupyter.__file__).parent.parent)
    return [sys.executable, "-P", "-c", _BOOTSTRAP.format(folder)]


class Launcher:
    """Runs managers with the same settings one after the other until one ends in order."""

    def __init__(
        self,
        settings: Settings,
        *,
        command: Sequence[str] | None = None,
        limits: Limits | None = None,
        service: ServiceManager | None = None,
    ) -> None:
        self._settings = settings
        self._command = list(command or manager_command())
        self._limits = limits or Limits()
        self._service = service or ServiceManager()
        self._stop: StopReason | None = None
        self._stop_deadline = float("inf")
        self._is_last = False
        self._was_ready = False
        self._false_starts = 0
        self._delay = 0.0

    def run(self) -> int:
        """Keep a manager running; return the exit code of the program."""
        with _signals_as_bytes() as signals, selectors.DefaultSelector() as selector:
            selector.register(signals, selectors.EVENT_READ)
            while True:
                child = self._start()
                selector.register(child.beats_fd, selectors.EVENT_READ)
                self._attend(child, selector, signals)
                selector.unregister(child.beats_fd)
                how = self._bury(child)
                code = self._verdict(child)
                if code is not None:
                    return code
                self._wait_before_restart(child, how, selector, signals)

    def _verdict(self, child: _Child) -> int | None:
        """Return the exit code of the program, None when another manager is to be started."""
        self._was_ready = self._was_ready or child.is_ready
        if child.ended == 0:
            return self._exit_code(0)
        if not self._was_ready and not self._may_begin_again(child):
            return self._exit_code(1)
        if self._stop is None:
            # A restarted manager that cannot begin, for instance because the store is away just
            # then, is tried again: a plan may be running that somebody must look after.
            return 1 if child.ended is not None and child.is_ready else None
        if child.ended is not None or self._is_last:
            return self._exit_code(1)
        # A manager that vanished while it was to stop may have left its worker behind. One
        # more is started, finds the worker and ends it: its first order is to stop.
        self._is_last = True
        return None

    def _may_begin_again(self, child: _Child) -> bool:
        # A manager that cannot begin says so; the next one could not either. One that was
        # killed from outside is worth a few more attempts.
        self._false_starts += 1
        was_killed = child.ended is None and child.process.returncode < 0
        if was_killed and self._stop is None and self._false_starts < _MOST_FALSE_STARTS:
            return True
        if child.ended is None:
            logger.error("The manager ended before it could begin")
        return False

    def _exit_code(self, code: int) -> int:
        if self._stop is StopReason.INTERRUPT:
            return 0
        return 1 if self._stop is StopReason.TERMINATE else code

    def _start(self) -> _Child:
        orders_read, orders_write = os.pipe()
        beats_read, beats_write = os.pipe()
        process = subprocess.Popen(
            [*self._command, str(orders_read), str(beats_write)],
            stdin=subprocess.DEVNULL,
            pass_fds=(orders_read, beats_write),
            process_group=0,
        )
        os.close(orders_read)
        os.close(beats_write)
        now = time.monotonic()
        child = _Child(process, orders_write, beats_read, now, now)
        with contextlib.suppress(BrokenPipeError):
            os.write(orders_write, Orders(self._settings, self._was_ready).to_line())
        if self._stop is not None:
            self._stop_deadline = now + self._limits.stop
            child.order(self._stop)
        logger.debug("Manager process %d was started", process.pid)
        return child

    def _attend(
        self, child: _Child, selector: selectors.BaseSelector, signals: socket.socket
    ) -> None:
        """Watch over a manager until its pipe ends; that is when the process is gone."""
        while True:
            patience = self._deadline(child) - time.monotonic()
            ready = [key.fileobj for key, _ in selector.select(max(0.0, patience))]
            if signals in ready:
                self._take_signals(signals, child)
            if child.beats_fd in ready:
                data = os.read(child.beats_fd, 65536)
                if not data:
                    return
                self._take_beats(child, data)
            elif time.monotonic() >= self._deadline(child):
                self._kill(child)
                return

    def _take_beats(self, child: _Child, data: bytes) -> None:
        was_ready = child.is_ready
        child.take(data, time.monotonic())
        if child.is_ready and not was_ready:
            self._service.ready()
        self._service.alive()

    def _deadline(self, child: _Child) -> float:
        if child.ended is not None:
            return child.last_beat + self._limits.exit
        limit = self._limits.silence if child.has_beaten else self._limits.start
        return min(child.last_beat + limit, self._stop_deadline)

    def _kill(self, child: _Child) -> None:
        if time.monotonic() >= self._stop_deadline:
            logger.error(
                "Manager process %d did not end within %g s and is killed",
                child.process.pid,
                self._limits.stop,
            )
        elif child.ended is None:
            silence = time.monotonic() - child.last_beat
            logger.error(
                "Manager process %d has been silent for %.1f s and is killed; the worker is not "
                "touched",
                child.process.pid,
                silence,
            )
        child.process.kill()

    def _bury(self, child: _Child) -> str:
        try:
            code = child.process.wait(self._limits.exit)
        except subprocess.TimeoutExpired:
            child.process.kill()
            code = child.process.wait()
        child.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _take_signals(self, signals: socket.socket, child: _Child | None) -> None:
        for number in signals.recv(4096):
            reason = _STOP_SIGNALS.get(signal.Signals(number))
            if reason is None:
                continue
            if self._stop is None:
                self._stop = reason
                self._stop_deadline = time.monotonic() + self._limits.stop
                self._service.stopping()
                logger.info("Stopping: %s", reason.value)
            if child is not None:
                child.order(reason)

    def _wait_before_restart(
        self, child: _Child, how: str, selector: selectors.BaseSelector, signals: socket.socket
    ) -> None:
        lived = time.monotonic() - child.started
        if lived >= self._limits.quick_death:
            self._delay = 0.0
        self._service.restarting()
        logger.warning("The manager has gone (%s) and is started again", how)
        deadline = time.monotonic() + self._delay
        self._delay = min(
            max(2 * self._delay, self._limits.first_delay), self._limits.longest_delay
        )
        while self._stop is None and (patience := deadline - time.monotonic()) > 0:
            if selector.select(patience):
                self._take_signals(signals, None)


@contextlib.contextmanager
def _signals_as_bytes() -> Iterator[socket.socket]:
    """Turn signals to stop into bytes that a selector can wait for."""
    receiving, sending = socket.socketpair()
    receiving.setblocking(False)
    sending.setblocking(False)
    before = {number: signal.signal(number, _nothing) for number in _STOP_SIGNALS}
    previous = signal.set_wakeup_fd(sending.fileno())
    try:
        yield receiving
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        receiving.close()
        sending.close()


def _nothing(_number: int, _frame: object) -> None:
    """Let the signal do nothing but write its byte."""
