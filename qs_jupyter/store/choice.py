"""Which store the settings ask for."""

from __future__ import annotations

from pathlib import Path

from qs_jupyter.settings import Settings
from qs_jupyter.store.durable import Backend, DurableStore
from qs_jupyter.store.sqlite import MEMORY, SqliteBackend
from qs_jupyter.store.store import Store


def open_store(settings: Settings) -> Store:
    """Return the store of the settings; `Store.load` opens it.

    Redis serves those who name its address or a prefix, everybody else gets a file.
    """
    backend: Backend
    if settings.uses_redis:
        # Not at the top: only those who use Redis wait for its client to be loaded.
        from qs_jupyter.store.redis import RedisBackend  # noqa: PLC0415

        backend = RedisBackend(settings.redis_addr, settings.redis_prefix)
    else:
        backend = SqliteBackend(store_path(settings))
    return DurableStore(backend)


def store_path(settings: Settings) -> str:
    """Return the SQLite file of the settings, by default in the user's data folder."""
    if settings.store is not None:
        return (
            settings.store if settings.store == MEMORY else str(Path(settings.store).expanduser())
        )
    from platformdirs import user_data_path  # noqa: PLC0415  # needed only without --store

    return str(user_data_path("qs-jupyter") / "store.sqlite")


def store_place(settings: Settings) -> str:
    """Return where the store of the settings is, as people name it; without a password."""
    if not settings.uses_redis:
        path = store_path(settings)
        return "the memory of this process" if path == MEMORY else path
    from qs_jupyter.store.redis import address_url, shown_address  # noqa: PLC0415 - as above

    address = shown_address(address_url(settings.redis_addr))
    return f"Redis at {address}, prefix {settings.redis_prefix!r}"
