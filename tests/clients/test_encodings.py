"""Clients that speak MessagePack, and clients that encrypt."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("clients_encodings")]


def test_the_blocking_api_works_as_a_whole_in_messagepack(start_manager, tmp_path):
    options = ("--security", "compat", "--zmq-encoding", "msgpack")
    manager = start_manager(*options, "--store", str(tmp_path / "store"), encoding="msgpack")
    manager.walk("api_threads.py", "zmq", "msgpack")


def test_encrypted_requests_are_answered_and_plain_ones_are_not(
    start_manager, clients, tmp_path
):
    private, public = keys(clients)
    options = ("--security", "compat", "--store", str(tmp_path / "store"))
    manager = start_manager(*options, private_key=private, public_key=public)
    code, output, _ = manager.run("qserver", "status", QSERVER_ZMQ_PUBLIC_KEY=public)
    assert (code, "RE Manager" in output) == (0, True)
    assert manager.run("qserver", "status")[0] == 3
    script = "from bluesky_queueserver_api.zmq import REManagerAPI as A; print(A().status()['msg'])"
    code, output, _ = manager.run("python", "-c", script, QSERVER_ZMQ_PUBLIC_KEY=public)
    assert (code, "RE Manager" in output) == (0, True)


def keys(clients):
    """A pair of keys made by their program, read by ours."""
    import subprocess

    done = subprocess.run(
        [clients / "qserver-zmq-keys"], capture_output=True, text=True, check=True, timeout=30
    )
    found = [line.split(": ")[1].strip() for line in done.stdout.splitlines() if "key (" in line]
    return json.loads(json.dumps(found))
