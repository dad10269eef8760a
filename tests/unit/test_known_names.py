"""The options, variables and keys by which existing installations start and reach a manager."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest

from qs_jupyter.cli import console_monitor, qserver
from qs_jupyter.client.connection import Connection
from qs_jupyter.configuration import configure
from qs_jupyter.settings import Settings, options

A_KEY, ANOTHER_KEY = "a" * 40, "b" * 40
OWN = {"security", "store", "cells_between_plans", "worker_python", "runtime_dir"}


@dataclass(frozen=True)
class Known:
    """Where a setting can be given, and three texts for it with what they stand for."""

    setting: str
    key: str
    flag: str | None
    variable: str | None
    texts: tuple[str, str, str]
    values: tuple[Any, Any, Any]


def known(
    setting: str,
    key: str,
    flag: str | None,
    variable: str | None = None,
    texts: tuple[str, str, str] = ("/a", "/b", "/c"),
    values: tuple[Any, Any, Any] | None = None,
) -> Known:
    return Known(setting, key, flag, variable, texts, values or texts)


ADDRESSES = ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3")
PORTS = ("60001", "60002", "60003"), (60001, 60002, 60003)
SWITCH = ("ON", "off", "ON"), (True, False, True)
FILES = ("/a.yaml", "/b.yaml", "/c.yaml")

KNOWN = [
    known(
        *("zmq_control_addr", "network/zmq_control_addr", "--zmq-control-addr"),
        *("QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER", ADDRESSES),
    ),
    known(
        *("zmq_info_addr", "network/zmq_info_addr", "--zmq-info-addr"),
        *("QSERVER_ZMQ_INFO_ADDRESS_FOR_SERVER", ADDRESSES),
    ),
    known(
        *("zmq_encoding", "network/zmq_encoding", "--zmq-encoding"),
        *("QSERVER_ZMQ_ENCODING_FOR_SERVER", ("json", "MsgPack", "JSON")),
        ("json", "msgpack", "json"),
    ),
    known(
        "zmq_publish_console", "network/zmq_publish_console", "--zmq-publish-console", None, *SWITCH
    ),
    known(
        "print_console_output", "operation/print_console_output", "--console-output", None, *SWITCH
    ),
    known(
        *("zmq_private_key", "network/zmq_private_key", None),
        *("QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER", (A_KEY, ANOTHER_KEY, A_KEY)),
    ),
    known("redis_addr", "network/redis_addr", "--redis-addr", None, ("a", "b:1", "c:1/2")),
    known("redis_name_prefix", "network/redis_name_prefix", "--redis-name-prefix"),
    known(
        *("existing_plans_and_devices_path", "startup/existing_plans_and_devices_path"),
        *("--existing-plans-devices", None, FILES),
    ),
    known(
        *("update_existing_plans_devices", "operation/update_existing_plans_and_devices"),
        *("--update-existing-plans-devices", None, ("NEVER", "ENVIRONMENT_OPEN", "ALWAYS")),
    ),
    known(
        *("user_group_permissions_path", "startup/user_group_permissions_path"),
        *("--user-group-permissions", None, FILES),
    ),
    known(
        *("user_group_permissions_reload", "operation/user_group_permissions_reload"),
        *("--user-group-permissions-reload", None, ("NEVER", "ON_REQUEST", "ON_STARTUP")),
    ),
    known(
        "ignore_invalid_plans",
        "startup/ignore_invalid_plans",
        "--ignore-invalid-plans",
        None,
        *SWITCH,
    ),
    known(
        *("device_max_depth", "startup/device_max_depth", "--device-max-depth", None),
        *(("1", "0", "3"), (1, 0, 3)),
    ),
    known(
        *("use_ipython_kernel", "worker/use_ipython_kernel", "--use-ipython-kernel"),
        *("QSERVER_USE_IPYTHON_KERNEL", *SWITCH),
    ),
    known(
        *("ipython_kernel_ip", "worker/ipython_kernel_ip", "--ipython-kernel-ip"),
        *("QSERVER_IPYTHON_KERNEL_IP", ("auto", "127.0.0.2", "localhost")),
    ),
    known(
        *("ipython_matplotlib", "worker/ipython_matplotlib", "--ipython-matplotlib"),
        "QSERVER_IPYTHON_KERNEL_MATPLOTLIB",
    ),
    known(
        *("ipython_connection_file", "worker/ipython_connection_file"),
        *("--ipython-connection-file", "QSERVER_IPYTHON_KERNEL_CONNECTION_FILE"),
    ),
    known(
        *("ipython_connection_dir", "worker/ipython_connection_dir"),
        *("--ipython-connection-dir", "QSERVER_IPYTHON_KERNEL_CONNECTION_DIR"),
    ),
    known(
        *("ipython_shell_port", "worker/ipython_shell_port", "--ipython-shell-port"),
        *("QSERVER_IPYTHON_KERNEL_SHELL_PORT", *PORTS),
    ),
    known(
        *("ipython_iopub_port", "worker/ipython_iopub_port", "--ipython-iopub-port"),
        *("QSERVER_IPYTHON_KERNEL_IOPUB_PORT", *PORTS),
    ),
    known(
        *("ipython_stdin_port", "worker/ipython_stdin_port", "--ipython-stdin-port"),
        *("QSERVER_IPYTHON_KERNEL_STDIN_PORT", *PORTS),
    ),
    known(
        *("ipython_hb_port", "worker/ipython_hb_port", "--ipython-hb-port"),
        *("QSERVER_IPYTHON_KERNEL_HB_PORT", *PORTS),
    ),
    known(
        *("ipython_control_port", "worker/ipython_control_port", "--ipython-control-port"),
        *("QSERVER_IPYTHON_KERNEL_CONTROL_PORT", *PORTS),
    ),
    known(
        *("permitted_re_metadata_keys", "worker/permitted_re_metadata_keys"),
        *("--permitted-re-metadata-keys", "QSERVER_PERMITTED_RE_METADATA_KEYS"),
        *(("/a:/b", "/c:/d", "/e"), (("/a", "/b"), ("/c", "/d"), ("/e",))),
    ),
    known(
        *("console_logging_level", "operation/console_logging_level", None, None),
        *(("QUIET", "SILENT", "VERBOSE"), (30, 51, 10)),
    ),
    known(
        *("emergency_lock_key", "operation/emergency_lock_key", None),
        "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER",
    ),
]
# Those that say where the startup code is have rules of their own, and tests in `test_settings`.
STARTUP = {
    "startup_dir": ("startup/startup_dir", "--startup-dir"),
    "startup_script": ("startup/startup_script", "--startup-script"),
    "startup_module": ("startup/startup_module", "--startup-module"),
    "startup_profile": ("startup/startup_profile", "--startup-profile"),
    "ipython_dir": ("startup/ipython_dir", "--ipython-dir"),
}


def test_every_setting_is_a_known_one_or_our_own():
    names = {each.setting for each in KNOWN} | STARTUP.keys() | OWN | {"demo_mode"}
    assert {each.name for each in fields(Settings)} == names


@pytest.mark.parametrize("each", KNOWN, ids=lambda each: each.setting)
def test_variable_config_file_and_option_override_each_other_in_this_order(each, tmp_path):
    of_variable, of_file, of_flag = each.texts
    section, _, key = each.key.partition("/")
    config = tmp_path / "config.yml"
    config.write_text(f"{section}: {{{key}: '{of_file}'}}")
    environment = {each.variable: of_variable} if each.variable else {}
    in_file, flag = ["--config", str(config)], [] if each.flag is None else [each.flag, of_flag]

    def found(*arguments: str) -> Any:
        return getattr(configure(arguments, environment).settings, each.setting)

    if each.variable:
        assert found() == each.values[0]
    assert found(*in_file) == each.values[1]
    if each.flag:
        assert found(*in_file, *flag) == each.values[2]
        assert found(*in_file, f"{each.flag}={of_flag}") == each.values[2]


@pytest.mark.parametrize("name", STARTUP)
def test_the_place_of_the_startup_code_has_its_known_names(name):
    key, flag = STARTUP[name]
    assert (options()[name].key, options()[name].flags) == (key, (flag,))


# ------------------------------------------------------------------------------------ clients

PLACES = ("the option", "the old option", "the variable")


@pytest.mark.parametrize("first", range(3))
def test_qserver_takes_the_address_of_the_first_that_tells_one(first, monkeypatch, capsys):
    flags = ["-a", PLACES[0], "--address", PLACES[1]][2 * first :]
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", PLACES[2])
    assert qserver.main(["status", *flags]) == 1
    *warning, complaint = capsys.readouterr().err.splitlines()
    assert complaint.startswith(f"qserver: '{PLACES[first]}' is not an address")
    assert ["--address is deprecated" in each for each in warning] == [True] * (first < 2)


@pytest.mark.parametrize("first", range(3))
def test_the_console_monitor_takes_the_address_of_the_first_that_tells_one(
    first, monkeypatch, capsys
):
    flags = ["--zmq-info-addr", PLACES[0], "--zmq-subscribe-addr", PLACES[1]][2 * first :]
    monkeypatch.setenv("QSERVER_ZMQ_INFO_ADDRESS", PLACES[2])
    assert console_monitor.main(flags) == 1
    output = capsys.readouterr()
    *warning, complaint = output.err.splitlines()
    assert complaint.startswith(f"qserver-console-monitor: '{PLACES[first]}' is not an address")
    assert ["--zmq-subscribe-addr is deprecated" in each for each in warning] == [True] * (
        first < 2
    )
    assert output.out == ""


@pytest.mark.parametrize("tool", [qserver, console_monitor], ids=["qserver", "monitor"])
def test_the_encoding_of_the_option_goes_before_that_of_the_variable(tool, monkeypatch, capsys):
    command = ["status"] if tool is qserver else []
    monkeypatch.setenv("QSERVER_ZMQ_ENCODING", "odd")
    assert tool.main(command) == 1
    assert "Unknown encoding 'odd'" in capsys.readouterr().err
    assert tool.main([*command, "--zmq-encoding", "even"]) == 1
    assert "Unknown encoding 'even'" in capsys.readouterr().err


def test_without_any_word_a_client_asks_this_machine_in_json():
    nothing = {"QSERVER_ZMQ_CONTROL_ADDRESS": "", "QSERVER_ZMQ_ENCODING": ""}
    for environment in ({}, nothing | {"QSERVER_ZMQ_PUBLIC_KEY": ""}):
        found = Connection.choose(environment=environment)
        assert (found.address, found.encoding) == ("tcp://localhost:60615", "json")
        assert (found.public_key, found.timeout_s) == (None, 2.0)
