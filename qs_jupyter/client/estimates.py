"""How long plans will take, learnt from how long they took.

Pure: it is fed with finished items and asked about items to come. Three guesses are made, the
best first: plans with the same arguments took about as long; plans that differ only in their
number of points lie on a line; plans of the same name, whatever their arguments, took about as
long for each point. Where past runs tell nothing, or contradict each other, the answer is None
and people should read "unknown".

What is kept is bounded, so a queue that runs for months does not grow it.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from math import isfinite, prod
from statistics import median
from typing import Any, Generic, TypeVar

KEPT_CALLS = 2000
KEPT_RUNS = 15
KEPT_UIDS = 10_000
KEPT_READINGS = 20_000
# Runs of a plan with different arguments speak for other arguments when they agree this well.
AGREEMENT = 2.0

# These say what was done or noted, and cost no time.
_NO_TIME = ("md",)
_COUNTS = ("num", "num_points")

# Made once: making it takes longer than encoding a plan.
_ENCODER = json.JSONEncoder(sort_keys=True, default=repr)

Item = Mapping[str, Any]
V = TypeVar("V")


class Estimates:
    """What past runs say about runs to come.

    Not safe by itself for several threads; that of a mirror is used under the lock of its hub.
    """

    def __init__(self) -> None:
        self._learnt: _Newest[None] = _Newest(KEPT_UIDS)
        self._same: _Newest[_Runs] = _Newest(KEPT_CALLS)
        self._alike: _Newest[_Runs] = _Newest(KEPT_CALLS)
        self._plans: _Newest[_Newest[float]] = _Newest(KEPT_CALLS)
        self._readings: dict[str, tuple[Item, _Call]] = {}

    def learn(self, history_items: Iterable[Item]) -> None:
        """Take finished items, oldest first; those that are known already change nothing."""
        for item in history_items:
            uid, seconds = str(item.get("item_uid")), _lasted(item)
            if seconds is None or uid in self._learnt:
                continue
            self._learnt.put(uid, None)
            self._take(_read(item), seconds)

    def seconds(self, item: Item) -> float | None:
        """Return how long an item will probably take, None when nothing tells."""
        if item.get("item_type", "plan") != "plan":
            return 0.0
        call = self._reading(item)
        same = self._same.get(call.exact)
        if same is not None:
            return same.middle
        if not call.points:
            return None
        alike = self._alike.get(call.alike)
        return self._by_plan(call) if alike is None else alike.at(call.points)

    def queue_seconds(self, items: Iterable[Item]) -> tuple[float, int]:
        """Return how long the items take as far as that is known, and how many are unknown."""
        known, unknown = 0.0, 0
        for item in items:
            seconds = self.seconds(item)
            if seconds is None:
                unknown += 1
            else:
                known += seconds
        return known, unknown

    def left(self, running_item: Item, now: float) -> float | None:
        """Return how long the running item will probably go on; a late one ends any moment."""
        seconds = self.seconds(running_item) if running_item else 0.0
        begun = (running_item.get("properties") or {}).get("time_start")
        if seconds is None or not isinstance(begun, int | float):
            return seconds
        return min(max(seconds - (now - begun), 0.0), seconds)

    def _take(self, call: _Call, seconds: float) -> None:
        self._same.ensure(call.exact, _Runs).add(call.points, seconds)
        if call.points:
            self._alike.ensure(call.alike, _Runs).add(call.points, seconds)
            rates = self._plans.ensure(call.plan, lambda: _Newest(KEPT_RUNS))
            rates.put(call.alike, seconds / call.points)

    def _by_plan(self, call: _Call) -> float | None:
        rates = list((self._plans.get(call.plan) or {}).values())
        # One set of arguments cannot tell how much the arguments matter.
        if len(rates) < 2 or max(rates) > AGREEMENT * min(rates):
            return None
        return median(rates) * call.points

    def _reading(self, item: Item) -> _Call:
        """Return what matters of an item; that of a long queue is worked out only once."""
        uid = str(item.get("item_uid", ""))
        kept = self._readings.get(uid)
        if kept is not None and kept[0] is item:
            return kept[1]
        call = _read(item)
        if uid:
            if len(self._readings) >= KEPT_READINGS:
                self._readings.clear()
            self._readings[uid] = (item, call)
        return call


# ------------------------------------------------------------------------------ for the reader


def in_words(seconds: float) -> str:
    """Return a length of time as rough as an estimate is."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def total_in_words(seconds: float, unknown: int) -> str:
    """Return what `Estimates.queue_seconds` found: ``about 12 min + 3 unknown``."""
    if unknown and not seconds:
        return "unknown"
    words = in_words(seconds) if seconds < 1 else f"about {in_words(seconds)}"
    return f"{words} + {unknown} unknown" if unknown else words


# ------------------------------------------------------------------------- reading of an item


@dataclass(frozen=True, slots=True)
class _Call:
    """What of a plan call decides how long it takes.

    ``exact`` stands for name and arguments; ``alike`` too, with the number of points left out.
    ``points`` is 0 when it cannot be read off.
    """

    plan: str
    exact: bytes
    alike: bytes
    points: int


def _read(item: Item) -> _Call:
    name = str(item.get("name"))
    args = list(item.get("args") or ())
    kwargs = {k: v for k, v in (item.get("kwargs") or {}).items() if k not in _NO_TIME}
    counts, others, named = _taken_apart(name, args, kwargs)
    points = prod(counts) if counts else 0
    return _Call(name, _mark(name, args, kwargs), _mark(name, others, named), points)


def _taken_apart(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[int], list[Any], dict[str, Any]]:
    """Return the numbers of points of a call, and its arguments without them."""
    for key in _COUNTS:
        if _count(kwargs.get(key)) is not None:
            return [kwargs[key]], list(args), {k: v for k, v in kwargs.items() if k != key}
    if name == "count" and len(args) == 1:
        return [1], list(args), dict(kwargs)
    places = _places(name.removeprefix("rel_"), len(args))
    counts = [_count(args[at]) if at < len(args) else None for at in places]
    known = [count for count in counts if count is not None]
    others = [value for at, value in enumerate(args) if at not in places]
    return (known, others, dict(kwargs)) if len(known) == len(counts) else ([], [], {})


def _places(name: str, length: int) -> Sequence[int]:
    """Return where the plans of bluesky take a number of points, or lists of positions."""
    if name in ("count", "inner_product_scan", "relative_inner_product_scan"):
        return (1,)
    if name in ("scan", "log_scan") and length % 3 == 2:
        return (length - 1,)
    if name == "x2x_scan":
        return (5,)
    if name == "grid_scan" and length % 4 == 1:
        return range(4, length, 4)
    if name == "list_scan":
        return (2,)
    return range(2, length, 2) if name == "list_grid_scan" else ()


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    number = len(value) if isinstance(value, list | tuple) else value
    return number if isinstance(number, int) and number > 0 else None


def _mark(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    text = _ENCODER.encode([name, args, kwargs])
    return blake2b(text.encode(), digest_size=16).digest()


def _lasted(item: Item) -> float | None:
    """Return how long a finished plan took, None for those that did not complete."""
    result = item.get("result") or {}
    start, stop = result.get("time_start"), result.get("time_stop")
    is_plan = item.get("item_type", "plan") == "plan"
    if not is_plan or result.get("exit_status") != "completed":
        return None
    if not isinstance(start, int | float) or not isinstance(stop, int | float):
        return None
    # A clock that was set meanwhile makes nonsense.
    return stop - start if isfinite(stop - start) and stop > start else None


# -------------------------------------------------------------------------------- what is kept


class _Newest(OrderedDict[Any, V], Generic[V]):
    """A map of the entries that were written last, so many at most."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def put(self, key: Any, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)

    def ensure(self, key: Any, make: Any) -> V:
        value: V = self[key] if key in self else make()
        self.put(key, value)
        return value


class _Runs:
    """The latest runs of calls that are compared: their numbers of points and seconds."""

    __slots__ = ("_line", "_middle", "_runs")

    def __init__(self) -> None:
        self._runs: deque[tuple[int, float]] = deque(maxlen=KEPT_RUNS)
        self._middle: float | None = None
        self._line: tuple[float, float] | None = None

    def add(self, points: int, seconds: float) -> None:
        self._runs.append((points, seconds))
        self._middle = self._line = None

    @property
    def middle(self) -> float:
        """The median, which one run that was paused over night does not move."""
        if self._middle is None:
            self._middle = median(seconds for _, seconds in self._runs)
        return self._middle

    def at(self, points: int) -> float:
        """Return the seconds for a number of points."""
        if self._line is None:
            self._line = self._fitted()
        base, slope = self._line
        return base + slope * points

    def _fitted(self) -> tuple[float, float]:
        """Return a line through the runs: the median of the slopes of all pairs."""
        slopes = [
            (late - early) / (more - less)
            for (less, early), (more, late) in combinations(self._runs, 2)
            if more != less
        ]
        if slopes:
            slope = median(slopes)
            base = median(seconds - slope * points for points, seconds in self._runs)
            if slope > 0 and base >= 0:
                return base, slope
        return 0.0, median(seconds / points for points, seconds in self._runs)
