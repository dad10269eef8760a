"""The runtime folder: connection files, sockets and logs of workers, private to the user.

A worker called NAME has these files here:

* ``worker-NAME.json``: connection file; names the sockets and holds the key (0600);
* ``worker-NAME.process.json``: pid and start of the process, so that a later manager can tell
  the worker from a stranger that got the same pid;
* ``worker-NAME.config.json``: what the worker was told at its start;
* ``worker-NAME.log``: what the process wrote past the kernel;
* ``NAME-1`` … ``NAME-5``: sockets, when they are files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.settings import Settings

CRASH = "Fatal Python error"
SOCKETS = 5
_PREFIX, _PROCESS = "worker-", ".process.json"
LONGEST_SOCKET_PATH = 103  # macOS allows 104 bytes with the closing zero, Linux 108
_SHORT_NAME = re.compile(r"[A-Za-z0-9_.]{1,24}")


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """Which process a worker is. ``start`` is its start in ticks since boot, None if unknown."""

    pid: int
    start: int | None
    connection_file: str

    def is_alive(self) -> bool:
        """Whether the process is still this one and runs."""
        if self.start is not None:
            return start_of_process(self.pid) == self.start
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return False  # somebody else's, so the pid was given away
        return True


@dataclass(frozen=True, slots=True)
class WorkerFiles:
    """Paths of one worker in the runtime folder."""

    folder: Path
    name: str

    @property
    def connection(self) -> Path:
        """Connection file, unless the settings name another one."""
        return self.folder / f"worker-{self.name}.json"

    @property
    def process(self) -> Path:
        """The side file that says which process it is."""
        return self.folder / f"{_PREFIX}{self.name}{_PROCESS}"

    @property
    def config(self) -> Path:
        """What the worker is told before it starts."""
        return self.folder / f"worker-{self.name}.config.json"

    @property
    def log(self) -> Path:
        """Output that did not go through the kernel."""
        return self.folder / f"worker-{self.name}.log"

    @property
    def socket_prefix(self) -> str:
        """Path of the sockets without their numbers."""
        return str(self.folder / self.name)

    def read_process(self) -> WorkerProcess | None:
        """Return the process in the side file, None without a readable one."""
        try:
            data = json.loads(self.process.read_text())
            return WorkerProcess(int(data["pid"]), data["start"], str(data["connection_file"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_process(self, process: WorkerProcess) -> None:
        """Say which process the worker is; the file is never half written."""
        temporary = self.process.with_suffix(".new")
        with open_private(temporary) as file:
            file.write(json.dumps(asdict(process)).encode())
        temporary.replace(self.process)

    def last_words(self, length: int = 2000) -> str:
        """Return how the log file ends: from the report of a crash on, if there is one."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        crash = text.rfind(CRASH)
        return crash_report(text[crash:], length) if crash >= 0 else text[-length:].strip()

    def remove(self) -> None:
        """Remove everything but the log, which may be wanted after a crash."""
        sockets = [Path(f"{self.socket_prefix}-{n + 1}") for n in range(SOCKETS)]
        for path in (self.connection, *self._moved(), self.config, *sockets, self.process):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _moved(self) -> list[Path]:
        """Return the connection file in another folder, unless the user gave it a name."""
        process = self.read_process()
        path = None if process is None else Path(process.connection_file)
        return [path] if path is not None and path.name == self.connection.name else []


class RuntimeFolder:
    """A folder that only this user can enter. Made when it is missing.

    Raises
    ------
    ConfigurationError
        The folder belongs to somebody else or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.lstat()
        except OSError as error:
            raise ConfigurationError(
                f"Cannot make the runtime folder {str(path)!r}: {error.strerror}. "
                "Give another one with --runtime-dir"
            ) from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise ConfigurationError(
                f"The runtime folder {str(path)!r} belongs to somebody else. "
                "Give another one with --runtime-dir"
            )
        path.chmod(0o700)

    @classmethod
    def of(cls, settings: Settings) -> RuntimeFolder:
        """Return the folder of the settings, or the one of this user on this machine."""
        if settings.runtime_dir is not None:
            return cls(Path(settings.runtime_dir).expanduser().absolute())
        session = os.environ.get("XDG_RUNTIME_DIR")
        if session and Path(session).is_dir():
            return cls(Path(session) / "qs-jupyter")
        return cls(Path(tempfile.gettempdir()) / f"qs-jupyter-{os.getuid()}")

    def worker(self, name: str) -> WorkerFiles:
        """Return the paths of a worker; a long or odd name is replaced by a short one."""
        if not _SHORT_NAME.fullmatch(name):
            name = hashlib.sha256(name.encode()).hexdigest()[:16]
        return WorkerFiles(self.path, name)

    def sweep(self) -> None:
        """Remove the files of workers that are gone."""
        for files in workers_in(self.path):
            process = files.read_process()
            if process is None or not process.is_alive():
                files.remove()


def workers_in(folder: Path) -> Iterator[WorkerFiles]:
    """Yield the files of the workers whose processes are noted in a folder."""
    for path in folder.glob(f"{_PREFIX}*{_PROCESS}"):
        yield WorkerFiles(folder, path.name.removeprefix(_PREFIX).removesuffix(_PROCESS))


def crash_report(text: str, length: int) -> str:
    """Return what a crash has left behind: first the thread that crashed, then the others."""
    headline, *threads = text.strip().split("\n\n")
    threads.sort(key=lambda stack: not stack.startswith("Current thread"))
    return "\n\n".join([headline, *threads])[:length].rstrip()


def open_private(path: Path) -> BinaryIO:
    """Open a file for writing, empty, that only this user can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # it may have been there before
    return os.fdopen(descriptor, "wb")


def processes_started_with(variable: str, value: str, argument: str) -> list[int]:
    """Return the processes with this environment variable and command line argument.

    Empty where processes cannot be looked at.
    """
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            is_it = argument.encode() in (folder / "cmdline").read_bytes().split(b"\0")
            if is_it and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def processes_of_group(pgid: int) -> list[WorkerProcess]:
    """Return the living processes of a process group; empty where they cannot be looked at."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with contextlib.suppress(OSError):  # gone meanwhile
            start = start_of_process(pid)
            if start is not None and os.getpgid(pid) == pgid:
                found.append(WorkerProcess(pid, start, ""))
    return found


def start_of_process(pid: int) -> int | None:
    """Return when a process began, in ticks since boot; None when it is gone or unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before may hold anything
    return None if fields[0] in ("Z", "X") else int(fields[19])
