"""Plans from the rows of a spreadsheet.

The first row names the columns. The first column holds the name of the plan, the second its
positional arguments, separated by commas; each further column is a keyword argument. Cells
are read as literal values and otherwise as text: nothing in them is ever run.
"""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date, time
from pathlib import PurePath
from typing import IO, Any
from zipfile import BadZipFile

Rows = Iterator[Sequence[Any]]


def spreadsheet_to_plan_list(
    *, spreadsheet_file: IO[bytes], file_name: str, **_options: Any
) -> list[dict[str, Any]]:
    """Return the plans of a ``.csv``, ``.xlsx`` or ``.xls`` file, one for each row with a name.

    Raises
    ------
    ValueError
        For another kind of file, a missing reader, or a row that cannot be read.
    """
    suffix = PurePath(file_name).suffix.lower()
    readers = {".csv": _csv_rows, ".xlsx": _xlsx_rows, ".xls": _xls_rows}
    if suffix not in readers:
        raise ValueError(
            f"Spreadsheet {file_name!r}: the kind {suffix!r} is not supported, "
            f"only {', '.join(readers)}"
        )
    rows = readers[suffix](spreadsheet_file)
    columns = [str(cell or "").strip() for cell in next(rows, ())]
    if len(columns) < 2:
        raise ValueError(f"Spreadsheet {file_name!r}: the first row must name two columns or more")
    return [_plan(row, columns) for row in rows if row and _value(row[0]) not in (None, "")]


def _plan(row: Sequence[Any], columns: Sequence[str]) -> dict[str, Any]:
    plan: dict[str, Any] = {"item_type": "plan", "name": str(row[0]).strip()}
    args = _arguments(row[1]) if len(row) > 1 else []
    kwargs = {
        name: value
        for name, cell in zip(columns[2:], row[2:], strict=False)
        if name and (value := _value(cell)) is not None
    }
    if args:
        plan["args"] = args
    if kwargs:
        plan["kwargs"] = kwargs
    return plan


def _arguments(cell: Any) -> list[Any]:
    """Read ``['det1'], 5, motor``: as one literal if it is one, otherwise part by part."""
    if not isinstance(cell, str):
        return [] if cell is None else [_value(cell)]
    try:
        return list(_literal(f"[{cell}]"))
    except _NO_LITERAL:
        return [_value(part) for part in cell.split(",")]


def _value(cell: Any) -> Any:
    """Return the value of a cell; an empty one is None, what is no literal stays text."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, date | time):
        return cell.isoformat()
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if text in _WORDS:
        return _WORDS[text]
    try:
        return _literal(text)
    except _NO_LITERAL:
        return text


# So spreadsheet programs write what is true or false; as texts, both would count as true.
_WORDS = {"": None, "TRUE": True, "FALSE": False}

_NO_LITERAL = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


def _literal(text: str) -> Any:
    """Return the value of a literal that can be sent: bytes and sets are not."""
    value = ast.literal_eval(text)
    json.dumps(value)
    return value


def _csv_rows(file: IO[bytes]) -> Rows:
    try:
        return iter(list(csv.reader(io.StringIO(file.read().decode("utf-8-sig")))))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _xlsx_rows(file: IO[bytes]) -> Rows:
    try:
        import openpyxl  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError as error:
        raise ValueError("Reading '.xlsx' files needs the package 'openpyxl'") from error
    try:
        sheet = openpyxl.load_workbook(file, read_only=True, data_only=True).active
    except (BadZipFile, KeyError) as error:
        raise ValueError(f"it is no '.xlsx' file: {error}") from error
    return iter(list(sheet.iter_rows(values_only=True)))


def _xls_rows(file: IO[bytes]) -> Rows:
    try:
        import xlrd  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError as error:
        raise ValueError("Reading '.xls' files needs the package 'xlrd'") from error
    try:
        sheet = xlrd.open_workbook(file_contents=file.read()).sheet_by_index(0)
    except xlrd.XLRDError as error:
        raise ValueError(f"it is no '.xls' file: {error}") from error
    return (sheet.row_values(n) for n in range(sheet.nrows))
