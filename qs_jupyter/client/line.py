"""A request socket that notices when the other side goes away.

A plain request socket waits for its reply even when the manager has died, because 0MQ
reconnects in silence. Its monitor tells of the lost connection at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from qs_jupyter.client.connection import CommunicationFailure, Connection


class Line:
    """One connection to a manager, for requests whose reply may take long.

    Belongs to the thread that made it. After a failure it is to be closed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.REQ)
        self._monitor: zmq.Socket[bytes] = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            connection.prepare(self._socket)
        except BaseException:
            self.close()
            raise

    def ask(
        self, wake: zmq.Socket[bytes], method: str, params: Mapping[str, Any], limit_s: float
    ) -> dict[str, Any] | None:
        """Send a request and return its reply; None when ``wake`` had a message before.

        Raises
        ------
        CommunicationFailure
            No reply came in time, or the connection was lost.
        """
        self._socket.send(self._connection.encode(method, params))
        poller = zmq.Poller()
        for socket in (self._socket, wake, self._monitor):
            poller.register(socket, zmq.POLLIN)
        ready = dict(poller.poll(round(limit_s * 1000)))
        if wake in ready:
            return None
        if self._socket in ready:
            return self._connection.decode(self._socket.recv())
        if self._monitor in ready:
            recv_monitor_message(self._monitor)
            raise CommunicationFailure(f"the connection to {self._connection.address} was lost")
        raise CommunicationFailure(f"no reply from {self._connection.address}")

    def close(self) -> None:
        """Close the sockets."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
