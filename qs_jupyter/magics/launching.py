"""Starts a manager that outlives the notebook.

The manager becomes the child of nobody: a kernel that ends takes its own children with it.
Its output goes to a file in the user's log folder.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import CommunicationFailure, Connection
from qs_jupyter.magics.failures import MagicFailure

PATIENCE_S = 60.0
ROUND_S = 0.5
ADDRESS_OPTION = "--zmq-control-addr"
KEPT_LOG_LINES = 2

# Starts the command in a session of its own, says its number and goes away. The command holds
# one end of a pipe, so that its end is noticed although it is nobody's child.
_MIDWIFE = (
    "import subprocess, sys; "
    "print(subprocess.Popen(sys.argv[3:], start_new_session=True, stdin=subprocess.DEVNULL, "
    "stdout=open(sys.argv[1], 'ab'), stderr=subprocess.STDOUT, "
    "pass_fds=(int(sys.argv[2]),)).pid)"
)


def launch(connection: Connection, options: Sequence[str]) -> tuple[int, str, Path]:
    """Start a manager and wait until it answers; return its process id, address and log file.

    Raises
    ------
    MagicFailure
        It ended at once, or does not answer; the text ends with what it said.
    """
    address, arguments = addressed(connection.address, list(options))
    log = _log_file()
    command = [sys.executable, "-m", "qs_jupyter", "start-re-manager", *arguments]
    begun = log.stat().st_size if log.exists() else 0
    life, held = os.pipe()
    try:
        pid = _start(command, log, held)
        _wait_for_answer(replace(connection, address=address), pid, life, log, begun)
    finally:
        os.close(life)
    return pid, address, log


def _start(command: Sequence[str], log: Path, held: int) -> int:
    try:
        midwife = subprocess.run(
            [sys.executable, "-c", _MIDWIFE, str(log), str(held), *command],
            capture_output=True,
            text=True,
            check=False,
            pass_fds=(held,),
        )
    finally:
        os.close(held)
    if midwife.returncode != 0:
        raise MagicFailure(f"the manager could not be started: {midwife.stderr.strip()}")
    return int(midwife.stdout)


def _wait_for_answer(connection: Connection, pid: int, life: int, log: Path, begun: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    address = connection.address
    with Client(address, encoding=connection.encoding, public_key=connection.public_key) as client:
        while True:
            try:
                client.call("ping", {}, timeout_s=ROUND_S)
            except CommunicationFailure:
                if select.select([life], [], [], 0)[0]:
                    raise MagicFailure(f"the manager has ended: {_words(log, begun)}") from None
                if time.monotonic() > deadline:
                    raise MagicFailure(
                        f"the manager (process {pid}) does not answer at {address} after "
                        f"{PATIENCE_S:g} s: see {log}"
                    ) from None
            else:
                return


def addressed(address: str, options: list[str]) -> tuple[str, list[str]]:
    """Return where the manager will be found, and its options with that address."""
    given = _given_address(options)
    if given is not None:
        return given.replace("*", "localhost"), [*_publishing(options), *options]
    parts = urlsplit(address)
    if parts.scheme == "tcp" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise MagicFailure(
            f"a manager cannot be launched at {address}, which is another machine: give "
            f"{ADDRESS_OPTION} tcp://127.0.0.1:PORT"
        )
    bound = address.replace("localhost", "127.0.0.1")
    return address, [*_publishing(options), ADDRESS_OPTION, bound, *options]


def _given_address(options: Sequence[str]) -> str | None:
    for index, option in enumerate(options):
        name, has_value, value = option.partition("=")
        if name == ADDRESS_OPTION:
            return value if has_value else "".join(options[index + 1 : index + 2])
    return None


def _publishing(options: Sequence[str]) -> list[str]:
    option = "--zmq-publish-console"
    return [] if any(word.startswith(option) for word in options) else [option, "ON"]


def _log_file() -> Path:
    from platformdirs import user_log_path  # noqa: PLC0415 - only a launch needs it

    folder = user_log_path("qs-jupyter", appauthor=False, ensure_exists=True)
    return folder / "manager.log"


def _words(log: Path, begun: int) -> str:
    """Return the last lines that the manager wrote."""
    with log.open("rb") as stream:
        stream.seek(begun)
        lines = stream.read().decode(errors="replace").splitlines()
    return "; ".join(lines[-KEPT_LOG_LINES:]) or f"it said nothing (log: {log})"
