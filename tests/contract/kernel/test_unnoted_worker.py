"""A worker whose manager was killed before it could note the process down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from qs_jupyter.kernel.jupyter import JupyterDriver
from qs_jupyter.kernel.runtime import RuntimeFolder
from qs_jupyter.settings import Settings
from qs_kernel_worker.messages import CONFIG_VARIABLE
from tests.contract.kernel.conftest import LIMIT_S

from .conftest import Recorder


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def started(stack: ExitStack, config: Path, argument: str) -> subprocess.Popen[bytes]:
    """Start a process that lasts until its input ends, and looks as told."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()", argument],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, CONFIG_VARIABLE: str(config)},
    )
    stack.callback(process.communicate)
    return process


async def test_an_unnoted_worker_is_ended_and_nobody_else(
    stack: ExitStack, short_folder: Path
) -> None:
    runtime = RuntimeFolder(short_folder / "unnoted")
    files = runtime.worker("lost")
    files.config.write_text("{}")
    lost = started(stack, files.config, "qs_kernel_worker")
    # What startup code of a worker has started carries the same environment.
    child = started(stack, files.config, "something_else")
    stranger = started(stack, runtime.worker("other").config, "qs_kernel_worker")

    settings = Settings(runtime_dir=str(runtime.path))
    driver = JupyterDriver(settings, runtime, Recorder(), worker_name="lost")
    assert await driver.adopt() is None
    assert lost.wait(LIMIT_S) == -signal.SIGKILL
    assert child.poll() is None
    assert stranger.poll() is None
    assert not files.config.exists()
