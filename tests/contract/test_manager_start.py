"""A manager that fails at its start, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from qs_jupyter.manager_process import CRASHED

_BROKEN = """
import sys
from qs_jupyter import manager_process
from qs_jupyter.manager.recovery import Recovery
from qs_jupyter.settings import Settings

async def fails(*args, **kwargs):
    raise RuntimeError("a step of the start is broken")

Recovery.start = fails
settings = Settings(
    store=sys.argv[1],
    runtime_dir=sys.argv[2],
    zmq_control_addr="tcp://127.0.0.1:*",
    zmq_info_addr="tcp://127.0.0.1:*",
)
sys.exit(manager_process.run_alone(settings))
"""


def test_an_error_at_the_start_is_told_with_its_traceback(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _BROKEN, str(tmp_path / "store.sqlite"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == CRASHED
    assert "ZeroMQ server is waiting" in ended.stdout
    assert "Traceback" in ended.stderr
    assert "RuntimeError: a step of the start is broken" in ended.stderr
