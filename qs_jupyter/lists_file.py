"""The file with the descriptions of existing plans and devices.

It lets a manager check plans before any environment was open. Reading YAML takes a second for
a large beamline, so a copy in JSON of a long file is kept in the user's cache folder. It carries
a hash of the file; a copy of anything else, or none, only costs time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from qs_jupyter.errors import Failure, yaml_problem

logger = logging.getLogger(__name__)

_COMMENT = "# Written by the queue server. Changes are lost when the file is written again.\n"

# The parts of the YAML library that are written in C are ten times faster, if they are there.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


# A shorter file is read in the time in which a copy is looked for and checked.
_WORTH_A_COPY = 200_000


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
        text = path.read_bytes()
        content = _read_copy(path, text)
        if content is None:
            content = yaml.load(text.decode("utf-8"), Loader=_LOADER)
            _write_copy(path, text, content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ListsFileFailure(
            f"The lists file '{path}' cannot be read: {yaml_problem(error)}"
        ) from error
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
        _write_copy(path, text.encode("utf-8"), content)
    except (OSError, yaml.YAMLError) as error:
        raise ListsFileFailure(f"The lists file '{path}' cannot be written: {error}") from error


def _part(content: dict[Any, Any], key: str, path: Path) -> dict[str, Any]:
    part = content.get(key) or {}
    if not isinstance(part, dict) or not all(isinstance(name, str) for name in part):
        raise ListsFileFailure(f"'{key}' in the lists file '{path}' must be a mapping of names")
    return part


def _copy_path(path: Path) -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 - not for those without such a file

    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return user_cache_path("qs-jupyter") / f"lists-{name}.json"


def _read_copy(path: Path, text: bytes) -> Any:
    """Return the content of the file if there is a copy of exactly this text, else None."""
    if len(text) < _WORTH_A_COPY:
        return None
    try:
        copy = json.loads(_copy_path(path).read_bytes())
        is_same = copy["hash"] == hashlib.sha256(text).hexdigest()
        return copy["content"] if is_same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_copy(path: Path, text: bytes, content: Any) -> None:
    """Keep a copy if JSON can hold the content as it is."""
    if len(text) < _WORTH_A_COPY:
        return
    copy = {"hash": hashlib.sha256(text).hexdigest(), "content": content}
    try:
        copied = json.dumps(copy)
        if json.loads(copied) == copy:
            target = _copy_path(path)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(target, copied)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        logger.debug("No copy of '%s' is kept: %s", path, error)


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
