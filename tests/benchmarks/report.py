"""Tables of measurements: for the terminal, for a page, for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks.measuring import Measurement


@dataclass(frozen=True)
class Section:
    """The measurements of one benchmark, and how much else the machine had to do at its start."""

    load: float
    measurements: list[Measurement] = field(default_factory=list)


Results = Mapping[str, Section]

_MARKS = {True: "yes", False: "no", None: ""}


def number(value: float) -> str:
    """Write a number with three figures or all before its point."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.4f}"


def row(measurement: Measurement) -> list[str]:
    """Return the cells of one measurement."""
    m = measurement
    low, high = m.spread
    aim = "" if m.aim is None else f"{'≥' if m.more_is_better else '≤'} {number(m.aim)}"
    spread = "" if len(m.samples) == 1 else f"{number(low)} … {number(high)}"
    return [
        m.what,
        number(m.median),
        spread,
        aim,
        m.unit,
        _MARKS[m.is_reached],
        str(len(m.samples)),
    ]


HEAD = ["what", "median", "middle half", "aim", "unit", "reached", "samples"]
_WIDTHS = (58, 9, 20, 9, 6, 8, 6)


def line(cells: Sequence[str]) -> str:
    """Return the cells as a line for the terminal."""
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))


def page(results: Results) -> str:
    """Return a page of documentation."""
    parts = [
        "# Benchmarks",
        "",
        "Written by `python -m tests.benchmarks --write`; do not edit. Each benchmark starts the",
        "real service with a store file of its own and talks to it through its sockets. Lines that",
        "begin with *limit* show what the same machine does in the same minute without a queue",
        "server. Absolute values depend on the machine: compare with the limits.",
        "",
        f"Machine: {os.cpu_count()} processors, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}.",
    ]
    for name, section in results.items():
        parts += ["", f"## {name}", "", f"Load average at the start: {section.load:.1f}", ""]
        parts += [_markdown(HEAD), _markdown(["---"] * len(HEAD))]
        parts += [_markdown(row(measurement)) for measurement in section.measurements]
    return "\n".join(parts) + "\n"


def _markdown(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write_json(results: Results, path: Path) -> None:
    """Write all samples, for comparisons."""
    content = {
        name: {
            "load": section.load,
            "measurements": [{**asdict(m), "median": m.median} for m in section.measurements],
        }
        for name, section in results.items()
    }
    path.write_text(json.dumps(content, indent=1))
