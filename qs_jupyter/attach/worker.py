"""Finds the running worker: how its kernel is reached, and whether it still runs.

The manager is asked first. When no manager was named and none answers, the newest living
worker of the runtime folder is taken, since a worker outlives a manager that has crashed.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio

from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.client.connection import CONTROL_VARIABLE, CommunicationFailure, Connection
from qs_jupyter.errors import ConfigurationError, Failure
from qs_jupyter.kernel.runtime import RuntimeFolder, WorkerProcess, workers_in
from qs_jupyter.settings import Settings

RUNTIME_VARIABLE = "QSERVER_RUNTIME_DIR"
HEARTBEAT_LIMIT_S = 5.0


class AttachFailure(Failure):
    """There is no worker to attach to; the text says why and what to do."""


class NoManagerFailure(AttachFailure):
    """Nobody answers who could tell of a worker, and none was found otherwise."""


@dataclass(frozen=True, slots=True)
class FoundWorker:
    """A worker: its connection information, its process when it is on this machine.

    ``manager`` is None for a worker that was found without one.
    """

    info: Mapping[str, Any] = field(repr=False)  # holds the keys
    process: WorkerProcess | None
    manager: Connection | None

    async def is_alive(self) -> bool:
        """Whether the kernel still runs."""
        if self.process is not None:
            return self.process.is_alive()
        return await _beats(self.info)


async def find_worker(
    environment: Mapping[str, str], *, address: str | None = None, encoding: str | None = None
) -> FoundWorker:
    """Return the worker of the manager at an address, or the one the environment variables name.

    Raises
    ------
    AttachFailure
        There is none, or its keys cannot be read.
    """
    named_by = "the address you gave" if address else CONTROL_VARIABLE
    try:
        manager = Connection.choose(address, encoding, environment=environment)
        runtime = RuntimeFolder.of(Settings(runtime_dir=environment.get(RUNTIME_VARIABLE)))
        config = await _ask(manager)
    except ConfigurationError as error:
        raise AttachFailure(str(error)) from error
    except CommunicationFailure as failure:
        if address or environment.get(CONTROL_VARIABLE):
            raise NoManagerFailure(
                f"no manager answers at {manager.address} ({named_by}): start it with "
                "start-re-manager, or correct the address"
            ) from failure
        return _newest(runtime.path, manager.address)
    return _told(config, manager, runtime.path)


async def _ask(manager: Connection) -> Mapping[str, Any]:
    async with AsyncClient(
        manager.address, encoding=manager.encoding, public_key=manager.public_key
    ) as client:
        reply = await client.request("config_get")
        if not reply.get("success"):
            raise AttachFailure(str(reply.get("msg")))
        config: Mapping[str, Any] = reply.get("config") or {}
        if not config.get("ip_connect_info"):
            raise AttachFailure(_why_none(await client.request("status"), manager.address))
    return config


def _why_none(status: Mapping[str, Any], address: str) -> str:
    if status.get("ip_kernel_state") == "disabled":
        return f"the manager {address} runs with --use-ipython-kernel OFF: its worker is not shared"
    return (
        f"no environment is open at the manager {address}: open the environment first "
        "(qserver environment open)"
    )


def _told(config: Mapping[str, Any], manager: Connection, runtime: Path) -> FoundWorker:
    """Return the worker of which the manager has told."""
    info, path = config["ip_connect_info"], config.get("ip_connection_file")
    process = None if path is None else _process_of(path, runtime)
    if "key" not in info:
        info = _read(path)
    return FoundWorker(info, process, manager)


def _read(path: str | None) -> Mapping[str, Any]:
    try:
        info: Mapping[str, Any] = json.loads(Path(path or "").read_text())
    except (OSError, ValueError) as error:
        raise AttachFailure(
            f"the connection file {path!r} of the worker cannot be read here: attach on the "
            "machine of the manager as the user that runs it, or start the manager with "
            "--security compat"
        ) from error
    return info


def _newest(folder: Path, address: str) -> FoundWorker:
    """Return the worker that was started last."""
    found = max(_living(folder), default=None, key=lambda one: one[0])
    if found is None:
        raise NoManagerFailure(
            f"no manager answers at {address} and no worker runs on this machine: start a "
            f"manager and open the environment, or name the manager in {CONTROL_VARIABLE}"
        )
    process = found[1]
    return FoundWorker(_read(process.connection_file), process, None)


def _process_of(path: str, runtime: Path) -> WorkerProcess | None:
    """Return the process behind a connection file, None when it is not known here."""
    for folder in (Path(path).parent, runtime):
        for _time, process in _living(folder):
            if process.connection_file == path:
                return process
    return None


def _living(folder: Path) -> Iterator[tuple[float, WorkerProcess]]:
    """Yield the workers of a folder that run, each with the time of its start."""
    for files in workers_in(folder):
        process = files.read_process()
        if (
            process is not None
            and process.is_alive()
            and os.access(process.connection_file, os.R_OK)
        ):
            yield _noted_at(files.process), process


def _noted_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it has ended since
        return 0.0


async def _beats(info: Mapping[str, Any]) -> bool:
    """Whether the kernel's heartbeat answers."""
    socket = zmq.asyncio.Context.instance().socket(zmq.REQ)
    try:
        socket.linger = 0
        if "curve_publickey" in info:
            socket.curve_publickey = socket.curve_serverkey = info["curve_publickey"].encode()
            socket.curve_secretkey = info["curve_secretkey"].encode()
        socket.connect(_heartbeat_address(info))
        async with asyncio.timeout(HEARTBEAT_LIMIT_S):
            await socket.send(b"ping")
            await socket.recv()
    except TimeoutError:
        return False
    finally:
        socket.close()
    return True


def _heartbeat_address(info: Mapping[str, Any]) -> str:
    separator = ":" if info["transport"] == "tcp" else "-"
    return f"{info['transport']}://{info['ip']}{separator}{info['hb_port']}"
