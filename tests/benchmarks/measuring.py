"""What a benchmark is, and what it returns: samples with a unit and an aim."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Unit = Literal["s", "ms", "/s", "MiB", "%", "lines", "messages/s", "kB/s", "requests", "files"]


@dataclass(frozen=True)
class Measurement:
    """Samples of one quantity.

    ``aim`` is what we want at most, for rates at least; None for what is only looked at,
    like the limit that the machine or a library sets.
    """

    what: str
    unit: Unit
    samples: tuple[float, ...]
    aim: float | None = None

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The range in which the middle half of the samples lies."""
        if len(self.samples) < 4:
            return min(self.samples), max(self.samples)
        lower, _, upper = statistics.quantiles(self.samples, n=4)
        return lower, upper

    @property
    def more_is_better(self) -> bool:
        """Whether the aim is a lower limit."""
        return self.unit in ("/s", "lines")

    @property
    def is_reached(self) -> bool | None:
        """Whether the median reaches the aim; None without an aim."""
        if self.aim is None:
            return None
        return self.median >= self.aim if self.more_is_better else self.median <= self.aim


Benchmark = Callable[[], Iterator[Measurement]]

BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(function: Benchmark) -> Benchmark:
    """Make a function known under its name.

    Its name is the heading of its section of the page, its docstring the sentence below.
    """
    BENCHMARKS[function.__name__] = function
    return function


class Skipped(Exception):  # noqa: N818 - not an error
    """Something that a benchmark needs is not on this machine; the text says what."""


def ms(what: str, seconds: Iterable[float], *, aim: float | None = None) -> Measurement:
    """Return a measurement in milliseconds of times in seconds; the aim is in milliseconds."""
    return Measurement(what, "ms", tuple(1000 * s for s in seconds), aim)


def times(action: Callable[[], object], count: int, *, warm_up: int = 0) -> list[float]:
    """Return how long each of ``count`` calls took, after some that are not counted."""
    for _ in range(warm_up):
        action()
    taken = []
    for _ in range(count):
        begin = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begin)
    return taken
