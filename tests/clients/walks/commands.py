"""Commands of the other installation, one after the other in one process, and their codes."""

from __future__ import annotations

import contextlib
import io
import sys

from bluesky_queueserver.manager.qserver_cli import qserver

PLAN = '{"name": "count", "args": [["det1"]], "kwargs": {"num": 2}}'
# Words, after | a last word with spaces, and the code to expect.
COMMANDS = [
    ("ping", 0),
    ("status", 0),
    ("config", 0),
    ("existing plans", 0),
    ("existing devices", 0),
    ("allowed plans", 0),
    ("allowed devices", 0),
    ("permissions get", 0),
    ("permissions reload", 0),
    ("permissions reload lists", 0),
    (f"queue add plan|{PLAN}", 0),
    (f"queue add plan front|{PLAN}", 0),
    ("queue add instruction queue-stop", 0),
    ('queue add plan|{"name": "no_such_plan"}', 2),
    ("queue get", 0),
    ("queue item get 0", 0),
    ("queue item move 0 back", 0),
    ("queue item move 7 back", 2),
    ("queue item remove back", 0),
    ("queue mode set loop True", 0),
    ("queue mode set loop False", 0),
    ("queue autostart disable", 0),
    ("queue stop", 2),
    ("queue stop cancel", 0),
    ("queue clear", 0),
    ("history get", 0),
    ("history clear", 0),
    ("re runs", 0),
    ("re runs open", 0),
    ("re resume", 2),
    ("re pause", 2),
    ("task status nowhere", 0),
    ("task result nowhere", 0),
    ("kernel interrupt", 0),
    ("lock info", 0),
    ("-k key lock queue|for a while", 0),
    ("queue mode set loop True", 2),
    ("-k key queue mode set loop False", 0),
    ("-k key unlock", 0),
    ("environment update", 0),
    ("no such command", 1),
]


def call(text):
    """The code and the output of a command."""
    words, _, last = text.partition("|")
    sys.argv = ["qserver", *words.split(), *([last] if last else [])]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = qserver()
    return code, output.getvalue()


for command, expected in COMMANDS:
    found, printed = call(command)
    assert found == expected, f"{command}: code {found}, expected {expected}\n{printed}"
    print(f"passed: {command}")
