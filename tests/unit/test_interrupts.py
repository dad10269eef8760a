"""Interrupts strike user code, wait for it, and never strike what comes after."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from qs_kernel_worker.interrupts import Interrupts


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
