"""The notebooks of the repository: small, stored without outputs, and all of them run."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.acceptance.running import PROGRAMS, Home
from tests.contract.magics.kernel import be_patient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIMIT_S = 240
MOST_CELLS = 30


@pytest.fixture
def home() -> Iterator[Home]:
    # The paths of sockets must be short, and those of pytest are not.
    folder = Path(tempfile.mkdtemp(prefix="qs"))
    home = Home(folder)
    yield home
    home.end_processes()
    shutil.rmtree(folder, ignore_errors=True)


def test_there_are_notebooks() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(len(NOTEBOOKS))]
    assert len(NOTEBOOKS) >= 8


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_clean_and_small(path: Path) -> None:
    content = nbformat.read(path, as_version=4)
    nbformat.validate(content)
    code = [cell for cell in content.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert content.metadata.kernelspec.name == "python3"
    assert content.cells[0].source.startswith("# "), "a notebook begins with its subject"
    assert "playground.begin()" in code[0].source
    assert code[-1].source.endswith("playground.end()")
    assert len(content.cells) <= MOST_CELLS


def test_the_playground_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse((FOLDER / "playground.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"os", "pathlib", "shutil", "socket", "tempfile", "time"}


@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_beginning_to_its_end(path: Path, home: Home) -> None:
    for source in (path, FOLDER / "playground.py"):
        shutil.copy(source, home.work)
    # The addresses of the test's own manager would be an answer to what a newcomer has not set.
    environment = {
        name: value for name, value in home.environment.items() if not name.startswith("QSERVER")
    }
    be_patient(home.folder / "ipython")
    running = subprocess.Popen(
        [str(PROGRAMS / "jupyter-execute"), f"--timeout={LIMIT_S}", path.name],
        cwd=home.work,
        env={**environment, "IPYTHONDIR": str(home.folder / "ipython")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        text, _ = running.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        text, _ = running.communicate()
    assert running.returncode == 0, text
    _gone, left = psutil.wait_procs(home.processes(), timeout=20)
    assert [process.cmdline() for process in left] == [], "processes were left behind"
    assert list((home.folder / "tmp").glob("qs-*")) == [], "files were left behind"
