"""Commands of another installation drive our manager, and ours understand what they write."""

from __future__ import annotations

import signal

import pytest
import yaml

from tests.clients import environment
from tests.clients.conftest import OUR_BIN, Program

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("clients_commands")]

SINGLE_REQUEST = """
import sys
from bluesky_queueserver.manager.comms import zmq_single_request
reply, error = zmq_single_request("queue_get", zmq_server_address=sys.argv[1])
assert (reply["success"], error) == (True, ""), (reply, error)
"""
KERNEL_CLIENT = """
import sys
from bluesky_queueserver.manager.comms import zmq_single_request
from jupyter_client import BlockingKernelClient
reply, _ = zmq_single_request("config_get", zmq_server_address=sys.argv[1])
client = BlockingKernelClient()
client.load_connection_info(reply["config"]["ip_connect_info"])
client.start_channels()
client.wait_for_ready(timeout=30)
client.execute_interactive("print('state of RE:', RE.state)", timeout=30)
client.stop_channels()
"""


@pytest.fixture(scope="module")
def manager(start_manager):
    manager = start_manager("--security", "compat", "--store", ":memory:")
    manager.walk("open_environment.py")
    return manager


def test_each_command_of_the_other_installation_is_understood(manager):
    manager.walk("commands.py")


def test_its_exit_codes_reach_the_shell(manager):
    assert manager.run("qserver", "status")[0] == 0
    assert manager.run("qserver", "queue", "item", "move", "7", "back")[0] == 2


def test_a_helper_for_single_requests_gets_its_reply(manager):
    code, output, errors = manager.run("python", "-c", SINGLE_REQUEST, manager.control)
    assert code == 0, f"{output}\n{errors}"


def test_a_jupyter_client_finds_the_kernel_where_config_get_says(manager):
    manager.walk("open_environment.py")
    code, output, errors = manager.run("python", "-c", KERNEL_CLIENT, manager.control)
    assert (code, "state of RE: idle" in output) == (0, True), f"{output}\n{errors}"


def test_the_console_monitors_of_both_show_what_a_plan_prints(manager):
    monitors = [
        Program([str(folder / "qserver-console-monitor")], manager.client_environment, folder_)
        for folder, folder_ in ((environment.BIN, manager.folder), (OUR_BIN, manager.folder))
    ]
    try:
        script = manager.folder / "hello.py"
        script.write_text("import time\nprint('hello, ' + 'monitors', time.time())\n")
        for monitor in monitors:
            # Nothing tells when a subscription has arrived: the script runs until it is seen.
            while "hello, monitors" not in monitor.text():
                manager.walk("open_environment.py")
                assert manager.run("qserver", "script", "upload", str(script))[0] == 0
    finally:
        for monitor in monitors:
            monitor.end(ask=lambda m=monitor: m.process.send_signal(signal.SIGTERM))


def test_lists_written_by_the_other_installation_serve_our_manager(
    start_manager, manager, tmp_path
):
    startup = tmp_path / "profile_lists" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("from bluesky.plans import count\nfrom ophyd.sim import det1\n")
    options = ("--startup-dir", str(startup), "--file-dir", str(startup))
    code, output, errors = manager.run("qserver-list-plans-devices", *options)
    assert code == 0, f"{output}\n{errors}"
    theirs = yaml.safe_load((startup / "existing_plans_and_devices.yaml").read_text())
    (startup / "user_group_permissions.yaml").write_text(
        "user_groups:\n  root:\n    allowed_plans: [null]\n    allowed_devices: [null]\n"
        "  primary:\n    allowed_plans: [':.*']\n    allowed_devices: [':?.*']\n"
    )
    ours = start_manager(
        "--security", "compat", "--store", ":memory:", "--startup-dir", str(startup)
    )
    assert ours.call("plans_existing")["plans_existing"] == theirs["existing_plans"]
    assert ours.call("devices_existing")["devices_existing"] == theirs["existing_devices"]
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    assert ours.call("queue_item_add", item=item, user="Jane", user_group="primary")["success"]
