"""Texts about a plan and its parameters, taken out of its docstring.

Only what the lists of plans show is read: the first paragraph, and the section *Parameters*
in the style of NumPy or *Args* in the style of Google. A docstring in another style, or a
broken one, gives fewer texts and never an error.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SIGNATURE = re.compile(r"^([\w., ]+=)?\s*[\w.]+\(.*\)$")
_GOOGLE_HEADING = re.compile(r"^(Args|Arguments|Parameters):\s*$")
_GOOGLE_ITEM = re.compile(r"^(\*{0,2}\w+)\s*(?:\(.*?\))?\s*:\s*(.*)$")
_UNDERLINE = re.compile(r"^(-{3,}|={3,})\s*$")


@dataclass(frozen=True)
class Texts:
    """Text about the plan, and about each parameter that has one."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(docstring: str | None) -> Texts:
    """Return the texts in a docstring."""
    if not isinstance(docstring, str) or not docstring.strip():
        return Texts()
    lines = [line.rstrip() for line in inspect.cleandoc(docstring).splitlines()]
    sections = _sections(lines)
    parameters: dict[str, str] = {}
    for heading, content in sections:
        if heading in ("Parameters", "Other Parameters"):
            for name, text in _items(content).items():
                parameters.setdefault(name, text)
    front = sections[0][1]
    return Texts(_summary(front), parameters or _google_items(front))


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Split at underlined headings; what stands before the first has no heading."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    skip = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if skip:
            skip = False
        elif line and not line[0].isspace() and _is_underline(following, line):
            sections.append((line.strip(), []))
            skip = True
        else:
            sections[-1][1].append(line)
    return sections


def _is_underline(line: str, heading: str) -> bool:
    return bool(_UNDERLINE.match(line)) and len(line) >= len(heading.strip())


def _summary(lines: list[str]) -> str:
    paragraphs = _paragraphs(lines)
    # Some authors repeat the call before the text.
    if len(paragraphs) > 1 and _SIGNATURE.match(" ".join(paragraphs[0])):
        paragraphs = paragraphs[1:]
    return "\n".join(paragraphs[0]) if paragraphs else ""


def _paragraphs(lines: list[str]) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]


def _items(lines: list[str]) -> dict[str, str]:
    """Read ``name, name : type`` lines, each with an indented text below."""
    items: dict[str, str] = {}
    names: list[str] = []
    body: list[str] = []

    def close() -> None:
        text = _dedented(body)
        if text:
            items.update(dict.fromkeys(names, text))

    for line in lines:
        if line and not line[0].isspace():
            close()
            names, body = _names(line), []
        else:
            body.append(line)
    close()
    return items


def _names(line: str) -> list[str]:
    head = line.split(":", 1)[0]
    # A name in backticks, as some of Bluesky's plans have it, is not read: clients compare the
    # descriptions of plans with those of other queue servers, which do not read it either.
    names = (name.strip().lstrip("*") for name in head.split(","))
    return [name for name in names if name.isidentifier()]


def _dedented(lines: list[str]) -> str:
    return inspect.cleandoc("\n".join(["", *lines])).strip("\n")


def _google_items(lines: list[str]) -> dict[str, str]:
    """Read ``name (type): text`` lines, indented below the heading; texts may go on below."""
    start = next((n for n, line in enumerate(lines) if _GOOGLE_HEADING.match(line)), None)
    if start is None:
        return {}
    section: list[str] = []
    for line in lines[start + 1 :]:
        if line and not line[0].isspace():
            break
        section.append(line)
    items: dict[str, str] = {}
    name = None
    for line in inspect.cleandoc("\n".join(["", *section])).splitlines():
        item = _GOOGLE_ITEM.match(line)
        if item:
            name = item[1].lstrip("*")
            items[name] = item[2]
        elif name and line.strip():
            items[name] = f"{items[name]}\n{line.strip()}".strip()
    return {name: text for name, text in items.items() if text}
