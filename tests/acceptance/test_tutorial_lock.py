"""Tutorials: locking the manager; changing the permissions of user groups."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from tests.acceptance.running import MakeManager, RunningManager, free_addresses
from tests.contract.redis_server import running_server

pytestmark = pytest.mark.xdist_group("tutorial lock")

NOTE = "The environment is locked. Do not unlock environment!"
KEY = ("--lock-key", "userlockkey")
UNLOCKED = {
    "environment": False,
    "queue": False,
    "user": None,
    "time": None,
    "time_str": "",
    "note": None,
    "emergency_lock_key_is_set": False,
}
WRONG_KEY = (
    r"Error: Invalid lock key: \n"
    r"RE Manager is locked by qserver-cli at \d\d/\d\d/\d{4} \d\d:\d\d:\d\d\n"
    r"Environment is locked: True\n"
    r"Queue is locked:       False\n"
    r"Emergency lock key:    not set\n"
    rf"Note: {re.escape(NOTE)}"
)

PERMISSIONS = """\
user_groups:
  root:  # The limits of all groups
    allowed_plans:
      - null  # Everything
    forbidden_plans:
      - ":^_"  # Names that begin with an underscore
    allowed_devices:
      - null
    forbidden_devices:
      - ":^_:?.*"
    allowed_functions:
      - null
    forbidden_functions:
      - ":^_"
  primary:
    allowed_plans:
      - ":.*"  # Another way to say everything
    forbidden_plans:
      - "grid_scan"
    allowed_devices:
      - ":?.*:depth=5"
    forbidden_devices:
      - null  # Nothing
    allowed_functions:
      - "function_sleep"
"""


@pytest.fixture
def unlocked(manager: RunningManager) -> Iterator[RunningManager]:
    yield manager
    manager.do("unlock", lock_key="userlockkey")


def test_an_unlocked_manager_says_so(unlocked: RunningManager) -> None:
    status = unlocked.qserver("status").reply
    assert status["lock"] == {"environment": False, "queue": False}
    reply = unlocked.qserver("lock", "info").reply
    assert reply == {
        "success": True,
        "msg": "",
        "lock_info": UNLOCKED,
        "lock_info_uid": status["lock_info_uid"],
    }


def test_a_locked_environment_opens_only_with_the_key(unlocked: RunningManager) -> None:
    before = unlocked.status()["lock_info_uid"]
    reply = unlocked.qserver(*KEY, "lock", "environment", NOTE).reply
    assert reply["success"] is True
    info = reply["lock_info"]
    assert (info["environment"], info["queue"]) == (True, False)
    assert (info["user"], info["note"]) == ("qserver-cli", NOTE)
    assert info["time"] > 0
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", info["time_str"])
    assert reply["lock_info_uid"] != before
    status = unlocked.status()
    assert status["lock"] == {"environment": True, "queue": False}
    assert status["lock_info_uid"] == reply["lock_info_uid"]

    wrong = unlocked.qserver("--lock-key", "someinvalidkey", "lock", "info")
    assert wrong.code == 2
    assert re.fullmatch(WRONG_KEY, wrong["msg"])
    assert wrong["lock_info"] == info
    right = unlocked.qserver(*KEY, "lock", "info")
    assert right.code == 0
    assert right["lock_info"] == info
    assert unlocked.qserver("lock", "info").code == 0

    refused = unlocked.qserver("environment", "open")
    assert refused.code == 2
    assert re.fullmatch(WRONG_KEY, refused["msg"])
    assert unlocked.qserver(*KEY, "environment", "open").is_accepted
    unlocked.until(lambda status: status["worker_environment_exists"])
    assert unlocked.qserver("environment", "close").code == 2
    assert unlocked.qserver(*KEY, "environment", "close").is_accepted
    unlocked.until(lambda status: not status["worker_environment_exists"])
    unlocked.until_idle()
    # The queue is not locked.
    assert unlocked.qserver("queue", "clear").is_accepted


def test_a_locked_queue_is_edited_only_with_the_key(unlocked: RunningManager) -> None:
    plan = '{"name": "count", "args": [["det1"]]}'
    reply = unlocked.qserver(*KEY, "lock", "queue").reply
    info = reply["lock_info"]
    assert (info["environment"], info["queue"], info["note"]) == (False, True, None)
    refused = unlocked.qserver("queue", "add", "plan", plan)
    assert refused.code == 2
    assert "Invalid lock key" in refused["msg"]
    assert unlocked.qserver(*KEY, "queue", "add", "plan", plan)["qsize"] == 1
    assert unlocked.qserver("queue", "get")["items"] != []
    assert unlocked.qserver(*KEY, "queue", "clear").is_accepted

    reply = unlocked.qserver(*KEY, "lock", "all").reply
    info = reply["lock_info"]
    assert (info["environment"], info["queue"]) == (True, True)
    refused = unlocked.qserver("--lock-key", "another", "lock", "all")
    assert refused.code == 2

    reply = unlocked.qserver(*KEY, "unlock").reply
    assert reply["success"] is True
    assert reply["lock_info"] == UNLOCKED
    assert unlocked.qserver("lock", "info")["lock_info"] == UNLOCKED


def test_a_lock_without_a_key_is_refused(unlocked: RunningManager) -> None:
    assert unlocked.qserver("lock", "environment").code == 2
    assert unlocked.qserver("unlock").code == 2
    assert unlocked.qserver("lock").code == 1
    assert unlocked.status()["lock"] == {"environment": False, "queue": False}


def test_a_lost_key_is_replaced_by_the_emergency_key_or_by_clearing_the_lock(
    make_manager: MakeManager,
) -> None:
    emergency = {"QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "emlockkey"}
    manager = make_manager().start(**emergency)
    manager.qserver("--lock-key", "key-to-forget", "lock", "environment")
    # The lock outlives the service.
    assert manager.stop() == 0
    manager.start(**emergency)
    info = manager.qserver("lock", "info")["lock_info"]
    assert info["environment"] is True
    assert info["emergency_lock_key_is_set"] is True
    assert manager.qserver("--lock-key", "emlockkey", "unlock").code == 0
    assert manager.qserver("lock", "info")["lock_info"]["environment"] is False

    manager.qserver("--lock-key", "key-to-forget", "lock", "environment")
    cleared = manager.home.run("qserver-clear-lock")
    assert cleared.code == 0, cleared
    assert "RE Manager lock was cleared" in cleared.output
    assert manager.stop() == 0
    manager.start()
    assert manager.qserver("lock", "info")["lock_info"] == UNLOCKED


@pytest.fixture
def redis_port() -> Iterator[str]:
    """The port of a Redis of our own."""
    port = free_addresses(1)[0].rpartition(":")[2]
    with running_server(int(port)):
        yield port


def test_a_lock_in_redis_is_cleared_there_and_nowhere_else(
    make_manager: MakeManager, redis_port: str
) -> None:
    store = ("--redis-addr", f"localhost:{redis_port}", "--redis-name-prefix", "beamline")
    manager = make_manager().start(*store)
    manager.add_count()
    manager.qserver("--lock-key", "key-to-forget", "lock", "environment")
    # Without the options of the manager another store is looked at, and named.
    elsewhere = manager.home.run("qserver-clear-lock")
    assert elsewhere.code == 0
    assert elsewhere.output.startswith("No lock was detected.\nLooked at: ")
    assert elsewhere.output.endswith("store.sqlite\n")
    cleared = manager.home.run("qserver-clear-lock", *store)
    assert cleared.code == 0
    assert "'environment': True" in cleared.output
    assert "key-to-forget" not in cleared.output
    # A running manager keeps its lock.
    assert manager.qserver("environment", "open").code == 2
    assert manager.stop() == 0
    manager.start(*store)
    assert manager.qserver("lock", "info")["lock_info"] == UNLOCKED
    assert len(manager.queue()) == 1


# --------------------------------------------------------------------------------- permissions


def test_a_plan_that_is_forbidden_leaves_the_allowed_list(make_manager: MakeManager) -> None:
    manager = make_manager().start()
    reply = manager.qserver("allowed", "plans").reply
    assert "grid_scan" in reply["plans_allowed"]
    groups = manager.qserver("permissions", "get")["user_group_permissions"]["user_groups"]
    primary = groups["primary"]
    assert primary["allowed_plans"] == [":.*"]
    assert primary["forbidden_plans"] == [None]
    assert primary["allowed_devices"] == [":?.*:depth=5"]
    assert primary["forbidden_devices"] == [None]
    assert "function_sleep" in primary["allowed_functions"]

    (manager.home.work / "new_permissions.yaml").write_text(PERMISSIONS)
    assert manager.qserver("permissions", "set", "new_permissions.yaml").is_accepted
    groups = manager.qserver("permissions", "get")["user_group_permissions"]["user_groups"]
    assert groups == yaml.safe_load(PERMISSIONS)["user_groups"]
    changed = manager.qserver("allowed", "plans").reply
    assert "grid_scan" not in changed["plans_allowed"]
    assert "count" in changed["plans_allowed"]
    assert changed["plans_allowed_uid"] != reply["plans_allowed_uid"]

    plan = '{"name": "grid_scan", "args": [["det1"], "motor", 0, 1, 2]}'
    refused = manager.qserver("queue", "add", "plan", plan)
    assert refused.code == 2
    assert "Plan 'grid_scan' is not in the list of allowed plans" in refused["msg"]

    assert manager.qserver("permissions", "reload").is_accepted
    assert "grid_scan" in manager.qserver("allowed", "plans")["plans_allowed"]


def test_permissions_without_a_root_group_are_refused(manager: RunningManager) -> None:
    (manager.home.work / "rootless.yaml").write_text("user_groups:\n  primary: {}\n")
    refused = manager.qserver("permissions", "set", "rootless.yaml")
    assert refused.code == 2
    assert "Missing required user group: 'root'" in refused["msg"]
