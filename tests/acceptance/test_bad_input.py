"""Wrong, huge and senseless requests: a clear reply or a closed connection, and no harm."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
import zmq

from qs_jupyter.client.client import Client
from tests.acceptance.running import LIMIT_S, RunningManager

pytestmark = pytest.mark.xdist_group("bad input")

BIG = 20 * 1024 * 1024
SEED = 20240917


@contextmanager
def request_socket(manager: RunningManager) -> Iterator[zmq.Socket[bytes]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.REQ) as request:
        request.setsockopt(zmq.LINGER, 0)
        request.connect(manager.home.control)
        yield request
    context.term()


def send(manager: RunningManager, *frames: bytes) -> dict[str, Any]:
    """Send raw frames as one request and return the reply."""
    with request_socket(manager) as request:
        request.send_multipart(frames)
        assert request.poll(10_000), "no reply"
        reply: dict[str, Any] = json.loads(request.recv())
        return reply


def add(manager: RunningManager, **item: Any) -> dict[str, Any]:
    item = {"item_type": "plan", **item}
    return manager.ask("queue_item_add", item=item, user="a test", user_group="primary")


def memory(manager: RunningManager) -> int:
    return int(psutil.Process(manager.manager_pid).memory_info().rss)


def is_well(manager: RunningManager) -> None:
    """Check that honest requests are answered as ever."""
    assert manager.status()["manager_state"] == "idle"
    uid = manager.add_count()
    assert manager.do("queue_item_remove", uid=uid)["item"]["item_uid"] == uid


# --------------------------------------------------------------------------- plans and devices


@pytest.mark.parametrize(
    ("item", "texts"),
    [
        ({"name": "cuont", "args": [["det1"]]}, ["'cuont' is not in the list of allowed plans"]),
        ({"name": "count"}, ["detectors"]),
        ({"name": "count_bundle_test", "args": [["no_such_detector"]]}, ["no_such_detector"]),
        ({"name": "move_then_count", "args": [["motor1"], ["det1"], [11]]}, ["11"]),
        ({"name": "count", "args": [["det1"]], "kwargs": {"abc": 1}},
         ["got an unexpected keyword argument 'abc'"]),
        ({"name": "count", "args": [["det1"]], "kwargs": {"num": "many"}}, ["num", "many"]),
        ({"name": "count", "args": "det1"}, ["args"]),
        ({"name": "count", "args": [["det1"]], "kwargs": []}, ["kwargs"]),
        ({"name": "count", "args": [["det1"]], "meta": 5},
         ["'meta' must be a dictionary or a list of dictionaries"]),
        ({"name": 5}, ["name"]),
        ({"name": "count", "item_type": "unsupported"}, ["unsupported 'item_type' value"]),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused_with_what_is_wrong(
    manager: RunningManager, item: dict[str, Any], texts: list[str]
) -> None:
    reply = add(manager, **item)
    assert reply["success"] is False
    assert reply["msg"].startswith("Failed to add an item: ")
    for text in texts:
        assert text in reply["msg"]
    assert manager.queue() == []


@pytest.mark.parametrize(
    ("name", "args"), [("scan", [["det1"], "motor", 1]), ("count", [["no_such_detector"]])]
)
def test_a_plan_that_only_fails_when_it_is_called_fails_with_the_reason(
    opened: RunningManager, name: str, args: list[Any]
) -> None:
    # What these plans accept is only known to themselves.
    assert add(opened, name=name, args=args)["success"] is True
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    (entry,) = opened.history()
    assert entry["result"]["exit_status"] == "failed"
    assert entry["result"]["msg"].startswith("Plan failed: ")
    assert entry["result"]["traceback"]
    is_well(opened)


def test_a_batch_with_one_wrong_plan_changes_nothing(manager: RunningManager) -> None:
    good = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    bad = {"item_type": "plan", "name": "nope"}
    reply = manager.ask(
        "queue_item_add_batch", items=[good, bad, good], user="a test", user_group="primary"
    )
    assert reply["success"] is False
    assert "validation of 1 out of 3 submitted items failed" in reply["msg"]
    assert [result["success"] for result in reply["results"]] == [True, False, True]
    assert manager.queue() == []


# ---------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b'{"method": "status"', "Failed to decode the request: JSON decode error: "),
        (b"", "Failed to decode the request: JSON decode error: "),
        (b"\xff\xfe\x00", "Failed to decode the request: JSON decode error: "),
        (b"[" * 200_000, "Failed to decode the request: JSON decode error: "),
        (b"[1, 2]", "Incorrect request type: <class 'list'>. Dictionary is expected"),
        (b'{"met": "status"}', "request format: method is not specified: {'met': 'status'}"),
        (b'{"method": "status", "id": 1}', "Request contains unexpected keys ['id']"),
        (b'{"method": "nosuch"}', "Unknown method 'nosuch'"),
        (b'{"method": ["status"]}', "Unknown method ['status']"),
        (b'{"method": "queue_get", "params": [1]}', "'params' must be a dictionary"),
        (b'{"method": "queue_get", "params": {"foo": 1}}',
         "API request contains unsupported parameters: 'foo'."),
        (b'{"method": "history_clear", "params": {"size": 1e999}}', "'size' parameter must be"),
        (b'{"method": "queue_item_remove", "params": {"pos": true}}', "pos"),
        (b'{"method": "queue_item_remove_batch", "params": {"uids": [null]}}', "uids"),
        (b'{"method": "queue_clear", "params": {"lock_key": 5}}', "Lock key must be"),
        (b'{"method": "task_result", "params": {"task_uid": {}}}', "task_uid"),
    ],
)  # fmt: skip
def test_a_malformed_request_is_answered(manager: RunningManager, frame: bytes, text: str) -> None:
    manager.add_count()
    reply = send(manager, frame)
    assert reply["success"] is False
    assert text in reply["msg"]
    assert len(reply["msg"]) < 2000
    assert len(manager.queue()) == 1
    manager.do("queue_clear")
    is_well(manager)


def test_a_request_of_two_frames_is_answered(manager: RunningManager) -> None:
    reply = send(manager, b'{"method": "status"}', b"{}")
    assert reply["success"] is False
    assert "one frame" in reply["msg"]
    is_well(manager)


def test_numbers_that_are_no_json_do_not_get_into_the_queue(manager: RunningManager) -> None:
    frame = (
        b'{"method": "queue_item_add", "params": {"user": "u", "user_group": "primary", "item": '
        b'{"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": NaN}}}}'
    )
    assert send(manager, frame)["success"] is False
    is_well(manager)


def test_a_message_of_20_megabytes_is_answered_and_forgotten(manager: RunningManager) -> None:
    is_well(manager)
    before = memory(manager)
    nonsense = b'{"method": "status", "params": {"x": "' + b"a" * BIG + b'"}}'
    for _ in range(3):
        # An unknown parameter is refused, also when it is a big one.
        reply = send(manager, nonsense.replace(b"status", b"queue_get"))
        assert reply["success"] is False
        assert len(reply["msg"]) < 2000
        send(manager, nonsense)
        reply = send(manager, b"b" * BIG)
        assert reply["success"] is False
        assert len(reply["msg"]) < 2000
        is_well(manager)
    assert memory(manager) - before < 4 * BIG


# ---------------------------------------------------------------------------------- raw bytes


def raw(manager: RunningManager, data: bytes) -> None:
    """Send bytes to the port, whatever 0MQ makes of them, and read what comes until the end."""
    host, _, port = manager.home.control.removeprefix("tcp://").partition(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        connection.settimeout(0.05)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            # The other side may wait for more or end the connection in the middle.
            pass


def test_random_bytes_on_the_port_cost_nobody_anything(manager: RunningManager) -> None:
    is_well(manager)
    before = memory(manager)
    chance = random.Random(SEED)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    beginnings = [b"", greeting, greeting + b"\x04\x26\x05READY", b"GET / HTTP/1.1\r\n\r\n"]
    for number in range(120):
        size = chance.choice([1, 10, 100, 1000, 50_000])
        raw(manager, chance.choice(beginnings) + chance.randbytes(size))
        if number % 20 == 0:
            assert manager.status()["manager_state"] == "idle"
    is_well(manager)
    assert memory(manager) - before < 50 * 1024 * 1024


def test_fifty_clients_at_once_are_all_answered_while_others_scan_the_port(
    manager: RunningManager,
) -> None:
    chance = random.Random(SEED)
    clients, rounds = 50, 5
    item = {"item_type": "plan", "name": "count", "args": [["det1"]]}
    who = {"user": "u", "user_group": "primary"}

    def visit(number: int) -> list[str]:
        """Add items, look at them and remove them again; return their uids."""
        uids = []
        with Client(manager.home.control, timeout_s=20) as client:
            for _ in range(rounds):
                added = client.request("queue_item_add", item=item, **who)
                assert added["success"], added["msg"]
                uids.append(added["item"]["item_uid"])
                raw(manager, chance.randbytes(chance.choice([1, 100, 50_000])))
                assert client.request("status")["manager_state"] == "idle"
            removed = client.request("queue_item_remove_batch", uids=uids, ignore_missing=False)
            assert [gone["item_uid"] for gone in removed["items"]] == uids, number
        return uids

    with ThreadPoolExecutor(clients) as people:
        visits = [people.submit(visit, number) for number in range(clients)]
        uids = [uid for done in visits for uid in done.result()]
    assert len(set(uids)) == clients * rounds
    assert manager.queue() == []
    is_well(manager)


def test_requests_changed_at_random_are_all_answered(manager: RunningManager) -> None:
    chance = random.Random(SEED)
    item = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 2}}
    requests = [
        {
            "method": "queue_item_add",
            "params": {"item": item, "user": "u", "user_group": "primary"},
        },
        {"method": "queue_item_move", "params": {"pos": 0, "pos_dest": 1}},
        {"method": "queue_mode_set", "params": {"mode": {"loop": True}}},
        {"method": "function_execute", "params": {"item": item, "user": "u", "user_group": "r"}},
        {"method": "lock_info", "params": {"lock_key": "k"}},
    ]
    values = [None, True, -1, 10**40, 1.5, "", "x" * 1000, [], [[]], {}, {"a": {"b": [1]}}]
    with request_socket(manager) as request:
        for _ in range(400):
            changed = json.loads(json.dumps(chance.choice(requests)))
            place = chance.choice([changed, changed["params"], changed["params"]])
            if chance.random() < 0.2:
                place = changed["params"].get("item", place)
            place[chance.choice(list(place))] = chance.choice(values)
            data = bytearray(json.dumps(changed).encode())
            if chance.random() < 0.4:
                for _ in range(chance.randrange(1, 5)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            request.send(bytes(data))
            assert request.poll(10_000), f"no reply to {bytes(data)!r}"
            reply = json.loads(request.recv())
            assert "Internal error" not in reply["msg"], bytes(data)
    manager.reset()
    is_well(manager)
