"""``python -m tests.benchmarks [NAME ...]``: measure, and print medians beside the aims."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from pathlib import Path

import tests.benchmarks
from tests.benchmarks.measuring import BENCHMARKS, Skipped
from tests.benchmarks.report import HEAD, Section, line, page, read_json, row, write_json

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
FIGURES = ROOT / "build" / "benchmarks.json"
# The order of the page; rooms that are not named here follow.
FIRST = (
    *("start_and_stop", "answering", "queue_edits", "neighbours", "running", "output"),
    *("large_profile", "resources"),
)


def main() -> int:
    """Run the named benchmarks, or all; return 1 when one of them broke."""
    load_rooms()
    arguments = _arguments()
    broken = 0
    print(line(HEAD))
    for name in [] if arguments.page_only else arguments.names or BENCHMARKS:
        section = measure(name)
        broken |= section.missing.startswith(BROKE)
        # After each, so that an interrupted run is not lost; beside figures of earlier runs.
        write_json({**read_json(arguments.json), name: section}, arguments.json)
    if arguments.write or arguments.page_only:
        found = read_json(arguments.json)
        PAGE.write_text(page({name: found[name] for name in BENCHMARKS if name in found}))
    return broken


BROKE = "it broke: "


def load_rooms() -> None:
    """Import every room of this package, which makes its benchmarks known."""
    names = [room.name for room in pkgutil.iter_modules(tests.benchmarks.__path__)]
    for name in [*FIRST, *sorted({*names} - {*FIRST, "__main__"})]:
        importlib.import_module(f"tests.benchmarks.{name}")


def measure(name: str) -> Section:
    """Run one benchmark, and print its figures as they come."""
    about = (BENCHMARKS[name].__doc__ or "").split("\n")[0]
    section = Section(about, load=os.getloadavg()[0])
    print(f"--- {name} (load average {section.load:.1f})", flush=True)
    try:
        for measurement in BENCHMARKS[name]():
            section.measurements.append(measurement)
            print(line(row(measurement)), flush=True)
    except Skipped as reason:
        section.missing = str(reason)
        print(f"skipped: {reason}", flush=True)
    except Exception as error:  # noqa: BLE001 - the others are still worth measuring
        section.missing = f"{BROKE}{type(error).__name__}: {error}"
        print(f"{name}: {section.missing}", file=sys.stderr)
    return section


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name} anew")
    parser.add_argument(
        "--page-only", action="store_true", help="write the page from what was measured before"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=FIGURES,
        help="where all samples are kept; figures of other benchmarks in it stay (%(default)s)",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
