"""Permissions and lists are read anew on request; what is wrong is told and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from qs_jupyter.profiles import sim_profile
from qs_jupyter.testing.running_manager import RunningManager, quiet_settings
from tests.contract.manager.words import WHO, add, numbers, ok, plan, refused

PERMISSIONS = "user_group_permissions.yaml"
LISTS = "existing_plans_and_devices.yaml"
UIDS = ("plans_allowed_uid", "devices_allowed_uid", "plans_existing_uid", "devices_existing_uid")

Start = Callable[..., RunningManager]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Make managers that read copies of the files, which the test may change."""
    for name in (PERMISSIONS, LISTS):
        shutil.copy(sim_profile() / name, tmp_path)

    def make(reload: str = "ON_STARTUP") -> RunningManager:
        settings = quiet_settings(
            store=str(tmp_path / "store.sqlite"),
            existing_plans_and_devices_path=str(tmp_path / LISTS),
            user_group_permissions_path=str(tmp_path / PERMISSIONS),
            user_group_permissions_reload=reload,
        )
        return RunningManager(settings=settings)

    return make


def forbid(path: Path, plan_name: str) -> None:
    """Forbid a plan to the primary group in the file."""
    content = yaml.safe_load(path.read_text())
    content["user_groups"]["primary"]["forbidden_plans"] = [plan_name]
    path.write_text(yaml.safe_dump(content))


async def allowed(running: RunningManager, group: str = "primary") -> set[str]:
    """Return the names of the plans of a group."""
    return set((await ok(running, "plans_allowed", user_group=group))["plans_allowed"])


async def in_force(running: RunningManager) -> dict[str, Any]:
    """Return the permissions as clients read them."""
    permissions: dict[str, Any] = (await ok(running, "permissions_get"))["user_group_permissions"]
    return permissions


async def test_changed_permissions_decide_about_the_next_request(start: Start) -> None:
    async with start() as running:
        permissions = await in_force(running)
        await add(running, plan(1))
        permissions["user_groups"]["primary"]["forbidden_plans"] = ["count"]
        await ok(running, "permissions_set", user_group_permissions=permissions)
        assert await in_force(running) == permissions
        assert "count" not in await allowed(running)
        text = await refused(running, "queue_item_add", item=plan(2), **WHO)
        assert "Plan 'count' is not in the list of allowed plans." in text
        # What is queued already is asked again only when its turn comes.
        assert await numbers(running) == [1]


async def test_reloading_takes_the_file_of_this_moment(start: Start, tmp_path: Path) -> None:
    async with start() as running:
        forbid(tmp_path / PERMISSIONS, "scan")
        assert "scan" in await allowed(running)
        await ok(running, "permissions_reload")
        assert "scan" not in await allowed(running)


async def test_reloading_from_the_store_keeps_what_was_set(start: Start) -> None:
    async with start() as running:
        permissions = await in_force(running)
        permissions["user_groups"]["primary"]["forbidden_plans"] = ["scan"]
        await ok(running, "permissions_set", user_group_permissions=permissions)
        await ok(running, "permissions_reload", restore_permissions=False)
        assert await in_force(running) == permissions
        await ok(running, "permissions_reload", restore_permissions=True)
        assert "scan" in await allowed(running)


@pytest.mark.parametrize("reload", ["NEVER", "ON_REQUEST", "ON_STARTUP"])
async def test_the_setting_says_when_the_file_counts(
    start: Start, tmp_path: Path, reload: str
) -> None:
    async with start(reload) as first:
        permissions = await in_force(first)
        permissions["user_groups"]["primary"]["forbidden_plans"] = ["scan"]
        await ok(first, "permissions_set", user_group_permissions=permissions)
    forbid(tmp_path / PERMISSIONS, "count")
    async with start(reload) as second:
        gone = {"scan", "count"} - await allowed(second)
        assert gone == ({"count"} if reload == "ON_STARTUP" else {"scan"})
        if reload == "NEVER":
            assert await refused(second, "permissions_reload") == (
                "Error: Restoring user group permissions from disk is not allowed: RE Manager "
                "was started with option user_group_permissions_reload='NEVER'"
            )
            await ok(second, "permissions_reload", restore_permissions=False)
        else:
            await ok(second, "permissions_reload")
            assert "count" not in await allowed(second)


def remove(path: Path) -> None:
    path.unlink()


def break_it(path: Path) -> None:
    path.write_text("user_groups: [\n")


def empty_it(path: Path) -> None:
    path.write_text("user_groups:\n  primary: {}\n")


@pytest.mark.parametrize(
    ("spoil", "file", "text"),
    [
        (remove, PERMISSIONS, "does not exist"),
        (break_it, PERMISSIONS, "Error while loading user group permissions from file '"),
        (empty_it, PERMISSIONS, "Missing required user group: 'root'"),
        (remove, LISTS, "cannot be read: "),
        (break_it, LISTS, "cannot be read: "),
    ],
)
async def test_a_file_that_is_of_no_use_is_named_and_changes_nothing(
    start: Start, tmp_path: Path, spoil: Callable[[Path], None], file: str, text: str
) -> None:
    async with start() as running:
        forbid(tmp_path / PERMISSIONS, "scan")
        before = running.status()
        permissions, plans = await in_force(running), await allowed(running)
        spoil(tmp_path / file)
        words = await refused(running, "permissions_reload", restore_plans_devices=True)
        assert words.startswith("Error: ")
        assert text in words
        assert str(tmp_path / file) in words
        assert (await in_force(running), await allowed(running)) == (permissions, plans)
        assert {name: running.status()[name] for name in UIDS} == {n: before[n] for n in UIDS}


async def test_a_reload_while_the_environment_is_open_is_no_task_for_clients(
    start: Start,
) -> None:
    async with start() as running:
        await running.open()
        before = running.status()
        await ok(running, "permissions_reload")
        permissions = await in_force(running)
        permissions["user_groups"]["primary"]["forbidden_plans"] = ["scan"]
        await ok(running, "permissions_set", user_group_permissions=permissions)
        after = running.status()
        for name in ("task_results_uid", "worker_background_tasks", "manager_state"):
            assert after[name] == before[name]


async def test_without_any_permissions_nobody_may_do_anything_until_there_are_some(
    start: Start, tmp_path: Path
) -> None:
    good = (tmp_path / PERMISSIONS).read_text()
    (tmp_path / PERMISSIONS).unlink()
    async with start() as running:
        assert await refused(running, "plans_allowed", user_group="primary") == (
            "Unknown user group: 'primary'"
        )
        assert "Unknown user group: 'primary'" in await refused(
            running, "queue_item_add", item=plan(), **WHO
        )
        assert "does not exist" in await refused(running, "permissions_reload")
        assert "The store holds no user group permissions" in await refused(
            running, "permissions_reload", restore_permissions=False
        )
        (tmp_path / PERMISSIONS).write_text(good)
        await ok(running, "permissions_reload")
        await add(running, plan())


# Searching it in a name of 20 letters takes Python's `re` minutes.
ENDLESS = r":^(.*?,?){12}\d$"


@pytest.mark.parametrize("kind", ["allowed_plans", "forbidden_devices"])
async def test_a_pattern_that_would_search_for_ever_is_refused(start: Start, kind: str) -> None:
    async with start() as running:
        before = await in_force(running)
        permissions = await in_force(running)
        permissions["user_groups"]["primary"][kind] = [ENDLESS]
        words = await refused(running, "permissions_set", user_group_permissions=permissions)
        assert "takes too long with the name" in words
        assert "'^(.*?,?){12}" in words
        assert await in_force(running) == before
        await add(running, plan(1))


async def test_a_reload_with_such_a_pattern_changes_the_lists_no_more_than_the_permissions(
    start: Start, tmp_path: Path
) -> None:
    async with start() as running:
        before = await ok(running, "plans_existing")
        lists, path = tmp_path / LISTS, tmp_path / PERMISSIONS
        lists.write_text(yaml.safe_dump({"existing_plans": {}, "existing_devices": {}}))
        content = yaml.safe_load(path.read_text())
        content["user_groups"]["primary"]["allowed_plans"] = [ENDLESS]
        path.write_text(yaml.safe_dump(content))
        words = await refused(running, "permissions_reload", restore_plans_devices=True)
        assert "takes too long" in words
        after = await ok(running, "plans_existing")
        assert after["plans_existing"] == before["plans_existing"] != {}


async def test_a_pattern_that_searches_a_client_s_name_for_ever_closes_only_itself(
    start: Start,
) -> None:
    async with start() as running:
        permissions = await in_force(running)
        permissions["user_groups"]["primary"]["allowed_functions"] = [r":^(\w|\w)*\d$"]
        await ok(running, "permissions_set", user_group_permissions=permissions)
        function = {"item_type": "function", "name": "a" * 400}
        words = await refused(running, "function_execute", item=function, **WHO)
        assert "takes too long" in words
        await add(running, plan(1))


async def test_permissions_of_a_file_with_an_endless_pattern_open_nothing(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / PERMISSIONS
    content = yaml.safe_load(path.read_text())
    content["user_groups"]["primary"]["allowed_plans"] = [ENDLESS]
    path.write_text(yaml.safe_dump(content))
    async with start() as running:
        assert "takes too long" in await refused(running, "plans_allowed", user_group="primary")
        assert "takes too long" in await refused(running, "queue_item_add", item=plan(1), **WHO)
        assert await allowed(running, "root")
