"""The reference of ``%qserver``."""

from __future__ import annotations

from qs_jupyter.magics.grammar import CELLS, cell_grammar, documented
from qs_jupyter.magics.help_texts import OPTIONS
from qs_jupyter.magics.qserver import QServerMagics
from writing.note import NOTE


def notebook_page() -> str:
    """Return the reference of the commands, cell commands, options and configuration."""
    lines = [
        NOTE,
        "# Commands of `%qserver`",
        "",
        "`%load_ext qs_jupyter` adds `%qserver` and `%%qserver`, and `%qs` and `%%qs` "
        "for short, to IPython "
        "and notebooks. They know the commands of `qserver` and some of their own. A "
        "plan may be written as a "
        "Python call, as in `%qserver queue add plan count([det1, det2], num=3)`; names "
        "are completed with Tab. "
        "What a command returns can be assigned (`reply = %qserver status`), and a "
        "request that is refused "
        "fails the cell.",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    for phrase, sentence in documented():
        lines.append(f"| `%qserver {_cell(phrase.usage)}` | {sentence.replace('``', '`')} |")
    lines += [
        "",
        "## Cell commands",
        "",
        "The rest of the cell belongs to the command: Python code whose plan calls "
        "become items, source code "
        "for the worker, or YAML.",
        "",
        "| first line | what it does |",
        "|---|---|",
    ]
    for phrase in cell_grammar().phrases:
        lines.append(f"| `%%qserver {_cell(phrase.usage)}` | {CELLS[phrase.method].doc} |")
    lines += ["", "## Options", "", "```text", *OPTIONS.strip().splitlines(), "```"]
    lines += [
        "",
        "## Configuration",
        "",
        "Set with `%config QServerMagics.NAME = value`, or in a configuration file of IPython with "
        "`c.QServerMagics.NAME = value`.",
        "",
        "| name | default | meaning |",
        "|---|---|---|",
    ]
    for name, trait in sorted(QServerMagics.class_traits(config=True).items()):
        lines.append(f"| `{name}` | `{trait.default_value!r}` | {trait.help} |")
    return "\n".join(lines) + "\n"


def _cell(usage: str) -> str:
    return usage.replace("|", "\\|")
