"""How log lines look: ``[I 2026-11-22 17:57:22,292 qs_jupyter.launcher] text``."""

from __future__ import annotations

import logging
import sys


class LineFormatter(logging.Formatter):
    """Formats records as one-letter level, time, logger and text."""

    def __init__(self, *, with_place: bool = False) -> None:
        place = " %(module)s:%(lineno)d" if with_place else ""
        super().__init__(f"[%(letter)s %(asctime)s %(name)s{place}] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        record.letter = record.levelname[:1]
        return super().format(record)


def log_to_stdout(level: int) -> logging.Handler:
    """Send log lines of at least ``level`` to stdout; return the handler, to be removed."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter(with_place=level <= logging.DEBUG))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return handler
