"""Curves as SVG and as dots."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from qs_jupyter.magics import pictures
from qs_jupyter.magics.pictures import Chart

PEAK = [(x / 10, math.exp(-((x / 10) ** 2))) for x in range(-20, 21)]


def test_a_curve_becomes_a_picture_that_is_well_formed() -> None:
    drawing = pictures.svg(Chart("motor", {"det1": PEAK, "det2": PEAK[:5]}))
    tree = ElementTree.fromstring(drawing)
    lines = [each for each in tree.iter() if each.tag.endswith("polyline")]
    assert [len(line.attrib["points"].split()) for line in lines] == [41, 5]
    words = "".join(tree.itertext())
    assert all(word in words for word in ("motor", "det1", "det2", "-1", "0.5"))
    assert tree.attrib["aria-label"] == "det1, det2 over motor"


def test_the_highest_point_is_the_highest_in_the_picture() -> None:
    tree = ElementTree.fromstring(pictures.svg(Chart("x", {"y": PEAK})))
    (line,) = (each for each in tree.iter() if each.tag.endswith("polyline"))
    places = [tuple(map(float, place.split(","))) for place in line.attrib["points"].split()]
    # Down is where y grows.
    assert min(range(len(places)), key=lambda at: places[at][1]) == 20
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert all(0 <= x <= pictures.WIDTH and 0 <= y <= pictures.HEIGHT for x, y in places)


@pytest.mark.parametrize(
    "curve", [[(0, 1)], [(0, 0), (1, 0)], [(5, -3), (5, -3)], [(1e-9, 1e12), (2e-9, 1e12)]]
)
def test_curves_without_extent_are_drawn_too(curve: list[tuple[float, float]]) -> None:
    chart = Chart("x", {"y": curve})
    ElementTree.fromstring(pictures.svg(chart))
    assert "nan" not in pictures.svg(chart)
    assert pictures.text(chart).count("\n") > 10


def test_names_from_elsewhere_are_escaped() -> None:
    drawing = pictures.svg(Chart("<b>axis", {"<script>": PEAK}))
    assert "<script>" not in drawing
    assert "<b>" not in drawing


def test_nothing_to_draw_is_nothing() -> None:
    assert pictures.svg(Chart("x", {"y": []})) == ""
    assert pictures.text(Chart("x", {})) == ""


def test_long_curves_are_thinned_and_keep_their_peaks() -> None:
    curve = [(float(x), 100.0 if x == 7777 else 0.0) for x in range(20_000)]
    thin = pictures.thinned(curve, 500)
    assert len(thin) <= 500
    assert (7777.0, 100.0) in thin
    assert len(pictures.svg(Chart("x", {"y": curve, "z": curve}))) < 40_000


def test_terminals_get_dots_with_the_limits_of_both_axes() -> None:
    text = pictures.text(Chart("motor", {"det1": PEAK, "det2": PEAK}))
    lines = text.splitlines()
    assert "det1" in lines[0]
    assert "not drawn: det2" in lines[0]
    assert lines[1].strip().startswith("1 ")
    assert re.search(r"-2\s+motor\s+2", lines[-1])
    dots = [line.partition("┤")[2] for line in lines[1:-1]]
    top = [at for at, cell in enumerate(dots[0]) if cell != "\u2800"]
    assert top
    assert all(28 <= at <= 36 for at in top)
