"""The config file: sections, keys, folders of files, variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from qs_jupyter.config_file import read_config
from qs_jupyter.errors import ConfigurationError


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_sections_and_keys_become_settings(tmp_path):
    file = write(
        tmp_path / "c.yml",
        """
        network:
          zmq_control_addr: tcp://127.0.0.1:60617
          zmq_publish_console: true
        operation:
          console_logging_level: VERBOSE
          update_existing_plans_and_devices: ALWAYS
        worker:
          permitted_re_metadata_keys: [/a, /b]
          ipython_shell_port: 1234
        """,
    )
    assert read_config(file).values == {
        "zmq_control_addr": "tcp://127.0.0.1:60617",
        "zmq_publish_console": True,
        "console_logging_level": 10,
        "update_existing_plans_devices": "ALWAYS",
        "permitted_re_metadata_keys": ("/a", "/b"),
        "ipython_shell_port": 1234,
    }


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "network:\n"])
def test_an_empty_file_or_section_sets_nothing(tmp_path, text):
    assert read_config(write(tmp_path / "c.yml", text)).values == {}


def test_variables_are_put_into_all_texts(tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMLINE", "x12")
    monkeypatch.setenv("PORT", "4321")
    file = write(
        tmp_path / "c.yml",
        "network: {redis_name_prefix: 'qs_$BEAMLINE'}\n"
        "worker: {ipython_hb_port: '${PORT}', permitted_re_metadata_keys: ['/${BEAMLINE}']}",
    )
    assert read_config(file).values == {
        "redis_name_prefix": "qs_x12",
        "ipython_hb_port": 4321,
        "permitted_re_metadata_keys": ("/x12",),
    }


def test_a_folder_is_read_file_by_file_without_code_and_hidden_files(tmp_path):
    write(tmp_path / "a.yml", "network: {zmq_encoding: msgpack}")
    write(tmp_path / "b.yaml", "startup: {device_max_depth: 1}")
    write(tmp_path / ".hidden.yml", "nonsense: 1")
    write(tmp_path / "code.py", "nonsense: 1")
    (tmp_path / "__pycache__").mkdir()
    assert read_config(str(tmp_path)).values == {"zmq_encoding": "msgpack", "device_max_depth": 1}


def test_a_section_may_stand_in_one_file_only(tmp_path):
    write(tmp_path / "a.yml", "network: {zmq_encoding: msgpack}")
    write(tmp_path / "b.yml", "network: {redis_addr: x}")
    with pytest.raises(ConfigurationError, match="'network' can only be specified in one file"):
        read_config(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("netwrk: {}", r"unknown section 'netwrk' \(did you mean 'network'\?\)"),
        ("network: {zmq_adr: x}", "unknown key 'zmq_adr' in section 'network'"),
        ("network: {redis_adr: x}", r"did you mean 'redis_addr'\?"),
        ("network: [a]", "section 'network' must hold"),
        ("- a", "must hold sections"),
        ("network: {", "not valid YAML"),
        ("network: {zmq_publish_console: 3}", "neither ON nor OFF"),
        ("startup: {device_max_depth: deep}", "startup/device_max_depth: 'deep' is not a whole"),
        ("startup: {startup_dir: 5}", "startup/startup_dir: text is expected"),
        ("worker: {permitted_re_metadata_keys: [/a, /a]}", "'/a' is listed more than once"),
        ("operation: {console_logging_level: LOUD}", "is not one of VERBOSE"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        read_config(write(tmp_path / "c.yml", text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no\.yml' does not exist"):
        read_config(str(tmp_path / "no.yml"))


def test_old_sections_and_keys_are_accepted_with_a_warning(tmp_path):
    file = write(tmp_path / "c.yml", "run_engine: {kafka_topic: t}\nstartup: {keep_re: true}")
    found = read_config(file)
    assert found.values == {}
    assert len(found.warnings) == 2
