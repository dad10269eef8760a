"""Plans in files: read as data, never run."""

from __future__ import annotations

import pytest

from qs_jupyter.client.item_files import ItemFileProblem, read_items, write_items

PLAN = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 3}}


def test_a_spreadsheet_becomes_plans(tmp_path):
    sheet = tmp_path / "day.csv"
    sheet.write_text(
        "plan,args,num,delay\ncount,\"['det1', 'det2']\",3,\nscan,\"det1, motor\",,0.5\n"
    )
    first, second = read_items(str(sheet))
    assert (first["name"], first["kwargs"]) == ("count", {"num": 3})
    assert (second["name"], second["kwargs"]) == ("scan", {"delay": 0.5})


def test_a_cell_that_looks_like_code_stays_text(tmp_path):
    sheet = tmp_path / "day.csv"
    sheet.write_text("plan,args,note\ncount,,__import__('os').getcwd()\n")
    (plan,) = read_items(str(sheet))
    assert plan["kwargs"] == {"note": "__import__('os').getcwd()"}


@pytest.mark.parametrize("name", ["day.json", "day.yaml"])
def test_what_is_written_is_read_again(tmp_path, name):
    path = str(tmp_path / name)
    write_items(path, [PLAN])
    assert read_items(path) == [PLAN]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("a.yaml", "a: ["),
        ("a.json", "3"),
        ("a.yaml", "- 3"),
        ("a.json", "[" * 100_000),
        ("a.yaml", "[" * 3_000),
    ],
    ids=lambda text: text[:8],
)
def test_a_file_without_plans_is_named_in_the_refusal(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ItemFileProblem, match=name):
        read_items(str(path))
