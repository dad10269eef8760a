"""Tutorials: starting the queue server; opening and closing the environment."""

from __future__ import annotations

import re
import signal

import pytest

from tests.acceptance.running import MakeManager, RunningManager

pytestmark = pytest.mark.xdist_group("tutorial environment")

LOG_LINE = r"\[[DIWEC] \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [\w.]+\] "


def test_the_service_tells_on_stdout_what_it_listens_to_and_when_it_is_ready(
    make_manager: MakeManager,
) -> None:
    manager = make_manager()
    addresses = ("--zmq-control-addr", manager.home.control, "--zmq-info-addr", manager.home.info)
    service = manager.home.popen("start-re-manager", *addresses)
    manager.first_answer()
    service.send_signal(signal.SIGINT)
    output, errors = service.communicate(timeout=30)
    assert errors == b""
    assert service.returncode == 0
    text = output.decode()
    for line in (
        "RE Manager is started with settings:",
        "ZMQ control channels: encryption disabled",
        f"ZeroMQ server is waiting on {manager.home.control}",
        f"Queue and history are kept in {manager.home.folder}"
        "/home/.local/share/qs-jupyter/store.sqlite",
        "RE Manager is ready",
    ):
        assert re.search(rf"^{LOG_LINE}{re.escape(line)}$", text, re.MULTILINE)


def test_status_tells_that_the_manager_is_idle_and_has_no_environment(
    closed: RunningManager,
) -> None:
    answer = closed.qserver("status")
    status = answer.reply
    assert answer.code == 0
    assert answer.output.splitlines()[0] == "Arguments: ['status']"
    assert status["msg"].startswith("RE Manager")
    assert status["manager_state"] == "idle"
    assert status["worker_environment_exists"] is False
    assert status["worker_environment_state"] == "closed"
    assert status["worker_background_tasks"] == 0
    assert status["re_state"] is None
    assert status["pause_pending"] is False
    assert status["queue_stop_pending"] is False
    assert status["running_item_uid"] is None
    assert status["items_in_queue"] == 0
    assert status["items_in_history"] == 0
    assert status["plan_queue_mode"]["loop"] is False
    for name in ("devices", "plans"):
        assert status[f"{name}_allowed_uid"] != status[f"{name}_existing_uid"]


def test_a_command_without_a_manager_ends_with_a_readable_timeout(closed: RunningManager) -> None:
    answer = closed.home.run("qserver", "-a", "tcp://127.0.0.1:1", "status")
    assert answer.code == 3
    assert "ERROR: ZMQ communication error: timeout occurred" in answer.output
    assert "Traceback" not in answer.errors


def test_the_environment_is_opened_and_closed_as_often_as_one_likes(
    closed: RunningManager,
) -> None:
    for _ in range(2):
        assert closed.qserver("environment", "open").is_accepted
        opened = closed.until(lambda status: status["worker_environment_exists"])
        assert opened["manager_state"] == "idle"
        assert opened["worker_environment_state"] == "idle"
        assert opened["re_state"] == "idle"

        again = closed.qserver("environment", "open")
        assert again.code == 2
        assert again["success"] is False
        assert again["msg"] == "RE Worker environment already exists."

        assert closed.qserver("environment", "close").is_accepted
        status = closed.until(lambda status: not status["worker_environment_exists"])
        status = closed.until_idle()
        assert status["worker_environment_state"] == "closed"
        assert status["re_state"] is None

        again = closed.qserver("environment", "close")
        assert again.code == 2
        assert again["msg"] == "RE Worker environment does not exist."


def test_a_second_request_to_open_is_refused_while_the_first_is_carried_out(
    closed: RunningManager,
) -> None:
    begun = closed.status()
    closed.do("environment_open")
    reply = closed.ask("environment_open")
    assert reply["success"] is False
    assert reply["msg"] == (
        "Manager is already in the process of creating the RE Worker environment."
    )
    closed.until(lambda status: status["worker_environment_exists"])
    states = [s["manager_state"] for s in closed.watch.statuses if s["time"] > begun["time"]]
    assert list(dict.fromkeys(states)) == ["creating_environment", "idle"]


def test_an_idle_environment_is_destroyed_and_another_one_opened(opened: RunningManager) -> None:
    worker = opened.worker_pid
    assert opened.qserver("environment", "destroy").is_accepted
    opened.until(lambda status: not status["worker_environment_exists"])
    status = opened.until_idle()
    assert status["worker_environment_state"] == "closed"

    again = opened.qserver("environment", "destroy")
    assert again.code == 2
    assert "RE environment does not exist" in again["msg"]

    opened.open()
    assert opened.worker_pid != worker


def test_the_queue_is_not_started_without_an_environment(closed: RunningManager) -> None:
    closed.add_count()
    answer = closed.qserver("queue", "start")
    assert answer.code == 2
    assert answer["msg"] == "RE Worker environment does not exist."
    assert closed.status()["items_in_queue"] == 1


def test_a_busy_environment_is_not_closed_but_can_be_destroyed(opened: RunningManager) -> None:
    item = opened.add_count(num=20, delay=1)
    opened.do("queue_start")
    opened.until_running(item)
    opened.until(lambda status: len(opened.do("re_runs")["run_list"]) == 1)

    answer = opened.qserver("environment", "close")
    assert answer.code == 2
    assert answer["msg"] == "Queue execution is in progress."

    assert opened.qserver("environment", "destroy").is_accepted
    opened.until(lambda status: not status["worker_environment_exists"])
    status = opened.until_idle()
    assert status["items_in_queue"] == 1
    assert status["items_in_history"] == 1
    assert status["running_item_uid"] is None
    (entry,) = opened.history()
    assert entry["item_uid"] == item
    assert entry["result"]["exit_status"] == "failed"
    assert entry["result"]["msg"] == "RE Worker environment was destroyed"
    assert len(entry["result"]["run_uids"]) == 1
    (waiting,) = opened.queue()
    assert waiting["item_uid"] != item
    assert waiting["name"] == "count"


def test_ctrl_c_ends_the_service_and_everything_it_started(make_manager: MakeManager) -> None:
    manager = make_manager().start()
    manager.open()
    assert len(manager.home.processes()) >= 3
    assert manager.stop() == 0
    assert manager.home.processes() == []
    assert "Traceback" not in manager.terminal()


def test_ctrl_c_interrupts_a_plan_without_a_question(make_manager: MakeManager) -> None:
    manager = make_manager().start()
    manager.open()
    running, waiting = manager.add_count(num=60, delay=1), manager.add_count()
    manager.do("queue_start")
    manager.until_running(running)
    assert manager.stop() == 0
    assert manager.home.processes() == []

    manager.start()
    status = manager.status()
    assert (status["manager_state"], status["worker_environment_exists"]) == ("idle", False)
    (entry,) = manager.history()
    assert entry["item_uid"] == running
    assert entry["result"]["exit_status"] == "failed"
    assert entry["result"]["msg"] == "RE Worker environment was destroyed"
    again, last = manager.queue()
    assert (again["name"], again["kwargs"]) == (entry["name"], entry["kwargs"])
    assert last["item_uid"] == waiting


def test_manager_stop_ends_the_service_with_exit_code_0(make_manager: MakeManager) -> None:
    manager = make_manager().start()
    assert manager.qserver("manager", "stop")["success"] is True
    assert manager.launcher is not None
    assert manager.launcher.wait(20) == 0
    assert manager.home.processes() == []
