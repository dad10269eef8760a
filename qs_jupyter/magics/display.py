"""How replies look: a map for programs, a table or a few words for people.

A `Reply` is the answer of the manager as a read-only map. Notebooks show its HTML form,
terminals its text, and both are in the saved notebook. Which form a method's reply has stands
in `qs_jupyter.magics.views`.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

SHOWN_ROWS = 50
_WIDEST_TEXT = 100


@dataclass(frozen=True, slots=True)
class Badge:
    """One word or number with its label; ``tone`` is good, busy, bad or plain."""

    label: str
    value: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings, of which only the first few are shown."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class View:
    """What a reply shows: a sentence, badges, tables and longer texts, in this order."""

    title: str = ""
    badges: Sequence[Badge] = ()
    tables: Sequence[Table] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What the display of a reply depends on besides the reply."""

    rows: int = SHOWN_ROWS
    names: Set[str] = field(default_factory=frozenset)


class Reply(Mapping[str, Any]):
    """A reply of the manager: a map that shows itself."""

    def __init__(self, method: str, reply: Mapping[str, Any], view: View, look: Look) -> None:
        self.method = method
        self._reply = dict(reply)
        self._view = view
        self._look = look

    def __getitem__(self, key: str) -> Any:
        return self._reply[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reply)

    def __len__(self) -> int:
        return len(self._reply)

    def __repr__(self) -> str:
        return as_text(self._view, self._look.rows)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        return as_html(self._view, self._look.rows)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._reply)


class Note(Reply):
    """An answer that came from no manager, like that of ``whoami`` or ``help``."""

    def __init__(self, view: View, **facts: Any) -> None:
        super().__init__("", facts, view, Look())


# --------------------------------------------------------------------------------------- text


def as_text(view: View, shown_rows: int = SHOWN_ROWS) -> str:
    """Return a view as lines of text."""
    parts = [view.title] if view.title else []
    if view.badges:
        width = max(len(badge.label) for badge in view.badges)
        parts += [f"{badge.label:{width}}  {badge.value}" for badge in view.badges]
    parts += [_text_table(table, shown_rows) for table in view.tables]
    parts += list(view.texts)
    return "\n".join(parts)


def _text_table(table: Table, shown_rows: int) -> str:
    rows = [[_short(cell) for cell in row] for row in table.rows[:shown_rows]]
    lines = [list(table.headings), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.headings))]
    text = [
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*text, *_more(table, shown_rows)])


def _short(cell: str) -> str:
    line = " ".join(cell.split())
    return line if len(line) <= _WIDEST_TEXT else f"{line[:_WIDEST_TEXT]}…"


def _more(table: Table, shown_rows: int) -> list[str]:
    hidden = len(table.rows) - shown_rows
    return [f"… and {hidden} more"] if hidden > 0 else []


# --------------------------------------------------------------------------------------- HTML

# Marks besides the colours, for those who do not see them. The colours work on light and dark.
_TONES = {
    "plain": ("", "rgba(128,128,128,.25)"),
    "good": ("● ", "rgba(40,160,70,.35)"),
    "busy": ("▶ ", "rgba(40,110,220,.35)"),
    "bad": ("⚠ ", "rgba(220,60,50,.35)"),
}
_BADGE_STYLE = "display:inline-block;margin:2px 4px 2px 0;padding:1px 8px;border-radius:8px"


def as_html(view: View, shown_rows: int = SHOWN_ROWS) -> str:
    """Return a view as HTML; everything that came from elsewhere is escaped."""
    parts = []
    if view.title:
        parts.append(f"<div>{html.escape(view.title)}</div>")
    if view.badges:
        parts.append(f"<div>{''.join(_html_badge(badge) for badge in view.badges)}</div>")
    parts += [_html_table(table, shown_rows) for table in view.tables]
    parts += [f"<pre>{html.escape(text)}</pre>" for text in view.texts]
    return f'<div class="qserver-reply">{"".join(parts)}</div>'


def _html_badge(badge: Badge) -> str:
    mark, colour = _TONES[badge.tone]
    label, value = html.escape(badge.label), html.escape(badge.value)
    style = f"{_BADGE_STYLE};background:{colour}"
    return f'<span style="{style}"><small>{label}</small> {mark}<b>{value}</b></span>'


def _html_table(table: Table, shown_rows: int) -> str:
    head = "".join(
        f'<th scope="col" style="text-align:left">{html.escape(heading)}</th>'
        for heading in table.headings
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:left;white-space:pre-wrap">{html.escape(cell)}</td>'
            for cell in row
        )
        + "</tr>"
        for row in table.rows[:shown_rows]
    )
    more = "".join(f"<div>{html.escape(text)}</div>" for text in _more(table, shown_rows))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
