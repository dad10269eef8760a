"""Startup code that raises, ends the process or never ends: told, and survived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.running import Home, MakeManager, RunningManager

GOOD = """\
from bluesky import RunEngine
from bluesky.plans import count
from ophyd.sim import det1, det2

RE = RunEngine({})
"""


def folder_with(home: Home, second: str) -> Path:
    folder = home.folder / "home" / "startup"
    folder.mkdir()
    (folder / "00-good.py").write_text(GOOD)
    (folder / "10-bad.py").write_text(second)
    (folder / "user_group_permissions.yaml").write_text(
        "user_groups:\n"
        "  root: {allowed_plans: [null], allowed_devices: [null]}\n"
        "  primary: {allowed_plans: [null], allowed_devices: [null]}\n"
    )
    return folder


def started(make_manager: MakeManager, second: str) -> tuple[RunningManager, Path]:
    manager = make_manager()
    folder = folder_with(manager.home, second)
    return manager.start("--startup-dir", str(folder)), folder


def open_in_vain(manager: RunningManager) -> dict[str, Any]:
    """Open an environment that cannot be opened and return the report about it."""
    begun = manager.status()
    assert manager.qserver("environment", "open")["success"] is True
    manager.until(lambda s: s["manager_state"] == "creating_environment", since=begun)
    status = manager.until_idle()
    assert status["worker_environment_exists"] is False
    assert status["worker_environment_state"] == "closed"
    assert status["re_state"] is None
    report = manager.qserver("environment", "report")["environment_report"]
    assert report["ok"] is False
    return dict(report)


def open_well(manager: RunningManager, folder: Path) -> None:
    """Open with mended startup code, and run a plan."""
    (folder / "10-bad.py").write_text("answer = 42\n")
    manager.open()
    assert manager.ask("environment_report")["environment_report"]["ok"] is True
    manager.add_count()
    manager.do("queue_start")
    manager.until(lambda status: status["items_in_history"] == 1)
    manager.until_idle()
    assert manager.history()[0]["result"]["exit_status"] == "completed"


def test_startup_code_that_raises_is_told_with_file_line_and_traceback(
    make_manager: MakeManager,
) -> None:
    source = "def fail():\n    raise ValueError('no such beamline')\n\nfail()\n"
    manager, folder = started(make_manager, source)
    waiting = len(manager.queue())
    report = open_in_vain(manager)
    assert Path(report["file"]).name == "10-bad.py"
    assert report["line"] == 2
    assert "no such beamline" in report["msg"]
    assert "ValueError" in report["traceback"]
    assert "in fail" in report["traceback"]
    # Clients without that method see it in the status, and operators on the terminal.
    assert manager.status()["environment_report"]["line"] == 2
    manager.until_text("RE environment could not be opened: Error in startup file .* line 2")
    assert manager.watch.console.count("Traceback (most recent call last)") == 1, "told twice"
    assert manager.watch.console.count("Loading startup file") == 2, "each file once"
    assert len(manager.queue()) == waiting
    open_well(manager, folder)


def test_startup_code_with_a_syntax_error_is_told_with_its_line(make_manager: MakeManager) -> None:
    manager, folder = started(make_manager, "a = 1\nb = = 2\n")
    report = open_in_vain(manager)
    assert Path(report["file"]).name == "10-bad.py"
    assert report["line"] == 2
    assert "SyntaxError" in report["traceback"]
    open_well(manager, folder)


def test_startup_code_that_calls_sys_exit_is_told(make_manager: MakeManager) -> None:
    manager, folder = started(make_manager, "import sys\nsys.exit(7)\n")
    report = open_in_vain(manager)
    assert Path(report["file"]).name == "10-bad.py"
    assert report["line"] == 2
    assert "SystemExit" in report["msg"] + report["traceback"]
    open_well(manager, folder)


def test_startup_code_that_ends_the_process_is_told_with_its_file(
    make_manager: MakeManager,
) -> None:
    # Announcements leave the process in a thread of their own, and this one ends abruptly.
    source = "import os, threading\nthreading.Timer(0.3, os._exit, [9]).start()\nwhile True: pass\n"
    manager, folder = started(make_manager, source)
    report = open_in_vain(manager)
    assert "exit code 9" in report["msg"]
    assert Path(report["file"]).name == "10-bad.py"
    open_well(manager, folder)


@pytest.mark.parametrize(
    "loop", ["while True: pass", "import time\ntime.sleep(3600)"], ids=["computing", "waiting"]
)
def test_startup_code_that_hangs_is_destroyed(make_manager: MakeManager, loop: str) -> None:
    manager, folder = started(make_manager, f"print('it begins to hang', flush=True)\n{loop}\n")
    manager.do("environment_open")
    manager.until_text("it begins to hang")
    status = manager.status()
    assert status["manager_state"] == "creating_environment"
    assert status["worker_environment_state"] == "initializing"
    refused = manager.qserver("environment", "close")
    assert refused.code == 2
    # Everybody else is served meanwhile.
    manager.do(
        "queue_item_add",
        item={"item_type": "instruction", "name": "queue_stop"},
        user="a test",
        user_group="primary",
    )
    manager.do("queue_clear")

    assert manager.qserver("environment", "destroy")["success"] is True
    status = manager.until_idle()
    assert status["worker_environment_exists"] is False
    assert status["worker_environment_state"] == "closed"
    open_well(manager, folder)


ODD_PLAN = """\
from qs_kernel_worker import parameter_annotation_decorator

@parameter_annotation_decorator({"parameters": {"a": {"annotation": "typing.List[Unknown]"}}})
def odd_plan(a):
    yield from count([det1])
"""


def test_plans_that_cannot_be_described_are_left_out_and_told(make_manager: MakeManager) -> None:
    manager, _ = started(make_manager, ODD_PLAN)
    manager.open()
    plans = manager.ask("plans_existing")["plans_existing"]
    assert "count" in plans
    assert "odd_plan" not in plans
    report = manager.qserver("environment", "report")["environment_report"]
    assert "odd_plan" in report["report"]["rejected_plans"]
    manager.until_text("Left out of the list of plans: 'odd_plan'")


DEFAULT_PLAN = "def device_by_default(detector=det1):\n    yield from count([detector])\n"


@pytest.mark.parametrize(
    "options", [("--ignore-invalid-plans", "OFF"), ("--security", "compat")], ids=lambda o: o[1]
)
@pytest.mark.parametrize(
    ("source", "name"), [(ODD_PLAN, "odd_plan"), (DEFAULT_PLAN, "device_by_default")]
)
def test_a_strict_opening_fails_with_the_name_of_the_plan(
    make_manager: MakeManager, options: tuple[str, str], source: str, name: str
) -> None:
    manager = make_manager()
    folder = folder_with(manager.home, source)
    manager.start("--startup-dir", str(folder), *options)
    report = open_in_vain(manager)
    assert f"Failed to create description of plan '{name}'" in report["msg"]
    open_well(manager, folder)


def test_without_a_run_engine_the_environment_opens_and_says_so(make_manager: MakeManager) -> None:
    manager, _ = started(make_manager, "del RE\n")
    status = manager.open()
    assert status["re_state"] is None
    manager.add_count()
    answer = manager.qserver("queue", "start")
    assert answer.code == 2
    assert "Run Engine is not found in the RE Worker environment." in answer["msg"]
