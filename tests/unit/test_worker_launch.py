"""Command line, environment, files and names of a new worker."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.kernel import connection
from qs_jupyter.kernel import launch as launching
from qs_jupyter.kernel.console import console_text
from qs_jupyter.kernel.runtime import (
    RuntimeFolder,
    WorkerProcess,
    crash_report,
    start_of_process,
)
from qs_jupyter.settings import Settings


@pytest.fixture
def runtime(tmp_path) -> RuntimeFolder:
    return RuntimeFolder(tmp_path / "run")


# ------------------------------------------------------------------------------------ launch


def test_a_plain_folder_gets_a_private_profile() -> None:
    launch = launching.worker_config(Settings(startup_dir="/beamline/startup"))
    assert launch.config.startup_dir == "/beamline/startup"
    assert (launch.ipython_dir, launch.profile) == (None, None)


def test_the_folder_of_a_profile_brings_the_profile() -> None:
    folder = "/home/op/.ipython/profile_collection/startup"
    launch = launching.worker_config(Settings(startup_dir=folder))
    assert (launch.ipython_dir, launch.profile) == ("/home/op/.ipython", "collection")
    assert launch.config.startup_dir == folder


def test_a_named_profile_has_its_startup_folder() -> None:
    settings = Settings(ipython_dir="/ipy", startup_profile="tomo", startup_script="/x.py")
    launch = launching.worker_config(settings)
    assert launch.config.startup_dir == "/ipy/profile_tomo/startup"
    assert launch.config.script == "/x.py"


def test_the_plain_loader_reads_no_profile() -> None:
    settings = Settings(
        ipython_dir="/ipy",
        startup_profile="tomo",
        use_ipython_kernel=False,
        ipython_matplotlib="qt",
    )
    launch = launching.worker_config(settings)
    assert (launch.ipython_dir, launch.profile) == (None, None)
    assert launch.config.ipython_mode is False
    assert launch.config.startup_dir == "/ipy/profile_tomo/startup"


def test_a_script_alone_needs_no_folder_for_the_plain_loader() -> None:
    settings = Settings(startup_script="/x.py", use_ipython_kernel=False)
    config = launching.worker_config(settings).config
    assert (config.startup_dir, config.script) == (None, "/x.py")


def test_nothing_named_is_the_simulated_profile() -> None:
    config = launching.worker_config(Settings()).config
    assert config.startup_dir is not None
    assert list(Path(config.startup_dir).glob("*.py"))


def test_the_command_names_profile_and_a_windowed_backend_only(runtime) -> None:
    files = runtime.worker("w")
    settings = Settings(ipython_dir="/ipy", startup_profile="p", worker_python="/usr/bin/py")
    command = launching.command_line(launching.worker_config(settings), settings, files)
    assert command[:3] == ["/usr/bin/py", "-m", "qs_kernel_worker"]
    assert "--ipython-dir=/ipy" in command
    assert "--profile=p" in command
    assert not [part for part in command if "matplotlib" in part]
    settings = Settings(startup_dir="/s", ipython_matplotlib="qt")
    command = launching.command_line(launching.worker_config(settings), settings, files)
    assert "--matplotlib=qt" in command


def test_the_environment_marks_the_worker_and_drops_what_would_end_it(runtime) -> None:
    files = runtime.worker("w")
    launch = launching.worker_config(Settings(startup_dir="/s"))
    inherited = {"JPY_PARENT_PID": "1", "PYTHONPATH": "/mine", "HOME": "/h"}
    result = launching.environment(launch, files, inherited)
    assert result["_QSERVER_RE_WORKER_ACTIVE"] == "1"
    assert result["_QSERVER_RUNNING_IPYTHON_KERNEL"] == "1"
    assert result["MPLBACKEND"] == "agg"
    assert result["PYTHONPATH"].split(os.pathsep)[1:] == ["/mine"]
    assert "JPY_PARENT_PID" not in result
    assert result["HOME"] == "/h"


def test_a_backend_of_the_user_is_kept_unless_another_is_asked_for(runtime) -> None:
    files, inherited = runtime.worker("w"), {"MPLBACKEND": "svg"}
    launch = launching.worker_config(Settings(startup_dir="/s"))
    assert launching.environment(launch, files, inherited)["MPLBACKEND"] == "svg"
    launch = launching.worker_config(Settings(startup_dir="/s", ipython_matplotlib="agg"))
    assert launching.environment(launch, files, inherited)["MPLBACKEND"] == "agg"


def test_the_code_folder_holds_the_worker_and_nothing_else(runtime) -> None:
    files = runtime.worker("w")
    launch = launching.worker_config(Settings(startup_dir="/s"))
    for _ in range(2):
        launching.write_files(launch, files)
    folder = files.folder / launching.CODE_FOLDER
    assert [path.name for path in folder.iterdir()] == ["qs_kernel_worker"]
    assert (folder / "qs_kernel_worker" / "__main__.py").exists()
    assert json.loads(files.config.read_text())["startup_dir"] == "/s"


# ----------------------------------------------------------------------------------- runtime


def test_the_folder_is_private(runtime) -> None:
    assert stat.S_IMODE(runtime.path.stat().st_mode) & 0o777 == 0o700


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigurationError, match="--runtime-dir"):
        RuntimeFolder(tmp_path / "run")


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        RuntimeFolder(tmp_path / "run")


def test_long_and_odd_names_become_short_ones(runtime) -> None:
    assert runtime.worker("beamline_7").name == "beamline_7"
    odd, same = runtime.worker("redis://host/0 prefix"), runtime.worker("redis://host/0 prefix")
    assert odd == same
    assert len(odd.name) == 16


def test_a_process_is_known_by_pid_and_start(runtime) -> None:
    start = start_of_process(os.getpid())
    assert WorkerProcess(os.getpid(), start, "f").is_alive()
    if start is not None:
        assert not WorkerProcess(os.getpid(), start + 1, "f").is_alive()
    assert not WorkerProcess(2**22 + 1, None, "f").is_alive()


def test_a_damaged_side_file_counts_as_none(runtime) -> None:
    files = runtime.worker("w")
    files.process.write_text("{")
    assert files.read_process() is None
    files.write_process(WorkerProcess(1, 2, "c"))
    assert files.read_process() == WorkerProcess(1, 2, "c")


def test_sweeping_leaves_the_living_and_the_logs(runtime) -> None:
    living, dead = runtime.worker("living"), runtime.worker("dead")
    living.write_process(WorkerProcess(os.getpid(), start_of_process(os.getpid()), "c"))
    dead.write_process(WorkerProcess(os.getpid(), 1, "c"))
    for path in (dead.connection, dead.config, dead.log, Path(f"{dead.socket_prefix}-3")):
        path.write_text("")
    runtime.sweep()
    assert living.process.exists()
    assert [path.name for path in runtime.path.glob("*dead*")] == ["worker-dead.log"]


def test_the_last_words_begin_with_the_crash(runtime) -> None:
    files = runtime.worker("w")
    assert files.last_words() == ""
    files.log.write_text("noise\nFatal Python error: Aborted\n" + "frame\n" * 1000)
    assert files.last_words().startswith("Fatal Python error: Aborted\nframe")


# ----------------------------------------------------------------------------------- console


def test_text_is_labelled_by_what_the_worker_put_into_the_parent() -> None:
    parent = {"qs_source": "item", "qs_uid": "i", "session": "manager"}
    text = console_text("stream", {"name": "stderr", "text": "x"}, parent, 1.0)
    assert text is not None
    assert (text.source, text.uid, text.stream, text.text) == ("item", "i", "stderr", "x")


def test_text_of_a_cell_belongs_to_the_session_of_its_client() -> None:
    data = {"data": {"text/plain": "42"}}
    text = console_text("execute_result", data, {"session": "s"}, 1.0)
    assert text is not None
    assert (text.source, text.uid, text.text) == ("console", "s", ">> 42\n")


def test_an_error_is_shown_without_colours() -> None:
    content = {"traceback": ["\x1b[31mZeroDivisionError\x1b[0m", "line"]}
    text = console_text("error", content, {"session": "s"}, 1.0)
    assert text is not None
    assert (text.stream, text.text) == ("stderr", "Traceback: ZeroDivisionError\nline\n")


def test_empty_text_is_left_out() -> None:
    assert console_text("stream", {"name": "stdout", "text": ""}, {}, 1.0) is None
    assert console_text("status", {"execution_state": "busy"}, {}, 1.0) is None


def test_the_thread_that_crashed_comes_first(tmp_path) -> None:
    threads = (
        "\n\nThread 0x2 (most recent call first):\n  File b\n\nCurrent thread 0x1:\n  File a\n"
    )
    text = f"noise\nFatal Python error: Aborted{threads}\n"
    assert crash_report(text[6:], 2000) == (
        "Fatal Python error: Aborted\n\nCurrent thread 0x1:\n  File a\n\n"
        "Thread 0x2 (most recent call first):\n  File b"
    )
    assert crash_report(text[6:], 30) == "Fatal Python error: Aborted\n\nC"


def test_the_address_auto_is_found_without_a_look_at_the_public_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets: list[str] = []

    class Probe(socket.socket):
        def connect(self, address: tuple[str, int]) -> None:
            targets.append(address[0])
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Probe)
    found = connection._address("auto")
    ipaddress.IPv4Address(found)
    assert all(ipaddress.ip_address(target).is_private for target in targets)
    assert connection._address("localhost") == "127.0.0.1"
    assert connection._address("192.0.2.7") == "192.0.2.7"
