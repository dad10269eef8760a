"""The kinds of settings: how text, or a value of the config file, becomes a value."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from qs_jupyter.errors import ConfigurationError, did_you_mean


class Unset:
    """The type of `UNSET`."""


UNSET: Final = Unset()

TRUE_WORDS = frozenset(("y", "yes", "t", "true", "on", "1"))
FALSE_WORDS = frozenset(("", "n", "no", "f", "false", "off", "0"))

LOGGING_LEVELS = {"VERBOSE": 10, "NORMAL": 20, "QUIET": 30, "SILENT": 51}

# The alphabet of Z85, in which keys of encrypted 0MQ sockets are spelled.
_Z85 = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")

LAST_PORT = 65535

_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Kind:
    """How the value of a setting is read.

    ``read`` gets the raw value (text, or what the config file held) and a description of
    where it stands; it returns the value, or `UNSET` for a value that counts as not given.
    """

    metavar: str
    read: Callable[[Any, str], Any]
    many: bool = False


def check_curve_key(key: object) -> None:
    """Refuse a key of an encrypted socket that cannot be one; never shows the key.

    Raises
    ------
    ConfigurationError
        The key is not text of 40 characters of the Z85 alphabet.
    """
    if not isinstance(key, str) or not _Z85.fullmatch(key):
        raise ConfigurationError("the key must be a 40 byte z85 encoded string")


def choice(*words: str) -> Kind:
    """Return the kind of a setting that is one of some words, in any case."""
    by_folded = {word.casefold(): word for word in words}

    def read(raw: Any, where: str) -> str:
        found = by_folded.get(raw.casefold()) if isinstance(raw, str) else None
        if found is None:
            raise ConfigurationError(
                f"{where}: {raw!r} is not one of {', '.join(words)}{did_you_mean(raw, words)}"
            )
        return found

    return Kind("{" + ",".join(words) + "}", read)


def port(channel: str) -> Kind:
    """Return the kind of the port of a kernel channel."""

    def read(raw: Any, where: str) -> int | Unset:
        if raw == "":
            return UNSET
        try:
            number = _integer(raw)
        except ValueError:
            raise ConfigurationError(
                f"Incorrect value for IPython {channel} port: {raw!r} (must be 'int')"
            ) from None
        if not 0 < number <= LAST_PORT:
            raise ConfigurationError(f"{where}: {number} is not a port number (1-{LAST_PORT})")
        return number

    return Kind("PORT", read)


def _integer(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError  # noqa: TRY004 - all callers mean "not a number"
    return int(raw)


def _any_text(raw: Any, where: str) -> str:
    if not isinstance(raw, str):
        raise ConfigurationError(f"{where}: text is expected, not {raw!r}")
    return raw


def _text(raw: Any, where: str) -> str | Unset:
    return _any_text(raw, where) or UNSET


def _path(raw: Any, where: str) -> str | Unset:
    text = _any_text(raw, where)
    return os.path.abspath(os.path.expanduser(text)) if text else UNSET  # noqa: PTH100, PTH111 - text in, text out


def _store(raw: Any, where: str) -> str | Unset:
    return ":memory:" if raw == ":memory:" else _path(raw, where)


def _program(raw: Any, where: str) -> str | Unset:
    text = _any_text(raw, where)
    if not text:
        return UNSET
    found = shutil.which(os.path.expanduser(text))  # noqa: PTH111 - text in, text out
    if found is None:
        raise ConfigurationError(f"{where}: {text!r} is not a program that can be started")
    # Not resolved: the interpreter of a virtual environment is a link that must stay one.
    return os.path.abspath(found)  # noqa: PTH100


def _on_off(raw: Any, where: str) -> bool | Unset:
    word = str(raw).casefold() if isinstance(raw, bool | str | int) else None
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ConfigurationError(f"{where}: {raw!r} is neither ON nor OFF")


def _depth(raw: Any, where: str) -> int:
    try:
        number = _integer(raw)
    except ValueError:
        raise ConfigurationError(f"{where}: {raw!r} is not a whole number") from None
    if number < 0:
        raise ConfigurationError(f"{where}: {number} is negative; 0 means no limit")
    return number


def _address(raw: Any, where: str) -> str | Unset:
    text = _any_text(raw, where)
    if not text:
        return UNSET
    protocol, separator, rest = text.partition("://")
    if protocol in ("ipc", "inproc") and rest:
        return text
    if protocol == "tcp" and separator and re.fullmatch(r".+:(\d{1,5}|\*)", rest):
        port = rest.rpartition(":")[2]
        # 0MQ would bind the rest of the division by 65536.
        if port != "*" and int(port) > LAST_PORT:
            raise ConfigurationError(f"{where}: {port} is not a port number (1-{LAST_PORT})")
        return text
    raise ConfigurationError(
        f"{where}: {text!r} is not an address like tcp://127.0.0.1:60615 or ipc:///path"
    )


def _curve_key(raw: Any, where: str) -> str | Unset:
    if raw in ("", None):
        return UNSET
    try:
        check_curve_key(raw)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{where}: ZMQ private key is improperly formatted: {error}"
        ) from None
    return str(raw)


def _kernel_ip(raw: Any, where: str) -> str | Unset:
    text = _any_text(raw, where)
    match = _IPV4.fullmatch(text)
    is_address = match is not None and all(int(part) < 256 for part in match.groups())
    if text and text not in ("localhost", "auto") and not is_address:
        raise ConfigurationError(
            f"Invalid IPython kernel IP Address {text!r} ({where}): use localhost, auto or an "
            "IPv4 address"
        )
    return text or UNSET


def _key_paths(raw: Any, where: str) -> tuple[str, ...]:
    paths = raw.split(":") if isinstance(raw, str) else raw
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ConfigurationError(f"{where}: a list of paths like /sample/name is expected")
    repeated = sorted({path for path in paths if paths.count(path) > 1})
    if repeated:
        raise ConfigurationError(f"{where}: {repeated[0]!r} is listed more than once")
    return tuple(path for path in paths if path)


def _logging_level(raw: Any, where: str) -> int:
    word: str = choice(*LOGGING_LEVELS).read(raw, where)
    return LOGGING_LEVELS[word]


TEXT = Kind("TEXT", _text)
ANY_TEXT = Kind("TEXT", _any_text)
PATH = Kind("PATH", _path)
STORE = Kind("PATH", _store)
PROGRAM = Kind("PYTHON", _program)
ON_OFF = Kind("{ON,OFF}", _on_off)
DEPTH = Kind("N", _depth)
ADDRESS = Kind("ADDR", _address)
CURVE_KEY = Kind("KEY", _curve_key)
KERNEL_IP = Kind("IP", _kernel_ip)
KEY_PATHS = Kind("KEY", _key_paths, many=True)
LOGGING_LEVEL = Kind("LEVEL", _logging_level)
