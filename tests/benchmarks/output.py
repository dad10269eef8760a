"""Printed lines on their way to a subscriber."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from tests.benchmarks.measuring import Measurement, benchmark, ms
from tests.benchmarks.service import Subscriber, opened

LINES = 100_000


@benchmark
def output() -> Iterator[Measurement]:
    """Print very much, and very little."""
    with opened() as service:
        listener = service.listen("QS_Console")
        latencies = []
        for _ in range(20):
            service.call("nothing")
            time.sleep(0.12)
            item = {"item_type": "function", "name": "print_now"}
            service.client.ask("function_execute", item=item, user="b", user_group="primary")
            latencies.append(_latency(listener))
            service.idle()
        seconds, counts = [], []
        for _ in range(5):
            service.add("printing", lines=LINES)
            listener.drain()
            begin = time.time()
            service.client.ask("queue_start")
            end, count = _count_lines(listener)
            seconds.append(end - begin)
            counts.append(float(count))
            service.idle()
    yield ms("one printed line", latencies, aim=30)
    yield ms("the slowest of twenty", [max(latencies)], aim=60)
    yield Measurement("100 000 printed lines, to the last", "s", tuple(seconds), aim=0.8)
    yield Measurement("lines of 100 000 that arrived", "lines", tuple(counts), aim=LINES)


def _latency(listener: Subscriber) -> float:
    while True:
        when, text = listener.next()
        if (match := re.search(r"now ([0-9.]+)", text)) is not None:
            return when - float(match[1])


def _count_lines(listener: Subscriber) -> tuple[float, int]:
    """Return when the last line came, and how many came in the right order."""
    expected = 0
    pending = ""
    while True:
        when, text = listener.next()
        *lines, pending = (pending + text).split("\n")
        for line in lines:
            if line == f"line {expected}":
                expected += 1
            if line == f"line {LINES - 1}":
                return when, expected
