"""Waiting for the manager from a cell."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable
from contextlib import redirect_stdout

import pytest

from qs_jupyter.magics.failures import PlanEndedBadly, WaitEnded
from qs_jupyter.testing.fake_kernel import Ending
from tests.contract.magics.notebook import LIMIT_S, ManagerThread, Notebook


class Screen(io.StringIO):
    """A terminal that tells when a text appears on it."""

    def __init__(self, text: str, then: Callable[[], object]) -> None:
        super().__init__()
        self._text = text
        self._then: Callable[[], object] | None = then

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._then is not None and self._text in text:
            then, self._then = self._then, None
            then()
        return written


@pytest.fixture
def running(notebook: Notebook, manager: ManagerThread) -> str:
    """The UID of a running plan."""
    reply = notebook.good("%qserver queue add plan count([det1])")
    notebook.good("%qserver queue start;")
    manager.do(manager.running.until(running_item_uid=reply["item"]["item_uid"]))
    return str(reply["item"]["item_uid"])


def when_waiting(deed: Callable[[], object]) -> threading.Thread:
    """Do something in another thread, which is most likely after the wait has begun."""
    thread = threading.Thread(target=deed, name="later")
    thread.start()
    return thread


def test_a_wait_that_follows_a_request_sees_what_the_request_began(
    notebook: Notebook, manager: ManagerThread
) -> None:
    manager.running.kernel.endings["count"] = Ending()
    for _ in range(20):
        notebook.good("%qserver -q queue add plan count([det1])\n%qserver -q queue start")
        assert notebook.good("%qserver wait queue")["items_in_queue"] == 0
    assert manager.call("status")["items_in_history"] == 20


def test_a_wait_for_an_item_returns_its_result(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    thread = when_waiting(lambda: manager.touch(manager.running.kernel.end_plan))
    reply = notebook.good(f"%qserver wait item {running[:8]}")
    thread.join()
    assert reply["item"]["result"]["exit_status"] == "completed"


def test_a_failed_plan_fails_the_wait(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    def fail() -> None:
        kernel = manager.running.kernel
        manager.touch(lambda: kernel.end_plan("failed", msg="the motor is stuck"))

    thread = when_waiting(fail)
    ran = notebook.run(f"%qserver wait item {running}")
    thread.join()
    assert isinstance(ran.error, PlanEndedBadly)
    assert "count([det1]) failed" in str(ran.error)
    assert "the motor is stuck" in str(ran.error)
    assert ran.error.item["item_uid"] == running


def test_a_removed_item_is_not_waited_for_for_ever(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    uid = notebook.good("%qserver queue add plan mv(motor, 1)")["item"]["item_uid"]
    thread = when_waiting(lambda: manager.call("queue_item_remove", uid=uid))
    text = notebook.bad(f"%qserver wait item {uid}")
    thread.join()
    assert "no item has the UID" in text or "no longer in the queue" in text


def test_a_failed_opening_fails_the_wait(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("%qserver -q environment close")
    manager.do(manager.running.until(worker_environment_exists=False, manager_state="idle"))
    manager.running.kernel.start_failure = "no such interpreter"
    notebook.good("%qserver -q environment open")
    text = notebook.bad("%qserver wait env")
    assert "the environment is not open" in text
    assert "no such interpreter" in text


def test_a_wait_for_a_pause_ends_with_the_pause(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    thread = when_waiting(lambda: manager.touch(manager.running.kernel.reach_pause))
    assert notebook.good("%qserver wait paused")["running_item_uid"] == running
    thread.join()
    notebook.good("%qserver -q re resume")


def test_a_wait_for_a_running_plan_ends_when_it_can_be_paused(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    assert notebook.good("%qserver wait running")["re_state"] == "running"
    notebook.good("%qserver re pause")
    manager.touch(manager.running.kernel.reach_pause)
    manager.do(manager.running.until(manager_state="paused"))
    notebook.good("%qserver re resume")
    assert notebook.good("%qserver wait running")["manager_state"] == "executing_queue"


def test_a_wait_for_a_running_plan_fails_when_there_is_none(notebook: Notebook) -> None:
    assert "no plan is running" in notebook.bad("%qserver wait running")


def test_a_queue_that_a_plan_has_stopped_fails_the_wait(
    notebook: Notebook, manager: ManagerThread
) -> None:
    manager.running.kernel.endings["count"] = Ending("failed", msg="the motor is stuck")
    notebook.good("%qserver queue add plan count([det1])\n%qserver queue add plan null()")
    notebook.good("%qserver queue start")
    # It has failed before anybody could wait for it.
    manager.do(manager.running.until(manager_state="idle", items_in_history=1))
    ran = notebook.run("%qserver wait queue")
    assert isinstance(ran.error, PlanEndedBadly)
    assert str(ran.error) == (
        "count([det1]) failed: the motor is stuck (the queue has stopped, 2 items left)"
    )
    # What has been told once is not told again.
    assert "No plan has run meanwhile" in repr(notebook.good("%qserver wait queue"))


def test_failures_that_are_to_be_ignored_do_not_fail_the_wait(
    notebook: Notebook, manager: ManagerThread
) -> None:
    manager.running.kernel.endings["count"] = Ending("failed", msg="the motor is stuck")
    notebook.good("%qserver queue mode set ignore_failures True")
    try:
        notebook.good("%qserver queue add plan count([det1])\n%qserver queue start")
        reply = notebook.good("%qserver wait queue")
    finally:
        notebook.good("%qserver queue mode set ignore_failures False")
    assert [item["result"]["exit_status"] for item in reply["ended"]] == ["failed"]
    assert "1 plan failed" in repr(reply)


def test_the_latest_task_needs_no_name(notebook: Notebook, manager: ManagerThread) -> None:
    reply = notebook.good("%qserver function execute function_sleep(1)")
    thread = when_waiting(lambda: manager.touch(manager.running.kernel.end_task))
    assert notebook.good("%qserver wait task")["task_uid"] == reply["task_uid"]
    thread.join()
    short = reply["task_uid"][:6]
    assert notebook.good(f"%qserver wait task {short}")["task_uid"] == reply["task_uid"]
    assert "no task known here" in notebook.bad("%qserver wait task 12-nonsense")


def test_a_wait_for_a_pause_of_nothing_fails(notebook: Notebook) -> None:
    assert "no plan is running" in notebook.bad("%qserver wait paused")


def test_a_wait_for_a_task_shows_its_result(notebook: Notebook, manager: ManagerThread) -> None:
    task = notebook.good("%qserver function execute function_sleep(1)")["task_uid"]
    kernel = manager.running.kernel
    thread = when_waiting(lambda: manager.touch(lambda: kernel.end_task(return_value=17)))
    reply = notebook.good(f"%qserver wait task {task}")
    thread.join()
    assert reply["result"]["return_value"] == 17
    assert "17" in repr(reply)


def test_a_bar_appears_after_a_second_and_vanishes(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    screen = Screen(
        "executing queue: count", lambda: manager.touch(manager.running.kernel.end_plan)
    )
    with redirect_stdout(screen):
        done = notebook.shell.run_cell("%qserver -q wait idle")
    assert done.success
    assert screen.getvalue().rpartition("\r")[2].strip() == ""


def test_a_plan_without_a_run_cannot_be_drawn(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    screen = Screen("executing queue", lambda: manager.touch(manager.running.kernel.end_plan))
    with redirect_stdout(screen):
        done = notebook.shell.run_cell("%qserver plot")
    assert "this plan has made no run" in str(done.error_in_exec)


@pytest.mark.parametrize(
    ("word", "title"),
    [("stop", "is being stopped"), ("abort", "is being aborted"), ("halt", "is being halted")],
)
def test_a_paused_plan_is_ended_in_three_ways(
    notebook: Notebook, manager: ManagerThread, running: str, word: str, title: str
) -> None:
    assert "pauses now" in repr(notebook.good("%qserver re pause immediate"))
    manager.touch(manager.running.kernel.reach_pause)
    notebook.good("%qserver wait paused")
    assert title in repr(notebook.good(f"%qserver re {word}"))
    notebook.good("%qserver wait idle")
    assert manager.call("status")["items_in_history"] == 1


def test_a_short_wait_prints_nothing(notebook: Notebook) -> None:
    assert notebook.run("%qserver -q wait idle").output == ""


def test_ctrl_c_ends_the_wait_and_not_the_plan(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    screen = Screen("executing queue", lambda: os.kill(os.getpid(), signal.SIGINT))
    with redirect_stdout(screen):
        done = notebook.shell.run_cell("%qserver wait queue")
    assert isinstance(done.error_in_exec, WaitEnded)
    assert "no longer waiting; the manager goes on" in screen.getvalue()
    assert manager.call("status")["running_item_uid"] == running


def test_python_code_can_await_while_other_tasks_go_on(
    notebook: Notebook, manager: ManagerThread, running: str
) -> None:
    notebook.shell.user_ns["end_plan"] = lambda: manager.touch(manager.running.kernel.end_plan)
    notebook.good(
        "import asyncio\n"
        "from qs_jupyter import qs\n"
        "async def work():\n"
        "    await asyncio.sleep(0)\n"
        "    await asyncio.to_thread(end_plan)\n"
        "task = asyncio.ensure_future(work())\n"
        "reply = await qs.wait()\n"
        "await task\n"
        "item = await qs.wait('item count')"
    )
    assert notebook.good("reply['manager_state'], item['item']['name']") == ("idle", "count")


def test_console_output_is_followed_until_ctrl_c(
    notebook: Notebook, manager: ManagerThread
) -> None:
    kernel = manager.running.kernel
    screen = Screen("second line", lambda: os.kill(os.getpid(), signal.SIGINT))

    def speak() -> None:
        manager.touch(lambda: kernel.print("first line\n"))
        hub = notebook.good("from qs_jupyter import qs; qs('whoami')")
        assert hub

    speak()
    ended = threading.Event()

    def keep_speaking() -> None:
        while not ended.wait(0.05):
            manager.touch(lambda: kernel.print("second line\n"))

    thread = when_waiting(keep_speaking)
    try:
        with redirect_stdout(screen):
            done = notebook.shell.run_cell("%qserver follow")
    finally:
        ended.set()
        thread.join(LIMIT_S)
    assert done.success
    assert "the manager goes on" in screen.getvalue()
    assert "second line" in notebook.run("%qserver follow 1 lines").output


def test_the_status_is_monitored_until_ctrl_c(notebook: Notebook, manager: ManagerThread) -> None:
    screen = Screen("1 in the queue", lambda: os.kill(os.getpid(), signal.SIGINT))
    item = {"item_type": "plan", "name": "null"}
    thread = when_waiting(
        lambda: manager.call("queue_item_add", item=item, user="bob", user_group="primary")
    )
    with redirect_stdout(screen):
        done = notebook.shell.run_cell("%qserver monitor")
    thread.join(LIMIT_S)
    assert done.success
    assert "idle, environment idle, 1 in the queue" in screen.getvalue()
