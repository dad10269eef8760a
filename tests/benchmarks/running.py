"""Plans, pauses, functions and scripts: how long the service keeps beamtime waiting."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.measuring import Measurement, benchmark, ms
from tests.benchmarks.service import (
    Service,
    Subscriber,
    is_idle,
    is_paused,
    is_running,
    opened,
)

PLANS = 60


@benchmark
def plans() -> Iterator[Measurement]:
    """Run near-empty plans one after the other."""
    with opened() as service:
        listener = service.listen("QS_Info")
        for name, begin in (("only_a_run", "start"), ("no_run", "enter")):
            service.call("run_bare", name=name, count=5)
            bare = [service.call("run_bare", name=name, count=40) for _ in range(3)]
            service.call("take_stamps")
            ends = _run_queue(service, listener, name)
            stamps = service.call("take_stamps")
            begins = [when for what, when in stamps if what == begin]
            entries = service.client.ask("history_get")["items"][-PLANS:]
            results = [entry["result"] for entry in entries]
            per_plan = [b - a for a, b in itertools.pairwise(begins)]
            gaps = [b["time_start"] - a["time_stop"] for a, b in itertools.pairwise(results)]
            is_run = name == "only_a_run"
            kind = "plan with an empty run" if is_run else "plan without a run"
            yield ms(f"limit: {kind}, bare Run Engine", bare)
            yield ms(f"{kind}, one after the other", per_plan, aim=12)
            lost = [each - sum(bare) / len(bare) for each in per_plan]
            yield ms(f"gap: {kind}, beyond the bare Run Engine", lost, aim=4)
            yield ms(f"{kind}: time_stop → time_start of the next in history", gaps, aim=4)
            yield ms(f"{kind}: last plan's end → idle", ends, aim=5)
            if is_run:
                yield from _starts(service)


def _run_queue(service: Service, listener: Subscriber, name: str) -> list[float]:
    """Run plans to the end; return the time from the last plan's end to idle."""
    service.add(name, count=3)
    _start_and_end(service, listener)
    service.call("take_stamps")
    service.add(name, count=PLANS)
    return [_start_and_end(service, listener)]


def _start_and_end(service: Service, listener: Subscriber) -> float:
    listener.drain()
    service.client.ask("queue_start")
    idle = listener.status_with(lambda s: is_idle(s) and not s["items_in_queue"])
    last = service.client.ask("history_get")["items"][-1]
    return float(idle - last["result"]["time_stop"])


def _starts(service: Service) -> Iterator[Measurement]:
    listener = service.listen("QS_Info")
    starts, ends = [], []
    for _ in range(20):
        service.add("only_a_run")
        service.call("take_stamps")
        listener.drain()
        begin = time.time()
        service.client.ask("queue_start")
        idle = listener.status_with(lambda s: is_idle(s) and not s["items_in_queue"])
        stamps = dict(service.call("take_stamps"))
        starts.append(stamps["start"] - begin)
        stop = service.client.ask("history_get")["items"][-1]["result"]["time_stop"]
        ends.append(idle - stop)
    yield ms("queue_start → first document", starts, aim=12)
    yield ms("plan end → idle published", ends, aim=5)


@benchmark
def pauses() -> Iterator[Measurement]:
    """Pause, resume and abort a plan that waits most of the time."""
    taken: dict[str, list[float]] = {"immediate": [], "resume": [], "abort": [], "deferred": []}
    with opened() as service:
        listener = service.listen("QS_Info")

        def measure(what: str, method: str, wanted: Callable[[Any], bool], **params: Any) -> None:
            listener.drain()
            begin = time.time()
            service.client.ask(method, **params)
            taken[what].append(listener.status_with(wanted) - begin)
            time.sleep(0.1)

        for _ in range(12):
            service.add("long_plan")
            service.client.ask("queue_start")
            service.wait(is_running)
            measure("immediate", "re_pause", is_paused, option="immediate")
            measure("resume", "re_resume", is_running)
            measure("deferred", "re_pause", is_paused, option="deferred")
            measure("abort", "re_abort", is_idle)
            service.client.ask("queue_clear")
    yield ms("immediate pause → paused", taken["immediate"], aim=10)
    yield ms("resume → running", taken["resume"])
    yield ms("abort → idle", taken["abort"], aim=15)
    yield ms("deferred pause → paused (bluesky waits 500 ms)", taken["deferred"], aim=520)


@benchmark
def tasks() -> Iterator[Measurement]:
    """Run functions and scripts; clients wait for the published results."""
    with opened() as service:
        listener = service.listen("QS_Info")
        item = {"item_type": "function", "name": "nothing"}
        function = {"item": item, "user": "b", "user_group": "primary"}
        kinds: list[tuple[str, str, dict[str, Any], float]] = [
            ("function, foreground", "function_execute", function, 6),
            (
                "function, background",
                "function_execute",
                {**function, "run_in_background": True},
                4,
            ),
            (
                "script, no update of the lists",
                "script_upload",
                {"script": "x = 1", "update_lists": False},
                8,
            ),
            ("script, update of the lists", "script_upload", {"script": "x = 1"}, 60),
        ]
        for what, method, params, aim in kinds:
            times = [_task(service, listener, method, params) for _ in range(22)]
            yield ms(f"{what} → result", times[2:], aim=aim)


def _task(service: Service, listener: Subscriber, method: str, params: dict[str, Any]) -> float:
    """Return the time until the status tells of a new result and the manager is idle again."""
    listener.drain()
    before = service.status()["task_results_uid"]
    begin = time.time()
    uid = service.client.ask(method, **params)["task_uid"]
    end = listener.status_with(
        lambda s: (
            s["task_results_uid"] != before and is_idle(s) and not s["worker_background_tasks"]
        )
    )
    result = service.client.ask("task_result", task_uid=uid)["result"]
    if not result.get("success"):
        raise RuntimeError(result["msg"])
    return end - begin
