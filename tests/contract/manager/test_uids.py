"""Which event changes which UID of the status, and which changes none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from qs_jupyter.testing.running_manager import RunningManager
from qs_kernel_worker.messages import RunChanged
from tests.contract.manager.words import WHO, add, ok, plan, queue, refused

UIDS = (
    "run_list_uid",
    "plan_queue_uid",
    "plan_history_uid",
    "plans_existing_uid",
    "devices_existing_uid",
    "plans_allowed_uid",
    "devices_allowed_uid",
    "task_results_uid",
    "lock_info_uid",
)
QUEUE, HISTORY, RUNS = {"plan_queue_uid"}, {"plan_history_uid"}, {"run_list_uid"}
ALLOWED = {"plans_allowed_uid", "devices_allowed_uid"}
EXISTING = {"plans_existing_uid", "devices_existing_uid"}


@asynccontextmanager
async def changes(running: RunningManager, *expected: str) -> AsyncIterator[None]:
    """Check that exactly these UIDs change, and the status's own when anything does."""
    before = running.status()
    yield
    after = running.status()
    assert {name for name in UIDS if before[name] != after[name]} == set(expected)
    if expected:
        assert after["status_uid"] != before["status_uid"]


async def test_the_status_is_the_same_until_something_changes(closed: RunningManager) -> None:
    before = await closed.call("status")
    assert await closed.call("ping") == before
    await refused(closed, "queue_item_remove")
    assert await closed.call("status") == before


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("queue_item_add", {"item": plan(9), **WHO}),
        ("queue_item_add_batch", {"items": [plan(9), plan(8)], **WHO}),
        ("queue_item_remove", {"pos": "front"}),
        ("queue_item_move", {"pos": 0, "pos_dest": 2}),
        ("queue_clear", {}),
    ],
)
async def test_edits_change_the_uid_of_the_queue(
    closed: RunningManager, method: str, params: dict[str, Any]
) -> None:
    await add(closed, plan(1), plan(2), plan(3))
    async with changes(closed, *QUEUE):
        await ok(closed, method, **params)


async def test_edits_by_uid_change_the_uid_of_the_queue(closed: RunningManager) -> None:
    first, second, third = await add(closed, plan(1), plan(2), plan(3))
    async with changes(closed, *QUEUE):
        await ok(closed, "queue_item_move_batch", uids=[first, second], pos_dest="back")
    async with changes(closed, *QUEUE):
        await ok(closed, "queue_item_update", item=plan(7, item_uid=third), **WHO)
    async with changes(closed, *QUEUE):
        await ok(closed, "queue_item_remove_batch", uids=[first])


async def test_edits_that_change_nothing_change_no_uid(closed: RunningManager) -> None:
    first, second = await add(closed, plan(1), plan(2))
    same = (await queue(closed))[0]
    async with changes(closed):
        await ok(closed, "queue_item_move", pos=0, pos_dest=0)
        await ok(closed, "queue_item_move", uid=first, before_uid=second)
        await ok(closed, "queue_item_update", item=same, **WHO)
        await ok(closed, "queue_item_add_batch", items=[], **WHO)
        await ok(closed, "queue_item_move_batch", uids=[], pos_dest="front")
        await ok(closed, "queue_item_move_batch", uids=[first], pos_dest="front")
        await ok(closed, "queue_item_remove_batch", uids=[])
        await ok(closed, "queue_item_remove_batch", uids=["stranger"])
        await ok(closed, "queue_mode_set", mode={})


async def test_clearing_an_empty_queue_and_history_is_a_change(closed: RunningManager) -> None:
    async with changes(closed, *QUEUE):
        await ok(closed, "queue_clear")
    async with changes(closed, *HISTORY):
        await ok(closed, "history_clear")


async def test_a_plan_changes_queue_runs_and_history(opened: RunningManager) -> None:
    await add(opened, plan())
    async with changes(opened, *QUEUE):
        await ok(opened, "queue_start")
    assert opened.status()["items_in_queue"] == 0
    async with changes(opened, *RUNS):
        run = opened.kernel.open_run()
    async with changes(opened, *RUNS):
        opened.kernel.close_run(run)
    async with changes(opened, *QUEUE, *RUNS, *HISTORY):
        opened.kernel.end_plan()
        await opened.idle()


async def test_a_run_that_is_told_again_changes_nothing(opened: RunningManager) -> None:
    (uid,) = await add(opened, plan())
    await ok(opened, "queue_start")
    kernel = opened.kernel
    run = kernel.open_run()
    (entry,) = (await ok(opened, "re_runs"))["run_list"]
    kernel.close_run(run)
    closed = (await ok(opened, "re_runs"))["run_list"]
    assert [each["is_open"] for each in closed] == [False]
    async with changes(opened):
        for is_open, exit_status in ((True, None), (False, "success")):
            kernel.tell(RunChanged(run, entry["scan_id"], is_open, exit_status, uid))
    assert (await ok(opened, "re_runs"))["run_list"] == closed


async def test_an_immediate_plan_changes_the_uid_of_the_queue_twice(
    opened: RunningManager,
) -> None:
    async with changes(opened, *QUEUE):
        await ok(opened, "queue_item_execute", item=plan(), **WHO)
    async with changes(opened, *QUEUE, *HISTORY):
        opened.kernel.end_plan()
        await opened.idle()


async def test_trimming_changes_the_uid_of_the_history_when_something_goes(
    opened: RunningManager,
) -> None:
    for number in range(3):
        await ok(opened, "queue_item_execute", item=plan(number + 1), **WHO)
        opened.kernel.end_plan()
        await opened.idle()
    entries = (await ok(opened, "history_get"))["items"]
    async with changes(opened):
        await ok(opened, "history_clear", size=3)
        await ok(opened, "history_clear", size=10)
        await ok(opened, "history_clear", item_uid="stranger")
    async with changes(opened, *HISTORY):
        await ok(opened, "history_clear", size=2)
    async with changes(opened, *HISTORY):
        await ok(opened, "history_clear", item_uid=entries[1]["item_uid"])
    assert (await ok(opened, "history_get"))["items"] == entries[2:]
    async with changes(opened, *HISTORY):
        await ok(opened, "history_clear", size=0)
    assert opened.status()["items_in_history"] == 0


async def test_an_opening_with_other_lists_changes_their_uids(closed: RunningManager) -> None:
    closed.kernel.plans = {"count": closed.kernel.plans["count"]}
    async with changes(closed, "plans_existing_uid", "plans_allowed_uid"):
        await closed.open()
    async with changes(closed):
        await ok(closed, "environment_close")
        await closed.idle()
        await closed.open()


async def test_a_script_with_other_devices_changes_their_uids(opened: RunningManager) -> None:
    kernel = opened.kernel
    await ok(opened, "script_upload", script="new_device = 1")
    devices = {**kernel.devices, "new_device": kernel.devices["det1"]}
    async with changes(opened, "devices_existing_uid", "devices_allowed_uid", "task_results_uid"):
        kernel.set_lists(kernel.plans, devices)
        kernel.end_task()
        await opened.idle()
    reply = await ok(opened, "devices_allowed", user_group="primary")
    assert "new_device" in reply["devices_allowed"]


async def test_plans_follow_the_devices_that_they_offer_as_choices(opened: RunningManager) -> None:
    kernel = opened.kernel
    annotation = {"type": "Detectors", "devices": {"Detectors": ["late_device"]}}
    parameter = {"name": "d", "kind": {"value": 1, "name": "X"}, "annotation": annotation}
    choosy = {"name": "choosy", "parameters": [parameter]}
    await ok(opened, "script_upload", script="1")
    kernel.set_lists({**kernel.plans, "choosy": choosy}, kernel.devices)
    kernel.end_task()
    await opened.idle()

    await ok(opened, "script_upload", script="1")
    late = {**kernel.devices, "late_device": kernel.devices["det1"]}
    async with changes(opened, "devices_existing_uid", *ALLOWED, "task_results_uid"):
        kernel.set_lists(kernel.plans, late)
        kernel.end_task()
        await opened.idle()


async def test_permissions_change_what_is_allowed(closed: RunningManager) -> None:
    permissions = (await ok(closed, "permissions_get"))["user_group_permissions"]
    async with changes(closed):
        await ok(closed, "permissions_set", user_group_permissions=permissions)
    permissions["user_groups"]["primary"]["forbidden_plans"] = [":^count$"]
    async with changes(closed, *ALLOWED):
        await ok(closed, "permissions_set", user_group_permissions=permissions)
    async with changes(closed, *ALLOWED):
        await ok(closed, "permissions_reload")
    async with changes(closed, *ALLOWED):
        await ok(closed, "permissions_reload")
    async with changes(closed, *ALLOWED, *EXISTING):
        await ok(closed, "permissions_reload", restore_plans_devices=True)


async def test_a_task_changes_its_uid_when_it_ends_and_not_before(opened: RunningManager) -> None:
    async with changes(opened):
        reply = await ok(opened, "script_upload", script="1", run_in_background=True)
    assert opened.status()["worker_background_tasks"] == 1
    async with changes(opened, "task_results_uid"):
        opened.kernel.end_task(reply["task_uid"])
        await opened.until(worker_background_tasks=0)


async def test_the_lock_changes_its_uid_with_each_lock_and_unlock(closed: RunningManager) -> None:
    lock = {"lock_key": "key", "user": "Jane"}
    async with changes(closed, "lock_info_uid"):
        await ok(closed, "lock", **lock, environment=True)
    assert closed.status()["lock"] == {"environment": True, "queue": False}
    async with changes(closed, "lock_info_uid"):
        await ok(closed, "lock", **lock, queue=True)
    assert closed.status()["lock"] == {"environment": False, "queue": True}
    async with changes(closed):
        await refused(closed, "lock", lock_key="other", user="Max", queue=True)
        await refused(closed, "unlock", lock_key="other")
    async with changes(closed, "lock_info_uid"):
        await ok(closed, "unlock", lock_key="key")
    async with changes(closed):
        await ok(closed, "unlock", lock_key="any")


async def test_replies_carry_the_uids_of_the_status(opened: RunningManager) -> None:
    status = opened.status()
    for method, params in (
        ("queue_get", {}),
        ("history_get", {}),
        ("plans_existing", {}),
        ("devices_existing", {}),
        ("plans_allowed", {"user_group": "primary"}),
        ("devices_allowed", {"user_group": "primary"}),
        ("re_runs", {}),
        ("lock_info", {}),
    ):
        reply = await ok(opened, method, **params)
        found = {name: value for name, value in reply.items() if name in UIDS}
        assert len(found) == 1
        assert found.items() <= status.items()
