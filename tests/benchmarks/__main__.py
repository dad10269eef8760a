"""``python -m tests.benchmarks [NAME ...]``: measure, and print medians beside the aims."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.benchmarks import (  # noqa: F401 - they make their benchmarks known
    answering,
    large_profile,
    output,
    queue_edits,
    resources,
    running,
    start_and_stop,
)
from tests.benchmarks.measuring import BENCHMARKS
from tests.benchmarks.report import HEAD, Section, line, page, row, write_json

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    """Run the named benchmarks, or all; return 1 when one of them broke."""
    arguments = _arguments()
    results: dict[str, Section] = {}
    broken = 0
    print(line(HEAD))
    for name in arguments.names or BENCHMARKS:
        results[name] = section = Section(os.getloadavg()[0])
        print(f"--- {name} (load average {section.load:.1f})", flush=True)
        try:
            for measurement in BENCHMARKS[name]():
                section.measurements.append(measurement)
                print(line(row(measurement)), flush=True)
        except Exception as error:  # noqa: BLE001 - the others are still worth measuring
            broken = 1
            print(f"{name} broke: {type(error).__name__}: {error}", file=sys.stderr)
    if arguments.json is not None:
        write_json(results, arguments.json)
    if arguments.write:
        PAGE.write_text(page(results))
    return broken


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} in docs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
