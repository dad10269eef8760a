"""JupyterLab as people run it, with a notebook in a real browser, and nothing from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

PROGRAMS = Path(sys.executable).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIMIT_MS = 30_000
_LOCAL = ("127.0.0.1", "localhost", "")
# Where the scripts of JupyterLab and Notebook 7 themselves come from.
FRAMES = ("/static/lab/", "/static/notebook/")

# Compares the colour of each text with what lies behind it, as the accessibility rules do.
# Controls that are out of use may be faint. The canvas turns any spelling of a colour into
# numbers.
FAINT = """\
() => {
  const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const read = (colour) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) =>
    [r, g, b].map((each, at) => each * a + under[at] * (1 - a)).concat(1);
  const behind = (node) => {
    if (!node) return [255, 255, 255, 1];
    const colour = read(getComputedStyle(node).backgroundColor);
    return colour[3] > 0.99 ? colour : over(colour, behind(node.parentElement));
  };
  const light = (colour) => {
    const parts = colour.slice(0, 3).map((each) => each / 255)
      .map((each) => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const found = [];
  for (const node of document.querySelectorAll('.qsj *')) {
    const own = [...node.childNodes].filter((each) => each.nodeType === 3 && each.data.trim());
    if (!own.length || !node.offsetParent || node.closest(':disabled, .qsj-stale')) continue;
    const ground = behind(node);
    const text = over(read(getComputedStyle(node).color), ground);
    const [high, low] = [light(text), light(ground)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) found.push(`${node.textContent.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


def give_up(reason: str, **options: Any) -> NoReturn:
    """Skip what needs a browser, or fail where there has to be one."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, **options)


def system_browser() -> str | None:
    """Return the path of a browser that the tests can drive."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


class Lab:
    """A Jupyter server with homes of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._environment = {**os.environ, **environment, **self._homes()}
        self._process: subprocess.Popen[bytes] | None = None

    def _homes(self) -> dict[str, str]:
        names = {
            "HOME": "home",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        for name in names.values():
            (self.folder / name).mkdir(exist_ok=True)
        return {variable: str(self.folder / name) for variable, name in names.items()}

    def start(self) -> None:
        """Start the server; returns when it answers."""
        log = (self.folder / "lab.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [
                    str(PROGRAMS / "jupyter-lab"),
                    "--no-browser",
                    f"--port={self.url.rpartition(':')[2]}",
                    "--ServerApp.port_retries=0",
                    "--IdentityProvider.token=",
                    "--ServerApp.disable_check_xsrf=True",
                    "--allow-root",
                    f"--ServerApp.root_dir={self.notebooks}",
                ],
                cwd=self.notebooks,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._until_it_answers()

    def _until_it_answers(self) -> None:
        assert self._process is not None
        for _ in range(300):
            assert self._process.poll() is None, (self.folder / "lab.log").read_text()
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/api", timeout=5).close()
                return
            # A server tells nobody when it begins to listen, so it has to be asked.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        raise AssertionError("JupyterLab did not answer")

    def stop(self) -> None:
        """End the server and its kernels."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)

    def use_theme(self, dark: bool) -> None:
        """Have pages that are opened from now on dark or light."""
        folder = self.folder / "settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        settings = {"theme": theme, "adaptive-theme": False}
        (folder / "themes.jupyterlab-settings").write_text(json.dumps(settings))
        (folder / "notification.jupyterlab-settings").write_text(
            json.dumps({"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True})
        )

    def write(self, name: str, *cells: str) -> None:
        """Write a notebook."""
        import nbformat  # noqa: PLC0415 - is an optional package

        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, self.notebooks / name)


class NotebookPage:
    """One notebook in the browser."""

    def __init__(self, lab: Lab, page: Any) -> None:
        self.lab = lab
        self.page = page
        self.name = ""
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(LIMIT_MS)
        page.on("pageerror", self._note_error)
        page.on("request", self._note)
        # On a busy machine JupyterLab asks now and then about a kernel that is slow to start.
        page.add_locator_handler(page.locator(".jp-Dialog"), self._accept)

    def _note(self, request: Any) -> None:
        scheme, _, rest = request.url.partition("://")
        host = rest.partition("/")[0].partition(":")[0]
        if scheme in ("http", "https", "ws", "wss") and host not in _LOCAL:
            self.foreign.append(request.url)

    def _note_error(self, error: Any) -> None:
        # The frames stumble over themselves while they load, also with an empty notebook.
        frames = [line for line in (error.stack or "").splitlines() if line.lstrip()[:3] == "at "]
        if not frames or not any(frame in frames[0] for frame in FRAMES):
            self.errors.append(str(error))

    def _accept(self, dialog: Any) -> None:
        print("JupyterLab asks:", dialog.inner_text())
        dialog.locator(".jp-mod-accept").first.click()

    def open(self, name: str, *, by: str = "doc/tree") -> None:
        """Open a notebook and wait for its kernel; ``by`` is where JupyterLab serves it."""
        self.name = name
        self.page.goto(f"{self.lab.url}/{by}/{name}?reset")
        self.until_idle()

    def until_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run a cell; JupyterLab sometimes swallows the first key press after loading.

        Or it asks for a kernel instead, when that is slow to start, and forgets the cell.
        """
        cell = self.page.locator(".jp-Cell").nth(index)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(5):
            cell.locator(".cm-content").click()  # which answers a question first
            self.page.keyboard.press("Control+Enter")
            if self._runs(prompt, before, r"\*|\d+", 5000) and (
                not wait or self._runs(prompt, before, r"\d+", LIMIT_MS)
            ):
                break
        else:
            raise AssertionError(f"JupyterLab does not run cell {index}: {prompt.inner_text()}")
        if wait:
            self.until_idle()

    def _runs(self, prompt: Any, before: str, number: str, limit_ms: int) -> bool:
        """Whether a prompt shows a new number before JupyterLab asks something."""
        from playwright.sync_api import TimeoutError as TooLate  # noqa: PLC0415 - is optional

        try:
            seen = self.page.wait_for_function(
                """([element, before, number]) =>
                document.querySelector('.jp-Dialog') ? 'a question'
                : element.innerText !== before
                && new RegExp(`\\\\[(${number})\\\\]`).test(element.innerText) && 'a number'""",
                arg=[prompt.element_handle(), before, number],
                timeout=limit_ms,
            )
        except TooLate:
            return False
        return bool(seen.json_value() == "a number")

    def save(self) -> None:
        """Save the notebook and wait until the server has it."""

        def is_saved(response: Any) -> bool:
            return response.request.method == "PUT" and "/api/contents/" in response.url

        with self.page.expect_response(is_saved):
            self.page.keyboard.press("Control+s")

    def until_connected(self) -> None:
        """Wait until a panel shows that it has a manager."""
        self.page.locator(".qsj-status[data-link=connected]").first.wait_for()

    def tab(self, name: str) -> Any:
        """Bring a part of the panel to the front and return it."""
        self.page.get_by_role("tab", name=name).first.click()
        part = {"Add plan": "form", "Tasks & scripts": "tasks"}.get(name, name.lower())
        found = self.page.locator(f".qsj-{part}").first
        found.wait_for()
        return found

    def button(self, name: str) -> Any:
        """Return a button of the panel, by its exact words."""
        return self.page.locator(".qsj").get_by_role("button", name=name, exact=True)

    def state(self, word: str) -> None:
        """Wait until the badge shows a word."""
        self.page.locator(".qsj-state", has_text=word).first.wait_for()

    def clean(self) -> None:
        """Have nothing left in the panel of what a test before has typed or was told."""
        for message in self.page.locator(".qsj-message:not(.qsj-silent) button").all():
            message.evaluate("button => button.click()")
        self.tab("Queue")
        self.page.get_by_label("Filter the queue").first.fill("")

    def faint(self) -> list[str]:
        """Return the texts of the panel that are hard to read: below a contrast of 4.5."""
        return list(self.page.evaluate(FAINT))

    def shut_down(self) -> None:
        """End the kernel of this notebook."""
        url = f"{self.lab.url}/api/sessions"
        for session in self.page.request.get(url).json():
            if session["path"] == self.name:
                self.page.request.delete(f"{url}/{session['id']}")

    def shot(self, name: str) -> None:
        """Save a picture of the panel when a folder for pictures is named."""
        folder = os.environ.get("QS_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            output = self.page.locator(".jp-OutputArea-output:has(.qsj)").first
            output.screenshot(path=str(Path(folder) / f"{name}.png"))


def fill_in(
    page: NotebookPage, plan: str, detectors: Sequence[str], *, num: int, **row: object
) -> Any:
    """Fill in the form for a plan with one row of arguments, and return the form."""
    form = page.tab("Add plan")
    form.get_by_label("Plan", exact=True).fill(plan)
    names = form.locator(".qsj-names input").first
    for name in detectors:
        names.fill(name)
        names.press("Enter")
    for title, value in row.items():
        form.get_by_label(f"{title}, row 1").fill(str(value))
    form.locator(".qsj-field", has_text="num").locator("input").first.fill(str(num))
    return form


def rows(page: NotebookPage) -> Any:
    """Return the visible rows of the queue."""
    return page.page.locator(".qsj-queue .qsj-body .qsj-row:not([hidden])")


@contextlib.contextmanager
def chromium(path: str) -> Iterator[Any]:
    """Run the browser."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - is optional

    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        try:
            yield browser
        finally:
            browser.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
