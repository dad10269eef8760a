"""``%qserver plot``: a run as a curve, live while it is measured.

What is drawn are the slim documents of the hub. They flow only while somebody follows: since
the first plot, or the first plan that was started from here. Runs of before are in the data
store of the beamline and not here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from qs_jupyter.client.hub import Hub
from qs_jupyter.client.live_runs import LiveRun
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics import pictures
from qs_jupyter.magics.bars import Bar, NotebookBar, Output
from qs_jupyter.magics.display import Note, View, as_html, as_text
from qs_jupyter.magics.document_watch import watch_documents
from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.selection import find
from qs_jupyter.magics.targets import progress_of

if TYPE_CHECKING:
    from qs_jupyter.magics.performer import Performer

FRAME_S = 0.5
NOT_FOLLOWED = (
    "no run of such a plan was followed from here, so there is nothing to draw; runs are followed "
    "from now on: start a plan, then %qserver plot"
)

Params = Mapping[str, Any]


def plot(performer: Performer, params: Params) -> Note:
    """Draw a run; one that is measured now is followed until its plan has ended."""
    performer.check_that_plans_can_run()
    session = performer.session
    session.request("ping")
    hub = session.hub
    if not hub.catch_up():
        raise MagicFailure(f"the state of the manager at {session.address} is not known")
    watch_documents(session)
    with hub.lock:
        uid = _item_uid(hub.mirror, params.get("uid"))
        is_over = uid is None or _is_over(uid, hub.mirror)
    hint = _follow(hub, str(uid), _screen(performer)) if not is_over else ""
    with hub.lock:
        run = _run(hub.mirror, uid, params.get("uid"))
        if run is None and not is_over:
            raise MagicFailure("this plan has made no run, so there is nothing to draw")
        if run is None:
            raise MagicFailure(NOT_FOLLOWED)
        view = _view(run, hint)
    stream = run.streams.get("primary")
    columns = {name: list(values) for name, values in stream.columns.items()} if stream else {}
    return Note(view, run_uid=run.uid, item_uid=run.item_uid, columns=columns)


# --------------------------------------------------------------------------------- which run


def _item_uid(mirror: Mirror, word: str | None) -> str | None:
    """Return the item whose run is meant; None when the word names a run, or there is no item."""
    if word is None:
        running = mirror.running_item.get("item_uid")
        latest = mirror.live.latest()
        return running or (latest.item_uid if latest else None)
    if any(run.uid.startswith(word) for run in mirror.live.runs.values()):
        return None
    running_items = [mirror.running_item] if mirror.running_item else []
    items = [*mirror.history, *running_items, *mirror.queue]
    return str(find(word, items, last=True)["item_uid"])


def _run(mirror: Mirror, uid: str | None, word: str | None) -> LiveRun | None:
    if uid is not None:
        runs = mirror.live.of_item(uid)
    else:
        runs = [run for run in mirror.live.runs.values() if word and run.uid.startswith(word)]
    return runs[-1] if runs else None


def _is_over(uid: str, mirror: Mirror) -> bool:
    is_known = mirror.running_item.get("item_uid") == uid
    return not is_known and all(item.get("item_uid") != uid for item in mirror.queue)


# ------------------------------------------------------------------------------------ drawing


class Screen(Protocol):
    """Where a run is shown while it is measured."""

    def show(self, mirror: Mirror, run: LiveRun | None, seconds: float) -> None:
        """Show how it stands."""

    def close(self) -> None:
        """Show nothing any more."""


def _screen(performer: Performer) -> Screen:
    names = performer.session.names.at_hand().all_names
    if not performer.is_terminal:
        return _NotebookScreen(names)
    return _BarScreen(performer.new_bar(), names)


class _BarScreen:
    """A terminal shows a bar meanwhile, and the curve at the end."""

    def __init__(self, bar: Bar, names: Set[str]) -> None:
        self._bar = bar
        self._names = names

    def show(self, mirror: Mirror, _run: LiveRun | None, seconds: float) -> None:
        self._bar.show(progress_of(mirror, self._names), seconds)

    def close(self) -> None:
        self._bar.close()


class _NotebookScreen:
    """An output that is replaced whenever there are more points; before the first, a bar."""

    def __init__(self, names: Set[str]) -> None:
        self._output = Output()
        self._bar = NotebookBar(self._output)
        self._names = names
        self._shown: tuple[str, int] | None = None

    def show(self, mirror: Mirror, run: LiveRun | None, seconds: float) -> None:
        if run is None:
            self._bar.show(progress_of(mirror, self._names), seconds)
        if run is None or (run.uid, run.points_done) == self._shown:
            return
        self._shown = (run.uid, run.points_done)
        view = _view(run, "")
        self._output.show(as_text(view), as_html(view))

    def close(self) -> None:
        self._output.clear()


def _follow(hub: Hub, uid: str, screen: Screen) -> str:
    """Show the run of an item until the item is over; return what to say at the end."""
    begun = time.monotonic()
    try:
        while not hub.wait(partial(_is_over, uid), FRAME_S):
            with hub.lock:
                runs = hub.mirror.live.of_item(uid)
                screen.show(hub.mirror, runs[-1] if runs else None, time.monotonic() - begun)
    except KeyboardInterrupt:
        return "No longer followed; the plan goes on."
    finally:
        screen.close()
    return ""


def _view(run: LiveRun, hint: str) -> View:
    chart = chart_of(run)
    total = f" of {run.points_total}" if run.points_total else ""
    title = f"Scan {run.start.get('scan_id', '')}: {run.points_done}{total} points"
    state = f" ({run.stop.get('exit_status')})" if run.stop else ""
    lead = "" if not chart.is_empty else "There is no number to draw."
    return View(
        f"{title}{state}",
        lead=lead,
        picture=(pictures.svg(chart), pictures.text(chart)),
        hints=[hint] if hint else [],
    )


def chart_of(run: LiveRun) -> pictures.Chart:
    """Return the curves of a run, as the panel draws them."""
    # By name: the panel stands above this package. Only what needs no widget is used.
    drawn = import_module("qs_widgets.run_plot").plot_of(run)
    signals = [str(name) for name in drawn.fields["signals"]]
    units: Mapping[str, str] = drawn.fields["units"]
    curves: dict[str, list[tuple[float, float]]] = {}
    for at, name in enumerate(signals, start=2):
        label = f"{name} [{units[name]}]" if units.get(name) else name
        curves[label] = [
            (row[1], row[at]) for row in drawn.rows if row[1] is not None and row[at] is not None
        ]
    axis = drawn.fields["axis"]
    return pictures.Chart("time [s]" if axis == "time" else str(axis), dict(curves))
