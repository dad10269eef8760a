"""Who else could give orders or change code: open addresses, files that others can write.

Whoever sends a request, or changes a startup file, runs code as the user of the manager. What
the settings leave open is refused in the secure profile where it reaches beyond the machine,
and told to the operator otherwise.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.settings import Settings, options

_MOST_FILES = 3


def check_addresses(settings: Settings) -> list[str]:
    """Return warnings about sockets that are open to others.

    Raises
    ------
    ConfigurationError
        In the secure profile, for a socket that other machines reach without a key.
    """
    if settings.zmq_private_key:
        return []
    addresses = (settings.zmq_control_addr, settings.zmq_info_addr)
    exposed = [address for address in addresses if not is_local(address)]
    if settings.security == "compat":
        return _openness(exposed, [address for address in addresses if is_open_here(address)])
    if not exposed:
        return []
    raise ConfigurationError(
        f"{exposed[0]} can be reached from other machines and is not encrypted. Give the server "
        "a key (qserver-zmq-keys makes one, QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER passes it), or "
        "accept an open socket with --security compat"
    )


def _openness(exposed: list[str], open_here: list[str]) -> list[str]:
    """Return the one loud warning of the compatible profile, if there is reason for it."""
    if exposed:
        return [
            f"SECURITY: everybody who can reach {exposed[0]} can run code as this user, because "
            "the socket is neither encrypted nor bound to this machine only (--security compat)"
        ]
    if open_here:
        return [
            f"SECURITY: every user of this machine can run code as this user by {open_here[0]}, "
            "which also gives the key of the kernel away (--security compat). A key or an "
            "address like ipc:///path keeps others out"
        ]
    return []


def is_local(address: str) -> bool:
    """Tell whether only this machine can reach a 0MQ address."""
    protocol, _, rest = address.partition("://")
    if protocol != "tcp":
        return True
    host = rest.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1", "lo") or (
        host.startswith("127.") and host.replace(".", "").isdigit()
    )


def is_open_here(address: str) -> bool:
    """Tell whether all users of this machine can reach an address, if there is no key.

    A path has the permissions of a file; a name that begins with ``@`` has none.
    """
    return not address.startswith("ipc://") or address.startswith("ipc://@")


def check_files(settings: Settings) -> list[str]:
    """Return warnings about files that everybody can change and that are run or obeyed."""
    if settings.demo_mode:
        return []
    changeable: list[Path] = []
    if settings.startup_folder is not None:
        folder = Path(settings.startup_folder)
        changeable = list(_changeable([folder])) or list(_changeable(_code_in(folder)))
    others = (settings.startup_script, settings.user_group_permissions_path)
    changeable += _changeable([Path(path) for path in others if path])
    shown = list(dict.fromkeys(changeable))[:_MOST_FILES]
    return [
        f"SECURITY: everybody on this machine can change '{path}', and with it what the manager "
        f"and its worker do as this user. Close it: chmod o-w '{path}'"
        for path in shown
    ]


def check_secrets_in(path: str, values: Mapping[str, Any]) -> list[str]:
    """Return a warning if others can read a config file that holds secret settings."""
    file = Path(path).expanduser()
    secret = [options()[name].key for name, value in values.items() if is_secret(name, value)]
    if not secret or not file.is_file() or not file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [
        f"SECURITY: others can read '{path}', which holds {', '.join(secret)}. "
        f"Close it: chmod 600 '{path}'"
    ]


def is_secret(name: str, value: Any) -> bool:
    """Tell whether the value of a setting is for nobody to see."""
    if name not in options() or not options()[name].secret or value is None:
        return False
    # The address of a Redis server is no secret as long as it carries no password.
    return name != "redis_addr" or "@" in str(value)


def _code_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in (".py", ".ipy"))


def _changeable(paths: list[Path]) -> Iterator[Path]:
    """Yield what lets everybody change each path: itself, or a folder on the way to it."""
    for path in paths:
        real = path.resolve()
        for place in (real, *real.parents):
            if _is_open(place):
                yield place
                break


def _is_open(place: Path) -> bool:
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    # In a sticky folder such as /tmp, everybody can only change what is their own.
    is_guarded = stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX)
    return bool(mode & stat.S_IWOTH) and not is_guarded
