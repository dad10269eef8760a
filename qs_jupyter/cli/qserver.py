"""``qserver``: send one command to the manager, or watch that it answers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from qs_jupyter.api.options import COMMON, Option, split_options
from qs_jupyter.api.phrase_slots import PhraseError, Speaker
from qs_jupyter.api.phrases import Command, Grammar
from qs_jupyter.cli.qserver_help import grammar, help_text
from qs_jupyter.client import replies
from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import CommunicationFailure
from qs_jupyter.client.lock_key import kept_key
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.version import VERSION

SUCCESS = 0
WRONG_PARAMETERS = 1
REFUSED = 2
NO_REPLY = 3
UNEXPECTED = 4

MONITOR_PERIOD_S = 1.0

_OPTIONS = (
    *COMMON,
    Option("old_address", ("--address",)),
    Option("help", ("-h", "--help"), has_value=False),
    Option("json", ("--json",), has_value=False),
    Option("version", ("--version",), has_value=False),
)


@dataclass(slots=True)
class Options:
    """The command line of ``qserver``, split into options and words."""

    address: str | None = None
    old_address: str | None = None
    encoding: str | None = None
    lock_key: str | None = None
    help: bool = False
    json: bool = False
    version: bool = False
    words: list[str] = field(default_factory=list)


class UsageError(Exception):
    """The command line is malformed; nothing was sent."""


def parse(arguments: Sequence[str]) -> Options:
    """Return options and words; options may stand anywhere, and ``--`` ends them.

    Negative numbers are words.

    Raises
    ------
    PhraseError
        An option is unknown or lacks its value.
    """
    words, given = split_options(arguments, _OPTIONS, lambda word: (word, True))
    return Options(**given, words=words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; return the exit code."""
    try:
        return _run(parse(sys.argv[1:] if arguments is None else arguments))
    except (UsageError, PhraseError, ConfigurationError) as error:
        print(f"qserver: {error}", file=sys.stderr)
        return WRONG_PARAMETERS
    except KeyboardInterrupt:
        print("\nThe program was manually stopped.")
        return SUCCESS
    except BrokenPipeError:
        # The reader of our output, like `head`, has seen enough. What is still buffered has
        # nowhere to go, and must not be tried again at the exit of the interpreter.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except Exception as error:  # noqa: BLE001 - the rim of the program
        print(f"qserver: unexpected {type(error).__name__}: {error}", file=sys.stderr)
        return UNEXPECTED


def _run(options: Options) -> int:
    if options.help:
        print(help_text(options.words))
        return SUCCESS
    if options.version:
        print(VERSION)
        return SUCCESS
    if not options.words:
        raise UsageError("a command is missing; 'qserver --help' lists all")
    if options.old_address is not None:
        print("qserver: --address is deprecated: use --zmq-control-addr", file=sys.stderr)
    if options.lock_key == "":
        raise UsageError("the lock key is empty")
    command = command_of(options, grammar(), os.environ)
    with Client(options.address or options.old_address, encoding=options.encoding) as client:
        if not options.json:
            print(f"Arguments: {options.words}")
        if command.method == "monitor":
            return _monitor(client, options)
        return _send(client, command, options)


def command_of(options: Options, known: Grammar, environment: Mapping[str, str]) -> Command:
    """Return the method and parameters that the words stand for.

    Raises
    ------
    PhraseError
        The words are no command.
    """
    key = options.lock_key or kept_key(environment)
    command = known.read(
        options.words, Speaker(lock_key=key, read_file=_read_file, read_items=_read_items)
    )
    if command.method == "lock_info" and options.lock_key is None:
        # A key of this command would be checked, not used; nobody asked for that.
        command.params.pop("lock_key", None)
    return command


def _read_file(name: str) -> str:
    return Path(name).expanduser().read_text()


def _read_items(name: str) -> list[dict[str, Any]]:
    from qs_jupyter.client.item_files import read_items  # noqa: PLC0415 - seldom needed

    return read_items(name)


def _send(client: Client, command: Command, options: Options) -> int:
    try:
        reply = client.call(command.method, command.params)
    except CommunicationFailure as failure:
        text = replies.error(str(failure), _now())
        print(text, file=sys.stderr if options.json else sys.stdout)
        return NO_REPLY
    print(
        replies.machine_readable(reply)
        if options.json
        else replies.message(command.method, reply, _now()),
        flush=True,
    )
    return REFUSED if reply.get("success") is False else SUCCESS


def _monitor(client: Client, options: Options) -> int:
    print("Running QServer monitor. Press Ctrl-C to exit ...", flush=True)
    while True:
        begun = time.monotonic()
        _send(client, Command("ping", {}), options)
        time.sleep(max(0.0, begun + MONITOR_PERIOD_S - time.monotonic()))


def _now() -> datetime:
    return datetime.now().astimezone()


if __name__ == "__main__":
    sys.exit(main())
