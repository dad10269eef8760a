"""The limit of open files: raised as far as it goes, never lowered."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qs_jupyter.open_files import MANY

SCRIPT = """
import resource, sys
from qs_jupyter.open_files import allow_many_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
allow_many_connections()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"), [(200, 900, "900 900"), (900, 900, "900 900")]
)
def test_the_limit_is_raised_as_far_as_it_goes(soft: int, hard: int, expected: str) -> None:
    command = [sys.executable, "-c", SCRIPT, str(soft), str(hard)]
    assert subprocess.check_output(command, text=True).strip() == expected
    assert hard < MANY
