"""Figures of all runs, kept in a file; tables of them for the terminal and for a page."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Measurement


@dataclass
class Section:
    """The measurements of one benchmark, and how much else the machine had to do at its start.

    ``missing`` says why there are none, or no more.
    """

    about: str
    load: float = 0.0
    measurements: list[Measurement] = field(default_factory=list)
    missing: str = ""


Results = Mapping[str, Section]

_MARKS = {True: "yes", False: "**no**", None: ""}


def number(value: float) -> str:
    """Write a number with three figures or all before its point."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.4f}"


def row(measurement: Measurement) -> list[str]:
    """Return the cells of one measurement."""
    m = measurement
    low, high = m.spread
    spread = "" if len(m.samples) == 1 else f"{number(low)} … {number(high)}"
    return [
        m.what,
        number(m.median),
        spread,
        _aim(m),
        m.unit,
        _MARKS[m.is_reached],
        str(len(m.samples)),
    ]


def _aim(m: Measurement) -> str:
    return "" if m.aim is None else f"{'≥' if m.more_is_better else '≤'} {number(m.aim)}"


HEAD = ["what", "median", "middle half", "aim", "unit", "reached", "samples"]
_WIDTHS = (62, 9, 20, 9, 6, 8, 6)


def line(cells: Sequence[str]) -> str:
    """Return the cells as a line for the terminal."""
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))


def page(results: Results) -> str:
    """Return a page of documentation."""
    parts = [
        "# Speed and memory",
        "",
        "Measured by real processes, through the sockets of `start-re-manager` with a store of its",
        "own, by",
        "",
        "```console",
        "$ make bench",
        "```",
        "",
        "`python -m tests.benchmarks --write` writes this page; do not edit it. Lines that begin",
        "with *limit* show what the same machine does in the same minute without a queue server:",
        "absolute values depend on the machine, compare with the limits. The load average tells",
        "how many processes wanted the processors when the benchmark began.",
        "",
        f"Machine: {os.cpu_count()} processors, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}.",
        "",
        *_verdict(results),
    ]
    for name, section in results.items():
        parts += ["", f"## {title(name)}", "", *_section(section)]
    return "\n".join(parts) + "\n"


def _verdict(results: Results) -> Iterator[str]:
    """Say how many aims are reached, and name each that is not."""
    with_aim = [
        (title(name), section.load, m)
        for name, section in results.items()
        for m in section.measurements
        if m.aim is not None
    ]
    failed = [each for each in with_aim if not each[2].is_reached]
    yield f"{len(with_aim) - len(failed)} of {len(with_aim)} aims are met."
    if failed:
        yield from ("", "Not met:", "")
    for heading, load, m in failed:
        facts = f"aim {_aim(m)}, load average {load:.1f}"
        yield f"- {heading}: {m.what}: {number(m.median)} {m.unit} ({facts})"


def title(name: str) -> str:
    """Return the heading of a benchmark."""
    return name.replace("_", " ").capitalize()


def _section(section: Section) -> Iterator[str]:
    yield f"{section.about} (load average {section.load:.1f})"
    if section.measurements:
        yield from ("", _markdown(HEAD), _markdown(["---"] * len(HEAD)))
        yield from (_markdown(row(measurement)) for measurement in section.measurements)
    if section.missing:
        yield from ("", f"Not measured: {section.missing}")


def _markdown(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write_json(results: Results, path: Path) -> None:
    """Write all samples, for comparisons and for a page after several runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: asdict(section) for name, section in results.items()}
    path.write_text(json.dumps(content, indent=1))


def read_json(path: Path) -> dict[str, Section]:
    """Return what ``write_json`` has written; nothing when there is no file."""
    content: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return {
        name: Section(
            **{**section, "measurements": [_measurement(m) for m in section["measurements"]]}
        )
        for name, section in content.items()
    }


def _measurement(stored: dict[str, Any]) -> Measurement:
    return Measurement(**{**stored, "samples": tuple(stored["samples"])})
