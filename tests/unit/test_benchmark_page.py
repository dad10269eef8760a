"""The page of speed and memory says what was measured, and owns up to what is not reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.__main__ import load_rooms, measure
from tests.benchmarks.measuring import BENCHMARKS, Measurement, Skipped
from tests.benchmarks.report import Section, page, read_json, write_json

FAST = Measurement("status", "ms", (0.1, 0.2, 0.3), aim=0.25)
SLOW = Measurement("memory", "MiB", (151.0,), aim=110)
FEW = Measurement("batch add", "/s", (9_000.0,), aim=15_000)
LIMIT = Measurement("limit: echo", "ms", (0.05,))


def test_an_aim_that_is_not_reached_is_named_at_the_head_of_the_page() -> None:
    text = page({"status": Section("Ask.", 1.5, [FAST, LIMIT, SLOW, FEW])})
    head, section = text.split("## Status")
    assert "1 of 3 aims are met." in head
    failures = head.split("Not met:\n\n")[1].splitlines()
    assert failures[:2] == [
        "- Status: memory: 151 MiB (aim ≤ 110, load average 1.5)",
        "- Status: batch add: 9 000 /s (aim ≥ 15 000, load average 1.5)",
    ]
    assert not any(failures[2:])
    assert "| status | 0.2 | 0.1 … 0.3 | ≤ 0.25 | ms | yes | 3 |" in section
    assert "| memory | 151 |  | ≤ 110 | MiB | **no** | 1 |" in section
    assert "| limit: echo | 0.05 |  |  | ms |  | 1 |" in section


def test_a_page_on_which_all_aims_are_reached_lists_no_failures() -> None:
    text = page({"status": Section("Ask.", 0.5, [FAST])})
    assert "1 of 1 aims are met." in text
    assert "Not met" not in text


def test_a_benchmark_that_cannot_be_measured_says_why_on_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def panel() -> object:
        """Draw a long queue.

        More about it.
        """
        yield FAST
        raise Skipped("no browser here")

    monkeypatch.setitem(BENCHMARKS, "panel", panel)
    section = measure("panel")
    assert (section.about, section.measurements) == ("Draw a long queue.", [FAST])
    assert "Not measured: no browser here" in page({"panel": section})


def test_figures_of_several_runs_come_together_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "build" / "figures.json"
    assert read_json(path) == {}
    results = {"status": Section("Ask.", 1.5, [FAST]), "panel": Section("Draw.", missing="away")}
    write_json(results, path)
    assert read_json(path) == results


def test_every_benchmark_has_a_sentence_for_the_page() -> None:
    load_rooms()
    assert BENCHMARKS
    for name, function in BENCHMARKS.items():
        first = (function.__doc__ or "").split("\n")[0]
        assert first.endswith("."), name
