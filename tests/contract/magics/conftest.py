"""Notebooks with the magics loaded, and the managers they talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.magics.notebook import ManagerThread, Notebook


@pytest.fixture(scope="module")
def shared_manager() -> Iterator[ManagerThread]:
    with ManagerThread() as manager:
        yield manager


@pytest.fixture
def manager(shared_manager: ManagerThread) -> ManagerThread:
    """A manager with an open environment and nothing to do; the test plays its worker."""
    shared_manager.reset()
    return shared_manager


@pytest.fixture
def lone_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook that talks to nobody yet, in a folder of its own."""
    for name in ("QSERVER_ZMQ_CONTROL_ADDRESS", "QSERVER_LOCK_KEY", "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    notebook = Notebook(str(tmp_path / "ipython"))
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(manager: ManagerThread, lone_notebook: Notebook) -> Notebook:
    """A notebook that talks to the manager, and ends before it."""
    lone_notebook.good(f"%qserver connect {manager.address};")
    return lone_notebook
