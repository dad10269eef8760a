"""Permissions that cannot be read open no door; what they take from a group it does not get."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from qs_jupyter.profiles import sim_profile
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings
from tests.contract.manager.words import add, ok, plan, refused

PERMISSIONS = "user_group_permissions.yaml"
GOOD = (sim_profile() / PERMISSIONS).read_bytes()
EVIL = b"user_groups: !!python/object/apply:os.mkdir ['MADE']\n"

# What may lie where the permissions should be; None for nothing at all.
USELESS: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "no text": b"\xff\xfe\x00\x01",
    "no YAML": b"user_groups: [\n",
    "code": EVIL,
    "nested": b"[" * 100_000,
    "one bad pattern": b"user_groups: {root: {allowed_plans: [null, ':[']}}",
    "no root": b"user_groups: {primary: {allowed_plans: [null]}}",
}
useless = pytest.mark.parametrize("content", USELESS.values(), ids=USELESS)


def manager(folder: Path, reload: str = "ON_STARTUP") -> RunningManager:
    lists = folder / "existing_plans_and_devices.yaml"
    if not lists.exists():
        shutil.copy(sim_profile() / lists.name, lists)
    return RunningManager(
        settings=quiet_settings(
            store=str(folder / "store.sqlite"),
            existing_plans_and_devices_path=str(lists),
            user_group_permissions_path=str(folder / PERMISSIONS),
            user_group_permissions_reload=reload,
        )
    )


def put(folder: Path, content: bytes | None) -> None:
    path = folder / PERMISSIONS
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content.replace(b"MADE", str(folder / "made").encode()))


def function(name: str) -> dict[str, Any]:
    return {"item_type": "function", "name": name}


@useless
async def test_without_valid_permissions_nobody_may_do_anything(
    tmp_path: Path, content: bytes | None
) -> None:
    put(tmp_path, content)
    async with manager(tmp_path) as running:
        assert (await ok(running, "plans_existing"))["plans_existing"]
        assert (await ok(running, "plans_allowed", user_group="root"))["plans_allowed"] == {}
        assert (await ok(running, "devices_allowed", user_group="root"))["devices_allowed"] == {}
        who = {"user": "Eve", "user_group": "root"}
        assert "is not in the list of allowed plans" in await refused(
            running, "queue_item_add", item=plan(), **who
        )
        await running.open()
        for name in ("exec", "function_sleep", "RE"):
            words = await refused(running, "function_execute", item=function(name), **who)
            assert f"Function '{name}' is not allowed" in words
        assert "Unknown user group: 'primary'" in await refused(
            running, "plans_allowed", user_group="primary"
        )
    assert not (tmp_path / "made").exists()


@useless
async def test_the_last_valid_permissions_stay_in_force(
    tmp_path: Path, content: bytes | None
) -> None:
    put(tmp_path, GOOD)
    good = yaml.safe_load(GOOD)
    async with manager(tmp_path) as running:
        put(tmp_path, content)
        words = await refused(running, "permissions_reload")
        assert str(tmp_path / PERMISSIONS) in words
        assert "Internal error" not in words
        assert (await ok(running, "permissions_get"))["user_group_permissions"] == good
        await add(running, plan())
    # The store serves where the file does not, also at the next start.
    async with manager(tmp_path) as running:
        assert (await ok(running, "permissions_get"))["user_group_permissions"] == good
        await add(running, plan())
    assert not (tmp_path / "made").exists()


async def test_items_of_a_group_that_is_gone_fail_when_their_turn_comes(tmp_path: Path) -> None:
    put(tmp_path, GOOD)
    async with manager(tmp_path) as running:
        await running.open()
        who = {"user": "Ann", "user_group": "test_user"}
        await ok(running, "queue_item_add", item=plan(), **who)
        permissions = yaml.safe_load(GOOD)
        del permissions["user_groups"]["test_user"]
        await ok(running, "permissions_set", user_group_permissions=permissions)
        await ok(running, "queue_start")
        await running.until(manager_state="idle", items_in_history=1)
        (item,) = (await ok(running, "history_get"))["items"]
        assert item["result"]["exit_status"] == "failed"
        assert "Unknown user group: 'test_user'" in item["result"]["msg"]
        # The item is kept, and whoever edits it answers for it from then on.
        (waiting,) = (await ok(running, "queue_get"))["items"]
        reply = await ok(
            running, "queue_item_update", item=waiting, user="Jane", user_group="primary"
        )
        assert (reply["item"]["user"], reply["item"]["user_group"]) == ("Jane", "primary")


@pytest.mark.parametrize("group", [5, ["root"], {"root": 1}, True, 1.5])
async def test_a_group_that_is_no_text_is_refused_in_words(tmp_path: Path, group: Any) -> None:
    put(tmp_path, GOOD)
    async with manager(tmp_path) as running:
        for method, params in (
            ("plans_allowed", {}),
            ("devices_allowed", {}),
            ("queue_item_add", {"item": plan(), "user": "Eve"}),
            ("queue_item_execute", {"item": plan(), "user": "Eve"}),
            ("function_execute", {"item": function("exec"), "user": "Eve"}),
        ):
            words = await refused(running, method, user_group=group, **params)
            assert "must be a string" in words, (method, words)


async def test_a_method_can_be_taken_from_a_group_or_from_everybody(tmp_path: Path) -> None:
    put(tmp_path, GOOD)
    permissions = yaml.safe_load(GOOD)
    permissions["user_groups"]["root"]["forbidden_api"] = ["script_upload", ":^permissions_set$"]
    permissions["user_groups"]["test_user"]["allowed_api"] = [":_allowed$"]
    async with manager(tmp_path) as running:
        await running.open()
        await ok(running, "permissions_set", user_group_permissions=permissions)
        # Requests without a group are bound by root, as all others are.
        words = await refused(running, "script_upload", script="1 / 0")
        assert words == "Error: Method 'script_upload' is not allowed for users from 'root' group."
        words = await refused(running, "permissions_set", user_group_permissions=permissions)
        assert "Method 'permissions_set' is not allowed" in words
        await add(running, plan())
        who = {"user": "Ann", "user_group": "test_user"}
        await ok(running, "plans_allowed", user_group="test_user")
        words = await refused(running, "queue_item_add", item=plan(), **who)
        assert words == (
            "Failed to add an item: Method 'queue_item_add' is not allowed for users from "
            "'test_user' group."
        )
        assert "Unknown user group: 'nosuch'" in await refused(
            running, "plans_allowed", user_group="nosuch"
        )
        # What never stops: looking, and the way back by the file.
        assert (await running.call("status"))["manager_state"] == "idle"
        await ok(running, "permissions_reload")
        await ok(running, "script_upload", script="1")
