"""The front end as text: every part gets its own module with the shared code in front of it.

A module that travels to the browser as text can import nothing beside it, and nothing is
fetched from anywhere. So the shared files, which hold plain functions, are put in front.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SHARED = ("elements", "store", "frame")


@cache
def module(name: str, *more: str) -> str:
    """Return the source of a part: the shared files, ``more`` of them, and its own."""
    paths = [f"shared/{each}.js" for each in (*SHARED, *more)]
    return "\n".join(_text(path) for path in (*paths, f"{name}.js"))


@cache
def style() -> str:
    """Return the one style sheet."""
    return _text("panel.css")


def _text(path: str) -> str:
    return (files("qs_widgets") / "static" / path).read_text(encoding="utf-8")
