"""The places of ipykernel that the worker builds on: each is there and does what we count on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from qs_kernel_worker import hooks
from qs_kernel_worker.messages import GetStatus

shared = pytest.mark.asyncio(loop_scope="session")


def test_the_installed_ipykernel_has_every_hook() -> None:
    hooks.check_hooks()


def test_a_moved_hook_is_named(monkeypatch) -> None:
    monkeypatch.setitem(hooks.HOOKS, hooks.OutStream, {"write": "text", "gone": ""})
    with pytest.raises(hooks.MovedHookError, match=r"OutStream\.write, OutStream\.gone"):
        hooks.check_hooks()


def test_another_ipykernel_is_refused_with_the_remedy(monkeypatch) -> None:
    monkeypatch.setattr(hooks, "SUPPORTED", ((8, 0), (9, 0)))
    with pytest.raises(hooks.MovedHookError, match="pip install"):
        hooks.check_hooks()


async def look(bench, expression: str) -> object:
    await bench.script(
        "from ipykernel.kernelapp import IPKernelApp\n"
        "app = IPKernelApp.instance()\n"
        f"def look():\n    return {expression}\n"
    )
    return (await bench.function("look")).return_value


@shared
async def test_the_classes_of_the_worker_are_in_use(bench) -> None:
    expression = "[type(x).__name__ for x in (app, app.kernel, app.shell, sys.stdout, sys.stderr)]"
    assert await look(bench, expression) == [
        "WorkerApp",
        "WorkerKernel",
        "WorkerShell",
        "WorkerOutStream",
        "WorkerOutStream",
    ]


@shared
async def test_nobody_watches_the_parent(bench) -> None:
    assert await look(bench, "app.poller is None") is True


@shared
async def test_the_send_queue_of_iopub_is_raised(bench) -> None:
    assert await look(bench, "app.iopub_thread.socket.sndhwm") == 20_000


@shared
async def test_threads_switch_faster_than_usual(bench) -> None:
    assert await look(bench, "sys.getswitchinterval()") == pytest.approx(0.0005)


@shared
async def test_requests_of_the_manager_make_no_chatter(bench) -> None:
    await bench.plan("empty")  # whatever others were told is here before its end
    parents: list[str] = []
    channels = bench.driver._link._channels
    channels._readers[2].cancel()
    socket, take = channels._sockets["iopub"]

    def take_and_note(message: dict[str, Any]) -> None:
        if message["msg_type"] == "status":
            parents.append(message["parent_header"]["msg_type"])
        take(message)

    channels._readers[2] = asyncio.create_task(channels._read(socket, take_and_note))
    await bench.plan("empty")
    await bench.driver.request(GetStatus())
    await bench.plan("empty")
    assert set(parents) == {"qs_run"}
