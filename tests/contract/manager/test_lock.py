"""The lock: which methods it stops, with which words, and who opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from qs_jupyter.api.methods import METHODS
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings
from tests.contract.manager.test_api_table import check_refusal, good_params
from tests.contract.manager.words import add, let_plans_end, ok, plan, refused

LOCKABLE = [name for name in METHODS if METHODS[name].lock]
ALWAYS_OPEN = [
    name
    for name in METHODS
    if not METHODS[name].lock and name not in ("lock", "unlock", "manager_kill", "manager_stop")
]
JANE = {"lock_key": "jane", "user": "Jane", "note": "sample change"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked() -> AsyncIterator[RunningManager]:
    """A manager with an emergency key, locked by Jane."""
    async with RunningManager(settings=quiet_settings(emergency_lock_key="fire")) as running:
        await ok(running, "lock", **JANE, environment=True, queue=True)
        yield running


def block(info: dict[str, Any], *, environment: bool, queue: bool, emergency: str) -> str:
    return (
        f"RE Manager is locked by Jane at {info['time_str']}\n"
        f"Environment is locked: {environment}\n"
        f"Queue is locked:       {queue}\n"
        f"Emergency lock key:    {emergency}\n"
        "Note: sample change"
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("key", [None, "other", "", "fire"])
@pytest.mark.parametrize("name", LOCKABLE)
async def test_a_locked_method_is_refused_without_the_key(
    locked: RunningManager, name: str, key: str | None
) -> None:
    method = METHODS[name]
    before = locked.status()
    params = {**good_params(method), "lock_key": key}
    reply = await locked.call(name, **params)
    check_refusal(method, params, reply)
    info = (await ok(locked, "lock_info"))["lock_info"]
    words = block(info, environment=True, queue=True, emergency="set")
    assert reply["msg"] == f"{method.refused}Invalid lock key: \n{words}"
    assert locked.status() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", LOCKABLE)
async def test_the_lock_is_checked_before_the_parameters(locked: RunningManager, name: str) -> None:
    method = METHODS[name]
    if any(p.required for p in method.parameters):
        assert "Invalid lock key: " in (await refused(locked, name))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ALWAYS_OPEN)
async def test_the_lock_leaves_reading_alone(locked: RunningManager, name: str) -> None:
    reply = await locked.call(name, **good_params(METHODS[name]))
    assert "lock key" not in reply["msg"]


@pytest.mark.parametrize("scope", ["environment", "queue"])
async def test_a_lock_stops_only_its_scope_and_lets_the_key_through(
    closed: RunningManager, scope: str
) -> None:
    await ok(closed, "lock", **JANE, **{scope: True})
    for name in LOCKABLE:
        method = METHODS[name]
        reply = await closed.call(name, **good_params(method))
        assert ("Invalid lock key" in reply["msg"]) == (method.lock == scope), (name, reply)
        await _undo(closed, name)
    for name in LOCKABLE:
        if METHODS[name].lock == scope:
            reply = await closed.call(name, **good_params(METHODS[name]), lock_key="jane")
            assert "lock key" not in reply["msg"], (name, reply)
            await _undo(closed, name, lock_key="jane")


async def _undo(running: RunningManager, name: str, **key: str) -> None:
    """Get rid of what a method has set going."""
    await running.until(lambda status: status["manager_state"] != "creating_environment")
    if name == "queue_autostart":
        await running.call("queue_autostart", enable=False, **key)
    if running.status()["worker_environment_exists"]:
        await running.call("environment_destroy", **key)
        await running.idle()
    if name == "permissions_set":
        await running.call("permissions_reload", **key)


async def test_when_nothing_is_locked_any_key_will_do(closed: RunningManager) -> None:
    for key in ("some key", "", None):
        await ok(closed, "queue_clear", lock_key=key)


async def test_lock_info_tells_everybody_who_locked_what(closed: RunningManager) -> None:
    reply = await ok(closed, "lock_info")
    assert reply["lock_info"] == {
        "environment": False,
        "queue": False,
        "user": None,
        "time": None,
        "time_str": "",
        "note": None,
        "emergency_lock_key_is_set": False,
    }
    locked = await ok(closed, "lock", **JANE, queue=True)
    info = locked["lock_info"]
    assert {**info, "time": 0, "time_str": ""} == {
        "environment": False,
        "queue": True,
        "user": "Jane",
        "time": 0,
        "time_str": "",
        "note": "sample change",
        "emergency_lock_key_is_set": False,
    }
    assert isinstance(info["time"], float)
    assert locked["lock_info_uid"] == closed.status()["lock_info_uid"]
    for key in (None, "jane"):
        reply = await ok(closed, "lock_info", lock_key=key)
        assert reply["lock_info"] == info
    reply = await closed.call("lock_info", lock_key="other")
    assert reply["success"] is False
    words = block(info, environment=False, queue=True, emergency="not set")
    assert reply["msg"] == f"Error: Invalid lock key: \n{words}"
    assert (reply["lock_info"], reply["lock_info_uid"]) == (info, locked["lock_info_uid"])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("", "Error: Invalid lock key: \nRE Manager is locked by Jane"),
        (5, "Error: Lock key must be a non-empty string or None: lock_key = 5"),
    ],
)
async def test_lock_info_is_told_even_with_a_key_that_is_none(
    closed: RunningManager, key: Any, text: str
) -> None:
    locked = await ok(closed, "lock", **JANE, queue=True)
    reply = await closed.call("lock_info", lock_key=key)
    assert reply["success"] is False
    assert reply["msg"].startswith(text)
    for field in ("lock_info", "lock_info_uid"):
        assert reply[field] == locked[field]


async def test_when_nothing_is_locked_any_key_fits(closed: RunningManager) -> None:
    for key in ("some key", "", None):
        await ok(closed, "lock_info", lock_key=key)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"lock_key": "key", "environment": True}, "User name is not specified"),
        ({"lock_key": "key", "user": None, "queue": True}, "User name must be a non-empty string"),
        ({"lock_key": "key", "user": "", "queue": True}, "User name must be a non-empty string"),
        ({"lock_key": "key", "user": 5, "queue": True}, "User name must be a non-empty string"),
        ({"user": "Jane", "environment": True}, "Lock key is not specified"),
        (
            {"lock_key": "", "user": "Jane", "queue": True},
            "Lock key must be a non-empty string",
        ),
        (
            {"lock_key": "key", "user": "Jane", "queue": True, "note": 5},
            "Note must be a string or None",
        ),
        ({"lock_key": "key", "user": "Jane"}, "environment and/or queue must be selected"),
    ],
)
async def test_an_incomplete_lock_is_refused(
    closed: RunningManager, params: dict[str, Any], text: str
) -> None:
    reply = await closed.call("lock", **params)
    assert reply["success"] is False
    assert reply["msg"].startswith("Error: ")
    assert text in reply["msg"]
    assert (reply["lock_info"], reply["lock_info_uid"]) == ({}, None)


async def test_a_lock_of_somebody_else_cannot_be_changed(closed: RunningManager) -> None:
    await ok(closed, "lock", **JANE, queue=True)
    text = await refused(closed, "lock", lock_key="max", user="Max", queue=True)
    assert text.startswith("Error: RE Manager was locked with a different key: ")
    assert "RE Manager is locked by Jane" in text
    await ok(closed, "lock", lock_key="jane", user="Max", environment=True)
    info = (await ok(closed, "lock_info"))["lock_info"]
    assert (info["user"], info["note"], info["queue"]) == ("Max", None, False)


async def test_a_wrong_key_does_not_unlock(closed: RunningManager) -> None:
    locked = await ok(closed, "lock", **JANE, queue=True)
    reply = await closed.call("unlock", lock_key="other")
    assert reply["success"] is False
    assert reply["msg"].startswith("Error: Invalid lock key: ")
    assert reply["lock_info"] == locked["lock_info"]
    for params, text in (
        ({}, "Lock key is not specified: Request contains no lock key"),
        ({"lock_key": ""}, "Lock key must be a non-empty string"),
        ({"lock_key": None}, "Lock key must be a non-empty string"),
    ):
        reply = await closed.call("unlock", **params)
        assert text in reply["msg"]
        assert (reply["lock_info"], reply["lock_info_uid"]) == ({}, None)


async def test_the_emergency_key_opens_but_neither_locks_nor_fits() -> None:
    async with RunningManager(settings=quiet_settings(emergency_lock_key="fire")) as running:
        assert "emergency" in await refused(
            running, "lock", lock_key="fire", user="Max", queue=True
        )
        await ok(running, "lock", **JANE, queue=True)
        assert "Invalid lock key" in await refused(running, "lock_info", lock_key="fire")
        assert "Invalid lock key" in await refused(running, "queue_clear", lock_key="fire")
        await refused(running, "lock", lock_key="fire", user="Max", queue=True)
        reply = await ok(running, "unlock", lock_key="fire")
        assert reply["lock_info"]["queue"] is False
        await ok(running, "queue_clear")


async def test_a_lock_does_not_stop_what_is_under_way(opened: RunningManager) -> None:
    await ok(opened, "queue_autostart", enable=True)
    await add(opened, plan(1), plan(2))
    await opened.until(re_state="running")
    await ok(opened, "lock", **JANE, environment=True, queue=True)
    let_plans_end(opened)
    opened.kernel.end_plan()
    await opened.until(items_in_history=2)
    await ok(
        opened, "queue_item_add", item=plan(3), user="x", user_group="primary", lock_key="jane"
    )
    await opened.until(items_in_history=3)


def test_the_methods_about_the_lock_are_never_locked() -> None:
    assert all(METHODS[name].lock is None for name in ("lock", "unlock", "lock_info"))
