"""The reference of the commands of ``qserver``."""

from __future__ import annotations

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrases import SHORT_FORMS, Grammar
from writing.note import NOTE


def commands_page() -> str:
    """Return the reference of the commands of ``qserver``."""
    lines = [
        NOTE,
        "# Commands of `qserver`",
        "",
        "`POS` is a position (an index from 0, a negative one counted from the back, `front` or "
        "`back`), `UID` the identity of an item, `PLAN` and `FUNCTION` a map in JSON or in "
        "Python's spelling. Exit codes: 0 done, 1 wrong command, 2 refused by the manager, "
        "3 no reply, 4 anything else. `--help` behind the first words of a command explains the "
        "commands that begin so, as in `qserver queue add --help`.",
        "",
        "| command | method | what it does |",
        "|---|---|---|",
    ]
    for phrase in Grammar(METHODS).phrases:
        short = phrase.usage in {" ".join(words) for words in SHORT_FORMS.values()}
        doc = "the same, shorter" if short else METHODS[phrase.method].doc.splitlines()[0]
        usage = phrase.usage.replace("|", "\\|")
        link = f"[`{phrase.method}`](api.md#{phrase.method})"
        lines.append(f"| `qserver {usage}` | {link} | {doc.replace('``', '`')} |")
    lines.append("| `qserver monitor` | | ask for the status every second, until Ctrl-C |")
    return "\n".join(lines) + "\n"
