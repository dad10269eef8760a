"""The reference of the API methods."""

from __future__ import annotations

from itertools import groupby

from qs_jupyter.api import table
from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrases import Grammar
from writing.note import NOTE


def api_page() -> str:
    """Return the reference of all API methods."""
    parts = [
        NOTE,
        "# API methods",
        'A request is one frame, `{"method": NAME, "params": {…}}`, in JSON (or MessagePack, '
        "when the manager was started with it); the reply is one frame, too. Every reply but "
        "those of `ping` and `status` holds `success` and `msg`. In a refusal `success` is "
        "false, `msg` says why, and the other fields have the values given below.",
        "Methods with a *lock scope* take the parameter `lock_key` and need the key while that "
        "scope is locked. Success of a method that *starts* something means that it was "
        "accepted; the status tells how it goes on. Parameters that a method does not know are "
        "refused.",
    ]
    for room, methods in groupby(_methods(), key=_room):
        parts.append(f"## {room.replace('_', ' ').capitalize()}")
        parts += [_method(method) for method in methods]
    return "\n\n".join(parts) + "\n"


def _methods() -> list[table.Method]:
    return list(METHODS.values())


def _room(method: table.Method) -> str:
    return str(method.handler.__module__).rpartition(".")[2]


def _method(method: table.Method) -> str:
    lines = [f"### `{method.name}`", "", method.doc.replace("``", "`"), ""]
    facts = [f"lock scope: {method.lock or 'none'}"]
    facts += ["starts something"] if method.starts else []
    facts += ["refused while the store is away"] if method.writes else []
    facts += ["takes any parameters and ignores them"] if method.ignores_unknown else []
    lines.append(f"*{'; '.join(facts)}*")
    if method.parameters:
        lines += ["", "| parameter | type | |", "|---|---|---|"]
        lines += [_parameter(parameter) for parameter in method.parameters]
    if method.reply:
        fields = ", ".join(f"`{name}` ({_refused(method, name)})" for name in method.reply)
        lines += ["", f"Reply, and its values in a refusal: {fields}."]
    if method.phrases:
        usages = [p.usage for p in Grammar(METHODS).phrases if p.method == method.name]
        lines += ["", "```text", *(f"qserver {usage}" for usage in usages), "```"]
    return "\n".join(lines)


def _refused(method: table.Method, field: str) -> str:
    if method.sized and field == "qsize":
        return "the length of the queue"
    return f"{'as sent, or ' if field in method.echo else ''}`{method.reply[field]!r}`"


def _parameter(parameter: table.Parameter) -> str:
    kind = parameter.kind.type_name.replace("|", "\\|")
    default = "required" if parameter.required else f"default `{parameter.default!r}`"
    return f"| `{parameter.name}` | `{kind}` | {default} |"
