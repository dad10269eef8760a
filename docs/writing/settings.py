"""The reference of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qs_jupyter.settings import RETIRED, Settings, options
from writing.note import NOTE


def settings_page() -> str:
    """Return the reference of all settings."""
    lines = [
        NOTE,
        "# Settings of `start-re-manager`",
        "",
        "Command line options take precedence over the config file (`--config PATH`, or the "
        "variable `QSERVER_CONFIG`), that over environment variables, and those over the "
        "defaults. `--no-launcher` runs the manager without the process that restarts it.",
    ]
    for option in options().values():
        default = Settings.__dataclass_fields__[option.name].default
        lines += ["", f"## {option.name}", "", f"{option.help[0].upper()}{option.help[1:]}.", ""]
        lines += [f"* {name}: {text}" for name, text in _ways(option)]
        if default is not None:
            lines.append(f"* default: `{_shown(default)}`")
    lines += ["", "## Without effect", ""]
    lines += [f"* `{old.flag}`, `{old.key}`: {old.advice}" for old in RETIRED]
    return "\n".join(lines) + "\n"


def _ways(option: Any) -> Iterator[tuple[str, str]]:
    metavar = option.kind.metavar or ""
    if option.flags:
        yield "option", ", older ".join(f"`{f} {metavar}`".replace(" `", "`") for f in option.flags)
    if option.switches:
        yield "options", ", ".join(f"`{flag}`" for flag in option.switches)
    if option.env:
        yield "environment", ", older ".join(f"`{name}`" for name in option.env)
    yield "config file", f"`{option.key}`"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return " ".join(value) if isinstance(value, tuple) else str(value)
