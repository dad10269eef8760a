"""Plans in files: JSON, YAML and spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qs_jupyter.client.spreadsheet import spreadsheet_to_plan_list
from qs_jupyter.errors import BadRequest


class ItemFileProblem(BadRequest):
    """A file with plans cannot be read or written; the text names it and says why."""


_SHEETS = (".csv", ".xlsx", ".xls")
_YAML = (".yaml", ".yml")


def read_items(name: str) -> list[dict[str, Any]]:
    """Return the plans of a file.

    Raises
    ------
    ItemFileProblem
        The file cannot be read, or holds no list of plans.
    """
    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    try:
        if suffix in _SHEETS:
            with path.open("rb") as stream:
                return spreadsheet_to_plan_list(spreadsheet_file=stream, file_name=path.name)
        content = _yaml().safe_load(path.read_text()) if suffix in _YAML else _json(path)
    except (OSError, ValueError) as error:
        raise ItemFileProblem(f"{name!r} cannot be read: {error}") from error
    except _yaml().YAMLError as error:
        raise ItemFileProblem(f"{name!r} is not valid YAML: {error}") from error
    if isinstance(content, Mapping):
        content = content.get("items")
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise ItemFileProblem(f"{name!r} holds no list of plans")
    return [{"item_type": "plan", **item} for item in content]


def write_items(name: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Write plans to a file, as YAML or JSON by its ending.

    Raises
    ------
    ItemFileProblem
        The file cannot be written, or has another ending.
    """
    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    if suffix not in (*_YAML, ".json"):
        raise ItemFileProblem(f"{name!r}: the queue is written to .json, .yaml or .yml files")
    plain = [dict(item) for item in items]
    is_yaml = suffix in _YAML
    text = _yaml().safe_dump(plain, sort_keys=False) if is_yaml else json.dumps(plain, indent=1)
    try:
        path.write_text(text)
    except OSError as error:
        raise ItemFileProblem(f"{name!r} cannot be written: {error}") from error


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _yaml() -> Any:
    import yaml  # noqa: PLC0415 - slow to import, and seldom needed

    return yaml
