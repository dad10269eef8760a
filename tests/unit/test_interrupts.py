"""Interrupts strike user code, wait for it, and never strike what comes after."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator

import pytest

from qs_kernel_worker.interrupts import AGAIN_AFTER_S, Interrupts
from tests.loop_clock import stopped_clock


@pytest.fixture
def occupant() -> list[str]:
    """The one who holds the main thread, if there is somebody."""
    return ["cell 1"]


@pytest.fixture
def interrupts(occupant: list[str]) -> Iterator[Interrupts]:
    """The handler in place."""
    before = signal.getsignal(signal.SIGINT)
    interrupts = Interrupts(lambda: occupant[0] if occupant else None)
    interrupts.install()
    yield interrupts
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_user_code_is_struck(interrupts: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.user_code():
        interrupt()


def test_what_comes_early_waits_for_the_user_code(interrupts: Interrupts) -> None:
    interrupt()
    with pytest.raises(KeyboardInterrupt), interrupts.user_code():
        pytest.fail("the user code has run")
    with interrupts.user_code():
        pass


def test_what_comes_late_does_not_strike_the_next(
    interrupts: Interrupts, occupant: list[str]
) -> None:
    with interrupts.user_code():
        pass
    interrupt()
    occupant[:] = ["cell 2"]
    with interrupts.user_code():
        pass


def test_an_idle_main_thread_is_left_alone(interrupts: Interrupts, occupant: list[str]) -> None:
    occupant.clear()
    interrupt()
    occupant.append("cell 1")
    with interrupts.user_code():
        pass


def test_user_code_inside_user_code_leaves_the_outer_one_open(interrupts: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.user_code():
        with interrupts.user_code():
            pass
        interrupt()


def test_code_in_another_thread_does_not_open_the_main_thread(interrupts: Interrupts) -> None:
    inside, over = threading.Event(), threading.Event()

    def elsewhere() -> None:
        with interrupts.user_code():
            inside.set()
            over.wait()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    inside.wait()
    interrupt()
    over.set()
    thread.join()


def test_the_traceback_of_an_interrupt_ends_in_the_user_code(interrupts: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, interrupts.user_code():
        interrupt()
    files = [entry.path.name for entry in caught.traceback]
    assert "interrupts.py" not in files


async def after_the_last_repetition() -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(AGAIN_AFTER_S[-1], over.set)
    await over.wait()


def test_an_interrupt_that_a_blocking_call_has_missed_is_repeated(interrupts: Interrupts) -> None:
    first = threading.Event()
    wait = threading.Event()

    def signal_main_thread() -> None:
        if first.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        first.set()  # the first one is as good as missed

    async def strike() -> None:
        interrupts.strike()
        await after_the_last_repetition()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qs_kernel_worker.interrupts._signal_main_thread", signal_main_thread)
        sender = threading.Thread(target=asyncio.run, args=(strike(),))
        with pytest.raises(KeyboardInterrupt), interrupts.user_code():
            sender.start()
            wait.wait(20)
        sender.join()


def test_an_interrupt_that_was_noticed_is_not_repeated(interrupts: Interrupts) -> None:
    sent = []
    noticed = threading.Event()

    async def strike() -> None:
        with stopped_clock() as clock:  # however long the main thread takes to notice
            interrupts.strike()
            assert await asyncio.to_thread(noticed.wait, 20)
            await clock.advance(AGAIN_AFTER_S[-1])

    def signal_main_thread() -> None:
        sent.append(1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qs_kernel_worker.interrupts._signal_main_thread", signal_main_thread)
        sender = threading.Thread(target=asyncio.run, args=(strike(),))
        with interrupts.user_code():
            with pytest.raises(KeyboardInterrupt):
                sender.start()
                threading.Event().wait(20)
            noticed.set()
            sender.join()  # cleaning up, which nobody may interrupt once more
    assert sent == [1]
