"""Lists of plans and devices without a manager, made by a process that runs the startup code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import qs_kernel_worker
from qs_jupyter.errors import Failure
from qs_kernel_worker.messages import WorkerConfig


class GenerationFailure(Failure):
    """Startup code failed, or left a plan that cannot be described."""

    def __init__(self, msg: str, traceback: str = "") -> None:
        super().__init__(msg)
        self.msg = msg
        self.traceback = traceback


@dataclass(frozen=True, slots=True)
class GeneratedLists:
    """Descriptions of plans and devices, and the report about the startup code."""

    plans: dict[str, Any]
    devices: dict[str, Any]
    report: dict[str, Any]


def generate_lists(
    config: WorkerConfig, *, python: str | None = None, timeout_s: float | None = None
) -> GeneratedLists:
    """Run the startup code in a process of its own and return what it leaves.

    What startup code prints goes to the output of this process.

    Raises
    ------
    GenerationFailure
        When startup code fails, a plan cannot be described, or the process dies.
    """
    with tempfile.TemporaryDirectory(prefix="qs-jupyter-") as folder:
        config_file, result_file = Path(folder, "config.json"), Path(folder, "result.json")
        config_file.write_text(json.dumps(asdict(config)), encoding="utf-8")
        arguments = ["-m", "qs_kernel_worker.generate_lists", str(config_file), str(result_file)]
        try:
            done = subprocess.run(
                [python or sys.executable, *arguments],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            msg = f"The startup code did not end within {timeout_s} s"
            raise GenerationFailure(msg) from error
        if not result_file.exists():
            raise GenerationFailure(
                f"The process that ran the startup code ended with exit code {done.returncode}"
            )
        result = json.loads(result_file.read_text(encoding="utf-8"))
    if not result["ok"]:
        raise GenerationFailure(result["msg"], result["traceback"])
    return GeneratedLists(result["plans"], result["devices"], result["report"])


def _environment() -> dict[str, str]:
    """Let the process find the worker's code, also in another Python environment."""
    assert qs_kernel_worker.__file__ is not None
    code = str(Path(qs_kernel_worker.__file__).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in (code, path) if part)}
