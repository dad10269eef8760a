"""Every method of the table does its work in the state that it is made for, locked or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.test_api_table import METHODS, good_params
from tests.contract.manager.words import add, ok, plan, run_to_pause

Prepare = Callable[[RunningManager], Awaitable[object]]

KEY = {"lock_key": "jane"}
# Never a reply, or none beside the status.
SILENT = ("manager_kill", "ping", "status")


async def _environment(running: RunningManager) -> None:
    await running.open()


async def _items(running: RunningManager) -> None:
    await add(running, plan(1), plan(2))


async def _running(running: RunningManager) -> None:
    await running.open()
    await add(running, plan())
    await ok(running, "queue_start")


async def _paused(running: RunningManager) -> None:
    await running.open()
    await run_to_pause(running)


async def _undone(running: RunningManager) -> None:
    await _items(running)
    await ok(running, "queue_undo")


# What must be there before the method can succeed; the others need nothing.
PREPARED: dict[str, Prepare] = {
    "environment_close": _environment,
    "environment_destroy": _environment,
    "environment_update": _environment,
    "queue_item_get": _items,
    "queue_item_remove": _items,
    "queue_item_move": _items,
    "queue_item_update": _items,
    "queue_undo": _items,
    "queue_redo": _undone,
    "queue_item_execute": _environment,
    "queue_start": _environment,
    "queue_stop": _running,
    "script_upload": _environment,
    "function_execute": _environment,
    "re_pause": _running,
    "re_resume": _paused,
    "re_stop": _paused,
    "re_abort": _paused,
    "re_halt": _paused,
    "re_metadata": _environment,
    "kernel_interrupt": _environment,
    "manager_test": _environment,
}


async def params_for(running: RunningManager, name: str) -> dict[str, Any]:
    params = good_params(METHODS[name])
    if name == "queue_item_update":
        (first, _second) = (await ok(running, "queue_get"))["items"]
        params["item"] = {**params["item"], "item_uid": first["item_uid"]}
    return params


def check_success(name: str, reply: dict[str, Any]) -> None:
    method = METHODS[name]
    assert (reply["success"], reply["msg"]) == (True, ""), reply
    assert set(reply) >= {"success", "msg", *method.reply}
    # What a refusal leaves empty a success fills: UIDs and sizes are never null.
    for field, refused in method.reply.items():
        if field == "qsize" or field.endswith("_uid"):
            assert reply[field] is not None, reply
            assert reply[field] != "", reply
        if refused is not None:
            assert type(reply[field]) in (type(refused), dict), reply


@pytest.mark.parametrize("name", [name for name in METHODS if name not in SILENT])
async def test_a_method_succeeds_where_it_is_meant_to(closed: RunningManager, name: str) -> None:
    if name in PREPARED:
        await PREPARED[name](closed)
    check_success(name, await closed.call(name, **await params_for(closed, name)))


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].lock])
async def test_a_locked_method_succeeds_with_the_key_and_does_nothing_without(
    closed: RunningManager, name: str
) -> None:
    if name in PREPARED:
        await PREPARED[name](closed)
    params = await params_for(closed, name)
    await ok(closed, "lock", **KEY, user="Jane", environment=True, queue=True)
    before = closed.status()
    reply = await closed.call(name, **params)
    assert reply["msg"].startswith(f"{METHODS[name].refused}Invalid lock key: ")
    assert closed.status() == before
    check_success(name, await closed.call(name, **params, **KEY))


@pytest.mark.parametrize("name", [name for name in PREPARED if METHODS[name].starts])
async def test_success_of_a_method_that_starts_something_means_accepted(
    closed: RunningManager, name: str
) -> None:
    """The state that follows is seen with the reply; a client need not guess when it begins."""
    await PREPARED[name](closed)
    before = closed.status()
    await ok(closed, name, **await params_for(closed, name))
    assert closed.status()["status_uid"] != before["status_uid"]
