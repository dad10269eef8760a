"""Every room has a caption and can be read in one sitting; nothing names this machine."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("qs_jupyter", "kernel_worker/qs_kernel_worker", "widgets/qs_widgets")
LONGEST_ROOM = 400
# Lists of declarations, which are looked up and not read from end to end.
LISTS = {"qs_jupyter/settings.py": 450}
# Names that tell nothing about what is inside.
VAGUE = {"utils", "util", "helpers", "common", "misc", "base", "tools"}
HOMES = (f"{Path.home()}/".encode(), str(ROOT).encode())


def rooms() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "profile_collection_sim" not in path.parts
    )


def tracked_files() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("this is no checkout")
    return (ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


@pytest.mark.parametrize("room", rooms())
def test_a_room_has_a_caption_and_ends_in_time(room: str) -> None:
    text = (ROOT / room).read_text()
    caption = ast.get_docstring(ast.parse(text))
    assert caption, f"{room} has no caption"
    first = caption.splitlines()[0]
    assert first.endswith((".", "?", "!")), f"the caption of {room} is no sentence: {first!r}"
    lines = text.count("\n")
    assert lines <= LISTS.get(room, LONGEST_ROOM), (
        f"{room} has {lines} lines: look for the second subject in it"
    )


def test_rooms_are_named_by_their_subject() -> None:
    assert [room for room in rooms() if Path(room).stem in VAGUE] == []


def test_no_file_names_a_home_folder_of_somebody() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if any(home in path.read_bytes() for home in HOMES)
    ]
    assert found == []
