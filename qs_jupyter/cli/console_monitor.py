"""``qserver-console-monitor``: print the console output of the manager."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from qs_jupyter.client.connection import DEFAULT_INFO_ADDRESS, ENCODING_VARIABLE, INFO_VARIABLE
from qs_jupyter.client.monitor import ReceiveConsoleOutput
from qs_jupyter.errors import QueueServerError
from qs_jupyter.version import add_version
from qs_jupyter.wire.keys import PUBLIC_KEY_VARIABLE


def main(arguments: Sequence[str] | None = None) -> int:
    """Print console output until terminated; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.old_address is not None:
        _notice("--zmq-subscribe-addr is deprecated: use --zmq-info-addr")
    address = (
        options.address
        or options.old_address
        or os.environ.get(INFO_VARIABLE)
        or DEFAULT_INFO_ADDRESS
    )
    encoding = options.encoding or os.environ.get(ENCODING_VARIABLE) or "json"
    key = None if options.plain else os.environ.get(PUBLIC_KEY_VARIABLE) or None
    try:
        with ReceiveConsoleOutput(
            zmq_subscribe_addr=address, encoding=encoding, timeout=None, zmq_public_key=key
        ) as receiver:
            receiver.subscribe()
            _notice(f"listening to {address}{' (encrypted)' if key else ''}. Ctrl-C ends")
            while True:
                sys.stdout.write(receiver.recv()["msg"])
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader of our output has seen enough; see `qserver`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except QueueServerError as error:
        _notice(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the rim of the program
        _notice(f"unexpected {type(error).__name__}: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qserver-console-monitor",
        description="Print the console output that a manager publishes "
        "(start-re-manager --zmq-publish-console ON).",
        epilog=f"The public key of an encrypted manager is taken from {PUBLIC_KEY_VARIABLE}.",
        allow_abbrev=False,
    )
    add_version(parser)
    parser.add_argument(
        "--zmq-info-addr",
        dest="address",
        metavar="ADDR",
        help=f"address of the manager (environment: {INFO_VARIABLE}; default: "
        f"{DEFAULT_INFO_ADDRESS})",
    )
    parser.add_argument("--zmq-subscribe-addr", dest="old_address", help=argparse.SUPPRESS)
    parser.add_argument(
        "--zmq-encoding",
        dest="encoding",
        metavar="{json,msgpack}",
        help=f"encoding of messages (environment: {ENCODING_VARIABLE}; default: json)",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="the stream is not encrypted though the manager has a key (--security compat)",
    )
    return parser


def _notice(text: str) -> None:
    print(f"qserver-console-monitor: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
