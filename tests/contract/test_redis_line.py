"""Transactions on one connection: whole, in order, each with its own replies."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from qs_jupyter.store.redis import new_client
from qs_jupyter.store.redis_line import TransactionLine
from tests.contract.redis_server import RedisServer, running_server

LIMIT_S = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_server() as server:
        yield server


@pytest_asyncio.fixture
async def line(server: RedisServer) -> AsyncIterator[TransactionLine]:
    line = TransactionLine(new_client(server.url, None).connection_pool)
    await line.execute([("FLUSHALL",)], LIMIT_S)
    yield line
    await line.close()


async def test_replies_come_in_the_order_of_the_commands(line: TransactionLine) -> None:
    commands = [("RPUSH", "list", "a", "b"), ("LLEN", "list"), ("LRANGE", "list", 0, -1)]
    assert await line.execute(commands, LIMIT_S) == [2, 2, [b"a", b"b"]]


async def test_a_command_that_nobody_knows_undoes_the_whole_transaction(
    line: TransactionLine,
) -> None:
    with pytest.raises(ResponseError, match="unknown command"):
        await line.execute([("SET", "key", "1"), ("NONSENSE",)], LIMIT_S)
    assert await line.execute([("GET", "key")], LIMIT_S) == [None]


async def test_a_command_that_fails_is_told(line: TransactionLine) -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await line.execute([("SET", "key", "1"), ("RPUSH", "key", "a"), ("GET", "key")], LIMIT_S)
    assert await line.execute([("GET", "key")], LIMIT_S) == [b"1"]


async def test_late_replies_are_not_taken_for_those_of_the_next_transaction(
    line: TransactionLine, server: RedisServer
) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await line.execute([("SET", "key", "late")], 0.1)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert await line.execute([("ECHO", "next")], LIMIT_S) == [b"next"]


async def test_a_server_that_came_back_is_found(line: TransactionLine, server: RedisServer) -> None:
    await line.execute([("SET", "key", "kept")], LIMIT_S)
    server.stop()
    with pytest.raises(RedisConnectionError):
        await line.execute([("GET", "key")], LIMIT_S)
    server.start()
    assert await line.execute([("GET", "key")], LIMIT_S) == [b"kept"]
