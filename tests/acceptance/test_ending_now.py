"""One command ends a plan that runs: no pause to wait for in between."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.running import RunningManager

pytestmark = pytest.mark.xdist_group("tutorial run engine")

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
