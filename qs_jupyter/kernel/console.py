"""Text of the kernel on its way to the console stream, labelled by what wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qs_jupyter.kernel.driver import ConsoleText

TEXT_TYPES = ("stream", "execute_result", "display_data", "error")

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def console_text(
    msg_type: str, content: Mapping[str, Any], parent: Mapping[str, Any], time: float
) -> ConsoleText | None:
    """Return the text of an iopub message, None when there is nothing to show.

    ``parent`` is the header of the message's parent. The worker puts the item or task into
    it; without one the parent is a cell of another client. What was written before there was
    any parent belongs to the start. A ``note`` is for the author of a waiting cell alone.
    """
    stream, text = _text(msg_type, content)
    source = parent.get("qs_source") if parent else "startup"
    if not text or source == "note":
        return None
    if source is None:
        return ConsoleText(time, text, stream, "console", parent.get("session"))
    return ConsoleText(time, text, stream, str(source), parent.get("qs_uid"))


def _text(msg_type: str, content: Mapping[str, Any]) -> tuple[str, str]:
    if msg_type == "stream":
        return str(content.get("name", "stdout")), str(content.get("text", ""))
    if msg_type in ("execute_result", "display_data"):
        shown = content.get("data", {}).get("text/plain", "")
        return "stdout", f">> {shown}\n" if shown else ""
    if msg_type == "error":
        lines = "\n".join(content.get("traceback", ()))
        return "stderr", f"Traceback: {_ANSI.sub('', lines)}\n"
    return "stdout", ""
