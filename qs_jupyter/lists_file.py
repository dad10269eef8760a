"""The file with the descriptions of existing plans and devices.

It lets a manager check plans before any environment was open.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from qs_jupyter.errors import Failure

_COMMENT = "# Written by the queue server. Changes are lost when the file is written again.\n"

# The parts of the YAML library that are written in C are ten times faster, if they are there.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class ListsFileFailure(Failure):
    """The file cannot be read or written, or holds something else; says which and why."""


def read_lists(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the descriptions of plans and of devices.

    Raises
    ------
    ListsFileFailure
        When the file does not exist, cannot be read or holds something else.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ListsFileFailure(f"The lists file '{path}' cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ListsFileFailure(f"The lists file '{path}' must be a mapping")
    return _part(content, "existing_plans", path), _part(content, "existing_devices", path)


def write_lists(path: Path, plans: Mapping[str, Any], devices: Mapping[str, Any]) -> None:
    """Replace the file; a reader sees the old content or the new one, never a part.

    Raises
    ------
    ListsFileFailure
        When the file cannot be written.
    """
    content = {"existing_plans": dict(plans), "existing_devices": dict(devices)}
    try:
        text = _COMMENT + yaml.dump(
            content, Dumper=_DUMPER, default_flow_style=False, sort_keys=True, allow_unicode=True
        )
        _replace(path, text)
    except (OSError, yaml.YAMLError) as error:
        raise ListsFileFailure(f"The lists file '{path}' cannot be written: {error}") from error


def _part(content: dict[Any, Any], key: str, path: Path) -> dict[str, Any]:
    part = content.get(key) or {}
    if not isinstance(part, dict) or not all(isinstance(name, str) for name in part):
        raise ListsFileFailure(f"'{key}' in the lists file '{path}' must be a mapping of names")
    return part


def _replace(path: Path, text: str) -> None:
    # A link is followed, so that it stays a link.
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _mode(target: Path) -> int:
    """Return the permissions of the file as it is; a new one is for everybody to read."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644
