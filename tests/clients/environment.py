"""The Python environment of the client programs: apart from ours, from the package index.

``python -m tests.clients.environment`` builds it. Where no index can be reached it says so and
leaves the tests to be skipped, unless ``CI`` is set: there, a missing environment is an error.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".venv-clients"
BIN = FOLDER / "bin"
STAMP = FOLDER / "stamp"
REQUIREMENTS = HERE / "requirements.txt"
UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|NameResolutionError|ProxyError|ReadTimeoutError"
)


class IndexUnreachableError(Exception):
    """No package index answers, so the environment cannot be built."""


def is_required() -> bool:
    """Whether a missing environment is an error rather than a reason to skip."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def build() -> None:
    """Build the environment unless it is there; several processes may ask at once."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current():
            return
        STAMP.unlink(missing_ok=True)
        venv.create(FOLDER, with_pip=True)
        _install()
        STAMP.write_text(REQUIREMENTS.read_text())


def is_current() -> bool:
    """Whether the environment holds what the requirements ask for."""
    return STAMP.exists() and STAMP.read_text() == REQUIREMENTS.read_text()


def _install() -> None:
    command = [BIN / "python", "-m", "pip", "install", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--quiet", "--retries", "2", "--requirement", REQUIREMENTS],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    if UNREACHABLE.search(done.stderr):
        raise IndexUnreachableError("No package index can be reached to install the clients")
    raise RuntimeError(f"The clients cannot be installed:\n{done.stderr}")


def main() -> int:
    """Build the environment from the command line."""
    try:
        build()
    except IndexUnreachableError as error:
        print(f"{error}; their tests will be skipped", file=sys.stderr)
        return int(is_required())
    STAMP.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
