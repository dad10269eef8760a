"""Every command tells its version."""

from __future__ import annotations

from importlib.metadata import EntryPoint, distribution, version

import pytest

COMMANDS = [
    each for each in distribution("qs-jupyter").entry_points if each.group == "console_scripts"
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_version_is_that_of_the_installed_package(command: EntryPoint, capsys) -> None:
    try:
        code = command.load()(["--version"])
    except SystemExit as left:
        code = left.code
    assert code == 0
    assert capsys.readouterr().out == f"qs-jupyter {version('qs-jupyter')}\n"
