"""The magics in a notebook kernel: Tab, cells of many plans, estimates, the display of a queue."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator

from qs_jupyter.client.estimates import Estimates
from tests.benchmarks.measuring import Measurement, benchmark, ms, times
from tests.benchmarks.service import Service
from tests.contract.magics.notebook import Notebook

TABS = {
    "commands": "%qserver ",
    "plans": "%qserver queue add plan co",
    "devices in a call": "%qserver queue add plan count([de",
    "parameters in a cell": "%%qserver queue add\nfor n in range(3):\n    count([det1], ",
    "UIDs of 5000 items": "%qserver queue item get ",
}
MANY = 1000
CELL = f"%%qserver -q queue add\nfor n in range({MANY}):\n    count([det1, det2], num=n + 1)"
# Builds all the items, checks them against the lists of the manager, and sends nothing.
DRY_CELL = CELL.replace("-q", "-q -n")
LONG = 5000


@benchmark
def magics() -> Iterator[Measurement]:
    """Work in a notebook kernel with a queue of 5000 items and the simulated devices."""
    with Service(startup=False) as service, tempfile.TemporaryDirectory(prefix="qsn") as folder:
        service.open()
        notebook = Notebook(folder)
        try:
            notebook.good(f"%qserver connect {service.address};")
            yield ms("one plan by a line", times(lambda: notebook.good(_line()), 30), aim=10)
            built = _cells(notebook, DRY_CELL)
            yield ms(f"{MANY} plans in one cell, built and checked", built, aim=500)
            sent = _cells(notebook, CELL)
            yield ms(f"{MANY} plans in one cell, built, sent and stored", sent, aim=500)
            notebook.good("%qserver -q queue clear")
            notebook.good(CELL.replace(str(MANY), str(LONG)))
            notebook.good("%qserver -q wait env")
            yield from _shown(notebook)
            for what, text in TABS.items():
                taken = times(lambda text=text: notebook.complete(text), 20, warm_up=1)  # type: ignore[misc]
                yield ms(f"Tab: {what}", taken, aim=20)
        finally:
            notebook.close()


def _line() -> str:
    return "%qserver -q queue add plan front count([det1, det2], num=10, delay=1)"


def _cells(notebook: Notebook, cell: str) -> list[float]:
    return times(lambda: notebook.good(cell), 5, warm_up=1)


def _shown(notebook: Notebook) -> Iterator[Measurement]:
    def show() -> None:
        reply = notebook.good("%qserver queue get")
        assert "more" in reply._repr_html_()

    yield ms(f"queue get, {LONG} items, with its HTML", times(show, 10, warm_up=1), aim=100)


@benchmark
def estimates() -> Iterator[Measurement]:
    """Learn from a long history, and tell how long a queue of 5000 items takes."""
    past = [_ran(number) for number in range(LONG)]
    learnt = Estimates()
    yield ms(f"learn {LONG} finished items", times(lambda: Estimates().learn(past), 5), aim=200)
    learnt.learn(past)
    first = []
    for _ in range(5):
        queue = [_item(number) for number in range(LONG)]
        begun = time.perf_counter()
        learnt.queue_seconds(queue)
        first.append(time.perf_counter() - begun)
    yield ms(f"time of {LONG} queued items, for the first time", first, aim=100)
    again = times(lambda: learnt.queue_seconds(queue), 20)
    yield ms(f"time of {LONG} queued items, again", again, aim=5)


def _item(number: int) -> dict[str, object]:
    kwargs = {"num": number % 20 + 1, "delay": number % 13}
    item = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]], "kwargs": kwargs}
    return {**item, "item_uid": f"queued-{number}"}


def _ran(number: int) -> dict[str, object]:
    result = {"exit_status": "completed", "time_start": 0.0, "time_stop": 1.0 + number % 7}
    return {**_item(number), "item_uid": f"past-{number}", "result": result}
