"""The reference of what manager and worker say to each other."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field, fields
from typing import Any, get_args

from qs_kernel_worker import messages
from writing.note import NOTE

FAMILIES = {
    "Requests": (messages.Request, "Answered at once on the control channel, also during a plan."),
    "Jobs": (messages.Job, "Sent on the shell channel; the reply says taken or busy."),
    "Events": (messages.Event, "Numbered facts that the worker keeps until they are acknowledged."),
}


def messages_page() -> str:
    """Return the reference of all messages."""
    parts = [
        NOTE,
        "# Messages between manager and worker",
        "These go through the channels of the worker's Jupyter kernel. On the wire a message is "
        '`{"type": NAME, FIELD: value, …}`. Unknown fields are ignored, so that '
        "neighbouring versions can "
        f"talk to each other. This is version {messages.PROTOCOL_VERSION} of the protocol.",
    ]
    for title, (union, sentence) in FAMILIES.items():
        parts += [f"## {title}", sentence]
        parts += [_message(each) for each in get_args(union)]
    return "\n\n".join(parts) + "\n"


def _message(kind: type) -> str:
    lines = [f"### `{kind.__name__}`", "", inspect.cleandoc(kind.__doc__ or "").replace("``", "`")]
    rows = [_row(field) for field in fields(kind)]
    if rows:
        lines += ["", "| field | type | default |", "|---|---|---|", *rows]
    return "\n".join(lines)


def _row(field: Field[Any]) -> str:
    kind = str(field.type).replace("|", "\\|")
    if field.default is not MISSING:
        default = f"`{field.default!r}`"
    elif field.default_factory is not MISSING:
        default = f"`{field.default_factory()!r}`"
    else:
        default = "required"
    return f"| `{field.name}` | `{kind}` | {default} |"
