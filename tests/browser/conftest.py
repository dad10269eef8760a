"""A browser, JupyterLab and a manager for the tests of the panel; started once, used in turn."""

from __future__ import annotations

import shutil
import tempfile
import uuid
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


class Pages:
    """Notebooks in the browser; none may ask a foreign host for anything."""

    def __init__(self, browser: Any, lab: Lab) -> None:
        self._browser = browser
        self._lab = lab
        self._open: list[tuple[NotebookPage, Any]] = []
        self.current: NotebookPage | None = None

    def open(
        self, *cells: str, dark: bool = False, size: Any = None, by: str = "doc/tree"
    ) -> NotebookPage:
        """Open a new notebook with these cells."""
        self._lab.use_theme(dark)
        context = self._browser.new_context(viewport=size or SIZE, accept_downloads=True)
        page = NotebookPage(self._lab, context.new_page())
        self._open.append((page, context))
        name = f"{uuid.uuid4().hex}.ipynb"
        self._lab.write(name, *cells)
        page.open(name, by=by)
        return page

    def close(self) -> None:
        """End the kernels and close the pages; what was wrong with one fails now."""
        pages = [page for page, _ in self._open]
        for page, context in self._open:
            page.shut_down()
            context.close()
        self._open.clear()
        assert [url for page in pages for url in page.foreign] == []
        assert [text for page in pages for text in page.errors] == []


@pytest.fixture
def open_page(browser: Any, lab: Lab) -> Iterator[OpenPage]:
    """Open notebooks of one's own."""
    pages = Pages(browser, lab)
    yield pages.open
    pages.close()


@pytest.fixture(scope="module")
def shared_pages(browser: Any, lab: Lab) -> Iterator[Pages]:
    """The page that is shared, if there is one at the moment."""
    pages = Pages(browser, lab)
    yield pages
    pages.close()


@pytest.fixture
def panel(
    manager: RunningManager, shared_pages: Pages, request: pytest.FixtureRequest
) -> Iterator[NotebookPage]:
    """A page with the panel, which tests use one after the other until one fails."""
    if shared_pages.current is None:
        page = shared_pages.open(OPEN_PANEL)
        page.run_cell(0)
        shared_pages.current = page
    page = shared_pages.current
    page.until_connected()
    page.clean()
    failed = request.session.testsfailed
    yield page
    if request.session.testsfailed > failed:
        shared_pages.current = None
        shared_pages.close()
