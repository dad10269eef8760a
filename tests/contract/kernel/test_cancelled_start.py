"""An environment that is destroyed while its process is being started."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable

import pytest
import zmq.asyncio

from tests.contract.kernel.conftest import Bench

pytestmark = pytest.mark.asyncio(loop_scope="session")


def open_contexts() -> set[int]:
    """Return the contexts with sockets that are open in this process."""
    found = (each for each in gc.get_objects() if isinstance(each, zmq.asyncio.Context))
    return {id(context) for context in found if not context.closed}


@pytest.mark.parametrize("turns", [1, 2, 5, 20])
async def test_a_cancelled_start_leaves_no_socket_to_the_garbage_collector(
    new_bench: Callable[..., Bench], turns: int
) -> None:
    """It would wait for ever for the end of a socket that only itself could close."""
    bench = new_bench()
    before = open_contexts()
    start = asyncio.create_task(bench.driver.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await start
    await bench.driver.kill()
    assert open_contexts() == before
    assert not bench.driver.is_running
