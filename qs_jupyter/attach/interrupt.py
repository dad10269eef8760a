"""Interrupting what one has typed into the worker, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from queue import Empty
from typing import Any

import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient

ANSWER_WITHIN_S = 3.0
NO_ANSWER = (
    "the worker does not answer: its Python is blocked. Destroy the environment if that lasts"
)


async def interrupt_cells(
    info: Mapping[str, Any], sessions: Collection[str], *, waiting_only: bool = False
) -> str | None:
    """Take back the cells of these sessions that wait, or else interrupt the one that runs.

    Return None when that was done, or when the worker is idle; otherwise say what occupies
    the worker. ``waiting_only`` leaves a running cell alone.
    """
    context = zmq.asyncio.Context()
    client = AsyncKernelClient(context=context)
    client.load_connection_info(dict(info))
    # The only channel that is needed, and the only one that answers during a plan.
    client.start_channels(shell=False, iopub=False, stdin=False, hb=False)
    try:
        content = {"sessions": list(sessions), "waiting_only": waiting_only}
        client.control_channel.send(client.session.msg("interrupt_request", content))
        reply = await client.get_control_msg(timeout=ANSWER_WITHIN_S)
    except Empty:
        return NO_ANSWER
    finally:
        client.stop_channels()
        context.destroy(linger=0)
    content = reply["content"]
    return None if content["status"] == "ok" else str(content["evalue"])
