"""``qs-jupyter kernelspec install``: offers the running worker as a kernel in Jupyter."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from qs_jupyter.attach.kernelspec import DISPLAY_NAME, KERNEL_NAME, install, kernelspec

SUCCESS = 0
FAILED = 1
_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_VARIABLES = {
    "address": "QSERVER_ZMQ_CONTROL_ADDRESS",
    "encoding": "QSERVER_ZMQ_ENCODING",
    "runtime_dir": "QSERVER_RUNTIME_DIR",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the kernelspec; return the exit code."""
    options = _parser().parse_args(arguments)
    variables = {
        variable: getattr(options, name)
        for name, variable in _VARIABLES.items()
        if getattr(options, name) is not None
    }
    prefix = None if options.user else options.prefix or sys.prefix
    content = kernelspec(options.display_name, variables)
    try:
        place = install(content, options.name, user=options.user, prefix=prefix)
    except OSError as error:
        print(
            f"qs-jupyter kernelspec: cannot install: {error}. Choose another place with --user "
            "or --prefix",
            file=sys.stderr,
        )
        return FAILED
    print(f"Installed the kernel '{options.display_name}' in {place}")
    print(f"Remove it with: jupyter kernelspec remove {options.name}")
    return SUCCESS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qs-jupyter kernelspec",
        description="Offer the running worker of the queue server as a kernel in Jupyter. The "
        "notebook attaches to it, and never starts or ends it.",
        allow_abbrev=False,
    )
    tools = parser.add_subparsers(metavar="install", required=True)
    tool = tools.add_parser("install", help="install the kernelspec", allow_abbrev=False)
    place = tool.add_mutually_exclusive_group()
    place.add_argument("--user", action="store_true", help="for this user")
    place.add_argument(
        "--sys-prefix", action="store_true", help="in this Python environment (the default)"
    )
    place.add_argument("--prefix", metavar="DIR", help="below this folder")
    tool.add_argument("--name", default=KERNEL_NAME, type=_name, help="name of the kernelspec")
    tool.add_argument("--display-name", default=DISPLAY_NAME, help="name that people see")
    tool.add_argument(
        "-a",
        "--zmq-control-addr",
        dest="address",
        metavar="ADDR",
        help="always attach to the worker of this manager; without it, to the one that "
        "QSERVER_ZMQ_CONTROL_ADDRESS of the Jupyter server names",
    )
    tool.add_argument(
        "--zmq-encoding", dest="encoding", choices=("json", "msgpack"), help="encoding of messages"
    )
    tool.add_argument(
        "--runtime-dir", metavar="DIR", help="runtime folder of the manager, if it has its own"
    )
    return parser


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name of a kernelspec: use letters, digits, '.', '_' and '-'"
        )
    return text.lower()


if __name__ == "__main__":
    sys.exit(main())
