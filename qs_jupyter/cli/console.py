"""``qserver-console`` and ``qserver-qtconsole``: a Jupyter console on the worker kernel.

Works while a plan runs: the prompt, completion and inspection answer at once, cells wait for
the queue. The console is an ordinary Jupyter client, started here because stock clients do
not hand on the keys of an encrypted kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import CommunicationFailure
from qs_jupyter.errors import ConfigurationError, Failure

SUCCESS = 0
WRONG_PARAMETERS = 1
REFUSED = 2
NO_REPLY = 3
UNEXPECTED = 4
FAILED = 5


class ConsoleFailure(Failure):
    """The console cannot be started; says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Attach a terminal console; return the exit code."""
    return _run("qserver-console", "Jupyter Console", "jupyter_console", arguments)


def main_qt(arguments: Sequence[str] | None = None) -> int:
    """Attach a Qt console; return the exit code."""
    return _run("qserver-qtconsole", "Jupyter QtConsole", "qtconsole", arguments)


def _run(program: str, title: str, package: str, arguments: Sequence[str] | None) -> int:
    options = _parser(program, title).parse_args(arguments)
    try:
        with Client(options.address, encoding=options.encoding) as client:
            config = _config(client)
        _check_installed(package)
        with _connection_file(config) as path:
            print(f"Starting {title} ...", flush=True)
            _attach(package, path)
    except CommunicationFailure as failure:
        print(f"ZMQ communication error: {failure}", file=sys.stderr)
        return NO_REPLY
    except ConfigurationError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return WRONG_PARAMETERS
    except ConsoleFailure as failure:
        print(f"Failed to start the console: {failure}")
        return FAILED
    return SUCCESS


def _check_installed(package: str) -> None:
    if find_spec(package) is None:
        raise ConsoleFailure(
            f"the package '{package}' is not installed: pip install {package.replace('_', '-')}"
        )


def _parser(program: str, title: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=f"Attach a {title} to the worker kernel of the manager. Leave it with "
        "Ctrl-D, 'exit' or 'quit': the worker stays. Cells wait while the queue runs.",
        allow_abbrev=False,
    )
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


def _config(client: Client) -> Mapping[str, Any]:
    reply = client.request("config_get")
    config: Mapping[str, Any] = reply.get("config", {})
    if not reply.get("success"):
        raise ConsoleFailure(str(reply.get("msg")))
    if not config.get("ip_connect_info"):
        raise ConsoleFailure("the worker kernel does not run: open the environment first")
    return config


@contextmanager
def _connection_file(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a connection file: the worker's own, or a private copy of what the manager told."""
    info = config["ip_connect_info"]
    path = config.get("ip_connection_file")
    if path and os.access(path, os.R_OK):
        yield path
        return
    if "key" not in info:
        raise ConsoleFailure(
            f"the connection file '{path}' of the worker cannot be read here. Attach on the "
            "machine of the manager as the user that runs it, or start the manager with "
            "--security compat"
        )
    folder = Path(tempfile.mkdtemp(prefix="qserver-console-"))
    copy = folder / "kernel.json"
    try:
        with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            json.dump(info, stream)
        yield str(copy)
    finally:
        copy.unlink(missing_ok=True)
        folder.rmdir()


def _attach(package: str, path: str) -> None:
    from qs_jupyter.cli.attached import attached_application  # noqa: PLC0415 - after the checks

    attached_application(package).launch_instance([f"--existing={path}"])


if __name__ == "__main__":
    sys.exit(main())
