"""Plans from spreadsheets."""

from __future__ import annotations

import io
from typing import Any

import pytest

from qs_jupyter.client.spreadsheet import spreadsheet_to_plan_list


def plans(text: str, name: str = "plans.csv") -> list[dict[str, Any]]:
    file = io.BytesIO(text.encode())
    return spreadsheet_to_plan_list(spreadsheet_file=file, file_name=name, user="unused")


def test_rows_become_plans() -> None:
    found = plans(
        "plan,args,num,delay,sample\n"
        "count,\"['det1', 'det2']\",10,1.5,\n"
        "\"scan\",\"['det1'], 'motor', -1, 1\",5,,it's a name\n"
        ",ignored,,,\n"
        "null,,,,\n"
    )
    assert found == [
        {
            "item_type": "plan",
            "name": "count",
            "args": [["det1", "det2"]],
            "kwargs": {"num": 10, "delay": 1.5},
        },
        {
            "item_type": "plan",
            "name": "scan",
            "args": [["det1"], "motor", -1, 1],
            "kwargs": {"num": 5, "sample": "it's a name"},
        },
        {"item_type": "plan", "name": "null"},
    ]


def test_words_without_quotes_are_text_and_code_is_never_run() -> None:
    (found,) = plans('plan,args,note\ncount,"det1, 5",__import__("os").getcwd()\n')
    assert found["args"] == ["det1", 5]
    assert found["kwargs"] == {"note": '__import__("os").getcwd()'}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("TRUE", True),
        ("FALSE", False),
        ("True", True),
        ("1e3", 1000.0),
        ("b'x'", "b'x'"),
        ("{1}", "{1}"),
        ("'it''s'", "its"),
        ("#N/A", "#N/A"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_cells_become_what_can_be_sent(cell: str, value: Any) -> None:
    (found,) = plans(f'plan,args,value\ncount,"{cell}","{cell}"\n')
    assert found["kwargs"] == {"value": value}
    assert found["args"] == [value]


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("a,b\n", "plans.ods", "the kind '.ods' is not supported"),
        ("plan\n", "plans.csv", "the first row must name"),
        ("", "plans.csv", "the first row must name"),
        ("a,b\ncount," + "x" * 200_000, "plans.csv", "field larger than field limit"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: str, name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        plans(text, name)
