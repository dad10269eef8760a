"""``qserver-clear-lock``: remove the lock from the store when its key is lost.

Touches nothing but the lock. A running manager keeps its lock until it is started again.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qs_jupyter.errors import ConfigurationError, QueueServerError, StoreFailure
from qs_jupyter.model.lock import Lock
from qs_jupyter.settings import Settings, options
from qs_jupyter.store.choice import store_path, store_place
from qs_jupyter.version import add_version

CLEARED = "RE Manager lock was cleared. Restart RE Manager service to unlock the manager!"
NOT_LOCKED = "No lock was detected."


def main(arguments: Sequence[str] | None = None) -> int:
    """Remove the lock; return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given)
        record = _clear_redis(settings) if settings.uses_redis else _clear_file(settings)
    except QueueServerError as error:
        print(f"qserver-clear-lock: {error}", file=sys.stderr)
        return 1
    place = f"Looked at: {store_place(settings)}"
    if record is None:
        print(f"{NOT_LOCKED}\n{place}")
    else:
        print(f"Detected lock: {_shown(record)}\n{place}\n{CLEARED}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qserver-clear-lock",
        description="Remove the lock from the store of the manager when its key is lost. Nothing "
        "else is touched. A running manager keeps its lock until it is started again. Give the "
        "options with which the manager was started.",
        allow_abbrev=False,
    )
    add_version(parser)
    store = options()["store"]
    parser.add_argument("--redis-addr", metavar="ADDR", help=options()["redis_addr"].help)
    parser.add_argument(
        "--redis-name-prefix", metavar="TEXT", help=options()["redis_name_prefix"].help
    )
    parser.add_argument(
        "--store", metavar="PATH", help=f"{store.help} (environment: {store.env[0]})"
    )
    return parser


def _settings(given: argparse.Namespace) -> Settings:
    settings = Settings(
        redis_addr=given.redis_addr, redis_name_prefix=given.redis_name_prefix, store=given.store
    )
    if settings.uses_redis and settings.store is not None:
        raise ConfigurationError("Both a Redis server and a store file are given: name one")
    if settings.uses_redis or settings.store is not None:
        return settings
    return Settings(store=os.environ.get(options()["store"].env[0]) or None)


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name in _OPEN_FACTS}


_OPEN_FACTS = ("environment", "queue", "user", "time", "note")


def _locks(text: str | bytes | None) -> dict[str, Any] | None:
    """Return a record that a manager takes for a lock, None for anything else."""
    if text is None:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    # A record that is damaged keeps a manager locked; then there is nothing to show of it.
    is_locked = Lock.from_record(record, new_uid="").is_locked
    shown = record if isinstance(record, dict) else {}
    return shown if is_locked else None


def _clear_file(settings: Settings) -> dict[str, Any] | None:
    path = store_path(settings)
    if not Path(path).exists():
        if settings.store is None:
            return None
        raise StoreFailure(f"The store '{path}' does not exist")
    try:
        # An existing file only, and without the checks and repairs of a manager.
        connection = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=5.0)
        try:
            with connection:
                row = connection.execute("SELECT value FROM facts WHERE name = 'lock'").fetchone()
                record = _locks(row[0] if row else None)
                if record is not None:
                    connection.execute("DELETE FROM facts WHERE name = 'lock'")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreFailure(f"The store '{path}' failed: {error}") from error
    return record


def _clear_redis(settings: Settings) -> dict[str, Any] | None:
    import redis  # noqa: PLC0415 - for those who use it

    from qs_jupyter.store.redis import address_url, shown_address  # noqa: PLC0415
    from qs_jupyter.store.redis_layout import Layout  # noqa: PLC0415

    key = Layout(settings.redis_prefix).key("lock_info")
    url = address_url(settings.redis_addr)
    try:
        with redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0) as client:
            text: Any = client.get(key)
            record = _locks(text)
            if record is not None:
                client.delete(key)
    except redis.RedisError as error:
        raise StoreFailure(f"Redis at {shown_address(url)} failed: {error}") from error
    return record


if __name__ == "__main__":
    sys.exit(main())
