"""Where the startup code is: one folder, profile, script or module out of what was asked for.

Startup code can be named in the config file and on the command line. Each of the two must
make sense by itself; the command line then takes the place of the file. Two loaders have
two rules: the IPython loader always loads a profile and may add a script or module, the
plain loader loads exactly one thing. With nothing named, it is the simulated profile.
"""

from __future__ import annotations

import getpass
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qs_jupyter.errors import ConfigurationError

DEMO_PROFILE = "collection_sim"
LISTS_FILE = "existing_plans_and_devices.yaml"
PERMISSIONS_FILE = "user_group_permissions.yaml"

_CODE = ("startup_dir", "startup_script", "startup_module")
_PROFILE = ("startup_profile", "ipython_dir")
_PROFILE_FOLDER = re.compile(r"(?P<ipython_dir>.*)/profile_(?P<startup_profile>[^/]+)/startup")

Values = Mapping[str, Any]


def resolve_startup(
    file: Values, command_line: Values, *, ipython: bool, explicitly: bool
) -> dict[str, Any]:
    """Return the settings of the startup code, with ``demo_mode``.

    ``file`` and ``command_line`` hold the startup settings that were given there.
    ``explicitly`` tells that the IPython loader was asked for by name: a startup folder must
    then be that of an IPython profile, otherwise any folder will do.

    Raises
    ------
    ConfigurationError
        The choice is ambiguous, or the folder does not exist.
    """
    for values, where in ((file, "config file"), (command_line, "command line")):
        _refuse_ambiguous(values, where)
    if not ipython:
        chosen = _given(command_line) or _given(file)
        return _plain(chosen) if chosen else _demo(ipython=False)
    chosen = _merged(_given(file), _given(command_line))
    return _ipython(chosen, explicitly=explicitly) if chosen else _demo(ipython=True)


def _given(values: Values) -> dict[str, str]:
    return {name: values[name] for name in (*_CODE, *_PROFILE) if values.get(name) is not None}


def _refuse_ambiguous(values: Values, where: str) -> None:
    given = list(_given(values))
    code = [name for name in given if name in _CODE]
    if len(code) > 1 or ("startup_dir" in given and len(given) > 1):
        raise ConfigurationError(
            f"The {where} names the startup code ambiguously: {' and '.join(given)} cannot be "
            "used together"
        )


def _merged(file: dict[str, str], command_line: dict[str, str]) -> dict[str, str]:
    merged = dict(file)
    if any(name in command_line for name in _CODE):
        merged = {name: value for name, value in merged.items() if name not in _CODE}
    if "startup_dir" in command_line:
        merged = {}
    elif any(name in command_line for name in _PROFILE):
        merged.pop("startup_dir", None)
    return merged | command_line


def _plain(chosen: dict[str, str]) -> dict[str, Any]:
    is_named = any(name in chosen for name in _PROFILE)
    profile_folder = str(_profile_folder(chosen)) if is_named else None
    if not any(name in chosen for name in _CODE):
        assert profile_folder is not None
        chosen = {**chosen, "startup_dir": profile_folder}
    folder = chosen.get("startup_dir") or profile_folder
    if folder is not None:
        _require_folder(folder)
    # A profile beside a script or module is not loaded, but uploaded scripts import from it.
    return {"demo_mode": False, **chosen, "aux_dir": folder}


def _ipython(chosen: dict[str, str], *, explicitly: bool) -> dict[str, Any]:
    chosen = dict(chosen)
    folder = chosen.get("startup_dir")
    if folder is not None:
        _require_folder(folder)
        match = _PROFILE_FOLDER.fullmatch(folder)
        if match is None and explicitly:
            raise ConfigurationError(
                f"Startup directory '{folder}' is not the folder of an IPython profile "
                "(…/profile_<name>/startup). Move the files into a profile, or leave out "
                "--use-ipython-kernel=ON to load them from any folder"
            )
        if match is None:
            return {"demo_mode": False, **chosen, "aux_dir": folder}
        del chosen["startup_dir"]
        chosen |= match.groupdict()
    is_named = any(name in chosen for name in _PROFILE)
    profile_folder = _profile_folder(chosen)
    if is_named:
        _require_folder(str(profile_folder))
    return {
        "demo_mode": False,
        **chosen,
        "ipython_dir": str(profile_folder.parent.parent),
        "startup_profile": chosen.get("startup_profile", "default"),
        "aux_dir": str(profile_folder),
    }


def _profile_folder(chosen: Values) -> Path:
    root = chosen.get("ipython_dir") or default_ipython_dir()
    return Path(root) / f"profile_{chosen.get('startup_profile', 'default')}" / "startup"


def _require_folder(folder: str) -> None:
    try:
        mode = Path(folder).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigurationError(f"Startup directory '{folder}' does not exist") from None
    except OSError as error:
        raise ConfigurationError(
            f"Startup directory '{folder}' cannot be read: {error.strerror}"
        ) from error
    if not stat.S_ISDIR(mode):
        raise ConfigurationError(f"Startup directory '{folder}' is not a directory")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ConfigurationError(f"Startup directory '{folder}' cannot be read by this user")


def default_ipython_dir() -> str:
    """Return the folder in which IPython looks for profiles."""
    # Only needed when a profile is named without its root: IPython takes long to import.
    from IPython.paths import get_ipython_dir  # noqa: PLC0415

    return str(get_ipython_dir())


def yaml_path(given: str | None, aux_dir: str | None, file_name: str, what: str) -> str:
    """Return the path of a YAML file named by a file or folder, else beside the startup code.

    Raises
    ------
    ConfigurationError
        Nothing tells where the file is.
    """
    if given is None and aux_dir is None:
        raise ConfigurationError(f"The path to {what} is not specified.")
    path = given or str(aux_dir)
    return path if path.endswith(".yaml") else str(Path(path) / file_name)


def _demo(*, ipython: bool) -> dict[str, Any]:
    if not ipython:
        folder = str(_sim_profile())
        return {"demo_mode": True, "startup_dir": folder, "aux_dir": folder}
    root = demo_ipython_dir()
    return {
        "demo_mode": True,
        "ipython_dir": str(root),
        "startup_profile": DEMO_PROFILE,
        "aux_dir": str(root / f"profile_{DEMO_PROFILE}" / "startup"),
    }


def demo_ipython_dir() -> Path:
    """Return the folder in which the simulated profile is put for the IPython loader."""
    return Path(tempfile.gettempdir()).resolve() / f"qserver_{_user_name()}" / "ipython"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # as in containers that run as a number without a name
        return str(os.getuid())


def install_demo_profile() -> Path:
    """Put a fresh copy of the simulated profile where IPython can write beside it.

    Files that are the same already stay untouched: another manager may be loading them.

    Raises
    ------
    ConfigurationError
        Somebody else owns the place.
    """
    root = demo_ipython_dir()
    _make_private(root.parent)
    target = root / f"profile_{DEMO_PROFILE}" / "startup"
    target.mkdir(parents=True, exist_ok=True)
    source = _sim_profile()
    wanted = {path.name: path for path in source.iterdir() if path.is_file()}
    for path in target.iterdir():
        if path.suffix in (".py", ".ipy") and path.name not in wanted:
            path.unlink()
    for name, path in wanted.items():
        copy = target / name
        content = path.read_bytes()
        if not copy.exists() or copy.read_bytes() != content:
            copy.write_bytes(content)
    return target


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigurationError(
            f"'{folder}' belongs to somebody else. Remove it, or set TMPDIR to another folder"
        )
    folder.chmod(0o700)


def _sim_profile() -> Path:
    from qs_jupyter.profiles import sim_profile  # noqa: PLC0415 - for the demo only

    return Path(sim_profile())
