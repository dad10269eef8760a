"""No client can have the worker debugged: its debugger would take the word away from a manager."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_client.asynchronous import AsyncKernelClient

from qs_kernel_worker.messages import GetStatus, RunEngineChanged

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMIT_S = 20.0


async def reply(channel: Any, msg_id: str) -> dict[str, Any]:
    while (message := await channel.get_msg(timeout=LIMIT_S))["parent_header"]["msg_id"] != msg_id:
        pass
    return dict(message["content"])


async def test_a_plan_stays_in_hand_when_a_notebook_asks_for_its_debugger(bench) -> None:
    client = AsyncKernelClient()
    client.load_connection_file(bench.driver.connection_file())
    client.start_channels(stdin=False, hb=False)
    since = bench.seq
    job = await bench.submit_plan("computing")
    await bench.recorder.event(RunEngineChanged, since=since, state="running")
    try:
        info = await reply(client.shell_channel, client.kernel_info())
        assert "kernel subshells" in info["supported_features"]
        assert "debugger" not in info["supported_features"]
        start = {"type": "request", "command": "initialize", "seq": 1, "arguments": {}}
        message = client.session.msg("debug_request", start)
        client.control_channel.send(message)
        # A stock kernel would now wait, in its control thread, for a cell behind the plan.
        report = await bench.driver.request(GetStatus())
        assert report["job"]["uid"] == job.uid
        assert await reply(client.control_channel, message["header"]["msg_id"]) == {}
    finally:
        await bench.background("enough.set()")
        await bench.done(job.uid)
        client.stop_channels()


async def test_the_debugger_takes_neither_time_nor_memory(bench) -> None:
    await bench.script(
        "import sys\n\n\ndef debugger_modules():\n"
        "    return [name for name in sys.modules if name.startswith(('debugpy', '_pydev'))]\n"
    )
    assert (await bench.function("debugger_modules")).return_value == []
