"""The handwritten pages about status and streams name everything that there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qs_jupyter.manager.event_stream import MANY_ITEMS
from qs_jupyter.testing.running_manager import RunningManager
from tests.contract.manager.words import WHO, add, ok, plan

REFERENCE = Path(__file__).parents[3] / "docs/reference"


def named(page: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", (REFERENCE / page).read_text()))


async def eventful_hours(running: RunningManager) -> list[dict[str, Any]]:
    """Let everything happen that a manager tells of; return what it has told."""
    first, second = await add(running, plan(1), plan(2))
    await ok(running, "queue_item_move", uid=first, after_uid=second)
    await ok(running, "queue_item_update", item=plan(3, item_uid=first), **WHO)
    await ok(running, "queue_item_remove", uid=second)
    await ok(running, "queue_start")
    running.kernel.close_run(running.kernel.open_run())
    running.kernel.end_plan()
    await running.until(items_in_history=1, manager_state="idle")
    many = [plan(number) for number in range(MANY_ITEMS + 1)]
    await ok(running, "queue_item_add_batch", items=many, **WHO)
    await ok(running, "queue_clear")
    await ok(running, "history_clear")
    await ok(running, "script_upload", script="1")
    running.kernel.print("a word\n")
    running.kernel.end_task()
    await running.idle()
    events: list[dict[str, Any]] = (await ok(running, "events_get", since=0))["events"]
    return events


async def test_the_page_about_the_status_explains_each_field(closed: RunningManager) -> None:
    assert set(closed.status()) - named("status.md") == set()


async def test_the_page_about_streams_explains_each_kind_of_event(opened: RunningManager) -> None:
    events = await eventful_hours(opened)
    kinds = {event["kind"] for event in events}
    changes = {event["op"] for event in events if event["kind"] in ("queue", "history")}
    assert (kinds | changes) - named("streams.md") == set()
    # So that nothing is missing because it has not happened; documents come when asked for.
    page = (REFERENCE / "streams.md").read_text().partition("## Numbered events")[2]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert set(rows) - kinds == {"documents"}
    ops = re.findall(r"`(\w+)` \(|, `(\w+)`, ", rows["queue"] + rows["history"])
    assert {one or other for one, other in ops} - {"op"} == changes
