"""The outbox of the worker: numbers without gaps, kept until acknowledged, bounded."""

from __future__ import annotations

import json
import threading

from qs_kernel_worker import outbox as outbox_module
from qs_kernel_worker.messages import JobDone, NumberedEvent, RunEngineChanged, TaskStarted
from qs_kernel_worker.outbox import Outbox


def numbers(outbox: Outbox, since: int = 0) -> list[int]:
    return [json.loads(text)["seq"] for text in outbox.since(since)]


def test_events_are_numbered_and_kept_until_acknowledged() -> None:
    outbox = Outbox()
    outbox.append(RunEngineChanged("idle"), RunEngineChanged("running"))
    outbox.append(JobDone("u", "plan", "completed"))
    assert numbers(outbox) == [1, 2, 3]
    assert numbers(outbox, since=2) == [3]
    outbox.acknowledge(2)
    assert numbers(outbox) == [3]
    assert outbox.seq == 3


def test_a_pushed_copy_is_the_event_itself() -> None:
    pushed: list[str] = []
    outbox = Outbox(pushed.append)
    outbox.append(TaskStarted("u", "name", 1.5))
    event = NumberedEvent.decode(json.loads(pushed[0]))
    assert (event.epoch, event.seq) == (outbox.epoch, 1)
    assert event.event == TaskStarted("u", "name", 1.5)


def test_a_big_event_is_pushed_without_its_content() -> None:
    pushed: list[str] = []
    outbox = Outbox(pushed.append)
    outbox.append(JobDone("u", "function", "completed", return_value="x" * 100_000))
    assert "event" not in json.loads(pushed[0])
    assert json.loads(outbox.since(0)[0])["event"]["return_value"] == "x" * 100_000


def test_copies_of_many_threads_go_out_in_the_order_of_their_numbers() -> None:
    pushed: list[int] = []
    outbox = Outbox(lambda text: pushed.append(json.loads(text)["seq"]))

    def append_many() -> None:
        for _ in range(200):
            outbox.append(RunEngineChanged("idle"))

    threads = [threading.Thread(target=append_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pushed == list(range(1, 801))


def test_without_a_manager_results_are_kept_and_states_are_not(monkeypatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_EVENTS", 100)
    outbox = Outbox()
    for n in range(300):
        outbox.append(RunEngineChanged("running"))
        if n % 50 == 0:
            outbox.append(JobDone(f"job {n}", "plan", "completed"))
    kept = [json.loads(text)["event"] for text in outbox.since(0)]
    assert len(kept) <= 110
    assert [e["uid"] for e in kept if e["type"] == "JobDone"] == [
        f"job {n}" for n in range(0, 300, 50)
    ]


def test_an_object_that_is_no_json_does_not_stop_an_event() -> None:
    outbox = Outbox()
    outbox.append(JobDone("u", "plan", "completed", runs=[{"scan_id": {1}}]))
    assert "{1}" in outbox.since(0)[0]
