"""The file with the lists of plans and devices."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from qs_jupyter.lists_file import ListsFileFailure, read_lists, write_lists

PLANS = {"count": {"name": "count", "parameters": [{"name": "a", "default": "'ü'"}]}}
DEVICES = {"det1": {"is_readable": True}}


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "lists.yaml"
    write_lists(path, PLANS, DEVICES)
    assert read_lists(path) == (PLANS, DEVICES)
    assert path.read_text().startswith("# ")
    assert "existing_plans:\n  count:\n" in path.read_text()


def test_writing_replaces_the_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "lists.yaml"
    write_lists(path, PLANS, DEVICES)
    path.chmod(0o640)
    before = path.stat().st_ino
    write_lists(path, {}, DEVICES)
    assert read_lists(path) == ({}, DEVICES)
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.yaml", tmp_path / "link.yaml"
    link.symlink_to(target)
    write_lists(link, PLANS, DEVICES)
    assert link.is_symlink()
    assert read_lists(target) == (PLANS, DEVICES)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "lists.yaml"
    write_lists(path, PLANS, DEVICES)
    with pytest.raises(ListsFileFailure, match="cannot be written"):
        write_lists(path, {"p": object()}, {})
    assert read_lists(path) == (PLANS, DEVICES)
    with pytest.raises(ListsFileFailure, match="cannot be written"):
        write_lists(tmp_path / "nosuch" / "lists.yaml", PLANS, DEVICES)


@pytest.mark.parametrize(
    "text",
    ["- a", "existing_plans: 5", "a: [", "existing_plans: {5: a}", "a: !!python/name:os.system ''"],
)
def test_a_file_with_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lists.yaml"
    path.write_text(text)
    with pytest.raises(ListsFileFailure, match=r"lists\.yaml"):
        read_lists(path)


def test_a_missing_file_is_refused_and_an_empty_part_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "lists.yaml"
    with pytest.raises(ListsFileFailure, match="cannot be read"):
        read_lists(path)
    path.write_text("existing_plans:\n")
    assert read_lists(path) == ({}, {})


def test_a_long_file_that_was_read_once_is_read_from_its_copy_until_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "lists.yaml"
    many = {f"device_{number}": {"is_readable": True} for number in range(10_000)}
    write_lists(path, PLANS, many)
    (copy,) = (tmp_path / "cache").rglob("lists-*.json")
    assert read_lists(path) == (PLANS, many)
    path.write_text(path.read_text().replace("device_17:", "other_17:"))
    assert "other_17" in read_lists(path)[1]
    copy.write_text("{ damaged")
    assert "other_17" in read_lists(path)[1]
    assert "other_17" in copy.read_text()
