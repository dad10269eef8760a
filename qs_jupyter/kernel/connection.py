"""How manager and worker reach each other: transport, ports, keys, connection file."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import Bool

from qs_jupyter.kernel.runtime import LONGEST_SOCKET_PATH, SOCKETS, WorkerFiles
from qs_jupyter.setting_kinds import LAST_PORT
from qs_jupyter.settings import Settings

CHANNELS = ("shell", "iopub", "stdin", "hb", "control")


class WorkerKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """A kernel manager that leaves the kernel its files: the kernel may outlive it."""

    # The cache would overwrite configured ports.
    cache_ports = Bool(False)

    def cleanup_connection_file(self) -> None:
        """Keep the file, by which the next manager finds the kernel."""

    def cleanup_ipc_files(self) -> None:
        """Keep the sockets as well."""


def new_context() -> zmq.asyncio.Context:
    """Return a context whose sockets queue without limit and reconnect fast."""
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.RCVHWM, 0)  # a busy manager must not lose events or text
    context.setsockopt(zmq.RECONNECT_IVL, 10)
    context.setsockopt(zmq.LINGER, 0)
    return context


def new_kernel(
    settings: Settings, files: WorkerFiles, argv: list[str], context: zmq.asyncio.Context
) -> WorkerKernelManager:
    """Return a manager for a kernel that is yet to be started."""
    kernel = _bare(context)
    kernel.connection_file = str(connection_file(settings, files))
    kernel._kernel_spec = KernelSpec(  # noqa: SLF001 - the only way in without installing one
        argv=argv,
        display_name="Queue server worker",
        language="python",
        interrupt_mode="message",
        metadata={"supported_encryption": "curve"},
    )
    if settings.security == "compat":
        _use_tcp(kernel, settings)
    elif _wants_tcp(settings) or _socket_path_length(files) > LONGEST_SOCKET_PATH:
        _use_tcp(kernel, settings)
        kernel.transport_encryption = "required"
    else:
        kernel.transport, kernel.ip = "ipc", files.socket_prefix
        _earlier_key(kernel, _earlier(kernel, settings, {}))
    return kernel


def found_kernel(path: str, context: zmq.asyncio.Context) -> WorkerKernelManager:
    """Return a manager for the kernel of a connection file.

    Raises
    ------
    OSError, ValueError
        The file is missing or damaged.
    """
    kernel = _bare(context)
    kernel.connection_file = path
    kernel.load_connection_file(path)
    return kernel


def connection_file(settings: Settings, files: WorkerFiles) -> Path:
    """Return the path of the connection file."""
    if settings.ipython_connection_file is None and settings.ipython_connection_dir is None:
        return files.connection
    folder = Path(settings.ipython_connection_dir or jupyter_runtime_dir()).expanduser()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.absolute() / (settings.ipython_connection_file or files.connection.name)


def is_named(settings: Settings) -> bool:
    """Whether the user named the connection file, which then outlives the kernel."""
    return settings.ipython_connection_file is not None


def _bare(context: zmq.asyncio.Context) -> WorkerKernelManager:
    # What goes wrong is raised as well; the log would show every traceback twice.
    quiet = logging.getLogger(f"{__name__}.jupyter_client")
    quiet.propagate = False
    quiet.disabled = True
    kernel = WorkerKernelManager(context=context, log=quiet)
    # A full history of signatures costs 100 ms now and then; the channels are private.
    kernel.session.digest_history_size = 0
    return kernel


def _wants_tcp(settings: Settings) -> bool:
    return settings.ipython_kernel_ip != "localhost" or any(_ports(settings).values())


def _ports(settings: Settings) -> dict[str, int]:
    return {
        f"{channel}_port": getattr(settings, f"ipython_{channel}_port") or 0 for channel in CHANNELS
    }


def _socket_path_length(files: WorkerFiles) -> int:
    return len(f"{files.socket_prefix}-{SOCKETS}".encode())


def _use_tcp(kernel: WorkerKernelManager, settings: Settings) -> None:
    kernel.transport = "tcp"
    kernel.ip = _address(settings.ipython_kernel_ip)
    ports = _ports(settings)
    earlier = _earlier(kernel, settings, ports)
    for name, port in ports.items():
        setattr(kernel, name, port or int(earlier.get(name, 0)))
    _earlier_key(kernel, earlier)


def _earlier_key(kernel: WorkerKernelManager, earlier: Mapping[str, Any]) -> None:
    if earlier:
        kernel.session.key = earlier["key"].encode()


def _earlier(
    kernel: WorkerKernelManager, settings: Settings, ports: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a named file holds, so that attached clients come back by themselves."""
    path = Path(kernel.connection_file)
    if not is_named(settings) or not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        fits = (found["transport"], found["ip"]) == (kernel.transport, kernel.ip)
        fits = fits and isinstance(found["key"], str) and found["key"] != ""
        fits = fits and all(_fits(found[name], port) for name, port in ports.items())
    except (OSError, ValueError, KeyError, TypeError):
        fits = False
    if fits:
        return dict(found)
    path.unlink(missing_ok=True)
    return {}


def _fits(found: Any, port: int) -> bool:
    """Whether a port in a file is one at all, and the one that is asked for if any is."""
    return type(found) is int and 0 < found <= LAST_PORT and port in (0, found)


def _address(ip: str) -> str:
    if ip == "localhost":
        return "127.0.0.1"
    if ip != "auto":
        return ip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))  # sends nothing; picks the outgoing address
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
