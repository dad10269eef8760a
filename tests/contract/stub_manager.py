"""A manager that does nothing but follow the wishes of a test of the launcher.

Its first argument is a named pipe, the diary: each manager process writes a line for whatever
happens to it. The second is the wish of the test; the others are those of the launcher.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.launcher_link import LauncherLink
from qs_jupyter.manager_process import run_linked
from qs_jupyter.settings import Settings

DIARY = Path(sys.argv[1])
WISH = sys.argv[2]


def note(**facts: object) -> None:
    with DIARY.open("a") as file:
        file.write(json.dumps({"pid": os.getpid(), **facts}) + "\n")


def is_first() -> bool:
    marker = DIARY.with_suffix(".refused")
    seen = marker.exists()
    marker.touch()
    return not seen


async def run(settings: Settings, link: LauncherLink) -> int:
    note(
        event="start",
        is_restart=link.is_restart,
        key=settings.zmq_private_key,
        arguments=" ".join(sys.argv),
    )
    if WISH == "refuse" or (WISH == "refuse restart once" and link.is_restart and is_first()):
        raise ConfigurationError("the port is taken")
    if WISH == "killed at birth" or (WISH == "killed at birth once" and is_first()):
        os.kill(os.getpid(), signal.SIGKILL)
    if WISH == "crash at birth":
        raise RuntimeError("a bug")
    link.ready()
    note(event="ready")
    if WISH == "end":
        return 0
    if WISH == "crash" and not link.is_restart:
        raise RuntimeError("a bug")
    if WISH == "freeze" and not link.is_restart:
        time.sleep(60)  # noqa: ASYNC251 - to be silent is the purpose
    reason = await link.stop_requested()
    note(event="stop", reason=reason)
    if WISH == "deaf" or (WISH == "deaf once" and not link.is_restart):
        await asyncio.sleep(60)
    return 1 if reason == "terminate" else 0


if __name__ == "__main__":
    sys.exit(run_linked(int(sys.argv[-2]), int(sys.argv[-1]), run))
