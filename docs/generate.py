"""Writes the parts of the documentation that follow from the code.

Run it after a change of methods, phrases, settings, messages or rules; a test fails when the
files lag. ``python docs/generate.py`` writes them, ``--check`` only tells which differ.
"""

from __future__ import annotations

import sys
from pathlib import Path

from writing.commands import commands_page
from writing.messages import messages_page
from writing.methods import api_page
from writing.notebook import notebook_page
from writing.settings import settings_page
from writing.states import states_picture

DOCS = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return all generated files with their content."""
    return {
        DOCS / "reference" / "api.md": api_page(),
        DOCS / "reference" / "commands.md": commands_page(),
        DOCS / "reference" / "notebook.md": notebook_page(),
        DOCS / "reference" / "settings.md": settings_page(),
        DOCS / "reference" / "messages.md": messages_page(),
        DOCS / "img" / "states.svg": states_picture(),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or tell which are not current."""
    wanted = files()
    old = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" not in arguments:
        for path in old:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path])
        return 0
    for path in old:
        sys.stderr.write(f"{path} is not current: run python docs/generate.py\n")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
