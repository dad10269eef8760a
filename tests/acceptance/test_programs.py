"""The examples of the page about programs, run as programs."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qs_jupyter.cli.private_manager import PrivateManager

PAGE = Path(__file__).parents[2] / "docs/how-to/programs.md"
LIMIT_S = 60.0


async def output_of(manager: PrivateManager, program: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        env=manager.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(LIMIT_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_programs_of_the_page_do_what_it_says() -> None:
    batch, task, documents, following = re.findall(
        r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    async with PrivateManager() as manager:
        await manager.ready()
        await manager.client.request("environment_open", check=True)
        await until(manager, lambda s: s["manager_state"] == "idle" and s["re_state"] == "idle")

        assert await output_of(manager, batch) == "3 points: completed\n5 points: completed\n"
        await idle(manager)
        assert "'success': True" in await output_of(manager, task)
        await idle(manager)
        names = (await output_of(manager, documents)).split()
        assert (names[:2], names[-1]) == (["start", "descriptor"], "stop")
        assert [name for name in names if name.startswith("event")] != []
        assert await output_of(manager, following) == "3 finished plans\n"


async def idle(manager: PrivateManager) -> None:
    await until(manager, lambda status: status["manager_state"] == "idle")


async def until(manager: PrivateManager, fits: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        if fits(await manager.client.request("status")):
            return
        async for topic, message in manager.messages():
            if topic == "QS_Info" and fits(message["msg"].get("status") or {"manager_state": ""}):
                return
