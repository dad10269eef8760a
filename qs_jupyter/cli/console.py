"""``qserver-console`` and ``qserver-qtconsole``: a Jupyter console on the worker kernel.

Works while a plan runs: the prompt, completion and inspection answer at once, cells wait for
the queue. The console is an ordinary Jupyter client, started here because stock clients do
not hand on the keys of an encrypted kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qs_jupyter.attach.worker import AttachFailure, NoManagerFailure, find_worker
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.version import add_version

SUCCESS = 0
WRONG_PARAMETERS = 1
NO_REPLY = 3
FAILED = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Attach a terminal console; return the exit code."""
    return _run("qserver-console", "Jupyter Console", "jupyter_console", arguments)


def main_qt(arguments: Sequence[str] | None = None) -> int:
    """Attach a Qt console; return the exit code."""
    return _run("qserver-qtconsole", "Jupyter QtConsole", "qtconsole", arguments)


def _run(program: str, title: str, package: str, arguments: Sequence[str] | None) -> int:
    options = _parser(program, title).parse_args(arguments)
    finding = find_worker(os.environ, address=options.address, encoding=options.encoding)
    try:
        worker = asyncio.run(finding)
        _check_installed(package)
        with _connection_file(worker.info) as path:
            print(f"Starting {title} ...", flush=True)
            _attach(package, path)
    except NoManagerFailure as failure:
        print(f"ZMQ communication error: {failure}", file=sys.stderr)
        return NO_REPLY
    except AttachFailure as failure:
        if isinstance(failure.__cause__, ConfigurationError):
            print(f"{program}: {failure}", file=sys.stderr)
            return WRONG_PARAMETERS
        print(f"Failed to start the console: {failure}")
        return FAILED
    return SUCCESS


def _check_installed(package: str) -> None:
    if find_spec(package) is None:
        raise AttachFailure(
            f"the package '{package}' is not installed: pip install {package.replace('_', '-')}"
        )


def _parser(program: str, title: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=f"Attach a {title} to the worker kernel of the manager. Leave it with "
        "Ctrl-D, 'exit' or 'quit': the worker stays. Cells wait while the queue runs.",
        allow_abbrev=False,
    )
    add_version(parser)
    parser.add_argument(
        "-a",
        "--zmq-control-addr",
        dest="address",
        metavar="ADDR",
        help="address of the manager (environment: QSERVER_ZMQ_CONTROL_ADDRESS)",
    )
    parser.add_argument(
        "--zmq-encoding",
        dest="encoding",
        metavar="{json,msgpack}",
        help="encoding of messages (environment: QSERVER_ZMQ_ENCODING)",
    )
    return parser


@contextmanager
def _connection_file(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield a private connection file with all that is known of the worker."""
    folder = Path(tempfile.mkdtemp(prefix="qserver-console-"))
    path = folder / "kernel.json"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            json.dump(dict(info), stream)
        yield str(path)
    finally:
        path.unlink(missing_ok=True)
        folder.rmdir()


def _attach(package: str, path: str) -> None:
    from qs_jupyter.cli.attached import attached_application  # noqa: PLC0415 - after the checks

    attached_application(package).launch_instance([f"--existing={path}"])


if __name__ == "__main__":
    sys.exit(main())
