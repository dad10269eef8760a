"""Plans in files: JSON, YAML and spreadsheets."""

from __future__ import annotations

import io
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
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ItemFileProblem(f"{name!r} cannot be read: {error}") from error
    return parse_items(name, content)


def parse_items(name: str, content: bytes) -> list[dict[str, Any]]:
    """Return the plans in the bytes of a file, whose name tells the format.

    Raises
    ------
    ItemFileProblem
        The bytes are not of that format, or hold no list of plans.
    """
    suffix = Path(name).suffix.lower()
    try:
        if suffix in _SHEETS:
            return spreadsheet_to_plan_list(
                spreadsheet_file=io.BytesIO(content), file_name=Path(name).name
            )
        text = content.decode("utf-8-sig")
        found = _yaml().safe_load(text) if suffix in _YAML else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ItemFileProblem(f"{name!r} cannot be read: {error}") from error
    except _yaml().YAMLError as error:
        raise ItemFileProblem(f"{name!r} is not valid YAML: {error}") from error
    if isinstance(found, Mapping):
        found = found.get("items")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ItemFileProblem(f"{name!r} holds no list of plans")
    return [{"item_type": "plan", **item} for item in found]


def write_items(name: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Write plans to a file, as YAML or JSON by its ending.

    Raises
    ------
    ItemFileProblem
        The file cannot be written, or has another ending.
    """
    text = format_items(name, items)
    try:
        Path(name).expanduser().write_text(text)
    except OSError as error:
        raise ItemFileProblem(f"{name!r} cannot be written: {error}") from error


def format_items(name: str, items: Sequence[Mapping[str, Any]]) -> str:
    """Return what a file of that name holds.

    Raises
    ------
    ItemFileProblem
        The name has no ending that tells JSON from YAML.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in (*_YAML, ".json"):
        raise ItemFileProblem(f"{name!r}: items are written to .json, .yaml or .yml files")
    plain = [dict(item) for item in items]
    is_yaml = suffix in _YAML
    return (
        str(_yaml().safe_dump(plain, sort_keys=False)) if is_yaml else json.dumps(plain, indent=1)
    )


def _yaml() -> Any:
    import yaml  # noqa: PLC0415 - slow to import, and seldom needed

    return yaml
