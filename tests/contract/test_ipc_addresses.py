"""Sockets with a path: private, cleaned up, and never taken from somebody who uses it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.wire.ipc import path_of
from qs_jupyter.wire.server import bind, close


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: those of pytest are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="qs") as name:
        yield Path(name)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


@contextmanager
def served(context: zmq.Context[zmq.Socket[bytes]], path: Path) -> Iterator[zmq.Socket[bytes]]:
    with context.socket(zmq.REP) as server:
        bind(server, f"ipc://{path}", None, "control")
        yield server


def refusal(context: zmq.Context[zmq.Socket[bytes]], address: str) -> str:
    with context.socket(zmq.REP) as server, pytest.raises(ConfigurationError) as refused:
        bind(server, address, None, "control")
    return str(refused.value)


def answers(context: zmq.Context[zmq.Socket[bytes]], path: Path, server: zmq.Socket[bytes]) -> bool:
    with context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(f"ipc://{path}")
        client.send(b"hello")
        assert server.poll(5000), "nothing arrives"
        server.send(server.recv())
        return bool(client.poll(5000))


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_socket_is_for_its_owner_whatever_the_umask(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        path = folder / "new" / "control"
        with served(context, path) as server:
            assert os.umask(mask) == mask, "the umask is as it was"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert answers(context, path, server)
            close(server)
    finally:
        os.umask(before)
    assert not path.exists()


def test_the_socket_of_a_living_server_is_not_taken_over(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    path = folder / "control"
    with served(context, path) as first:
        assert "Is another manager running" in refusal(context, f"ipc://{path}")
        assert answers(context, path, first)


def test_the_socket_of_a_killed_server_is_used_again(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    path = folder / "control"
    with zmq.Context() as killed, served(killed, path):
        pass
    assert path.exists(), "0MQ leaves the file, as a killed process does"
    with served(context, path) as server:
        assert answers(context, path, server)


def test_a_file_at_the_path_stays_as_it_is(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    data = folder / "data.txt"
    data.write_text("results of a year")
    assert "exists and is no socket" in refusal(context, f"ipc://{data}")
    assert data.read_text() == "results of a year"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ipc://control", "write the whole path"),
        ("ipc://~/control", "write the whole path"),
        (f"ipc:///tmp/{'x' * 110}", "at most 103 bytes"),
        ("ipc:///dev/null/x/control", "can not be made: Not a directory"),
    ],
)
def test_an_impossible_path_is_told_in_words(
    context: zmq.Context[zmq.Socket[bytes]], address: str, reason: str
) -> None:
    assert reason in refusal(context, address)


@pytest.mark.parametrize("address", ["ipc://@name", "ipc://*", "tcp://127.0.0.1:*", ""])
def test_other_addresses_have_no_file(address: str) -> None:
    assert path_of(address) is None
