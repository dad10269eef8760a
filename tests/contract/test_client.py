"""Clients, ``qserver`` and the monitors against small servers."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio

from qs_jupyter.cli import console_monitor, qserver
from qs_jupyter.client.async_client import AsyncClient
from qs_jupyter.client.async_monitor import ReceiveConsoleOutputAsync, ReceiveSystemInfoAsync
from qs_jupyter.client.client import Client
from qs_jupyter.client.connection import CommunicationFailure, NoReply, RequestRefused
from qs_jupyter.client.monitor import ReceiveConsoleOutput, ReceiveSystemInfo
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.wire.codec import codec
from qs_jupyter.wire.keys import generate_keys, public_key_of
from tests.loop_clock import stopped_clock

ROOT = Path(__file__).parents[2]
LIMIT_S = 20.0
LIMIT_MS = LIMIT_S * 1000

Answer = Callable[[dict[str, Any]], Any]


class TinyServer:
    """A REP server in a thread. Requests without an answer are left alone."""

    def __init__(self, answer: Answer, encoding: str = "json", key: str | None = None) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        if key is not None:
            self._socket.curve_server = True
            self._socket.curve_secretkey = key.encode()
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self._end_address = f"inproc://end-{port}"
        self._ended = self._context.socket(zmq.PAIR)
        self._ended.bind(self._end_address)
        self._codec = codec(encoding)
        self._answer = answer
        self.requests: list[Any] = []
        self._thread = threading.Thread(target=self._serve, name="tiny server")
        self._thread.start()

    def _serve(self) -> None:
        end = self._context.socket(zmq.PAIR)
        end.connect(self._end_address)
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(end, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if end in ready:
                break
            *envelope, frame = self._socket.recv_multipart()
            request = self._codec.decode(frame)
            self.requests.append(request)
            reply = self._answer(request)
            if isinstance(reply, bytes):
                self._socket.send_multipart([*envelope, reply])
            elif reply is not None:
                self._socket.send_multipart([*envelope, self._codec.encode(reply)])
        end.close()
        self._socket.close()

    def close(self) -> None:
        self._ended.send(b"")
        self._thread.join()
        self._ended.close()
        self._context.term()


@contextmanager
def serving(answer: Answer, **options: Any) -> Iterator[TinyServer]:
    server = TinyServer(answer, **options)
    try:
        yield server
    finally:
        server.close()


def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "msg": "", "got": request}


def refuse(_request: dict[str, Any]) -> dict[str, Any]:
    return {"success": False, "msg": "Failed to add an item: no"}


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_request_is_sent_and_its_reply_returned(encoding):
    with (
        serving(echo, encoding=encoding) as server,
        Client(server.address, encoding=encoding, timeout_s=LIMIT_S) as client,
    ):
        reply = client.request("queue_item_get", pos=-1)
        assert reply["got"] == {"method": "queue_item_get", "params": {"pos": -1}}
        assert client.request("status")["success"]


def test_a_refusal_is_returned_or_raised_as_asked():
    with serving(refuse) as server, Client(server.address, timeout_s=LIMIT_S) as client:
        assert client.request("queue_item_add")["success"] is False
        with pytest.raises(RequestRefused, match="Failed to add an item: no") as refusal:
            client.request("queue_item_add", check=True)
        assert refusal.value.reply["success"] is False


def test_after_a_timeout_the_late_reply_is_not_taken_for_the_next_one():
    asked = threading.Event()
    go_on = threading.Event()

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "slow":
            asked.set()
            go_on.wait(LIMIT_S)
        return {"success": True, "method": request["method"]}

    with serving(answer) as server, Client(server.address, timeout_s=LIMIT_S) as client:
        with pytest.raises(NoReply, match="timeout occurred"):
            client.call("slow", {}, timeout_s=0.2)
        assert asked.wait(LIMIT_S)
        go_on.set()
        assert client.request("status")["method"] == "status"


def test_nobody_there_is_a_timeout():
    with Client("tcp://127.0.0.1:9", timeout_s=0.2) as client, pytest.raises(NoReply):
        client.request("status")


def test_an_unreadable_reply_is_a_failure_of_communication():
    with (
        serving(lambda _request: b"\xff") as server,
        Client(server.address, timeout_s=LIMIT_S) as client,
        pytest.raises(CommunicationFailure, match="is not json"),
    ):
        client.request("status")


def test_an_encrypted_server_answers_only_those_who_know_its_key():
    public, private = generate_keys()
    assert public_key_of(private) == public
    with serving(echo, key=private) as server:
        with Client(server.address, public_key=public, timeout_s=LIMIT_S) as client:
            assert client.request("status")["success"]
        with Client(server.address, timeout_s=0.3) as client, pytest.raises(NoReply):
            client.request("status")


def test_a_malformed_key_or_encoding_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="40 byte z85"):
        Client(public_key="abc")
    with pytest.raises(ConfigurationError, match="pickle"):
        Client(encoding="pickle")


def test_address_encoding_and_key_come_from_the_environment(monkeypatch):
    public, private = generate_keys()
    with serving(echo, encoding="msgpack", key=private) as server:
        monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", server.address)
        monkeypatch.setenv("QSERVER_ZMQ_ENCODING", "msgpack")
        monkeypatch.setenv("QSERVER_ZMQ_PUBLIC_KEY", public)
        with Client(timeout_s=LIMIT_S) as client:
            assert client.request("status")["success"]


async def test_tasks_may_share_an_asynchronous_client():
    with serving(echo) as server:
        async with AsyncClient(server.address, timeout_s=LIMIT_S) as client:
            replies = await asyncio.gather(*(client.request("ping", n=n) for n in range(5)))
    assert [reply["got"]["params"]["n"] for reply in replies] == list(range(5))


async def test_who_waits_for_a_reply_learns_that_the_client_was_closed():
    asked = threading.Event()
    with serving(lambda _request: asked.set()) as server:
        client = AsyncClient(server.address, timeout_s=LIMIT_S)
        asking = asyncio.create_task(client.request("ping"))
        assert await asyncio.to_thread(asked.wait, LIMIT_S)
        client.close()
        with pytest.raises(CommunicationFailure, match="closed before the reply"):
            await asking
        asking = asyncio.create_task(client.request("ping"))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_an_asynchronous_request_times_out_and_raises_refusals():
    with serving(lambda r: None if r["method"] == "slow" else refuse(r)) as server:
        async with AsyncClient(server.address, timeout_s=LIMIT_S) as client:
            with pytest.raises(NoReply):
                await client.call("slow", {}, timeout_s=0.2)
            with pytest.raises(RequestRefused):
                await client.request("queue_start", check=True)


# ---------------------------------------------------------------------------------- qserver


@pytest.mark.parametrize(("answer", "code"), [(echo, qserver.SUCCESS), (refuse, qserver.REFUSED)])
def test_qserver_prints_the_reply_and_ends_with_its_success(answer, code, capsys):
    with serving(answer) as server:
        assert qserver.main(["-a", server.address, "queue", "item", "get", "-1"]) == code
        assert server.requests == [{"method": "queue_item_get", "params": {"pos": -1}}]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Arguments: ['queue', 'item', 'get', '-1']"
    assert lines[1].endswith(" - MESSAGE: ")
    assert lines[2].startswith("{'success': ")


def test_qserver_prints_one_line_of_json_when_asked(capsys):
    with serving(echo) as server:
        assert qserver.main(["--json", "ping", "-a", server.address]) == qserver.SUCCESS
    assert json.loads(capsys.readouterr().out)["got"] == {"method": "ping", "params": {}}


def test_qserver_ends_with_3_when_nobody_answers(capsys):
    assert qserver.main(["manager", "kill", "test", "-a", "tcp://127.0.0.1:9"]) == qserver.NO_REPLY
    output = capsys.readouterr()
    assert "ERROR: ZMQ communication error: timeout occurred" in output.out
    assert output.err == ""


def test_the_monitor_repeats_its_request_until_ctrl_c():
    asked = threading.Semaphore(0)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.release()
        return echo(request)

    with serving(answer) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "qs_jupyter.cli.qserver", "monitor", "-a", server.address],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert asked.acquire(timeout=LIMIT_S)
            assert asked.acquire(timeout=LIMIT_S)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert "Running QServer monitor. Press Ctrl-C to exit ..." in output
    assert output.count("MESSAGE") >= 1
    assert output.endswith("The program was manually stopped.\n")


def test_qserver_imports_nothing_slow():
    code = (
        "import sys; from qs_jupyter.cli.qserver import main; "
        "main(['status', '-a', 'tcp://127.0.0.1:9', '--json']); "
        "slow = {'asyncio', 'yaml', 'pydantic', 'bluesky', 'IPython', 'numpy', 'redis'}; "
        "print(sorted(slow & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert result.stdout == "[]\n"


# --------------------------------------------------------------------------------- monitors


class TinyPublisher:
    """A publishing socket that knows when somebody subscribes."""

    def __init__(self, key: str | None = None) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.XPUB)
        self.socket.linger = 0
        if key is not None:
            self.socket.curve_server = True
            self.socket.curve_secretkey = key.encode()
        self.address = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"

    def wait_for_subscriber(self) -> bytes:
        assert self.socket.poll(LIMIT_MS), "nobody subscribed"
        return self.socket.recv()

    def send(self, topic: str, message: Any) -> None:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.send_multipart([topic.encode(), payload])

    def console(self, text: str) -> None:
        self.send("QS_Console", {"time": 1.0, "msg": text})

    def close(self) -> None:
        self.socket.close()
        self._context.term()


@pytest.fixture
def publisher() -> Iterator[TinyPublisher]:
    made = TinyPublisher()
    yield made
    made.close()


def test_console_output_and_information_are_received_apart(publisher):
    with (
        ReceiveConsoleOutput(zmq_subscribe_addr=publisher.address) as console,
        ReceiveSystemInfo(zmq_subscribe_addr=publisher.address) as info,
    ):
        console.subscribe()
        console.subscribe()
        info.subscribe()
        assert {publisher.wait_for_subscriber(), publisher.wait_for_subscriber()} == {
            b"\x01QS_Console",
            b"\x01QS_Info",
        }
        publisher.console("text\n")
        publisher.send("QS_Info", {"time": 1.0, "msg": {"status": {"msg": "RE Manager"}}})
        assert console.recv(LIMIT_MS)["msg"] == "text\n"
        assert info.recv(LIMIT_MS)["msg"]["status"] == {"msg": "RE Manager"}


def test_no_message_is_a_timeout_with_its_limit_and_harmless(publisher):
    with ReceiveConsoleOutput(zmq_subscribe_addr=publisher.address, timeout=50) as console:
        with pytest.raises(TimeoutError, match="within 50 ms"):
            console.recv()
        publisher.wait_for_subscriber()
        publisher.console("late")
        assert console.recv(None)["msg"] == "late"


def test_unsubscribing_drops_what_was_not_received(publisher):
    with ReceiveConsoleOutput(zmq_subscribe_addr=publisher.address) as console:
        console.subscribe()
        publisher.wait_for_subscriber()
        publisher.console("one")
        publisher.console("two")
        assert console.recv(LIMIT_MS)["msg"] == "one"
        console.unsubscribe()
        assert publisher.wait_for_subscriber() == b"\x00QS_Console"
        console.subscribe()
        publisher.wait_for_subscriber()
        publisher.console("three")
        assert console.recv(LIMIT_MS)["msg"] == "three"


def test_an_encrypted_stream_is_read_with_the_key_of_the_manager():
    public, private = generate_keys()
    publisher = TinyPublisher(private)
    try:
        with ReceiveConsoleOutput(
            zmq_subscribe_addr=publisher.address, zmq_public_key=public
        ) as console:
            console.subscribe()
            publisher.wait_for_subscriber()
            publisher.console("secret")
            assert console.recv(LIMIT_MS)["msg"] == "secret"
    finally:
        publisher.close()


async def test_messages_are_awaited(publisher):
    console = ReceiveConsoleOutputAsync(zmq_subscribe_addr=publisher.address, timeout=50)
    with pytest.raises(TimeoutError, match="within 50 ms"):
        await console.recv()
    await asyncio.to_thread(publisher.wait_for_subscriber)
    publisher.console("text")
    assert (await console.recv(LIMIT_MS))["msg"] == "text"
    console.close()


async def test_a_message_that_comes_at_the_last_moment_is_not_lost():
    context = zmq.Context.shadow(zmq.asyncio.Context.instance().underlying)
    with context.socket(zmq.XPUB) as publisher:
        publisher.bind("inproc://the-last-moment")
        console = ReceiveConsoleOutputAsync(
            zmq_subscribe_addr="inproc://the-last-moment", timeout=50
        )
        with stopped_clock() as clock:
            receiving = asyncio.create_task(console.recv())
            await asyncio.sleep(0)
            assert publisher.recv() == b"\x01QS_Console"
            # The loop finds both at once: the message, and that the time is over.
            publisher.send_multipart([b"QS_Console", b'{"msg": "last"}'])
            await clock.advance(1)
            assert (await receiving)["msg"] == "last"
        console.close()


@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_messages_are_given_to_a_callback_between_start_and_stop(publisher, is_coroutine):
    received: asyncio.Queue[Any] = asyncio.Queue()

    def plain(message: dict[str, Any]) -> None:
        received.put_nowait(message["msg"])

    async def coroutine(message: dict[str, Any]) -> None:
        received.put_nowait(message["msg"])

    info = ReceiveSystemInfoAsync(zmq_subscribe_addr=publisher.address)
    info.set_callback(coroutine if is_coroutine else plain)
    for text in ("first", "second"):
        info.start()
        info.start()
        assert await asyncio.to_thread(publisher.wait_for_subscriber) == b"\x01QS_Info"
        publisher.send("QS_Info", {"time": 1.0, "msg": text})
        async with asyncio.timeout(LIMIT_S):
            assert await received.get() == text
        info.stop()
        assert await asyncio.to_thread(publisher.wait_for_subscriber) == b"\x00QS_Info"
    info.close()


async def test_an_unreadable_message_or_a_failing_callback_stops_nothing(publisher, caplog):
    received: asyncio.Queue[Any] = asyncio.Queue()

    def callback(message: dict[str, Any]) -> None:
        received.put_nowait(message["msg"])
        if message["msg"] == "bad":
            raise ValueError("callback")

    console = ReceiveConsoleOutputAsync(zmq_subscribe_addr=publisher.address)
    console.set_callback(callback)
    console.start()
    await asyncio.to_thread(publisher.wait_for_subscriber)
    publisher.send("QS_Console", b"\xff")
    publisher.console("bad")
    publisher.console("good")
    async with asyncio.timeout(LIMIT_S):
        assert [await received.get(), await received.get()] == ["bad", "good"]
    console.close()
    assert "passed over" in caplog.text
    assert "callback for published messages failed" in caplog.text


def test_the_console_monitor_writes_texts_unchanged_and_its_notices_elsewhere(publisher):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "qs_jupyter.cli.console_monitor",
            "--zmq-info-addr",
            publisher.address,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        publisher.wait_for_subscriber()
        for text in ("no newline", "\x1b[A", "line\n"):
            publisher.console(text)
        assert process.stdout is not None
        assert process.stdout.readline() == b"no newline\x1b[Aline\n"
        process.terminate()
        output, errors = process.communicate(timeout=LIMIT_S)
        assert output == b""
        assert publisher.address.encode() in errors
    finally:
        process.kill()
        process.communicate()


def test_the_console_monitor_refuses_an_unknown_encoding(capsys):
    assert console_monitor.main(["--zmq-encoding", "pickle"]) == 1
    assert "pickle" in capsys.readouterr().err
