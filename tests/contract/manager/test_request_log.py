"""What a verbose manager tells of the requests that it gets."""

from __future__ import annotations

import logging

import pytest

from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.testing.running_manager import LIMIT_S, RunningManager, quiet_settings
from tests.contract.manager.words import add, ok, plan

VERBOSE = quiet_settings(console_logging_level=logging.DEBUG)
ROOM = "qs_jupyter.api.request_log"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == ROOM]


async def test_an_added_item_is_announced_in_the_words_that_clients_look_for(caplog) -> None:
    async with RunningManager(settings=VERBOSE) as running:
        caplog.clear()
        await add(running, plan(1))
        await ok(running, "queue_get")
        came, done, asked, answered = lines(caplog)
        # Where clients look: in the console, not only in a log.
        console, seq = "", 0
        while not (came in console and done in console):
            reply = await running.call("events_get", since=seq, wait=2)
            assert reply["seq"] > seq, f"nothing more comes:\n{console}"
            seq = reply["seq"]
            console += "".join(e["text"] for e in reply["events"] if e["kind"] == "console")
    assert came.startswith("Adding new item to the queue by ")
    assert done.startswith("Item added (")
    assert asked == "Request 'queue_get' ..."
    assert answered.startswith("Request 'queue_get' is done (")


async def test_a_refusal_is_told_with_its_reason_and_without_keys(caplog) -> None:
    async with RunningManager(settings=VERBOSE) as running:
        caplog.clear()
        await running.call("queue_clear", lock_key=987654)
        await running.call("queue_item_add", item=plan(1, name="nonsense" * 100), user="J")
        await ok(running, "lock", lock_key="abracadabra", user="Jane", queue=True)
        await running.call("queue_clear", lock_key="hocuspocus")
    told = lines(caplog)
    assert told[1] == (
        "Request 'queue_clear' was refused: "
        "Error: Lock key must be a non-empty string or None: lock_key = ***"
    )
    assert told[3].startswith("Request 'queue_item_add' was refused: Failed to add an item: ")
    assert max(map(len, told)) < 300
    assert not [line for line in told if "abracadabra" in line or "hocuspocus" in line]


async def test_what_is_asked_for_all_the_time_is_not_told(caplog) -> None:
    async with RunningManager(settings=VERBOSE) as running:
        caplog.clear()
        async with AsyncClient(running.application.control_address, timeout_s=LIMIT_S) as client:
            await client.request("status")
            await client.request("ping")
        # A line about it would be the next event that it waits for.
        await running.call("events_get")
    assert lines(caplog) == []


async def test_a_manager_that_is_not_verbose_tells_nothing_of_requests(caplog) -> None:
    settings = quiet_settings(console_logging_level=logging.INFO)
    async with RunningManager(settings=settings) as running:
        await add(running, plan(1))
        await ok(running, "queue_get")
    assert lines(caplog) == []
