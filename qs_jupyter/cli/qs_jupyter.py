"""``qs-jupyter TOOL …``: every tool under one name that nobody else installs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from qs_jupyter.errors import did_you_mean
from qs_jupyter.version import VERSION

TOOLS = {
    "demo": ("demo", "run three simulated plans with a manager of their own"),
    "lab": ("lab", "run JupyterLab with a manager of its own, to try things out"),
    "start-re-manager": ("start_re_manager", "start the service"),
    "qserver": ("qserver", "send one command to the manager, or watch that it answers"),
    "qserver-console-monitor": ("console_monitor", "print the console output of the manager"),
    "qserver-list-plans-devices": ("list_plans_devices", "write the list of plans and devices"),
    "qserver-zmq-keys": ("zmq_keys", "make or derive keys of encrypted sockets"),
    "qserver-clear-lock": ("clear_lock", "remove the lock from the store"),
    "qserver-console": ("console", "attach a terminal console to the worker kernel"),
    "qserver-qtconsole": ("console:main_qt", "attach a Qt console to the worker kernel"),
    "kernelspec": ("kernelspec", "offer the running worker as a kernel in Jupyter"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool named by the first argument; return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_help(), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] == "--version":
        print(VERSION)
        return 0
    name, *rest = words
    tool = TOOLS.get(name) or TOOLS.get(f"qserver-{name}")
    if tool is None:
        print(f"qs-jupyter: unknown tool {name!r}{did_you_mean(name, TOOLS)}", file=sys.stderr)
        print(_help(), file=sys.stderr)
        return 2
    room, _, entry = tool[0].partition(":")
    code: int = getattr(import_module(f"qs_jupyter.cli.{room}"), entry or "main")(rest)
    return code


def _help() -> str:
    width = max(map(len, TOOLS))
    lines = [f"  {name:{width}}  {text}" for name, (_room, text) in TOOLS.items()]
    return "usage: qs-jupyter TOOL ...\n\ntools:\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
