"""Every method of the table refuses requests that do not fit its declaration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from qs_jupyter.api import table
from qs_jupyter.api.methods import METHODS
from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.words import WHO

# What the wire promises: method -> lock scope, parameters in their order, required ones.
E, Q = "environment", "queue"
PLACE = "pos before_uid after_uid"
DESTINATION = "pos_dest before_uid after_uid"
PROMISED: dict[str, tuple[str | None, str, str]] = {
    "ping": (None, "", ""),
    "status": (None, "", ""),
    "config_get": (None, "", ""),
    "plans_allowed": (None, "user_group", "user_group"),
    "devices_allowed": (None, "user_group", "user_group"),
    "plans_existing": (None, "", ""),
    "devices_existing": (None, "", ""),
    "permissions_get": (None, "", ""),
    "permissions_set": (Q, "user_group_permissions lock_key", "user_group_permissions"),
    "permissions_reload": (Q, "restore_plans_devices restore_permissions lock_key", ""),
    "queue_get": (None, "", ""),
    "queue_mode_set": (Q, "mode lock_key", "mode"),
    "queue_item_add": (Q, f"item user user_group {PLACE} lock_key", "item user user_group"),
    "queue_item_add_batch": (Q, f"items user user_group {PLACE} lock_key", "items user user_group"),
    "queue_item_update": (Q, "item user user_group replace lock_key", "item user user_group"),
    "queue_item_get": (None, "pos uid", ""),
    "queue_item_remove": (Q, "pos uid lock_key", ""),
    "queue_item_remove_batch": (Q, "uids ignore_missing lock_key", "uids"),
    "queue_item_move": (Q, f"pos uid {DESTINATION} lock_key", ""),
    "queue_item_move_batch": (Q, f"uids {DESTINATION} reorder lock_key", "uids"),
    "queue_item_execute": (E, "item user user_group lock_key", "item user user_group"),
    "queue_clear": (Q, "lock_key", ""),
    "queue_start": (E, "lock_key", ""),
    "queue_stop": (E, "lock_key", ""),
    "queue_stop_cancel": (E, "lock_key", ""),
    "queue_autostart": (E, "enable lock_key", "enable"),
    "history_get": (None, "", ""),
    "history_clear": (Q, "size item_uid lock_key", ""),
    "environment_open": (E, "lock_key", ""),
    "environment_close": (E, "lock_key", ""),
    "environment_destroy": (E, "lock_key", ""),
    "environment_update": (E, "run_in_background lock_key", ""),
    "script_upload": (E, "script update_lists update_re run_in_background lock_key", "script"),
    "function_execute": (
        E,
        "item user user_group run_in_background lock_key",
        "item user user_group",
    ),
    "task_status": (None, "task_uid", "task_uid"),
    "task_result": (None, "task_uid", "task_uid"),
    "re_pause": (E, "option lock_key", ""),
    "re_resume": (E, "lock_key", ""),
    "re_stop": (E, "lock_key", ""),
    "re_abort": (E, "lock_key", ""),
    "re_halt": (E, "lock_key", ""),
    "re_runs": (None, "option", ""),
    "re_metadata": (None, "", ""),
    "kernel_interrupt": (E, "interrupt_task interrupt_plan lock_key", ""),
    "lock": (None, "lock_key user environment queue note", "lock_key user"),
    "unlock": (None, "lock_key", "lock_key"),
    "lock_info": (None, "lock_key", ""),
    "manager_stop": (None, "option", ""),
    "manager_kill": (None, "", ""),
    "manager_test": (None, "test_name", "test_name"),
}

# Parameters of our own: optional, so that requests of others mean what they always meant.
ADDED = {
    ("queue_get", "event_seq"),
    ("history_get", "event_seq"),
    *((method, "now") for method in ("re_stop", "re_abort", "re_halt")),
}

PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]]}
GOOD: dict[str, Any] = {
    "user_group_permissions": {"user_groups": {"root": {}}},
    "mode": {"loop": True},
    "item": PLAN,
    "items": [PLAN],
    "user": "Jane",
    "user_group": "primary",
    "uids": [],
    "pos_dest": "front",
    "enable": True,
    "script": "1",
    "task_uid": "unknown",
    "item_uid": "unknown",
    "lock_key": "key",
    "test_name": "reserve_kernel",
}
BAD: dict[str, tuple[Any, ...]] = {
    "bool": (5, "yes", [], 0),
    "str": (5, ["a"], {}, True),
    "int": ("ab", 1.5, True, []),
    "dict": ([], 5, "text"),
    "list[dict]": ({}, 5, "text"),
    "list[str]": (5, "text", [None], [5], {}),
    "int | 'front' | 'back'": ("middle", 1.5, True, [], {}),
    "str | list[str]": (5, [5], {}),
    "dict | 'default'": (5, "other", []),
}
DECLARED = [name for name in METHODS if not METHODS[name].ignores_unknown]


def good_params(method: table.Method, *without: str) -> dict[str, Any]:
    """Return parameters that fit, as few as possible."""
    params = {p.name: GOOD[p.name] for p in method.parameters if p.required}
    if method.name == "function_execute":
        params["item"] = {"item_type": "function", "name": "function_sleep", "args": [1]}
    if method.name == "queue_item_move":
        params |= {"pos": "front", "pos_dest": "back"}
    if method.name == "queue_item_move_batch":
        params |= {"pos_dest": "back"}
    if method.name == "lock":
        params |= {"environment": True}
    return {name: value for name, value in params.items() if name not in without}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manager() -> AsyncIterator[RunningManager]:
    """One manager for all refusals: none of them may leave a trace."""
    async with RunningManager() as running:
        yield running


def check_refusal(method: table.Method, params: dict[str, Any], reply: dict[str, Any]) -> None:
    assert reply["success"] is False, reply
    assert reply["msg"].startswith(method.refused)
    assert set(reply) == {"success", "msg", *method.reply}
    for name, value in method.reply.items():
        if method.name == "lock_info" and "foo" not in params:
            continue  # whatever is wrong with the key, the lock is told
        expected = params.get(name, value) if name in method.echo else value
        found = reply[name]
        if name == "item" and "pos" in params and "item_uid" in found:
            # Only its place is wrong: it comes back as it would have been added.
            assert {key: found[key] for key in WHO} == WHO
            found = {key: found[key] for key in found if key not in ("item_uid", *WHO)}
        assert found == expected, f"{name} of {reply}"


def test_methods_parameters_and_lock_scopes_are_those_of_the_wire() -> None:
    declared = {
        name: (
            method.lock,
            " ".join(p for p in method.parameter_names if (name, p) not in ADDED),
            " ".join(p.name for p in method.parameters if p.required),
        )
        for name, method in METHODS.items()
    }
    assert {name: declared.get(name) for name in PROMISED} == PROMISED


def test_every_method_is_documented_and_every_phrase_stands_for_one_method() -> None:
    assert all(method.doc for method in METHODS.values())
    phrases = [phrase for method in METHODS.values() for phrase in method.phrases]
    assert len(phrases) == len(set(phrases))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", DECLARED)
async def test_an_unknown_parameter_is_refused_with_the_known_ones(
    manager: RunningManager, name: str
) -> None:
    method = METHODS[name]
    before = manager.status()
    params = {**good_params(method), "foo": 1}
    reply = await manager.call(name, **params)
    check_refusal(method, params, reply)
    assert reply["msg"] == (
        f"{method.refused}API request contains unsupported parameters: 'foo'. "
        f"Supported parameters: {method.parameter_names}"
    )
    reply = await manager.call(name, **params, bar=2)
    assert "unsupported parameters: ['foo', 'bar']. Supported" in reply["msg"]
    assert manager.status() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["ping", "status"])
async def test_ping_and_status_ignore_parameters(manager: RunningManager, name: str) -> None:
    assert await manager.call(name, foo=1) == manager.status()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("name", "missing"),
    [(m.name, p.name) for m in METHODS.values() for p in m.parameters if p.required],
)
async def test_a_missing_required_parameter_is_refused(
    manager: RunningManager, name: str, missing: str
) -> None:
    method = METHODS[name]
    before = manager.status()
    params = good_params(method, missing)
    absent = await manager.call(name, **params)
    check_refusal(method, params, absent)
    kind = next(p.kind for p in method.parameters if p.name == missing)
    assert absent["msg"] == method.refused + kind.missing_text(missing)
    null = await manager.call(name, **params, **{missing: None})
    assert null["success"] is False
    assert manager.status() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("name", "parameter", "bad"),
    [
        (method.name, p.name, bad)
        for method in METHODS.values()
        for p in method.parameters
        for bad in BAD.get(p.kind.type_name, ())
    ],
)
async def test_a_parameter_of_another_type_is_refused(
    manager: RunningManager, name: str, parameter: str, bad: Any
) -> None:
    method = METHODS[name]
    before = manager.status()
    params = good_params(method)
    if name == "queue_item_move":
        params = {"pos": 0, "pos_dest": 0}
        if parameter.endswith("uid"):
            params.pop("pos" if parameter == "uid" else "pos_dest")
    if name == "queue_item_move_batch" and parameter.endswith("uid"):
        params.pop("pos_dest")
    if name == "lock" and parameter == "queue":
        params.pop("environment")
    params[parameter] = bad
    reply = await manager.call(name, **params)
    check_refusal(method, params, reply)
    named = (parameter, parameter.capitalize().replace("_", " "), repr(bad), str(type(bad)))
    assert any(word in reply["msg"] for word in named)
    assert manager.status() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].lock])
@pytest.mark.parametrize("bad", [5, [], {}, True])
async def test_a_lock_key_of_another_type_is_refused(
    manager: RunningManager, name: str, bad: Any
) -> None:
    method = METHODS[name]
    params = {**good_params(method), "lock_key": bad}
    reply = await manager.call(name, **params)
    check_refusal(method, params, reply)
    assert reply["msg"] == (
        f"{method.refused}Lock key must be a non-empty string or None: lock_key = {bad!r}"
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ([], "Incorrect request type: <class 'list'>. Dictionary is expected"),
        ({"met": "status"}, "method is not specified: {'met': 'status'}"),
        ({"method": "nosuch"}, "Unknown method 'nosuch'"),
        ({"method": ["status"]}, "Unknown method ['status']"),
        (
            {"method": "queue_get", "id": 1},
            "Request contains unexpected keys ['id']. Allowed keys: ('method', 'params')",
        ),
        ({"method": "queue_get", "params": []}, "'params' must be a dictionary"),
    ],
)
async def test_a_malformed_request_is_answered(
    manager: RunningManager, request_: Any, text: str
) -> None:
    replies: list[Any] = []
    manager.application.dispatcher.handle(request_, replies.append)
    assert len(replies) == 1
    assert replies[0]["success"] is False
    assert text in replies[0]["msg"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "name",
    [
        m.name
        for m in METHODS.values()
        if not m.starts and not any(p.required for p in m.parameters)
    ],
)
async def test_params_may_be_null_or_absent(manager: RunningManager, name: str) -> None:
    method = METHODS[name]
    if name == "manager_kill":
        return  # there is never a reply
    absent = await manager.call(name)
    null: list[Any] = []
    manager.application.dispatcher.handle({"method": name, "params": None}, null.append)
    if method.ignores_unknown:
        assert absent["msg"].startswith("RE Manager v")
    else:
        assert set(absent) >= {"success", "msg", *method.reply}
