"""What is said when something is refused: whole sentences, with everything filled in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = [
    path
    for house in ("qs_jupyter", "kernel_worker", "widgets")
    for path in sorted((ROOT / house).rglob("*.py"))
]
# What an f-string would have filled: a name, perhaps with attributes, conversion and format.
UNFILLED = re.compile(r"\{[a-z_][a-z_0-9.]*(![rsa])?(:[^{}]*)?\}")


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the plain texts that are raised or logged as errors, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call = node.exc
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("error", "warning"):
            call = node
        else:
            continue
        for argument in call.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.lineno, argument.value


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_shows_a_name_in_braces_where_its_value_was_meant(path: Path) -> None:
    unfilled = [(line, text) for line, text in sentences(path) if UNFILLED.search(text)]
    assert unfilled == []


def test_the_check_finds_a_forgotten_f(tmp_path: Path) -> None:
    path = tmp_path / "forgotten.py"
    path.write_text("raise ValueError('the item {uid!r} is running')\n")
    assert [text for _, text in sentences(path) if UNFILLED.search(text)]
