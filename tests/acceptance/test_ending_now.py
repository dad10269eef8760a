"""One command ends a plan that runs: no pause to wait for in between."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.running import RunningManager

pytestmark = pytest.mark.xdist_group("tutorial run engine")

STUCK = """
@bpp.run_decorator(md={})
def stuck():
    yield from bps.null()
    print("computing", flush=True)
    while True:
        pass
"""
LONG = {"name": "count", "args": [["det1"]], "kwargs": {"num": 100, "delay": 5}}


@pytest.mark.parametrize(
    ("word", "status"), [("stop", "stopped"), ("abort", "aborted"), ("halt", "halted")]
)
def test_a_running_plan_is_ended_by_one_command(
    opened: RunningManager, word: str, status: str
) -> None:
    opened.do("queue_clear")
    position = len(opened.watch.console)
    assert opened.qserver("queue", "add", "plan", json.dumps(LONG)).code == 0
    assert opened.qserver("queue", "start").is_accepted
    opened.until_text(r"\n\|\s+1 \|", position)

    assert opened.qserver("re", word, "now").is_accepted
    opened.until_idle()

    result = opened.do("history_get")["items"][-1]["result"]
    assert result["exit_status"] == status
    assert len(result["run_uids"]) == 1
    opened.do("queue_clear")
    refused = opened.qserver("re", word, "now")
    assert refused.code != 0
    assert "No plan is running" in refused["msg"]


@pytest.mark.parametrize("moment", ["at once", "while it computes"])
def test_a_plan_that_blocks_the_run_engine_is_halted_and_the_environment_lives_on(
    opened: RunningManager, moment: str
) -> None:
    opened.do("script_upload", script=STUCK)
    opened.until_idle()
    position = len(opened.watch.console)
    stuck = {"item_type": "plan", "name": "stuck"}
    opened.do("queue_item_add", item=stuck, user="a test", user_group="primary")
    assert opened.qserver("queue", "start").is_accepted
    opened.until_running()
    if moment == "while it computes":
        opened.until_text("computing", position)
        assert opened.qserver("re", "abort", "now").is_accepted, "it waits for the plan in vain"

    assert opened.qserver("re", "halt", "now").is_accepted
    opened.until_idle()

    ways = ["halted"] if moment == "while it computes" else ["halted", "aborted"]
    assert opened.do("history_get")["items"][-1]["result"]["exit_status"] in ways
    opened.do("queue_clear")
    opened.add_count()
    opened.do("queue_start")
    opened.until_idle()
    assert opened.do("history_get")["items"][-1]["result"]["exit_status"] == "completed"
