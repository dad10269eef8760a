"""The same with 200 plans and 2 000 devices."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measuring import Measurement, benchmark, ms, times
from tests.benchmarks.neighbours import changing_permissions, delays_beside
from tests.benchmarks.service import LARGE_STARTUP_DIR, Service, request

SCRIPT = "def added_plan_{number}(num: int = 1):\n    yield from bps.null()\n"


@benchmark
def large_profile() -> Iterator[Measurement]:
    """Open a large profile, start a manager that knows its lists, change permissions."""
    opening, closing = [], []
    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder) / "startup"
        shutil.copytree(LARGE_STARTUP_DIR, startup)
        with Service(*_options(startup)) as service:
            for _ in range(4):
                opening.append(service.open())
                begin = time.perf_counter()
                service.client.ask("environment_close")
                service.wait(lambda s: not s["worker_environment_exists"])
                closing.append(time.perf_counter() - begin)
        yield Measurement("environment open, large profile, the first", "s", (opening[0],), 2.5)
        yield Measurement("environment open, large profile, again", "s", tuple(opening[1:]), 2.0)
        yield Measurement("environment close, large profile", "s", tuple(closing), 0.2)
        assert (startup / "existing_plans_and_devices.yaml").exists()
        yield from _starts(startup)
        with Service(*_options(startup)) as service:
            service.open()
            yield from _permissions(service)
            yield from _lists(service)
            yield from _scripts(service)


def _options(startup: Path) -> tuple[str, ...]:
    return (
        *("--startup-dir", str(startup)),
        *("--update-existing-plans-devices", "ENVIRONMENT_OPEN"),
    )


def _starts(startup: Path) -> Iterator[Measurement]:
    first, ready = [], []
    for _ in range(4):
        with Service(*_options(startup)) as service:
            first.append(service.first_reply)
            ready.append(service.ready)
    yield Measurement("start → first reply, large lists stored", "s", tuple(first), 0.4)
    yield Measurement("start → queue is served, large lists stored", "s", tuple(ready))


def _permissions(service: Service) -> Iterator[Measurement]:
    data = service.client.ask("permissions_get")["user_group_permissions"]
    taken, delays = changing_permissions(service, data, 10)
    yield ms("permissions_set, large profile", taken, aim=60)
    yield ms("longest delay of a status meanwhile", delays, aim=5)
    reload = request("permissions_reload", restore_plans_devices=True)
    delays = delays_beside(service, lambda: service.client.raw(reload), 5)
    yield ms("longest delay of a status, while the large lists are loaded again", delays, aim=5)


def _lists(service: Service) -> Iterator[Measurement]:
    for method in ("plans_allowed", "devices_allowed"):
        frame = request(method, user_group="primary")
        yield ms(f"{method}, large profile", times(lambda: service.client.raw(frame), 10))  # noqa: B023


def _scripts(service: Service) -> Iterator[Measurement]:
    listener = service.listen("QS_Info")
    taken = []
    for number in range(8):
        before = service.status()["task_results_uid"]
        listener.drain()
        begin = time.time()
        service.client.ask("script_upload", script=SCRIPT.format(number=number))
        end = listener.status_with(
            lambda s: s["task_results_uid"] != before and s["manager_state"] == "idle"  # noqa: B023
        )
        taken.append(end - begin)
    plans = service.client.ask("plans_existing")["plans_existing"]
    assert f"added_plan_{number}" in plans
    yield ms("script that adds a plan, large profile → result", taken, aim=250)
