"""How replies look: a map for programs, a table or a few words for people.

A `Reply` is the answer of the manager as a read-only map. Notebooks show its HTML form,
terminals its text, and both are in the saved notebook. Which form a method's reply has stands
in `qs_jupyter.magics.views`.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from shutil import get_terminal_size
from typing import Any

from qs_jupyter.client.mirror import Mirror

SHOWN_ROWS = 50
_NARROWEST = 12
_WIDTH = (120, 24)
_LONGEST_CELL = 500


@dataclass(frozen=True, slots=True)
class Badge:
    """One word or number with its label; ``tone`` is good, busy, bad or plain."""

    label: str
    value: str
    tone: str = "plain"


Cell = str | Badge


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; ``hidden`` counts those that are left out at the end."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What a reply shows, in this order.

    ``texts`` are shown as they are; ``folded`` have a caption and are opened by a click;
    ``hints`` say what to do next. ``picture`` is HTML that was made here, with its text form.
    ``lead`` is running text and stands above the tables.
    """

    title: str = ""
    badges: Sequence[Badge] = ()
    tables: Sequence[Table] = ()
    texts: Sequence[str] = ()
    folded: Sequence[tuple[str, str]] = ()
    hints: Sequence[str] = ()
    picture: tuple[str, str] | None = None
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What the display of a reply depends on besides the reply.

    ``mirror`` knows what the reply does not say, like how long plans take; ``now`` is the time.
    """

    rows: int = SHOWN_ROWS
    names: Set[str] = field(default_factory=frozenset)
    mirror: Mirror = field(default_factory=Mirror)
    now: float = 0.0


class Reply(Mapping[str, Any]):
    """A reply of the manager: a map that shows itself."""

    def __init__(self, method: str, reply: Mapping[str, Any], view: View) -> None:
        self.method = method
        self._reply = dict(reply)
        self._view = view

    def __getitem__(self, key: str) -> Any:
        return self._reply[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reply)

    def __len__(self) -> int:
        return len(self._reply)

    def __repr__(self) -> str:
        return as_text(self._view)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))

    def _repr_html_(self) -> str:
        return as_html(self._view)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._reply)


class Note(Reply):
    """An answer that came from no manager, like that of ``whoami`` or ``help``."""

    def __init__(self, view: View, **facts: Any) -> None:
        super().__init__("", facts, view)


# --------------------------------------------------------------------------------------- text


def as_text(view: View, width: int | None = None) -> str:
    """Return a view as lines of text; tables fit into the width of the terminal."""
    parts = [view.title] if view.title else []
    if view.badges:
        room = max(len(badge.label) for badge in view.badges)
        parts += [f"{badge.label:{room}}  {badge.value}".strip() for badge in view.badges]
    parts += [view.lead] if view.lead else []
    width = width or get_terminal_size(_WIDTH).columns
    parts += [_text_table(table, width) for table in view.tables]
    if view.picture is not None:
        parts.append(view.picture[1])
    parts += view.texts
    parts += [f"{caption}\n{text}" for caption, text in view.folded]
    return "\n".join([*parts, *view.hints])


def _text_table(table: Table, width: int) -> str:
    lines = [[" ".join(_plain(cell).split()) for cell in row] for row in table.rows]
    lines.insert(0, list(table.headings))
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.headings))]
    widths = _fitting(widths, width)
    text = [
        "  ".join(
            f"{_cut(cell, room):{room}}" for cell, room in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*text, *_more(table)])


def _fitting(widths: list[int], whole: int) -> list[int]:
    """Return the widths of columns, those of the widest made smaller until all fit."""
    room = whole - 2 * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = [width for at, width in enumerate(widths) if at != widest]
        # Down to the next one, so that two wide columns share what there is.
        target = max(
            [room - sum(others), _NARROWEST, *(w - 1 for w in others if w < widths[widest])]
        )
        widths = [*widths[:widest], min(target, widths[widest] - 1), *widths[widest + 1 :]]
    return widths


def _cut(cell: str, room: int) -> str:
    return cell if len(cell) <= room else f"{cell[: room - 1]}…"


def _plain(cell: Cell) -> str:
    return cell.value if isinstance(cell, Badge) else cell


def _more(table: Table) -> list[str]:
    return [f"… and {table.hidden} more"] if table.hidden > 0 else []


# --------------------------------------------------------------------------------------- HTML

# Marks besides the colours, for those who do not see them. The colours work on light and dark.
_MARKS = {"plain": "", "good": "● ", "busy": "▶ ", "bad": "⚠ "}
# A notebook that is not trusted is shown without it, and is still readable.
_STYLE = """<style>
.qserver-reply{line-height:1.5;font-size:13px}
.qserver-reply .qs-title{font-weight:600;margin:2px 0}
.qserver-reply .qs-badge{display:inline-block;margin:2px 6px 2px 0;padding:0 9px;border-radius:10px;
background:rgba(128,128,128,.18)}
.qserver-reply .qs-badge small{opacity:.75;margin-right:5px}
.qserver-reply td .qs-badge{white-space:nowrap;margin:0}
.qserver-reply .qs-good{background:rgba(40,160,70,.3)}
.qserver-reply .qs-busy{background:rgba(40,110,220,.3)}
.qserver-reply .qs-bad{background:rgba(220,60,50,.32)}
.qserver-reply table{margin:6px 0!important;border-collapse:collapse}
.qserver-reply th{padding:3px 16px 3px 6px!important;opacity:.75;
border-bottom:1px solid rgba(128,128,128,.5)!important}
.qserver-reply td{padding:3px 16px 3px 6px!important;vertical-align:top!important;
white-space:pre-wrap!important;overflow-wrap:break-word}
.qserver-reply .qs-code{font-family:var(--jp-code-font-family,monospace)}
.qserver-reply .qs-faint{opacity:.65;white-space:nowrap!important}
.qserver-reply .qs-lead{white-space:pre-wrap;margin:2px 0}
.qserver-reply .qs-hint{opacity:.75;margin:2px 0}
.qserver-reply pre{margin:4px 0!important;white-space:pre-wrap}
.qserver-reply summary{cursor:pointer}
</style>"""
_CODE = ("item", "plan", "parameters", "parameter", "parts", "type", "default")
_FAINT = ("#", "UID", "user", "ended", "took", "takes about")


def as_html(view: View) -> str:
    """Return a view as HTML; everything that came from elsewhere is escaped."""
    parts = [_STYLE]
    if view.title:
        parts.append(f'<div class="qs-title">{html.escape(view.title)}</div>')
    if view.badges:
        parts.append(f"<div>{''.join(_html_badge(badge) for badge in view.badges)}</div>")
    parts += [f'<div class="qs-lead">{html.escape(view.lead)}</div>'] if view.lead else []
    parts += [_html_table(table) for table in view.tables]
    if view.picture is not None:
        parts.append(view.picture[0])
    parts += [f"<pre>{html.escape(text)}</pre>" for text in view.texts]
    parts += [
        f"<details><summary>{html.escape(caption)}</summary><pre>{html.escape(text)}</pre></details>"
        for caption, text in view.folded
    ]
    parts += [f'<div class="qs-hint">{html.escape(hint)}</div>' for hint in view.hints]
    return f'<div class="qserver-reply">{"".join(parts)}</div>'


def _html_badge(badge: Badge) -> str:
    label = f"<small>{html.escape(badge.label)}</small>" if badge.label else ""
    value = html.escape(badge.value)
    return (
        f'<span class="qs-badge qs-{badge.tone}">{label}{_MARKS[badge.tone]}<b>{value}</b></span>'
    )


def _html_table(table: Table) -> str:
    left = 'style="text-align:left"'
    head = "".join(f'<th scope="col" {left}>{html.escape(each)}</th>' for each in table.headings)
    kinds = [_kind(heading) for heading in table.headings]
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}" {left}>{_html_cell(cell)}</td>'
            for kind, cell in zip(kinds, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    more = "".join(f'<div class="qs-hint">{html.escape(text)}</div>' for text in _more(table))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _html_cell(cell: Cell) -> str:
    return _html_badge(cell) if isinstance(cell, Badge) else html.escape(_cut(cell, _LONGEST_CELL))


def _kind(heading: str) -> str:
    kinds = [kind for kind, names in (("qs-code", _CODE), ("qs-faint", _FAINT)) if heading in names]
    return " ".join(kinds)
