"""Keys of encrypted sockets: made, derived, checked, and put on sockets."""

from __future__ import annotations

from typing import Any

import zmq

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.setting_kinds import check_curve_key

PRIVATE_KEY_VARIABLE = "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER"
PUBLIC_KEY_VARIABLE = "QSERVER_ZMQ_PUBLIC_KEY"


def generate_keys() -> tuple[str, str]:
    """Return a new public and private key."""
    public, private = zmq.curve_keypair()
    return public.decode(), private.decode()


def public_key_of(private_key: str) -> str:
    """Return the public key that belongs to a private one.

    Raises
    ------
    ConfigurationError
        The private key is malformed.
    """
    check_key(private_key)
    return zmq.curve_public(private_key.encode()).decode()


def check_key(key: str) -> None:
    """Refuse a malformed key.

    Raises
    ------
    ConfigurationError
        The key is not 40 characters of Z85.
    """
    try:
        check_curve_key(key)
    except ConfigurationError as error:
        raise ConfigurationError(f"Invalid key {key!r}: {error}") from None


def encrypt_client(socket: zmq.Socket[Any], server_public_key: str) -> None:
    """Let a socket that is not connected yet talk to the server with this key only."""
    public, private = zmq.curve_keypair()
    socket.curve_serverkey = server_public_key.encode()
    socket.curve_publickey = public
    socket.curve_secretkey = private
