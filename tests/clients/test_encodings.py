"""Clients that speak MessagePack, and clients that encrypt."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("clients_encodings")]

OPTIONS = ("--security", "compat", "--store", ":memory:")


def test_the_blocking_api_works_as_a_whole_in_messagepack(start_manager):
    start_manager(*OPTIONS, encoding="msgpack").walk("api.py", "zmq")


def test_encrypted_clients_are_served_and_plain_ones_hear_nothing(start_manager, clients):
    text = subprocess.check_output([clients / "qserver-zmq-keys"], text=True)
    lines = [line.split(": ") for line in text.splitlines() if " key (" in line]
    keys = tuple(key.strip() for _, key in lines)
    manager = start_manager(*OPTIONS, keys=keys)
    manager.walk("api.py", "zmq", "asyncio")
    assert manager.run("qserver", "status", QSERVER_ZMQ_PUBLIC_KEY="")[0] == 3
