"""How fast status is answered, for one client and for many."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.measuring import Measurement, benchmark, ms, times
from tests.benchmarks.service import Client, Service, free_port, request

STATUS = request("status")
CLIENTS = 8
SECONDS = 3.0


@benchmark
def status() -> Iterator[Measurement]:
    """Ask for the status, alone and with eight clients in processes of their own."""
    with Service() as service:
        alone = times(lambda: service.client.raw(STATUS), 5000, warm_up=500)
        reply = service.client.raw(STATUS)
        together = [_rate_of_many(service.address) for _ in range(3)]
    echo, echo_together = _limits(reply)
    yield ms("status, one client", alone, aim=0.13)
    yield ms("limit: one client of a bare 0MQ echo with that reply", echo)
    yield Measurement("status, 8 clients, all together", "/s", tuple(together), aim=12_000)
    yield Measurement("limit: 8 clients of a bare 0MQ echo", "/s", tuple(echo_together))


def _rate_of_many(address: str) -> float:
    """Return the number of replies per second that all clients got together."""
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", _CLIENT, address, str(SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(CLIENTS)
    ]
    for client in clients:
        assert client.stdout is not None
        client.stdout.readline()  # it is connected
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    return sum(int(client.communicate()[0]) for client in clients) / SECONDS


_CLIENT = f"""
import sys, time, zmq
socket = zmq.Context().socket(zmq.REQ)
socket.connect(sys.argv[1])
def ask():
    socket.send({STATUS!r})
    socket.recv()
ask()
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + float(sys.argv[2])
count = 0
while time.monotonic() < end:
    ask()
    count += 1
print(count)
"""


def _limits(reply: bytes) -> tuple[list[float], list[float]]:
    """Measure a server that does nothing but send the same bytes."""
    address = f"tcp://127.0.0.1:{free_port()}"
    server = subprocess.Popen([sys.executable, "-c", _ECHO, address], stdin=subprocess.PIPE)
    assert server.stdin is not None
    try:
        server.stdin.write(len(reply).to_bytes(4, "big") + reply)
        server.stdin.flush()
        client = Client(address)
        alone = times(lambda: client.raw(STATUS), 5000, warm_up=500)
        client.close()
        return alone, [_rate_of_many(address) for _ in range(3)]
    finally:
        server.kill()
        server.wait()
        server.stdin.close()


_ECHO = """
import sys, zmq
size = int.from_bytes(sys.stdin.buffer.read(4), "big")
reply = sys.stdin.buffer.read(size)
socket = zmq.Context().socket(zmq.ROUTER)
socket.bind(sys.argv[1])
while True:
    frames = socket.recv_multipart()
    socket.send_multipart([*frames[:2], reply])
"""
