"""One connection to Redis for transactions: all commands in one message, all replies in one wait.

The pipelines of redis-py borrow a connection for each transaction, look whether it is still
good, and give every single reply a time limit of its own: eight turns of the event loop, which
take longer than Redis. Only one transaction is on its way at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio.connection import ConnectionPool
from redis.exceptions import ResponseError

Words = tuple[str | bytes | int, ...]


class TransactionLine:
    """A connection that is made when it is first needed, and anew after each failure."""

    def __init__(self, pool: ConnectionPool) -> None:
        # The pool only tells how: a connection without limits of its own.
        self._connection = pool.make_connection()  # type: ignore[no-untyped-call]

    async def execute(self, commands: Sequence[Words], limit_s: float) -> list[Any]:
        """Carry out commands as one MULTI/EXEC; return their replies.

        Raises
        ------
        RedisError
            Redis refused a command, or is away.
        TimeoutError
            It did not answer in time. The commands may have been carried out.
        """
        connection = self._connection
        words = [("MULTI",), *commands, ("EXEC",)]
        try:
            async with asyncio.timeout(limit_s):
                await connection.send_packed_command(connection.pack_commands(words))
                *_, replies = [await connection.read_response() for _ in words]
        except BaseException:
            # Replies that still come must not be taken for those of the next transaction.
            await self.close()
            raise
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return list(replies)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connection.disconnect(nowait=True)
