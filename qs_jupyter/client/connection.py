"""How a client reaches a manager: address, encoding, key, time limits, and what can fail."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import zmq

from qs_jupyter.errors import ConfigurationError, Failure, ProtocolFailure, Refusal
from qs_jupyter.setting_kinds import check_curve_key
from qs_jupyter.wire.codec import codec
from qs_jupyter.wire.keys import PUBLIC_KEY_VARIABLE, encrypt_client

CONTROL_VARIABLE = "QSERVER_ZMQ_CONTROL_ADDRESS"
INFO_VARIABLE = "QSERVER_ZMQ_INFO_ADDRESS"
ENCODING_VARIABLE = "QSERVER_ZMQ_ENCODING"

DEFAULT_CONTROL_ADDRESS = "tcp://localhost:60615"
DEFAULT_INFO_ADDRESS = "tcp://localhost:60625"

LINGER_MS = 100


class CommunicationFailure(Failure):
    """The request did not reach the manager, or no readable reply came back."""


class NoReply(CommunicationFailure):
    """The manager did not answer in time."""

    def __init__(self, address: str, timeout_s: float) -> None:
        super().__init__(
            f"timeout occurred: no reply from {address} within {timeout_s:g} s (is the manager "
            "running, with the same address, encoding and key?)"
        )


class RequestRefused(Refusal):
    """The manager refused the request; ``reply`` is its whole answer."""

    def __init__(self, method: str, reply: Mapping[str, Any]) -> None:
        super().__init__(str(reply.get("msg", "")))
        self.method = method
        self.reply = dict(reply)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the manager is and how it is spoken to.

    ``encoding`` is ``json`` or ``msgpack``, as the manager was told. ``public_key`` is the public
    key of the manager, None for sockets that are not encrypted. A reply may take ``timeout_s``
    seconds, and a request may wait ``send_timeout_s`` seconds until it can be sent.
    """

    address: str = DEFAULT_CONTROL_ADDRESS
    encoding: str = "json"
    public_key: str | None = None
    timeout_s: float = 2.0
    send_timeout_s: float = 0.5

    @classmethod
    def choose(
        cls,
        address: str | None = None,
        encoding: str | None = None,
        public_key: str | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        **limits: float,
    ) -> Connection:
        """Return a connection; what is not given is taken from the environment.

        Raises
        ------
        ConfigurationError
            Encoding or key cannot be right.
        """
        encoding = encoding or environment.get(ENCODING_VARIABLE) or "json"
        if encoding.lower() not in ("json", "msgpack"):
            raise ConfigurationError(f"Unknown encoding {encoding!r}: use 'json' or 'msgpack'")
        public_key = public_key or environment.get(PUBLIC_KEY_VARIABLE) or None
        if public_key is not None:
            try:
                check_curve_key(public_key)
            except ConfigurationError as error:
                raise ConfigurationError(f"Invalid public key of the manager: {error}") from None
        return cls(
            address or environment.get(CONTROL_VARIABLE) or DEFAULT_CONTROL_ADDRESS,
            encoding.lower(),
            public_key,
            **limits,
        )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that make another client for the same manager."""
        return {
            "address": self.address,
            "encoding": self.encoding,
            "public_key": self.public_key,
            "timeout_s": self.timeout_s,
            "send_timeout_s": self.send_timeout_s,
        }

    def prepare(self, socket: zmq.Socket[Any]) -> None:
        """Set the options of a new request socket and connect it.

        Raises
        ------
        ConfigurationError
            The address is malformed.
        """
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        if self.public_key:
            encrypt_client(socket, self.public_key)
        connect(socket, self.address)

    def encode(self, method: str, params: Mapping[str, Any]) -> bytes:
        """Return a request as one frame."""
        return codec(self.encoding).encode({"method": method, "params": params})

    def decode(self, frame: bytes) -> dict[str, Any]:
        """Return a reply.

        Raises
        ------
        CommunicationFailure
            The reply cannot be read in the chosen encoding.
        """
        try:
            reply = codec(self.encoding).decode(frame)
        except ProtocolFailure as error:
            raise CommunicationFailure(
                f"the reply of {self.address} is not {self.encoding}: {frame[:60]!r}"
            ) from error
        if not isinstance(reply, dict):
            raise CommunicationFailure(f"the reply of {self.address} is not a map: {reply!r}")
        return reply


def connect(socket: zmq.Socket[Any], address: str) -> None:
    """Connect a socket; a malformed address is a `ConfigurationError`."""
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        raise ConfigurationError(f"{address!r} is not an address to connect to: {error}") from error


def checked(method: str, reply: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Return the reply; with ``check``, raise `RequestRefused` for a refusal."""
    if check and reply.get("success") is False:
        raise RequestRefused(method, reply)
    return reply
