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

from qs_jupyter.api import table
from qs_jupyter.api.phrase_slots import PhraseError, Speaker
from qs_jupyter.api.phrases import Command, Grammar
from qs_jupyter.client import replies
from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import CommunicationFailure
from qs_jupyter.errors import ConfigurationError, did_you_mean

SUCCESS = 0
WRONG_PARAMETERS = 1
REFUSED = 2
NO_REPLY = 3
UNEXPECTED = 4

MONITOR_PERIOD_S = 1.0

LOCK_KEY_VARIABLE = "QSERVER_LOCK_KEY"
LOCK_KEY_FILE = Path("~/.config/qserver/default_lock_key.txt")

_VALUE_OPTIONS = {
    "-a": "address",
    "--zmq-control-addr": "address",
    "--address": "old_address",
    "--zmq-encoding": "encoding",
    "-k": "lock_key",
    "--lock-key": "lock_key",
}
_FLAGS = {"-h": "help", "--help": "help", "--json": "json"}

_HELP = """\
usage: qserver [options] command ...

Send one command to the manager and print its reply.

options:
  -h, --help                    show this text
  -a, --zmq-control-addr ADDR   address of the manager (environment:
                                QSERVER_ZMQ_CONTROL_ADDRESS; default: tcp://localhost:60615)
  --zmq-encoding {json,msgpack} encoding of messages (environment: QSERVER_ZMQ_ENCODING)
  -k, --lock-key KEY            key of a locked manager (environment: QSERVER_LOCK_KEY, else
                                the first line of ~/.config/qserver/default_lock_key.txt)
  --json                        print the reply as one line of JSON and nothing else

The public key of an encrypted manager is taken from QSERVER_ZMQ_PUBLIC_KEY.

commands:
  monitor
"""


@dataclass(slots=True)
class Options:
    """The command line of ``qserver``, split into options and words."""

    address: str | None = None
    old_address: str | None = None
    encoding: str | None = None
    lock_key: str | None = None
    help: bool = False
    json: bool = False
    words: list[str] = field(default_factory=list)


class UsageError(Exception):
    """The command line is malformed; nothing was sent."""


def parse(arguments: Sequence[str]) -> Options:
    """Return options and words; options may stand anywhere, and ``--`` ends them.

    Negative numbers are words.

    Raises
    ------
    UsageError
        An option is unknown or lacks its value.
    """
    options = Options()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, has_value, value = argument.partition("=")
        if argument == "--":
            options.words += rest
            break
        if argument in _FLAGS:
            setattr(options, _FLAGS[argument], True)
        elif name in _VALUE_OPTIONS:
            if not has_value:
                if not rest:
                    raise UsageError(f"option {argument} needs a value")
                value = rest.pop(0)
            setattr(options, _VALUE_OPTIONS[name], value)
        elif _is_option(argument):
            known = [*_VALUE_OPTIONS, *_FLAGS]
            raise UsageError(f"unknown option {argument!r}{did_you_mean(name, known)}")
        else:
            options.words.append(argument)
    return options


def _is_option(argument: str) -> bool:
    return argument.startswith("-") and len(argument) > 1 and not argument[1].isdigit()


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
    grammar = Grammar(table.load())
    if options.help:
        print(_HELP + "\n".join(f"  {phrase.usage}" for phrase in grammar.phrases))
        return SUCCESS
    if not options.words:
        raise UsageError("a command is missing; 'qserver --help' lists all")
    if options.old_address is not None:
        print("qserver: --address is deprecated: use --zmq-control-addr", file=sys.stderr)
    if options.lock_key == "":
        raise UsageError("the lock key is empty")
    is_monitor = options.words == ["monitor"]
    command = Command("ping", {}) if is_monitor else command_of(options, grammar, os.environ)
    with Client(options.address or options.old_address, encoding=options.encoding) as client:
        if not options.json:
            print(f"Arguments: {options.words}")
        if is_monitor:
            return _monitor(client, options)
        return _send(client, command, options)


def command_of(options: Options, grammar: Grammar, environment: Mapping[str, str]) -> Command:
    """Return the method and parameters that the words stand for.

    Raises
    ------
    PhraseError
        The words are no command.
    """
    key = options.lock_key or _default_lock_key(environment)
    command = grammar.read(
        options.words, Speaker(lock_key=key, read_file=_read_file, read_items=_read_items)
    )
    if command.method == "lock_info" and options.lock_key is None:
        # A key of this command would be checked, not used; nobody asked for that.
        command.params.pop("lock_key", None)
    return command


def _default_lock_key(environment: Mapping[str, str]) -> str | None:
    key = environment.get(LOCK_KEY_VARIABLE)
    if key:
        return key
    try:
        lines = LOCK_KEY_FILE.expanduser().read_text().splitlines()
    except (OSError, RuntimeError, UnicodeError):
        return None
    return lines[0].strip() or None if lines else None


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
