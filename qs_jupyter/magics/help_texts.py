"""Help, from the same declarations as everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qs_jupyter.magics.described import parameter_table, signature
from qs_jupyter.magics.display import View
from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.grammar import cell_grammar, documented
from qs_jupyter.magics.python_items import suggestion

_INTRODUCTION = """\
Talk to the queue server: look, add plans, run them.

    %qserver   [options] command
    %%qserver  [options] cell-command      the rest of the cell belongs to the command

Examples

    %qserver status
    %qserver environment open
    %qserver queue add plan count([det1, det2], num=10, delay=1)
    %qserver queue add plan front {"name": "mv", "args": ["motor", 1]}
    %qserver queue item move -1 front
    %qserver queue start
    %qserver wait queue
    %qserver plot
    reply = %qserver history get

    %%qserver queue add
    for position in range(5):
        mv(motor, position)
        count([det1, det2], num=3)
"""

OPTIONS = """\
Options, anywhere in the line

    -a ADDR  --zmq-encoding json|msgpack  -t SECONDS      which manager, and how long to wait
    -u USER  -g GROUP                                     who speaks
    -k KEY                                                lock key; safer: %qserver key prompt
    -n       validate and show, change nothing            -y  do not ask
    -q       show nothing                                 --raw  print as the command line does
    -o NAME  keep the reply in a variable (for cells)
    --right, --read-only      a panel beside the notebook; one that only shows

ITEM is a Python call or JSON. UID may be the beginning of one (4 characters or more) or the name
of a plan; POS is a number, front or back; FIRST:END is a range. $name and {expression} stand for
values of the notebook in single words; a reply stands for the UID of its item or task. A semicolon
at the end silences the output.
"""


def whole_grammar() -> str:
    """Return the help of everything."""
    lines = [(f"    {phrase.usage}", sentence) for phrase, sentence in documented()]
    commands = "\n".join(_row(*line) for line in lines)
    cells = "\n".join(f"    {phrase.usage}" for phrase in cell_grammar().phrases)
    return (
        f"{_INTRODUCTION}\n{OPTIONS}\nCommands\n\n{commands}\n\nCell commands\n\n{cells}\n\n"
        "Help about one command or plan: %qserver help queue add, %qserver help count"
    )


def about(topic: Sequence[str], plans: Mapping[str, Any]) -> View:
    """Return the help about a command or a plan.

    Raises
    ------
    MagicFailure
        Nothing is known of that topic.
    """
    if not topic:
        return View(texts=[whole_grammar()])
    words = " ".join(topic)
    if words in plans:
        return about_plan(words, plans[words])
    found = _about_command(words)
    if not found:
        known = {phrase.usage.split()[0] for phrase, _ in documented()}
        hint = suggestion(words, [*known, *plans])
        raise MagicFailure(f"there is no command or plan {words!r}{hint}")
    return View(texts=["\n".join(found)])


def is_command(topic: Sequence[str]) -> bool:
    """Tell whether there is help about a command that begins with the words."""
    return bool(_about_command(" ".join(topic)))


def _about_command(words: str) -> list[str]:
    found = [
        f"%qserver {phrase.usage}\n    {sentence}"
        for phrase, sentence in documented()
        if f"{phrase.usage} ".startswith(f"{words} ")
    ]
    return found + [
        f"%%qserver {phrase.usage}"
        for phrase in cell_grammar().phrases
        if f"{phrase.usage} ".startswith(f"{words} ")
    ]


def about_plan(name: str, plan: Mapping[str, Any]) -> View:
    """Return the signature of a plan and what is known of its parameters."""
    table = parameter_table(plan)
    return View(
        f"{name}{signature(plan)}",
        tables=[table] if table.rows else [],
        lead=str(plan.get("description") or "").strip(),
        hints=[f"Add it: %qserver queue add plan {name}(…)"],
    )


def _row(usage: str, sentence: str) -> str:
    width = 58
    return (
        f"{usage:{width}} {sentence}" if len(usage) < width else f"{usage}\n{'':{width}} {sentence}"
    )
