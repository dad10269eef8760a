"""A bell that ends the waiting of a thread which sits in a 0MQ poll."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress

import zmq

_numbers = itertools.count()


class Bell:
    """Rung by any thread, heard by one, which also puts it away.

    Both ends exist before the listening thread does, so that no ring comes too early for it.
    """

    def __init__(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        # A new name each time: 0MQ gives the one of a closed socket free a little later.
        address = f"inproc://qs-bell-{next(_numbers)}"
        self.ear: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self.ear.bind(address)
        # The connecting end can send at once; the binding one learns of its peer later.
        self._rope: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self._rope.connect(address)
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Wake the listening thread, or keep it from falling asleep; never waits."""
        with self._lock:
            # There is no room when a thousand rings are still to be heard: one is enough.
            if not self._rope.closed:
                with suppress(zmq.Again):
                    self._rope.send(b"", zmq.NOBLOCK)

    def listen(self, limit_s: float) -> bool:
        """Wait for a ring and take it as heard; False when none came in time."""
        is_rung = bool(self.ear.poll(round(limit_s * 1000)))
        self.silence()
        return is_rung

    def silence(self) -> None:
        """Take all rings as heard."""
        while self.ear.poll(0):
            self.ear.recv()

    def put_away(self) -> None:
        """Close both ends; later rings are in vain. For the listening thread, at its end."""
        with self._lock:
            self._rope.close(0)
        self.ear.close(0)
