"""Runs as they happen: documents put together into columns that can be drawn.

Plain data, filled by the mirror from the slim documents of the event stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT_RUNS = 20
KEPT_POINTS = 20_000
# Of all runs together, about 32 MB: long scans with many fields push the oldest out earlier.
KEPT_VALUES = 1_000_000

Document = Mapping[str, Any]


@dataclass
class Stream:
    """The points of one stream of a run; ``columns`` holds a list of values for each field."""

    name: str
    fields: list[str]
    hints: dict[str, Any]
    units: dict[str, str]
    seq_nums: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, seq_num: int, time: float, data: Mapping[str, Any]) -> None:
        """Take a point; one that was measured again replaces its forerunner."""
        if self.seq_nums and seq_num <= self.seq_nums[-1]:
            keep = next((i for i, n in enumerate(self.seq_nums) if n >= seq_num), 0)
            columns: list[list[Any]] = [self.seq_nums, self.times, *self.columns.values()]
            for column in columns:
                del column[keep:]
        if len(self.seq_nums) >= KEPT_POINTS:
            return
        self.seq_nums.append(seq_num)
        self.times.append(time)
        for name in self.fields:
            self.columns.setdefault(name, []).append(data.get(name))


@dataclass
class LiveRun:
    """A run: its start and stop documents and what was measured so far."""

    start: dict[str, Any]
    item_uid: str | None
    streams: dict[str, Stream] = field(default_factory=dict)
    stop: dict[str, Any] | None = None

    @property
    def uid(self) -> str:
        """Uid of the run."""
        return str(self.start["uid"])

    @property
    def points_total(self) -> int | None:
        """How many points the plan announced, None when it did not."""
        number = self.start.get("num_points")
        if isinstance(number, int):
            return number
        shape = self.start.get("shape")
        if isinstance(shape, list) and shape and all(isinstance(n, int) for n in shape):
            total = 1
            for length in shape:
                total *= length
            return total
        return None

    @property
    def points_done(self) -> int:
        """How many points of the primary stream were measured."""
        primary = self.streams.get("primary")
        return len(primary.seq_nums) if primary else 0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace so far; None when that cannot be told."""
        primary, total = self.streams.get("primary"), self.points_total
        if self.stop is not None or primary is None or not total:
            return None
        times = primary.times
        if len(times) < 2 or len(times) >= total:
            return None
        pace = (times[-1] - times[0]) / (len(times) - 1)
        return round(pace * (total - len(times)), 1)

    def axes(self) -> list[str]:
        """Return the fields to draw against: those of the scan's dimensions, else time."""
        dimensions = (self.start.get("hints") or {}).get("dimensions") or []
        return [str(name) for fields, _stream in dimensions for name in fields]

    def signals(self) -> list[str]:
        """Return the hinted fields that are not axes."""
        primary = self.streams.get("primary")
        if primary is None:
            return []
        hinted = [f for hint in primary.hints.values() for f in hint.get("fields", [])]
        axes = set(self.axes())
        return [name for name in (hinted or primary.fields) if name not in axes]


class LiveRuns:
    """The latest runs, by uid, oldest first."""

    def __init__(self) -> None:
        self.runs: dict[str, LiveRun] = {}
        self._streams: dict[str, Stream] = {}

    def take(self, item_uid: str | None, document: Document) -> None:
        """Take one slim document; one that belongs to nothing known is left out."""
        name = document.get("name")
        if name == "start":
            self._start(item_uid, document)
        elif name == "descriptor":
            self._descriptor(document)
        elif name in ("event", "event_page"):
            self._points(document)
        elif name == "stop" and document["run_start"] in self.runs:
            self.runs[document["run_start"]].stop = dict(document)

    def of_item(self, item_uid: str) -> list[LiveRun]:
        """Return the runs of one item of the queue."""
        return [run for run in self.runs.values() if run.item_uid == item_uid]

    def latest(self) -> LiveRun | None:
        """Return the run that began last."""
        return next(reversed(self.runs.values()), None)

    def _start(self, item_uid: str | None, document: Document) -> None:
        uid = str(document["uid"])
        if uid not in self.runs:
            self.runs[uid] = LiveRun(dict(document), item_uid)
        while len(self.runs) > 1 and (len(self.runs) > KEPT_RUNS or self._values() > KEPT_VALUES):
            oldest = self.runs.pop(next(iter(self.runs)))
            gone = {id(stream) for stream in oldest.streams.values()}
            self._streams = {k: s for k, s in self._streams.items() if id(s) not in gone}

    def _values(self) -> int:
        streams = self._streams.values()
        return sum(len(stream.times) * len(stream.fields) for stream in streams)

    def _descriptor(self, document: Document) -> None:
        run = self.runs.get(document["run_start"])
        if run is None or document["uid"] in self._streams:
            return
        stream = Stream(
            document["stream"], document["fields"], document["hints"], document["units"]
        )
        run.streams[stream.name] = stream
        self._streams[document["uid"]] = stream

    def _points(self, document: Document) -> None:
        stream = self._streams.get(document["descriptor"])
        if stream is None:
            return
        if document["name"] == "event":
            stream.add(document["seq_num"], document["time"], document["data"])
            return
        for index, seq_num in enumerate(document["seq_num"]):
            data = {name: column[index] for name, column in document["data"].items()}
            stream.add(seq_num, document["time"][index], data)
