"""The five minutes of the README, typed one command after the other."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qs_jupyter.cli.private_manager import PrivateManager

README = Path(__file__).parents[2] / "README.md"
LIMIT_S = 30.0
Status = dict[str, Any]

# What somebody would wait for before the next command.
WAITS: dict[str, Callable[[Status], bool]] = {
    "environment open": lambda s: s["manager_state"] == "idle" and s["worker_environment_exists"],
    "queue start": lambda s: s["re_state"] == "running",
    "re pause": lambda s: s["manager_state"] == "paused",
    "re resume": lambda s: s["re_state"] == "running",
    "queue stop cancel": lambda s: s["manager_state"] == "idle" and s["items_in_queue"] == 0,
    "function execute": lambda s: s["manager_state"] == "idle",
    "environment close": lambda s: not s["worker_environment_exists"],
}


def tour() -> list[list[str]]:
    """Return the commands of the tour, as words behind ``qserver``."""
    text = README.read_text().split("## Five minutes")[1].split("## With your own")[0]
    lines = re.findall(r"^\$ qserver (.*)$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def example(language: str) -> str:
    found: str = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)[0]
    return found


async def run(manager: PrivateManager, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=manager.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{arguments}: {output.decode()}"
    return output.decode()


async def wait_for(manager: PrivateManager, fits: Callable[[Status], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        if fits(await manager.client.request("status")):
            return
        async for topic, message in manager.messages():
            if topic == "QS_Info" and fits(message["msg"].get("status") or {"manager_state": ""}):
                return


async def test_the_tour_of_the_readme_works() -> None:
    commands = tour()
    assert len(commands) > 15
    async with PrivateManager() as manager:
        await manager.ready()
        for words in commands:
            if words == ["environment", "close"]:
                await check_examples(manager)
            await run(manager, "-m", "qs_jupyter", "qserver", *words)
            for name, fits in WAITS.items():
                if " ".join(words).startswith(name):
                    await wait_for(manager, fits)
            if words == ["history", "get"]:
                assert await statuses(manager) == ["completed"] * 3


async def check_examples(manager: PrivateManager) -> None:
    """Run the examples for notebooks and programs while the environment is open."""
    await run(manager, "-m", "IPython", "--no-banner", "-c", example("ipython"))
    assert await statuses(manager) == ["completed"] * 4
    await run(manager, "-c", example("python"))
    items = (await manager.client.request("queue_get"))["items"]
    assert [item["user"] for item in items] == ["Jane"]


async def statuses(manager: PrivateManager) -> list[str]:
    history = await manager.client.request("history_get")
    return [item["result"]["exit_status"] for item in history["items"]]
