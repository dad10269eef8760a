"""The store of sites that run Redis or Valkey, with the layout that other managers know.

Each group of writes is one MULTI/EXEC. A reply that does not fit, or a queue of another
length than it should have, means that somebody else has written; then, as after an outage,
everything is written anew from memory.

Two managers on the same keys would ruin each other's queue, so a manager holds a lease under
a key of its own. Another one can take it when it has run out, or at once when it belongs to
a process of this machine that is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError, WatchError

from qs_jupyter.errors import ConfigurationError, StoreFailure
from qs_jupyter.lasting import lasting_objects
from qs_jupyter.model.changes import Change
from qs_jupyter.settings import REDIS_PREFIX
from qs_jupyter.store.durable import StoreTaken
from qs_jupyter.store.redis_layout import Command, Layout
from qs_jupyter.store.redis_line import TransactionLine
from qs_jupyter.store.redis_reading import STRINGS, Content, Reader
from qs_jupyter.store.store import StoredState

T = TypeVar("T")


_LEASE_S = 10.0
_RENEWAL_S = 2.0
# An answer to a few commands, and to writing or reading everything.
_QUICK_S = 1.0
_THOROUGH_S = 30.0

_ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^\s:/@]+)(:(?P<port>\d+))?(/(?P<db>\d+))?")

# Tokens of the leases that stores of this process hold: a lease with our process number and
# another token is left over from a process that had the same number.
_held_here: set[str] = set()


def address_url(address: str | None) -> str:
    """Return the URL for one of the forms ``host``, ``host:port``, ``host:port/db`` or URL."""
    if not address:
        return "redis://localhost:6379/0"
    if "://" in address:
        if address.split("://", 1)[0] not in ("redis", "rediss", "unix"):
            raise ConfigurationError(
                "The Redis address has an unknown scheme: use redis://, rediss:// or unix://"
            )
        return address
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigurationError(
            f"The Redis address '{address}' can not be read: use host, host:port, host:port/db "
            "or a URL"
        )
    return f"redis://{match['host']}:{match['port'] or 6379}/{match['db'] or 0}"


def shown_address(url: str) -> str:
    """Return the address without user name and password."""
    parts = urlsplit(url)
    return (
        parts.path if parts.scheme == "unix" else f"{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"
    )


def new_client(url: str, timeout_s: float | None = _QUICK_S) -> Redis:
    """Return a client that never repeats a command by itself: it might act twice."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=_QUICK_S,
        retry=Retry(NoBackoff(), 0),
    )


class RedisBackend:
    """One database and prefix. Lives in the event loop that opens it."""

    def __init__(self, address: str | None, prefix: str = REDIS_PREFIX) -> None:
        url = address_url(address)
        self._layout = Layout(prefix)
        self._where = f"Redis at {shown_address(url)}"
        self._quick = new_client(url)
        self._thorough = new_client(url, _THOROUGH_S)
        self._line = TransactionLine(new_client(url, None).connection_pool)
        self._token = str(uuid.uuid4())
        self._lease = json.dumps({"token": self._token, "pid": os.getpid(), "host": _machine()})
        self._owner_key = self._layout.own_key("owner")
        self._last_owner_key = self._layout.own_key("lastowner")
        self._length = 0

    async def open(self) -> StoredState:
        """Take the lease and return what is stored, repaired where it was damaged."""
        try:
            await self._guarded(self._take_lease)
            return await self._guarded(self._load)
        except BaseException:
            await self.close()
            raise

    async def apply(self, changes: Sequence[Change]) -> None:
        """Carry out changes in one transaction."""
        commands = list(chain.from_iterable(map(self._layout.commands, changes)))
        await self._guarded(lambda: self._transaction(commands, _QUICK_S))

    async def rewrite(self, state: StoredState) -> None:
        """Write everything anew in one transaction; of the history only what is missing."""
        await self._guarded(self._renew_lease)
        await self._guarded(lambda: self._rewrite(state))

    async def watch(self, lost: Callable[[StoreFailure], None]) -> None:
        """Renew the lease; that is also how an outage is noticed while nothing is written."""
        while True:
            await asyncio.sleep(_RENEWAL_S)
            try:
                await self._guarded(self._renew_lease)
            except StoreFailure as error:
                lost(error)

    async def close(self) -> None:
        """Give the lease back, if Redis is there to take it."""
        if self._token in _held_here:
            _held_here.discard(self._token)
            with suppress(RedisError, OSError):
                if await self._quick.get(self._owner_key) == self._lease.encode():
                    await self._quick.delete(self._owner_key)
        for client in (self._quick, self._thorough):
            await client.aclose()
        await self._line.close()

    async def _guarded(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except ResponseError as error:
            # A key of another kind than ours, no memory left, a replica, a missing password.
            raise StoreFailure(f"{self._where} refuses a command: {error}") from error
        except (RedisError, OSError) as error:
            raise StoreFailure(f"{self._where} does not answer: {error}") from error

    # -------------------------------------------------------------------------- transactions

    async def _transaction(self, commands: Sequence[Command], limit_s: float) -> None:
        words = [*(command.words for command in commands), ("LLEN", self._layout.queue)]
        *replies, length = await self._line.execute(words, limit_s)
        for command in commands:
            self._length = 0 if command.growth is None else self._length + command.growth
        answered = all(c.is_answered_by(r) for c, r in zip(commands, replies, strict=True))
        if not answered or length != self._length:
            self._length = length
            raise StoreFailure(f"{self._where} was changed by another program")

    async def _rewrite(self, state: StoredState) -> None:
        layout, client = self._layout, self._thorough
        count = await client.llen(layout.history)
        newest = await client.lindex(layout.history, -1)
        complete = count <= len(state.history) and (
            not count or newest == state.history[count - 1].text.encode()
        )
        commands = layout.rewriting(state, count if complete else None)
        await self._transaction(commands, _THOROUGH_S)

    async def _load(self) -> StoredState:
        layout, client = self._layout, self._thorough
        async with client.pipeline(transaction=True) as pipe:
            pipe.lrange(layout.queue, 0, -1)
            pipe.lrange(layout.history, 0, -1)
            pipe.get(layout.own_running)
            pipe.hgetall(layout.extra)
            for name in STRINGS:
                pipe.get(layout.key(name))
            queue, history, own_running, extra, *strings = await pipe.execute()
        self._length = len(queue)
        reader = Reader(lambda: str(uuid.uuid4()))
        content = Content(
            queue, history, dict(zip(STRINGS, strings, strict=True)), own_running, extra
        )
        with lasting_objects():
            state = reader.read(content)
        if reader.queue_is_damaged or reader.history_is_damaged or reader.set_aside:
            unchanged = None if reader.history_is_damaged else len(history)
            commands = layout.setting_aside(reader.set_aside) + layout.rewriting(state, unchanged)
            await self._transaction(commands, _THOROUGH_S)
        return state

    # ------------------------------------------------------------------------------ the lease

    async def _take_lease(self) -> None:
        held = await self._hold_lease(_is_free)
        if held is not None:
            owner = _parsed(held)
            raise ConfigurationError(
                f"{self._where} is in use by another manager (process {owner.get('pid')} on "
                f"{str(owner.get('host', '')).split('|')[0]}) with the same name prefix. Stop it, "
                f"or choose another --redis-name-prefix; if it is gone, wait {_LEASE_S:.0f} s"
            )
        _held_here.add(self._token)

    async def _renew_lease(self) -> None:
        ours = self._lease.encode()
        if await self._hold_lease(lambda held: held == ours) is not None:
            raise StoreTaken(f"{self._where} was taken over by another manager")

    async def _hold_lease(self, is_ours: Callable[[Any], bool]) -> Any:
        """Set the lease to ours unless it is somebody's; return theirs."""
        async with self._quick.pipeline(transaction=True) as pipe:
            while True:
                await pipe.watch(self._owner_key, self._last_owner_key)
                held = await pipe.get(self._owner_key)
                if held is not None and not is_ours(held):
                    return held
                if held is None and self._token in _held_here:
                    # Ours ran out during an outage. Has anybody used the database since?
                    last = await pipe.get(self._last_owner_key)
                    if last is not None and last != self._token.encode():
                        return last
                pipe.multi()  # type: ignore[no-untyped-call]
                pipe.set(self._owner_key, self._lease, px=int(_LEASE_S * 1000))
                pipe.set(self._last_owner_key, self._token)
                try:
                    await pipe.execute()
                except WatchError:
                    continue  # somebody, perhaps we ourselves, was quicker: look again
                return None


def _is_free(held: bytes) -> bool:
    """Whether a lease is left over from a process of this machine that is gone."""
    owner = _parsed(held)
    pid = owner.get("pid")
    if owner.get("host") != _machine() or not isinstance(pid, int):
        return False
    if pid == os.getpid():
        return owner.get("token") not in _held_here
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _parsed(held: bytes) -> dict[str, Any]:
    try:
        owner = json.loads(held)
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _machine() -> str:
    """Name the place where a process number means the same process."""
    marks = [socket.gethostname()]
    # Linux only; elsewhere the name has to do.
    with suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    return "|".join(marks)
