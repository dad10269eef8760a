"""Addresses that are paths: the file of the socket is for this user only, and never taken over.

0MQ itself would remove whatever lies at the path, be it the socket of a living server or
somebody's data, and would leave the permissions to the umask.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qs_jupyter.errors import ConfigurationError

LONGEST_PATH = 103  # macOS allows 104 bytes with the closing zero, Linux 108


@contextmanager
def private_path(address: str) -> Iterator[None]:
    """Bind to the address inside of this; others can not open the file that comes about.

    Raises
    ------
    ConfigurationError
        Somebody serves at this path, or it is no socket; nothing was removed.
    """
    path = path_of(address)
    if path is None:
        yield
        return
    _require_usable(path)
    _require_free(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder of {address!r} can not be made: {error.strerror}"
        ) from error
    # Nobody else makes files at this moment: sockets are bound before the manager works.
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def remove(address: str) -> None:
    """Remove the file of a socket that was bound here and is closed now: 0MQ leaves it."""
    path = path_of(address)
    if path is not None:
        with suppress(OSError):
            path.unlink()


def path_of(address: str) -> Path | None:
    """Return the path of an address, None for one that is no file."""
    protocol, _, rest = address.partition("://")
    return Path(rest) if protocol == "ipc" and rest[:1] not in ("@", "*") else None


def _require_usable(path: Path) -> None:
    if not path.is_absolute():
        raise ConfigurationError(
            f"'ipc://{path}' means another file in each folder: write the whole path, as in "
            "ipc:///run/user/1000/qserver/control"
        )
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigurationError(
            f"'ipc://{path}' is too long: paths of sockets have at most {LONGEST_PATH} bytes"
        )


def _require_free(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_socket():
        raise ConfigurationError(f"'{path}' exists and is no socket. Choose another ipc:// address")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return  # left behind by a process that was killed
        except OSError as error:
            raise ConfigurationError(
                f"The socket '{path}' can not be used: {error.strerror}. Choose another ipc:// "
                "address"
            ) from error
    raise ConfigurationError(
        f"Another process serves at 'ipc://{path}'. Is another manager running?"
    )
