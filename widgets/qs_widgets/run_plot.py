"""What the running plan has measured, as progress and as points to draw.

A curve needs one value on the horizontal axis and some on the vertical one. A scan along one
dimension is drawn against its axis, a scan over a mesh against the number of the point, and
a plan without axes against time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qs_jupyter.client.live_runs import LiveRun, Stream
from qs_widgets.stretches import Row

KEPT_POINTS = 2000
MOST_SIGNALS = 6


@dataclass(frozen=True, slots=True)
class RunPlot:
    """A run as a view draws it; a row is its key, the horizontal value and one per signal."""

    fields: dict[str, Any] = field(default_factory=dict)
    rows: Sequence[Row] = ()


def plot_of(run: LiveRun | None) -> RunPlot:
    """Return what to draw of a run."""
    if run is None:
        return RunPlot()
    stream = run.streams.get("primary") or next(iter(run.streams.values()), None)
    signals = [name for name in run.signals() if stream is None or _is_scalar(stream, name)]
    signals = signals[:MOST_SIGNALS]
    axis = _axis(run, stream)
    facts = {
        "run": run.uid,
        "scan_id": run.start.get("scan_id"),
        "axis": axis,
        "signals": signals,
        "units": {name: stream.units.get(name, "") for name in signals} if stream else {},
        "points": run.points_done,
        "points_total": run.points_total,
        "began": run.start.get("time"),
        "ended": (run.stop or {}).get("time"),
        "left": run.seconds_left,
    }
    return RunPlot(facts, _rows(run, stream, axis, signals))


def _axis(run: LiveRun, stream: Stream | None) -> str:
    dimensions = (run.start.get("hints") or {}).get("dimensions") or []
    if len(dimensions) > 1:
        return "point"
    axes = run.axes()
    if axes and axes[0] != "time" and (stream is None or axes[0] in stream.fields):
        return axes[0]
    return "time"


def _rows(run: LiveRun, stream: Stream | None, axis: str, signals: Sequence[str]) -> list[Row]:
    if stream is None:
        return []
    first = max(0, len(stream.seq_nums) - KEPT_POINTS)
    begin = stream.times[0] if stream.times else 0.0
    across: Sequence[Any]
    if axis == "point":
        across = stream.seq_nums
    elif axis == "time":
        across = [time - begin for time in stream.times]
    else:
        across = stream.columns.get(axis, [])
    columns = [stream.columns.get(name, []) for name in signals]
    return [
        (
            f"{run.uid[:8]}:{stream.seq_nums[at]}",
            _number(across, at),
            *(_number(column, at) for column in columns),
        )
        for at in range(first, len(stream.seq_nums))
    ]


def _is_scalar(stream: Stream, name: str) -> bool:
    column = stream.columns.get(name)
    return not column or isinstance(column[0], int | float)


def _number(column: Sequence[Any], at: int) -> float | None:
    value = column[at] if at < len(column) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")
