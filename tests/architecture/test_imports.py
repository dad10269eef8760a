"""Opening a door is cheap: what may be loaded by which import, measured in new processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import zmq

HEAVY = ("bluesky", "ophyd", "numpy", "IPython", "jupyter_client", "ipykernel", "redis", "pydantic")
LIMIT_S = 30


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Return the names of the modules that a new interpreter has loaded after the code."""
    listing = "\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code + listing, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.fixture(scope="module")
def nothing() -> set[str]:
    """What an interpreter loads by itself, with its site packages."""
    return roots(loaded_by("pass"))


@pytest.fixture
def answering_address() -> Iterator[str]:
    """The address of something that answers every request like a manager."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")

    def answer() -> None:
        socket.poll(LIMIT_S * 1000)
        socket.recv()
        socket.send(b'{"msg": "RE Manager"}')

    thread = threading.Thread(target=answer, name="answer")
    thread.start()
    yield f"tcp://127.0.0.1:{port}"
    thread.join(LIMIT_S)
    socket.close()
    context.term()


def test_the_package_itself_loads_nothing(nothing: set[str]) -> None:
    loaded = roots(loaded_by("import qs_jupyter")) - nothing
    assert loaded & {"zmq", "asyncio", "yaml", *HEAVY} == set()


def test_the_messages_of_the_worker_need_the_standard_library_only(nothing: set[str]) -> None:
    loaded = roots(loaded_by("import qs_kernel_worker.messages")) - nothing
    assert loaded - set(sys.stdlib_module_names) == {"qs_kernel_worker"}


def test_the_table_of_methods_loads_no_server() -> None:
    loaded = loaded_by("import qs_jupyter.api.methods")
    assert roots(loaded) & {"zmq", "asyncio", "yaml", *HEAVY} <= {"asyncio"}
    assert not [
        name for name in loaded if name.startswith(("qs_jupyter.manager", "qs_jupyter.wire"))
    ]


def test_asking_for_the_status_loads_little(answering_address: str) -> None:
    code = "import sys\nfrom qs_jupyter.cli.qserver import main\nassert main(sys.argv[1:]) == 0"
    loaded = loaded_by(code, "--json", "-a", answering_address, "status")
    assert "zmq" in loaded
    assert roots(loaded) & {"asyncio", "yaml", "argparse", *HEAVY} == set()


def test_a_manager_starts_without_bluesky_or_redis() -> None:
    loaded = roots(loaded_by("import qs_jupyter.app, qs_jupyter.kernel.jupyter"))
    assert loaded & {"bluesky", "ophyd", "numpy", "redis", "IPython", "matplotlib"} == set()


def test_a_launcher_that_only_waits_brings_no_event_loop() -> None:
    loaded = roots(loaded_by("import qs_jupyter.cli.start_re_manager"))
    assert loaded & {"zmq", "asyncio", "ssl", "sqlite3", "yaml", *HEAVY} == set()


def test_the_model_reaches_neither_world_nor_clock() -> None:
    loaded = roots(loaded_by("import qs_jupyter.model.machine, qs_jupyter.model.state"))
    assert loaded & {"zmq", "asyncio", "threading", "yaml", "pydantic"} <= {"threading"}
