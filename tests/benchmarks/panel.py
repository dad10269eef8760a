"""The panel in JupyterLab: from a change in the manager, or a click, to the screen."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Measurement, Skipped, benchmark, ms
from tests.benchmarks.service import Service, is_idle, plan
from tests.browser.lab import Lab, NotebookPage, chromium, system_browser

ROWS = 5000
LINES = 20_000
CHANGES = 30
CLICKS = 12
# Far enough apart for each change to travel alone.
BETWEEN_S = 0.25
SIZE = {"width": 1300, "height": 1100}
START = """\
from qs_jupyter.client.hub import shared_hub
from qs_widgets.panel import open_panel
hub = shared_hub()
hub.start()
assert hub.wait(lambda mirror: mirror.status, 20)"""
OPEN = "panel = open_panel(hub); panel"
SLEEP = "import time; time.sleep(18)"
LOOP = "import time\nend = time.time() + 18\nwhile time.time() < end:\n    pass"

# Notes the time, in milliseconds since 1970, at which each text is seen in the first row.
WATCH_FIRST_ROW = """\
() => {
  window.seen = {};
  const note = () => {
    const cell = document.querySelector('.qsj-queue .qsj-body .qsj-row .qsj-wide');
    const now = performance.timeOrigin + performance.now();
    if (cell && !(cell.textContent in window.seen)) window.seen[cell.textContent] = now;
  };
  note();
  new MutationObserver(note).observe(
    document.querySelector('.qsj-queue'), {subtree: true, childList: true, characterData: true});
}"""
# Tells how long after the next key press a new view has painted a row with this text.
PAINTED = """\
(text) => {
  document.querySelectorAll('.qsj-queue').forEach((each) => { each.dataset.old = 'yes'; });
  window.painted = new Promise((resolve) => {
    let begin = null;
    const look = () => {
      const rows = document.querySelectorAll('.qsj-queue:not([data-old]) .qsj-body .qsj-row');
      if (![...rows].some((row) => row.textContent.includes(text))) return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
    };
    const watch = new MutationObserver(look);
    const started = () => {
      begin = performance.now();
      watch.observe(document.body, {subtree: true, childList: true, characterData: true});
    };
    document.addEventListener('keydown', started, {once: true, capture: true});
  });
}"""
CLICK_UNTIL_ROW = """\
() => new Promise((resolve) => {
  const grid = document.querySelector('.qsj-queue .qsj-grid');
  const before = grid.getAttribute('aria-rowcount');
  const button = [...document.querySelectorAll('.qsj-queue button')].find(
    (each) => each.textContent === 'Insert stop');
  const begin = performance.now();
  const watch = new MutationObserver(() => {
    if (grid.getAttribute('aria-rowcount') === before) return;
    watch.disconnect();
    resolve(performance.now() - begin);
  });
  watch.observe(grid, {attributes: true});
  button.click();
})"""
WATCH_CONSOLE = """\
(last) => {
  window.consoleDone = null;
  window.longestFrame = 0;
  let before = performance.now();
  const frame = (now) => {
    window.longestFrame = Math.max(window.longestFrame, now - before);
    before = now;
    if (window.consoleDone === null) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const port = document.querySelector('.qsj-console-port');
  new MutationObserver(() => {
    if (window.consoleDone === null && port.lastChild?.textContent.includes(last)) {
      window.consoleDone = performance.timeOrigin + performance.now();
    }
  }).observe(port, {subtree: true, childList: true});
}"""


@benchmark
def panel_queue() -> Iterator[Measurement]:
    """A long queue in the panel, and changes of it on their way to the screen."""
    with _opened() as service, _lab(service) as open_page:
        page = open_page(START, OPEN, SLEEP, LOOP)
        page.run_cell(0)
        _fill(service, ROWS)
        page.page.wait_for_timeout(500)
        taken = [_paint(page, 1) for _ in range(5)]
        yield ms(f"run cell → {ROWS} rows painted", [s / 1000 for s in taken], aim=500)
        page.until_connected()
        page.page.evaluate(WATCH_FIRST_ROW)
        yield from _changes(page, service, "kernel idle", 10, slow=100)
        page.run_cell(2, wait=False)
        yield from _changes(page, service, "kernel sleeps", 10)
        page.until_idle()
        page.run_cell(3, wait=False)
        yield from _changes(page, service, "kernel in a loop", 50)
        page.until_idle()


@benchmark
def panel_clicks() -> Iterator[Measurement]:
    """A click in the panel until the row that it adds is on the screen."""
    with _opened() as service, _lab(service) as open_page:
        page = open_page(START, OPEN, LOOP)
        page.run_cell(0)
        page.run_cell(1)
        page.until_connected()
        yield _clicks(page, "kernel idle")
        page.run_cell(2, wait=False)
        yield _clicks(page, "kernel in a loop")
        page.until_idle()


@benchmark
def panel_traffic() -> Iterator[Measurement]:
    """What the panel receives while a plan measures, and how it shows a flood of output."""
    with _opened() as service, _lab(service) as open_page:
        page = open_page(START, OPEN)
        page.run_cell(0)
        page.run_cell(1)
        page.until_connected()
        page.tab("Console")
        yield from _traffic(page, service)
        yield from _flood(page, service)
        yield Measurement("requests to foreign hosts", "requests", (float(len(page.foreign)),), 0)


@contextlib.contextmanager
def _opened() -> Iterator[Service]:
    with Service(startup=False) as service:
        service.open()
        yield service


@contextlib.contextmanager
def _lab(service: Service) -> Iterator[Any]:
    path = system_browser()
    if path is None:
        raise Skipped("no chromium on this machine: apt-get install chromium fonts-dejavu-core")
    try:
        import jupyterlab  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, PLC0415
        import playwright  # noqa: F401, PLC0415
    except ImportError as error:
        raise Skipped(f"{error.name} is missing: pip install 'qs-jupyter[browser]'") from error
    with tempfile.TemporaryDirectory(prefix="qsbl", ignore_cleanup_errors=True) as folder:
        lab = Lab(Path(folder), {"QSERVER_ZMQ_CONTROL_ADDRESS": service.address})
        try:
            lab.start()
            with chromium(path) as browser:
                yield lambda *cells: _page(lab, browser, cells)
        finally:
            lab.stop()


def _page(lab: Lab, browser: Any, cells: Sequence[str]) -> NotebookPage:
    lab.use_theme(dark=False)
    page = NotebookPage(lab, browser.new_context(viewport=SIZE).new_page())
    name = f"panel-{os.getpid()}.ipynb"
    lab.write(name, *cells)
    page.open(name)
    return page


def _fill(service: Service, count: int) -> None:
    items = [plan("count", detectors=["det1"], num=number) for number in range(1, count + 1)]
    service.client.ask("queue_item_add_batch", items=items, user="bench", user_group="primary")


def _paint(page: NotebookPage, index: int) -> float:
    cell = page.page.locator(".jp-Cell").nth(index)
    cell.locator(".cm-content").click()
    page.page.evaluate(PAINTED, "num=1")
    page.page.keyboard.press("Control+Enter")
    return float(page.page.evaluate("() => window.painted"))


def _changes(
    page: NotebookPage, service: Service, how: str, aim: float, slow: float | None = None
) -> Iterator[Measurement]:
    first = service.client.ask("queue_get")["items"][0]
    sent = {}
    start = 10_000 + int(time.time() * 10) % 1_000_000
    for number in range(start, start + CHANGES):
        item = {**first, "kwargs": {"detectors": ["det1"], "num": number}}
        sent[number] = 1000 * time.time()
        service.client.ask("queue_item_update", item=item, user="bench", user_group="primary")
        page.page.wait_for_function("text => text in window.seen", arg=_parameters(number))
        time.sleep(BETWEEN_S)
    seen = page.page.evaluate("() => window.seen")
    taken = [(seen[_parameters(number)] - at) / 1000 for number, at in sent.items()]
    yield ms(f"change of a row → screen, {how}", taken, aim=aim)
    yield ms(f"change of a row → screen, {how}, the slowest of {CHANGES}", [max(taken)], aim=slow)


def _parameters(number: int) -> str:
    return f"detectors=[det1], num={number}"


def _clicks(page: NotebookPage, how: str) -> Measurement:
    taken = []
    for _ in range(CLICKS):
        taken.append(page.page.evaluate(CLICK_UNTIL_ROW) / 1000)
        page.page.wait_for_timeout(400)
    return ms(f"click → row on the screen, {how}", taken, aim=200)


def _traffic(page: NotebookPage, service: Service) -> Iterator[Measurement]:
    received: list[tuple[float, int]] = []

    def take(payload: str | bytes) -> None:
        text = payload if isinstance(payload, bytes) else payload.encode()
        if b'"comm_msg"' in text:
            received.append((time.monotonic(), len(text)))

    # The connection is made anew with the page, and so is noticed.
    page.page.on("websocket", lambda socket: socket.on("framereceived", take))
    page.save()
    page.page.reload()
    page.until_connected()
    page.tab("Console")
    kwargs = {"detectors": ["det1", "det2"], "num": 3000, "delay": 0.005}
    item = plan("count", **kwargs)
    service.client.ask("queue_item_execute", item=item, user="bench", user_group="primary")
    service.wait(lambda status: status["re_state"] == "running")
    page.page.wait_for_timeout(2000)
    begin = time.monotonic()
    page.page.wait_for_timeout(10_000)
    took = time.monotonic() - begin
    sizes = [size for at, size in received if begin <= at <= begin + took]
    yield Measurement("messages to the panel, a fast plan", "messages/s", (len(sizes) / took,), 10)
    rate = sum(sizes) / took / 1000
    yield Measurement("data to the panel, a fast plan", "kB/s", (rate,), 100)
    service.client.ask("re_pause", option="immediate")
    service.wait(lambda status: status["manager_state"] == "paused")
    service.client.ask("re_abort")
    service.wait(is_idle)


def _flood(page: NotebookPage, service: Service) -> Iterator[Measurement]:
    taken, frames = [], []
    for attempt in range(3):
        page.page.wait_for_timeout(3000)
        last = f"{LINES - 1} of attempt {attempt}"
        page.page.evaluate(WATCH_CONSOLE, last)
        script = f"for n in range({LINES}):\n    print(n, 'of attempt {attempt}')"
        begin = 1000 * time.time()
        service.client.ask("script_upload", script=script, update_lists=False)
        page.page.wait_for_function("() => window.consoleDone !== null", timeout=60_000)
        taken.append((page.page.evaluate("() => window.consoleDone") - begin) / 1000)
        frames.append(page.page.evaluate("() => window.longestFrame") / 1000)
        service.idle()
    yield Measurement(f"{LINES} printed lines → the last is on the screen", "s", tuple(taken), 3)
    yield ms("longest pause between two frames meanwhile", frames, aim=200)
