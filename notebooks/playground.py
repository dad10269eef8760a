"""A place for a manager that disturbs nobody: its sockets and files are in a temporary folder."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

LIMIT_S = 20.0
_folders = []


def begin() -> Path:
    """Let ``%qserver`` and everything it starts work in a new temporary folder; return it."""
    place = Path(tempfile.mkdtemp(prefix="qs-"))
    control, info = f"ipc://{place}/control", f"ipc://{place}/info"
    os.environ.update(
        QSERVER_ZMQ_CONTROL_ADDRESS=control,
        QSERVER_ZMQ_INFO_ADDRESS=info,
        QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER=control,
        QSERVER_ZMQ_INFO_ADDRESS_FOR_SERVER=info,
        QSERVER_STORE=str(place / "store.sqlite"),
        QSERVER_RUNTIME_DIR=str(place / "run"),
    )
    _folders.append(place)
    return place


def folder() -> Path:
    """Return the temporary folder."""
    return _folders[-1]


def end() -> None:
    """Remove the folder as soon as the manager has ended."""
    place = _folders.pop()
    deadline = time.monotonic() + LIMIT_S
    while _listens(place / "control"):
        if time.monotonic() > deadline:
            raise TimeoutError("the manager still runs; stop it with: %qserver manager stop")
        time.sleep(0.05)
    shutil.rmtree(place, ignore_errors=True)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
