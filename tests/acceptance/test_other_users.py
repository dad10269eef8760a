"""Several users on one machine: who gets an answer, and who does not.

Loopback is open to everybody on the machine. A path or a key keeps them out, with all tools.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qs_jupyter.wire.keys import generate_keys
from tests.acceptance.conftest import _managers
from tests.acceptance.consoles import terminal
from tests.acceptance.running import (
    LIMIT_S,
    Home,
    MakeHome,
    MakeManager,
    RunningManager,
    free_addresses,
    kill_and_wait,
)

pytestmark = pytest.mark.xdist_group("other users")

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")

# What a stranger with the wire in hand gets: the reply, or nothing.
_STRANGER = """
import json, os, sys
import zmq
uid, address, key, limit_ms = json.loads(sys.argv[1])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
with zmq.Context() as context, context.socket(zmq.REQ) as client:
    client.linger = 0
    if key:
        client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
        client.curve_serverkey = key.encode()
    client.connect(address)
    client.send(json.dumps({"method": "status"}).encode())
    print(client.recv().decode() if client.poll(limit_ms) else "")
"""


def stranger_hears(address: str, key: str = "", limit_ms: int = 1500) -> str:
    """Ask for the status as another user of the machine."""
    done = subprocess.run(
        [sys.executable, "-c", _STRANGER, json.dumps([NOBODY, address, key, limit_ms])],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        timeout=LIMIT_S,
    )
    return done.stdout.strip()


def with_paths(home: Home) -> Path:
    """Let the home use paths as addresses; return their folder, which is not made yet."""
    folder = home.folder / "run" / "sockets"
    home.control, home.info = f"ipc://{folder}/control", f"ipc://{folder}/info"
    return folder


@pytest.fixture(scope="module")
def private() -> Iterator[RunningManager]:
    """A manager whose addresses are paths, with a worker."""
    with _managers() as (make_home, make):
        home = make_home()
        with_paths(home)
        manager = make(home)
        manager.start()
        manager.open()
        yield manager


def test_sockets_with_a_path_are_private_and_said_to_be(private: RunningManager) -> None:
    folder = private.home.folder / "run" / "sockets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"control": 0o600, "info": 0o600}
    private.until_terminal("RE Manager is ready")
    assert "All users of this machine can connect" not in private.terminal()


@needs_root
def test_another_user_gets_no_answer_from_a_path(private: RunningManager) -> None:
    for folder in (private.home.folder.parent, private.home.folder, private.home.folder / "run"):
        folder.chmod(0o755)
    sockets = private.home.folder / "run" / "sockets"
    assert stranger_hears(private.home.control) == ""
    # The socket is closed by itself, even if somebody opens the folder.
    sockets.chmod(0o755)
    assert stranger_hears(private.home.control) == ""
    sockets.chmod(0o700)
    assert private.status()["manager_state"] == "idle"


def test_all_tools_work_with_paths(private: RunningManager) -> None:
    home = private.home
    assert home.qserver("status")["manager_state"] == "idle"
    done = private.status()["items_in_history"]
    private.add_count()
    assert home.qserver("queue", "start").is_accepted
    private.until(lambda status: status["items_in_history"] == done + 1)
    private.until_idle()

    output = home.folder / "monitor.txt"
    with output.open("wb") as file:
        monitor = home.popen("qserver-console-monitor", output=file)
    private.do("script_upload", script="print('heard by path')", update_lists=False)
    private.until_idle()
    # Text that is published before the subscription is lost, so it is said until it is heard.
    while b"heard by path" not in output.read_bytes():
        assert monitor.poll() is None
        private.do("script_upload", script="print('heard by path')", update_lists=False)
        private.until_idle()
    monitor.send_signal(signal.SIGINT)
    monitor.wait(LIMIT_S)

    with terminal(home) as console:
        console.until_prompt()
        console.enter("1000 + 42")
        console.until("1042")
        console.enter("exit")
        assert console.exit_code() == 0


# What a notebook does: magics, and the connection of the panels.
_NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
from qs_jupyter.client.hub import Hub
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "qs_jupyter")
shell.run_line_magic("qserver", "wait idle")
hub = Hub()
hub.start()
assert hub.catch_up(20)
assert hub.wait(lambda mirror: (mirror.status or {}).get("manager_state") == "idle", 20)
hub.close()
print("all is well")
"""


def test_notebooks_work_with_paths(private: RunningManager) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NOTEBOOK],
        env={**private.home.environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.stdout.strip().endswith("all is well"), done


def test_another_manager_does_not_take_the_paths_over(private: RunningManager) -> None:
    home = private.home
    answer = home.run(
        *("start-re-manager", "--zmq-control-addr", home.control, "--zmq-info-addr", home.info),
        *("--store", str(home.work / "other.sqlite"), "--runtime-dir", str(home.work / "other")),
    )
    assert answer.code == 1
    assert f"Another process serves at '{home.control}'" in answer.errors
    assert home.qserver("status")["worker_environment_exists"] is True


def test_paths_are_served_again_after_kills(make_home: MakeHome, make_manager: MakeManager) -> None:
    home = make_home()
    folder = with_paths(home)
    manager = make_manager(home)
    manager.start()
    manager.kill_manager()
    manager.until_ready()
    assert home.qserver("status")["manager_state"] == "idle"
    assert manager.launcher is not None
    kill_and_wait(manager.manager_pid)
    kill_and_wait(manager.launcher.pid)
    manager.launcher.wait()
    manager.start()
    assert home.qserver("status")["manager_state"] == "idle"
    assert manager.stop() == 0
    assert list(folder.iterdir()) == []


@needs_root
def test_loopback_is_open_to_other_users_unless_there_is_a_key(make_manager: MakeManager) -> None:
    manager = make_manager()
    manager.start()
    manager.until_terminal("All users of this machine can connect")
    heard = stranger_hears(manager.home.control, limit_ms=20_000)
    assert json.loads(heard)["manager_state"] == "idle"
    assert manager.stop() == 0

    public, private_key = generate_keys()
    wrong, _ = generate_keys()
    (manager.home.control,) = free_addresses(1)
    launcher = manager.home.popen(
        *("start-re-manager", "--zmq-control-addr", manager.home.control),
        output=subprocess.DEVNULL,
        QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER=private_key,
    )
    answers = [
        stranger_hears(manager.home.control, key, limit_ms)
        for key, limit_ms in ((public, 20_000), ("", 1500), (wrong, 1500))
    ]
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(LIMIT_S) == 0
    # Whoever has the public key is let in: it is what people are given.
    assert json.loads(answers[0])["msg"].startswith("RE Manager")
    assert answers[1:] == ["", ""]


def test_the_compatible_profile_on_loopback_says_who_can_give_orders(
    make_manager: MakeManager,
) -> None:
    manager = make_manager()
    manager.start("--security", "compat")
    manager.until_terminal("RE Manager is ready")
    assert manager.terminal().count("SECURITY: ") == 1
    assert "every user of this machine can run code as this user" in manager.terminal()
    assert "gives the key of the kernel away" in manager.terminal()


def test_startup_code_that_everybody_can_change_is_told_at_the_start(
    make_manager: MakeManager,
) -> None:
    manager = make_manager()
    folder = manager.home.folder / "home" / "startup"
    folder.mkdir()
    (folder / "00.py").write_text("answer = 42\n")
    (folder / "00.py").chmod(0o666)
    manager.start("--startup-dir", str(folder))
    text = f"SECURITY: everybody on this machine can change '{folder / '00.py'}'"
    manager.until_terminal("RE Manager is ready")
    assert manager.terminal().count(text) == 1


# Asks for startup code like the service does, as another user of the machine.
_OTHER_SERVICE = """
import os, sys
uid, folder = int(sys.argv[1]), sys.argv[2]
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.startup_code import resolve_startup
os.setgroups([]); os.setgid(uid); os.setuid(uid)
try:
    resolve_startup({}, {"startup_dir": folder}, ipython=True, explicitly=False)
except ConfigurationError as error:
    print(error)
"""


@needs_root
@pytest.mark.parametrize(("closed", "asked"), [("startup", "startup"), (".", "startup/deeper")])
def test_a_startup_folder_of_somebody_else_is_told_in_one_sentence(
    make_home: MakeHome, closed: str, asked: str
) -> None:
    home = make_home()
    (home.work / "startup" / "deeper").mkdir(parents=True)
    for folder in (home.folder.parent, home.folder, home.work):
        folder.chmod(0o755)
    (home.work / closed).chmod(0o700)
    folder = str(home.work / asked)
    told = subprocess.run(
        [sys.executable, "-c", _OTHER_SERVICE, str(NOBODY), folder],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=LIMIT_S,
    )
    assert told.stdout.startswith(f"Startup directory '{folder}' cannot be read")
