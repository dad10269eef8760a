"""Settings out of defaults, environment, config file and command line."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
import yaml

from qs_jupyter.configuration import Configuration, configure, describe, save_settings
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.exposure import is_local
from qs_jupyter.profiles import sim_profile
from qs_jupyter.settings import Settings, options
from qs_jupyter.startup_code import demo_ipython_dir, install_demo_profile

KEY = "Ue=.po0aQ9.}<Xvrny+f{V04XMc6JZ9ufKf5aeFy"


def settings(*arguments: str, **environment: str) -> Settings:
    return configure(arguments, environment).settings


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = tmp_path / "ipython" / "profile_beamline" / "startup"
    folder.mkdir(parents=True)
    return folder


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


# ------------------------------------------------------------------------------- precedence


def test_every_option_has_one_key_and_no_flag_twice():
    keys = [option.key for option in options().values()]
    flags = [f for option in options().values() for f in (*option.flags, *option.switches)]
    assert len(set(keys)) == len(keys)
    assert len(set(flags)) == len(flags)


def test_without_arguments_the_simulated_profile_is_served_on_this_machine_only():
    found = settings()
    assert found.demo_mode
    assert found.startup_profile == "collection_sim"
    assert found.ipython_dir is not None
    assert found.ipython_dir.endswith("/ipython")
    assert found.zmq_control_addr == "tcp://127.0.0.1:60615"
    assert found.zmq_info_addr == "tcp://127.0.0.1:60625"
    assert found.use_ipython_kernel
    assert not found.zmq_publish_console
    assert not found.uses_redis


def test_environment_file_and_command_line_take_precedence_in_this_order(tmp_path):
    file = write(
        tmp_path / "c.yml", "network: {zmq_encoding: msgpack}\nworker: {ipython_hb_port: 2}"
    )
    variables = {"QSERVER_ZMQ_ENCODING_FOR_SERVER": "json", "QSERVER_IPYTHON_KERNEL_HB_PORT": "1"}
    assert settings(**variables).ipython_hb_port == 1
    assert settings("--config", file, **variables).zmq_encoding == "msgpack"
    assert settings("--config", file, **variables).ipython_hb_port == 2
    assert settings("--config", file, "--ipython-hb-port=3", **variables).ipython_hb_port == 3


def test_the_config_file_may_be_named_by_the_environment(tmp_path):
    file = write(tmp_path / "c.yml", "startup: {device_max_depth: 4}")
    assert settings(QSERVER_CONFIG=file).device_max_depth == 4


def test_old_flags_and_variables_work_with_a_warning():
    found = configure(
        ["--zmq-addr=tcp://127.0.0.1:1", "--zmq-publish-console-addr", "tcp://127.0.0.1:2"],
        {"QSERVER_ZMQ_PRIVATE_KEY": KEY},
    )
    assert found.settings.zmq_control_addr == "tcp://127.0.0.1:1"
    assert found.settings.zmq_info_addr == "tcp://127.0.0.1:2"
    assert found.settings.zmq_private_key == KEY
    assert len(found.warnings) == 3
    assert "--zmq-control-addr" in found.warnings[0]


@pytest.mark.parametrize("turn", [1, -1])
def test_an_old_flag_gives_way_to_the_present_one_in_any_order(turn):
    flags = ["--zmq-addr=tcp://127.0.0.1:1", "--zmq-control-addr=tcp://127.0.0.1:2"][::turn]
    found = configure(flags, {})
    assert found.settings.zmq_control_addr == "tcp://127.0.0.1:2"
    assert len(found.warnings) == 1


def test_retired_options_do_nothing_but_warn(tmp_path):
    file = write(tmp_path / "c.yml", "startup: {keep_re: true}\nrun_engine: {kafka_topic: a}")
    found = configure(["--keep-re", "--config", file], {})
    assert len(found.warnings) == 3
    assert "run_engine" in found.warnings[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y", True),
        ("ON", True),
        ("1", True),
        ("off", False),
        ("F", False),
        ("", False),
        ("perhaps", True),
    ],
)
def test_odd_words_for_a_switch_in_the_environment_are_passed_over(text, expected):
    assert settings(QSERVER_USE_IPYTHON_KERNEL=text).use_ipython_kernel is expected


@pytest.mark.parametrize(
    ("argument", "level"), [("--verbose", 10), ("--quiet", 30), ("--silent", 51), (None, 20)]
)
def test_how_much_is_logged_is_one_of_four_levels(argument, level):
    assert settings(*([argument] if argument else [])).console_logging_level == level


def test_help_explains_every_option_below_its_section_of_the_config_file(capsys):
    with pytest.raises(SystemExit) as end:
        configure(["--help"], {})
    assert end.value.code == 0
    text = capsys.readouterr().out
    *_, network, startup, worker, operation = text.split("in the config file: section ")
    parts = {"network": network, "startup": startup, "worker": worker, "operation": operation}
    for option in options().values():
        for flag in (*option.flags[:1], *option.switches):
            part = parts[option.key.partition("/")[0]]
            assert re.search(rf"  {flag}[ ,]", part)
    helps = [text for option in options().values() for _, text in option.switches.values()]
    assert len(set(helps)) == len(helps) == 3
    assert "--keep-re" not in text


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        ([], ("/",)),
        (["--permitted-re-metadata-keys", "/a", "/b/c"], ("/a", "/b/c")),
    ],
)
def test_metadata_keys_are_listed_on_the_command_line(arguments, keys):
    assert settings(*arguments).permitted_re_metadata_keys == keys


def test_metadata_keys_are_separated_by_colons_in_the_environment():
    found = settings(QSERVER_PERMITTED_RE_METADATA_KEYS="/a:/b")
    assert found.permitted_re_metadata_keys == ("/a", "/b")


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--ipython-shell-port=x", "Incorrect value for IPython SHELL port: 'x' (must be 'int')"),
        ("--ipython-shell-port=70000", "not a port number"),
        ("--ipython-kernel-ip=nowhere", "Invalid IPython kernel IP Address 'nowhere'"),
        ("--ipython-kernel-ip=1.2.3.256", "Invalid IPython kernel IP Address '1.2.3.256'"),
        ("--zmq-encoding=pickle", "'pickle' is not one of json, msgpack"),
        ("--update-existing-plans-devices=NEVERxyz", "(did you mean 'NEVER'?)"),
        ("--device-max-depth=-1", "negative"),
        ("--device-max-depth=a", "not a whole number"),
        ("--use-ipython-kernel=MAYBE", "neither ON nor OFF"),
        ("--zmq-control-addr=localhost", "is not an address like"),
        ("--zmq-control-addr=tcp://127.0.0.1:65536", "65536 is not a port number"),
        ("--worker-python=/no/such/python", "not a program"),
    ],
)
def test_an_impossible_value_is_refused_with_its_place(argument, complaint):
    with pytest.raises(ConfigurationError) as refusal:
        settings(argument)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--verb"],
        ["--verbose", "--quiet"],
        ["--startup-dir=a", "--startup-script=b"],
    ],
)
def test_a_malformed_command_line_ends_the_program_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        settings(*arguments)
    assert end.value.code == 2
    assert "start-re-manager: " in capsys.readouterr().err


# --------------------------------------------------------------------------------- security


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp://127.0.0.1:60615", True),
        ("tcp://127.1.2.3:60615", True),
        ("tcp://localhost:60615", True),
        ("tcp://[::1]:60615", True),
        ("ipc:///tmp/x", True),
        ("tcp://*:60615", False),
        ("tcp://0.0.0.0:60615", False),
        ("tcp://127.evil.example:60615", False),
        ("tcp://host:60615", False),
    ],
)
def test_only_loopback_and_ipc_count_as_local(address, local):
    assert is_local(address) is local


@pytest.mark.parametrize("flag", ["--zmq-control-addr", "--zmq-info-addr"])
def test_an_open_socket_is_refused_and_both_remedies_are_named(flag):
    with pytest.raises(ConfigurationError) as refusal:
        settings(f"{flag}=tcp://*:60619")
    assert "--security compat" in str(refusal.value)
    assert "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER" in str(refusal.value)


def test_an_open_socket_is_allowed_with_a_key():
    found = configure(
        ["--zmq-control-addr=tcp://*:60619"], {"QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": KEY}
    )
    assert found.settings.zmq_control_addr == "tcp://*:60619"
    assert found.warnings == []


def test_the_compatible_profile_opens_the_sockets_with_one_warning():
    found = configure([], {"QSERVER_SECURITY": "compat"})
    assert found.settings.zmq_control_addr == "tcp://*:60615"
    assert found.settings.zmq_info_addr == "tcp://*:60625"
    assert [w for w in found.warnings if "SECURITY" in w] == found.warnings
    assert len(found.warnings) == 1


def test_a_malformed_key_is_refused_without_being_shown():
    with pytest.raises(ConfigurationError) as refusal:
        settings(QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER="abc-secret")
    assert "must be a 40 byte z85 encoded string" in str(refusal.value)
    assert "abc-secret" not in str(refusal.value)


# -------------------------------------------------------------------------------- the store


def test_one_of_the_redis_options_is_enough_to_choose_redis():
    assert settings("--redis-name-prefix=x").redis_addr == "localhost"
    assert settings("--redis-addr=host:1/2").redis_name_prefix == "qs_default"
    assert settings("--redis-name-prefix=").redis_name_prefix == ""
    assert settings("--redis-name-prefix=").uses_redis


def test_redis_and_a_store_file_exclude_each_other():
    with pytest.raises(ConfigurationError, match="leave out --store"):
        settings("--redis-addr=localhost", "--store=x.db")


# --------------------------------------------------------------- where the startup code is


def test_the_folder_of_a_profile_is_split_into_root_and_profile(profile):
    found = settings("--startup-dir", str(profile))
    assert (found.startup_dir, found.startup_profile) == (None, "beamline")
    assert found.ipython_dir == str(profile.parent.parent)
    assert found.startup_folder == str(profile)
    assert found.existing_plans_and_devices_path == str(profile / "existing_plans_and_devices.yaml")
    assert found.user_group_permissions_path == str(profile / "user_group_permissions.yaml")
    assert not found.demo_mode


def test_any_folder_will_do_unless_the_ipython_loader_is_asked_for(tmp_path):
    found = settings("--startup-dir", str(tmp_path))
    assert (found.startup_dir, found.ipython_dir) == (str(tmp_path), None)
    with pytest.raises(ConfigurationError, match="profile_<name>"):
        settings("--startup-dir", str(tmp_path), "--use-ipython-kernel=ON")
    plain = settings("--startup-dir", str(tmp_path), "--use-ipython-kernel=OFF")
    assert plain.startup_dir == str(tmp_path)


def test_relative_paths_count_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "qs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert settings("--startup-dir=qs/").startup_dir == str(tmp_path / "qs")


def test_a_profile_is_looked_up_below_the_root_of_ipython(profile, monkeypatch):
    root = str(profile.parent.parent)
    monkeypatch.setenv("IPYTHONDIR", root)
    found = settings("--startup-profile=beamline")
    assert found.startup_folder == str(profile)
    plain = settings("--startup-profile=beamline", "--use-ipython-kernel=OFF")
    # Programs that read saved settings find what was given as well.
    assert (plain.startup_dir, plain.startup_profile) == (str(profile), "beamline")


def test_a_script_runs_after_a_profile_or_alone_with_the_plain_loader(profile, tmp_path):
    root = str(profile.parent.parent)
    script = str(tmp_path / "s.py")
    found = settings(
        f"--ipython-dir={root}", "--startup-profile=beamline", f"--startup-script={script}"
    )
    assert (found.startup_script, found.startup_folder) == (script, str(profile))
    with pytest.raises(ConfigurationError, match="The path to the list of existing plans and dev"):
        settings(f"--startup-script={script}", "--use-ipython-kernel=OFF")
    plain = settings(
        f"--startup-script={script}",
        "--use-ipython-kernel=OFF",
        f"--existing-plans-devices={tmp_path}",
        f"--user-group-permissions={tmp_path}/p.yaml",
    )
    assert plain.startup_folder is None
    assert plain.user_group_permissions_path == f"{tmp_path}/p.yaml"


def test_the_plain_loader_knows_the_profile_that_is_named_beside_a_module(profile):
    root = str(profile.parent.parent)
    found = settings(
        *(f"--ipython-dir={root}", "--startup-profile=beamline", "--startup-module=beamline"),
        "--use-ipython-kernel=OFF",
    )
    assert (found.startup_module, found.startup_dir) == ("beamline", None)
    assert found.startup_folder == str(profile)


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"Startup directory '.*/no' does not exist"):
        settings(f"--startup-dir={tmp_path}/no")
    with pytest.raises(ConfigurationError, match="profile_no/startup' does not exist"):
        settings(f"--ipython-dir={tmp_path}", "--startup-profile=no")
    with pytest.raises(ConfigurationError, match=r"folder .* of the list of existing"):
        settings(f"--startup-dir={tmp_path}", f"--existing-plans-devices={tmp_path}/no/x.yaml")


@pytest.mark.parametrize("mode", ["ON", "OFF"])
@pytest.mark.parametrize(
    "section",
    [
        "{startup_dir: a, startup_profile: b}",
        "{startup_dir: a, ipython_dir: b}",
        "{startup_script: a, startup_module: b}",
        "{startup_dir: a, startup_script: b}",
    ],
)
def test_an_ambiguous_choice_in_the_file_is_refused(tmp_path, mode, section):
    file = write(tmp_path / "c.yml", f"startup: {section}")
    with pytest.raises(ConfigurationError, match="config file names the startup code ambiguously"):
        settings("--config", file, f"--use-ipython-kernel={mode}")


def test_the_command_line_takes_the_place_of_the_choice_in_the_file(profile, tmp_path):
    file = write(tmp_path / "c.yml", f"startup: {{startup_dir: {tmp_path}}}")
    found = settings("--config", file, f"--startup-dir={profile}")
    assert found.startup_folder == str(profile)
    named = settings(
        "--config", file, "--startup-profile=beamline", f"--ipython-dir={profile.parent.parent}"
    )
    assert (named.startup_dir, named.startup_folder) == (None, str(profile))


def test_profile_and_root_may_come_from_file_and_command_line(profile, tmp_path):
    file = write(tmp_path / "c.yml", f"startup: {{ipython_dir: {profile.parent.parent}}}")
    assert settings("--config", file, "--startup-profile=beamline").startup_folder == str(profile)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_the_simulated_profile_is_copied_to_a_private_folder_and_kept_fresh(temporary):
    target = install_demo_profile()
    assert str(target) == settings().startup_folder
    assert stat.S_IMODE(target.parents[2].stat().st_mode) == 0o700
    names = {path.name for path in sim_profile().iterdir() if path.is_file()}
    assert {path.name for path in target.iterdir()} == names
    first = min(target.glob("*.py"))
    first.write_text("changed")
    (target / "99-left-over.py").write_text("")
    (target / "existing_plans_and_devices.yaml").touch()
    install_demo_profile()
    assert first.read_bytes() == (sim_profile() / first.name).read_bytes()
    assert not (target / "99-left-over.py").exists()
    assert (target / "existing_plans_and_devices.yaml").exists()


def test_the_simulated_profile_has_a_place_also_for_a_user_without_a_name(temporary, monkeypatch):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    assert demo_ipython_dir() == temporary / "qserver_2147483641" / "ipython"


def test_the_simulated_profile_is_not_put_where_somebody_else_could_lead_it(temporary):
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    demo_ipython_dir().parent.symlink_to(elsewhere)
    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        install_demo_profile()


# -------------------------------------------------------------------------- telling about it


def test_secrets_are_masked_wherever_settings_are_shown():
    found: Configuration = configure(
        [],
        {
            "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER": KEY,
            "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER": "emergency",
        },
    )
    for text in (describe(found.settings), repr(found.settings)):
        assert KEY not in text
        assert "emergency'" not in text
    assert "zmq_private_key: '******'" in describe(found.settings)


def test_settings_survive_the_way_through_json():
    found = settings("--permitted-re-metadata-keys", "/a", "--redis-addr=x")
    assert Settings.from_json(found.to_json()) == found


SAVED_KEYS = {
    "console_logging_level",
    "demo_mode",
    "device_max_depth",
    "emergency_lock_key",
    "existing_plans_and_devices_path",
    "ignore_invalid_plans",
    "ipython_connection_dir",
    "ipython_connection_file",
    "ipython_control_port",
    "ipython_dir",
    "ipython_hb_port",
    "ipython_iopub_port",
    "ipython_kernel_ip",
    "ipython_matplotlib",
    "ipython_shell_port",
    "ipython_stdin_port",
    "permitted_re_metadata_keys",
    "print_console_output",
    "redis_addr",
    "redis_name_prefix",
    "startup_dir",
    "startup_module",
    "startup_profile",
    "startup_script",
    "update_existing_plans_devices",
    "use_ipython_kernel",
    "user_group_permissions_path",
    "user_group_permissions_reload",
    "zmq_control_addr",
    "zmq_encoding",
    "zmq_info_addr",
    "zmq_private_key",
    "zmq_publish_console",
}


def test_saved_settings_are_yaml_with_the_documented_keys_for_the_user_only(tmp_path):
    path = tmp_path / "saved.yaml"
    path.touch(0o644)
    save_settings(settings("--redis-name-prefix=qs_unit_tests", "--verbose"), str(path))
    saved = yaml.safe_load(path.read_text())
    assert set(saved) == SAVED_KEYS
    assert saved["redis_addr"] == "localhost"
    assert saved["console_logging_level"] == 10
    assert saved["startup_dir"] is None
    assert saved["permitted_re_metadata_keys"] == ["/"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
