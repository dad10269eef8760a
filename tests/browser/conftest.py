"""A browser, JupyterLab and a manager for the tests of the panel; started once, used in turn."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.running import Home, RunningManager
from tests.browser.lab import Lab, NotebookPage, chromium, give_up, system_browser

OPEN_PANEL = """\
from qs_jupyter.client.hub import shared_hub
from qs_widgets.panel import open_panel
hub = shared_hub()
panel = open_panel(hub)
panel"""
SIZE = {"width": 1100, "height": 1000}

OpenPage = Callable[..., NotebookPage]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser of the system."""
    path = system_browser()
    if path is None:
        give_up("no chromium on this machine (apt-get install chromium fonts-dejavu-core)")
    with chromium(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def shared_manager(browser: Any) -> Iterator[RunningManager]:
    """A manager that all tests use one after the other."""
    # The paths of the worker's sockets must be short, and those of pytest are not.
    folder = Path(tempfile.mkdtemp(prefix="qs"))
    manager = RunningManager(Home(folder))
    try:
        yield manager.start()
    finally:
        left = manager.end()
        shutil.rmtree(folder, ignore_errors=True)
    assert left == [], "processes were left behind"


@pytest.fixture
def manager(shared_manager: RunningManager) -> RunningManager:
    """The manager: idle, with an open environment, nothing in queue and history, unlocked."""
    shared_manager.reset()
    shared_manager.open()
    return shared_manager


@pytest.fixture(scope="module")
def lab(shared_manager: RunningManager) -> Iterator[Lab]:
    """JupyterLab whose notebooks find the manager."""
    folder = Path(tempfile.mkdtemp(prefix="qslab"))
    lab = Lab(folder, {"QSERVER_ZMQ_CONTROL_ADDRESS": shared_manager.home.control})
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_page(browser: Any, lab: Lab, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open notebooks in the browser; none may ask a foreign host for anything."""
    with contextlib.ExitStack() as stack:
        pages: list[NotebookPage] = []

        def open_one(*cells: str, dark: bool = False, size: Any = None) -> NotebookPage:
            lab.use_theme(dark)
            context = browser.new_context(viewport=size or SIZE)
            stack.callback(context.close)
            page = NotebookPage(lab, context.new_page())
            pages.append(page)
            name = f"{request.node.name}-{len(pages)}.ipynb"
            lab.write(name, *cells)
            page.open(name)
            return page

        yield open_one
        for page in pages:
            page.shut_down()
        assert [url for page in pages for url in page.foreign] == []
        assert [text for page in pages for text in page.errors] == []


@pytest.fixture
def panel(manager: RunningManager, open_page: OpenPage) -> NotebookPage:
    """A page with the panel."""
    page = open_page(OPEN_PANEL)
    page.run_cell(0)
    page.until_connected()
    return page
