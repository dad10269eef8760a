"""The default store: one SQLite file, nothing to set up. ``:memory:`` serves tests.

All work is done in a thread of its own. One transaction holds everything that arrived while
the one before was made durable. A second file beside the database marks the owner: the mark
goes with the process that holds it, however it ends, and other programs can still read the
database.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import singledispatch
from pathlib import Path
from typing import Any, TypeVar

from qs_jupyter.errors import ConfigurationError, StoreFailure
from qs_jupyter.lasting import lasting_objects
from qs_jupyter.model import changes as c
from qs_jupyter.model.item import Item
from qs_jupyter.model.lock import Lock
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.store.store import StoredState, standing_facts, stored_item

T = TypeVar("T")

MEMORY = ":memory:"
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue (
    uid TEXT NOT NULL UNIQUE, position INTEGER NOT NULL, item TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    number INTEGER PRIMARY KEY, uid TEXT NOT NULL, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS extra (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class SqliteBackend:
    """One file. The connection belongs to the thread of ``_thread``."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._owner: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> StoredState:
        """Take possession of the file and return what it keeps; may be called again if it fails."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            return await self._in_thread(self._open)
        except BaseException:
            await self.close()
            raise

    async def apply(self, changes: Sequence[c.Change]) -> None:
        """Carry out changes in one transaction."""
        await self._in_thread(lambda: self._transaction(_apply_all, changes))

    async def rewrite(self, state: StoredState) -> None:
        """Write everything anew in one transaction."""
        await self._in_thread(lambda: self._transaction(_rewrite, state))

    async def watch(self, lost: Callable[[StoreFailure], None]) -> None:
        """Return: a file does not go away unnoticed."""

    async def close(self) -> None:
        """Close the file and let others have it."""
        thread = self._thread
        if thread is not None:
            try:
                await self._in_thread(self._close)
            finally:
                self._thread = None
                thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StoreFailure(f"The store '{self._path}' is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreFailure(f"The store '{self._path}' failed: {error}") from error

    # ------------------------------------------------------------------- in the store's thread

    def _open(self) -> StoredState:
        if self._path != MEMORY:
            prepare_file(Path(self._path))
            self._owner = _take_possession(Path(self._path))
        self._connection = connect(self._path)
        with lasting_objects():
            return _load(self._connection)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        owner, self._owner = self._owner, None
        try:
            if connection is not None:
                connection.close()
        finally:
            if owner is not None:
                os.close(owner)

    def _transaction(self, work: Callable[[sqlite3.Connection, T], None], what: T) -> None:
        connection = self._connection
        assert connection is not None, "the thread serves an open store only"
        connection.execute("BEGIN IMMEDIATE")
        try:
            work(connection, what)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def prepare_file(path: Path) -> None:
    """Create the file, if need be, so that only its owner can read it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its side files the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"The store '{path}' can not be opened: {error.strerror}. "
            "Choose another file with --store"
        ) from error


def connect(path: str) -> sqlite3.Connection:
    """Return a connection with durable commits to a database of our schema."""
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        _set_up(connection, path)
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ConfigurationError(
            f"The store '{path}' is not a readable database ({error}). Move it away or "
            "choose another file with --store"
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: str) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"The store '{path}' was written by a newer version of this program "
            f"(format {version}, known up to {SCHEMA_VERSION})"
        )
    if version < SCHEMA_VERSION:
        connection.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def _take_possession(path: Path) -> int:
    # A lock on the database file itself would be lost as soon as SQLite closed any handle.
    mark = path.with_name(path.name + ".owner")
    handle = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise ConfigurationError(
            f"The store '{path}' is in use by another manager (process {owner}). Stop it, or "
            "choose another file with --store"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


# ------------------------------------------------------------------------------------- reading


def _load(db: sqlite3.Connection) -> StoredState:
    facts = _values(db, "facts")
    running = facts.get("running")
    lock = facts.get("lock")
    return StoredState(
        queue=_load_queue(db),
        running=Item(running) if isinstance(running, Mapping) and "item_uid" in running else None,
        attempt=facts.get("attempt", 0),
        history=tuple(
            c.HistoryEntry(uid, entry)
            for uid, entry in db.execute("SELECT uid, entry FROM history ORDER BY number")
        ),
        mode=QueueMode.from_record(facts.get("mode")),
        autostart=facts.get("autostart", False),
        stop_pending=facts.get("stop_pending", False),
        lock=None if lock is None else Lock.from_record(lock, str(uuid.uuid4())),
        permissions=facts.get("permissions"),
        extra=_values(db, "extra"),
    )


def _load_queue(db: sqlite3.Connection) -> tuple[c.QueueEntry, ...]:
    # Rows lie mostly in order, so sorting them here is cheaper than in the database.
    rows = db.execute("SELECT position, item FROM queue").fetchall()
    rows.sort()
    # One array is read faster than its elements one by one, and keys share their memory.
    try:
        items = json.loads(f"[{','.join([text for _, text in rows])}]")
    except ValueError as error:
        raise StoreFailure(f"The stored queue is damaged: {error}") from error
    return tuple(
        c.QueueEntry(stored_item(data, text), position)
        for (position, text), data in zip(rows, items, strict=True)
    )


def _values(db: sqlite3.Connection, table: str) -> dict[str, Any]:
    rows = db.execute(f"SELECT name, value FROM {table}")
    return {name: _value(value) for name, value in rows}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # damaged: whoever reads it finds that it is not what it should be


# ------------------------------------------------------------------------------------- writing


def _apply_all(db: sqlite3.Connection, changes: Sequence[c.Change]) -> None:
    for change in changes:
        _apply(change, db)


@singledispatch
def _apply(change: c.Change, _db: sqlite3.Connection) -> None:
    raise TypeError(f"The store does not know the change {change!r}")


@_apply.register
def _items_inserted(change: c.ItemsInserted, db: sqlite3.Connection) -> None:
    _rekey(db, change.rekeyed)
    _insert(db, change.entries)


@_apply.register
def _items_removed(change: c.ItemsRemoved, db: sqlite3.Connection) -> None:
    _remove(db, change.items)


@_apply.register
def _items_moved(change: c.ItemsMoved, db: sqlite3.Connection) -> None:
    _rekey(db, [*change.rekeyed, *((entry.item.uid, entry.key) for entry in change.entries)])


@_apply.register
def _item_replaced(change: c.ItemReplaced, db: sqlite3.Connection) -> None:
    _remove(db, [change.old])
    _insert(db, [change.entry])


@_apply.register
def _queue_cleared(_change: c.QueueCleared, db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM queue")


@_apply.register
def _plan_started(change: c.PlanStarted, db: sqlite3.Connection) -> None:
    if change.queued is not None:
        _remove(db, [change.queued])
    _set(db, "running", change.item.text)
    _set(db, "attempt", str(change.attempt))


@_apply.register
def _plan_put_back(change: c.PlanPutBack, db: sqlite3.Connection) -> None:
    _forget_running(db)
    if change.inserted is not None:
        _items_inserted(change.inserted, db)


@_apply.register
def _plan_finished(change: c.PlanFinished, db: sqlite3.Connection) -> None:
    _forget_running(db)
    _append_history(db, [change.entry])
    if change.requeued is not None:
        _items_inserted(change.requeued, db)


@_apply.register
def _history_trimmed(change: c.HistoryTrimmed, db: sqlite3.Connection) -> None:
    db.execute(
        "DELETE FROM history WHERE number <= "
        "(SELECT number FROM history ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (change.kept,),
    )


@_apply.register
def _mode_set(change: c.ModeSet, db: sqlite3.Connection) -> None:
    _set(db, "mode", json.dumps(change.mode.as_dict()))


@_apply.register
def _autostart_set(change: c.AutostartSet, db: sqlite3.Connection) -> None:
    _set(db, "autostart", json.dumps(change.enabled))


@_apply.register
def _stop_pending_set(change: c.StopPendingSet, db: sqlite3.Connection) -> None:
    _set(db, "stop_pending", json.dumps(change.enabled))


@_apply.register
def _lock_set(change: c.LockSet, db: sqlite3.Connection) -> None:
    _set(db, "lock", json.dumps(change.lock.hashed_record(os.urandom(16))))


@_apply.register
def _permissions_set(change: c.PermissionsSet, db: sqlite3.Connection) -> None:
    _set(db, "permissions", json.dumps(change.data))


@_apply.register
def _extra_set(change: c.ExtraSet, db: sqlite3.Connection) -> None:
    if change.value is None:
        db.execute("DELETE FROM extra WHERE name = ?", (change.name,))
    else:
        row = (change.name, json.dumps(change.value))
        db.execute("INSERT OR REPLACE INTO extra VALUES (?, ?)", row)


def _insert(db: sqlite3.Connection, entries: Iterable[c.QueueEntry]) -> None:
    rows = [(entry.item.uid, entry.key, entry.item.text) for entry in entries]
    db.executemany("INSERT INTO queue VALUES (?, ?, ?)", rows)


def _remove(db: sqlite3.Connection, items: Iterable[Item]) -> None:
    db.executemany("DELETE FROM queue WHERE uid = ?", [(item.uid,) for item in items])


def _rekey(db: sqlite3.Connection, keys: Iterable[tuple[str, int]]) -> None:
    rows = [(key, uid) for uid, key in keys]
    db.executemany("UPDATE queue SET position = ? WHERE uid = ?", rows)


def _append_history(db: sqlite3.Connection, entries: Iterable[c.HistoryEntry]) -> None:
    rows = [(entry.uid, entry.text) for entry in entries]
    db.executemany("INSERT INTO history (uid, entry) VALUES (?, ?)", rows)


def _forget_running(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM facts WHERE name IN ('running', 'attempt')")


def _set(db: sqlite3.Connection, name: str, text: str) -> None:
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, text))


def _rewrite(db: sqlite3.Connection, state: StoredState) -> None:
    db.execute("DELETE FROM queue")
    _insert(db, state.queue)
    _rewrite_history(db, state.history)
    for table in ("facts", "extra"):
        db.execute(f"DELETE FROM {table}")
    _apply_all(db, standing_facts(state))


def _rewrite_history(db: sqlite3.Connection, entries: Sequence[c.HistoryEntry]) -> None:
    """Append what is missing; write all of it only if the newest row is not one of ours."""
    (count,) = db.execute("SELECT count(*) FROM history").fetchone()
    newest = db.execute("SELECT entry FROM history ORDER BY number DESC LIMIT 1").fetchone()
    if count > len(entries) or (count and newest[0] != entries[count - 1].text):
        db.execute("DELETE FROM history")
        count = 0
    _append_history(db, entries[count:])
