"""Curves as pictures that need no plotting library: SVG for notebooks, dots for terminals.

The SVG takes the text colour of its surroundings, so it is right on light and on dark pages.
Names from elsewhere are escaped.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 620, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 30, 40
_COLOURS = ("#3b82f6", "#f97316", "#16a34a", "#a855f7", "#e11d48", "#0891b2")
# As many points can be told apart; more only make the notebook large.
MOST_POINTS = 1500
_MOST_MARKS = 120
_COLUMNS, _LINES = 64, 14

Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves by the names of their signals, over one axis."""

    axis: str
    curves: dict[str, Curve]

    @property
    def is_empty(self) -> bool:
        """Whether there is no point to draw."""
        return not any(self.curves.values())


def svg(chart: Chart) -> str:
    """Return the chart as an SVG picture."""
    points = [point for curve in chart.curves.values() for point in curve]
    if not points:
        return ""
    across = _Scale.over([x for x, _ in points], _LEFT, WIDTH - _RIGHT)
    up = _Scale.over([y for _, y in points], HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(across, up), _caption(chart)]
    most = max(2, MOST_POINTS // len(chart.curves))
    for colour, curve in zip(_colours(chart), chart.curves.values(), strict=True):
        parts.append(_line(thinned(curve, most), across, up, colour))
    label = f"{', '.join(chart.curves)} over {chart.axis}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'role="img" aria-label="{html.escape(label)}" style="max-width:100%;height:auto" '
        f'font-family="sans-serif" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def _colours(chart: Chart) -> list[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(len(chart.curves))]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places between two edges, with round numbers to write at them."""

    low: float
    high: float
    begin: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], begin: float, end: float) -> _Scale:
        low, high = min(values), max(values)
        margin = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
        return cls(low - margin, high + margin, begin, end)

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(s * magnitude for s in (1, 2, 5, 10) if s * magnitude >= rough)
        first = math.ceil(self.low / step)
        return [number * step + 0.0 for number in range(first, math.floor(self.high / step) + 1)]


def _grid(across: _Scale, up: _Scale) -> str:
    parts = []
    floor, roof = up.begin, up.end
    for value in across.ticks(8):
        x = across.at(value)
        parts.append(f'<path d="M{x:.1f} {floor}V{roof}"/>')
    for value in up.ticks(5):
        y = up.at(value)
        parts.append(f'<path d="M{across.begin} {y:.1f}H{across.end}"/>')
    lines = f'<g stroke="currentColor" stroke-opacity=".15">{"".join(parts)}</g>'
    numbers = [_word(across.at(v), floor + 16, "middle", f"{v:.6g}") for v in across.ticks(8)]
    numbers += [_word(across.begin - 6, up.at(v) + 4, "end", f"{v:.6g}") for v in up.ticks(5)]
    return f'{lines}<g opacity=".75">{"".join(numbers)}</g>'


def _word(x: float, y: float, anchor: str, word: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(word)}</text>'


def _caption(chart: Chart) -> str:
    axis = _word((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 6, "middle", chart.axis)
    gaps = [0, *[14] * len(chart.curves)]
    names = "".join(
        f'<tspan fill="{colour}" dx="{gap}">● </tspan><tspan>{html.escape(name)}</tspan>'
        for gap, colour, name in zip(gaps, _colours(chart), chart.curves, strict=False)
    )
    return f'{axis}<text x="{_LEFT}" y="18">{names}</text>'


def _line(curve: Curve, across: _Scale, up: _Scale, colour: str) -> str:
    places = [f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in curve]
    line = (
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round" '
        f'points="{" ".join(places)}"/>'
    )
    if len(places) > _MOST_MARKS:
        return line
    # A line of no length with round ends is a dot, and all dots are one element.
    dots = "".join(f"M{place}h0" for place in places)
    return f'{line}<path d="{dots}" stroke="{colour}" stroke-width="5" stroke-linecap="round"/>'


def thinned(curve: Curve, most: int) -> Curve:
    """Return so many points of a curve at most, the lowest and highest of each stretch."""
    if len(curve) <= most:
        return curve
    length = math.ceil(2 * len(curve) / most)
    kept = []
    for begin in range(0, len(curve), length):
        stretch = curve[begin : begin + length]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept += [point for point in stretch if point in ends]
    return kept


# ---------------------------------------------------------------------------------------- text

Place = tuple[int, int]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def _between(begin: Place, end: Place) -> Iterator[Place]:
    """Yield the places of a straight line."""
    steps = max(abs(end[0] - begin[0]), abs(end[1] - begin[1]), 1)
    for step in range(steps + 1):
        share = step / steps
        yield (
            round(begin[0] + share * (end[0] - begin[0])),
            round(begin[1] + share * (end[1] - begin[1])),
        )


def text(chart: Chart) -> str:
    """Return the first signal of a chart as dots, with the limits of both axes."""
    name, curve = next(((n, c) for n, c in chart.curves.items() if c), ("", ()))
    if not curve:
        return ""
    across = _Scale.over([x for x, _ in curve], 0, 2 * _COLUMNS - 1)
    up = _Scale.over([y for _, y in curve], 4 * _LINES - 1, 0)
    cells = [[0] * _COLUMNS for _ in range(_LINES)]
    places = [(round(across.at(x)), round(up.at(y))) for x, y in curve]
    for begin, end in pairwise([places[0], *places]):
        for column, line in _between(begin, end):
            cells[line // 4][column // 2] |= _DOTS[line % 4][column % 2]
    lines = ["".join(chr(0x2800 + cell) for cell in row) for row in cells]
    high, low = f"{max(y for _, y in curve):.5g}", f"{min(y for _, y in curve):.5g}"
    room = max(len(high), len(low))
    edges = [high, *[""] * (_LINES - 2), low]
    body = [f"{edge:>{room}} ┤{line}" for edge, line in zip(edges, lines, strict=True)]
    left, right = f"{min(x for x, _ in curve):.5g}", f"{max(x for x, _ in curve):.5g}"
    foot = f"{'':{room}}  {left}{chart.axis:^{_COLUMNS - len(left) - len(right)}}{right}"
    others = [other for other in chart.curves if other != name]
    more = f"   (not drawn: {', '.join(others)})" if others else ""
    head = f"{'':{room}}  {name}{more}"
    return "\n".join([head, *body, foot])
