"""Tutorials: adding items to the queue; starting and stopping the queue."""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from qs_jupyter.api.phrase_slots import SLOTS, Word
from qs_jupyter.api.phrases import Phrase
from qs_jupyter.cli import qserver
from tests.acceptance.running import RunningManager, uids

pytestmark = pytest.mark.xdist_group("tutorial queue")


def queue_get(manager: RunningManager) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    reply = manager.qserver("queue", "get").reply
    assert reply["success"] is True
    return reply["items"], reply["running_item"]


def type_plan(manager: RunningManager, item: dict[str, Any]) -> str:
    """Add a plan with a command and return its UID."""
    answer = manager.qserver("queue", "add", "plan", json.dumps(item))
    return str(answer["item"]["item_uid"])


# ------------------------------------------------------------------------------ adding items


def test_allowed_plans_and_devices_are_shown_by_name(manager: RunningManager) -> None:
    reply = manager.qserver("allowed", "plans").reply
    assert reply["success"] is True
    assert {"count", "scan", "adaptive_scan", "count_bundle_test", "x2x_scan"} <= set(
        reply["plans_allowed"]
    )
    assert set(reply["plans_allowed"].values()) == {"{...}"}
    assert list(reply["plans_allowed"]) == sorted(reply["plans_allowed"])
    assert reply["plans_allowed_uid"] == manager.status()["plans_allowed_uid"]

    reply = manager.qserver("allowed", "devices").reply
    assert {"det1", "det2", "motor", "sim_bundle_A", "sim_bundle_B"} <= set(
        reply["devices_allowed"]
    )
    assert reply["devices_allowed_uid"] == manager.status()["devices_allowed_uid"]


def test_a_cleared_queue_is_empty(manager: RunningManager) -> None:
    manager.add_count()
    assert manager.qserver("queue", "clear").is_accepted
    assert manager.qserver("status")["items_in_queue"] == 0
    reply = manager.qserver("queue", "get").reply
    assert reply["items"] == []
    assert reply["running_item"] == {}
    assert reply["plan_queue_uid"] == manager.status()["plan_queue_uid"]


def test_items_are_added_at_the_back_the_front_and_by_position(manager: RunningManager) -> None:
    plan = '{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 10, "delay": 1}}'
    before = manager.status()["plan_queue_uid"]
    count = manager.qserver("queue", "add", "plan", plan).reply
    assert count["success"] is True
    assert count["msg"] == ""
    assert count["qsize"] == 1
    count_uid = count["item"]["item_uid"]
    assert count["item"] == {
        "item_type": "plan",
        "name": "count",
        "args": [["det1", "det2"]],
        "kwargs": {"num": 10, "delay": 1},
        "item_uid": count_uid,
        "user": "qserver-cli",
        "user_group": "primary",
    }
    assert manager.qserver("status")["items_in_queue"] == 1
    assert manager.status()["plan_queue_uid"] != before
    items, running = queue_get(manager)
    assert items == [count["item"]]
    assert running == {}

    plan = '{"name": "scan", "args": [["det1", "det2"], "motor", -1, 1, 10]}'
    scan = manager.qserver("queue", "add", "plan", plan).reply
    assert scan["qsize"] == 2
    assert scan["item"]["args"] == [["det1", "det2"], "motor", -1, 1, 10]
    assert "kwargs" not in scan["item"]
    assert queue_get(manager)[0] == [count["item"], scan["item"]]

    plan = '{"name": "scan", "args": [["det1"], "motor", -2, 2, 5]}'
    front = manager.qserver("queue", "add", "plan", "front", plan).reply
    assert front["qsize"] == 3
    assert queue_get(manager)[0] == [front["item"], count["item"], scan["item"]]

    stop = manager.qserver("queue", "add", "instruction", "-2", "queue-stop").reply
    assert stop["qsize"] == 4
    assert stop["item"] == {
        "item_type": "instruction",
        "name": "queue_stop",
        "item_uid": stop["item"]["item_uid"],
        "user": "qserver-cli",
        "user_group": "primary",
    }
    items = [front["item"], count["item"], stop["item"], scan["item"]]
    # The new item ends at the position that was given, counted in the new queue.
    assert queue_get(manager)[0] == items


def test_items_are_addressed_by_position_and_by_uid(manager: RunningManager) -> None:
    first, second, third = (manager.add_count(num=n) for n in (1, 2, 3))
    assert manager.qserver("queue", "item", "get")["item"]["item_uid"] == third
    assert manager.qserver("queue", "item", "get", "front")["item"]["item_uid"] == first
    assert manager.qserver("queue", "item", "get", second)["item"]["item_uid"] == second
    answer = manager.qserver("queue", "item", "move", "back", "front")
    assert answer["item"]["item_uid"] == third
    assert uids(manager.queue()) == [third, first, second]
    answer = manager.qserver("queue", "item", "move", third, "after", second)
    assert uids(manager.queue()) == [first, second, third]
    answer = manager.qserver("queue", "item", "remove", "-2")
    assert answer["item"]["item_uid"] == second
    assert answer["qsize"] == 2
    assert manager.qserver("queue", "item", "move", "1", "3").code == 2


def test_a_plan_is_updated_in_place_and_replaced_under_a_new_uid(manager: RunningManager) -> None:
    uid = manager.add_count()
    plan = '{"name": "count", "args": [["det1"]], "kwargs": {"num": 7}}'
    assert manager.qserver("queue", "update", "plan", uid, plan)["item"]["item_uid"] == uid
    (item,) = manager.queue()
    assert item["kwargs"] == {"num": 7}
    replaced = manager.qserver("queue", "replace", "plan", uid, plan)["item"]["item_uid"]
    assert replaced != uid
    assert uids(manager.queue()) == [replaced]


# Words that are typed, and how the command ends: 0 done, 1 wrong command and nothing sent,
# 2 refused, 3 no reply.
COUNT = '{"name": "count", "args": [["det1"]]}'
ENDINGS: list[tuple[int, str, list[str]]] = [
    (0, "", ["ping"]),
    (0, "", ["queue", "add", "plan", COUNT]),
    (0, "", ["queue", "add", "plan", "{'name': 'count', 'args': [['det1']], 'kwargs': {}}"]),
    (0, "", ["queue", "mode", "set"]),
    (1, "A map is expected, like ", ["queue", "add", "plan", '{"name":"count"']),
    (1, "VALUE is expected", ["queue", "mode", "set", "loop"]),
    (2, "Unsupported type '<class 'str'>'", ["queue", "mode", "set", "loop", "true"]),
    (2, "Lock key is not specified", ["lock", "environment"]),
    (1, "environment, queue, all or info", ["lock"]),
    (2, "Lock key is not specified", ["unlock"]),
    (1, "Unexpected word 'queue'", ["lock", "environment", "queue"]),
    (1, "the lock key is empty", ["-k", "", "queue", "clear"]),
    (1, "TASK_UID is expected", ["task", "status"]),
    (1, "active, open, closed", ["re", "runs", "xyz"]),
    (1, "nothing more is expected", ["config", "x"]),
    (1, "nothing more is expected", ["history", "get", "x"]),
    (1, "lists or nothing more", ["permissions", "reload", "x"]),
    (1, "get, set or reload is expected", ["permissions"]),
    (1, "did you mean 'queue'?", ["queeu", "get"]),
    (1, "did you mean '--json'?", ["--jsn", "status"]),
    (1, "Unknown encoding 'pickle'", ["--zmq-encoding", "pickle", "status"]),
    (1, "cannot be read: No such file", ["permissions", "set", "no-such-file.yaml"]),
    (2, "was not found", ["queue", "item", "move", "1", "3"]),
    (3, "timeout occurred", ["-a", "tcp://127.0.0.1:1", "status"]),
]


def test_exit_codes_tell_how_a_command_ended(manager: RunningManager) -> None:
    for code, text, words in ENDINGS:
        answer = manager.qserver(*words)
        assert answer.code == code, (words, answer)
        assert "Traceback" not in answer.errors
        if code == 1:
            # Nothing was sent, and one line says what is wrong.
            assert answer.output == ""
            assert answer.errors.startswith("qserver: ")
            assert answer.errors.count("\n") == 1
            assert text in answer.errors
        else:
            assert answer.errors == ""
            assert text in (answer.reply["msg"] if code != 3 else answer.output)
    assert len(manager.queue()) == 2


# What may stand for the kinds of words that help speaks of.
SAMPLES = {
    "POS": "0",
    "UID": "no-such-item",
    "HISTORY_UID": "no-such-item",
    "TASK_UID": "no-such-task",
    "PLAN": COUNT,
    "FUNCTION": '{"name": "function_sleep", "args": [0]}',
    "NAME": "loop",
    "VALUE": "False",
    "N": "3",
    "NOTE": "a note",
}
FILES = {
    "permissions_file": ("p.yaml", "user_groups: {root: {}}"),
    "script_file": ("s.py", "x = 1"),
    "items_file": ("b.json", f"[{COUNT}]"),
}
# Typed elsewhere, because they end or silence the manager, or never end themselves.
LEFT_OUT = ("manager_stop", "manager_kill", "monitor")


def spoken(phrase: Phrase) -> Iterator[list[str]]:
    """Yield every way to say a phrase, with one sample for each kind of word."""
    choices: list[list[list[str]]] = []
    for part in phrase.parts:
        if isinstance(part.content, Word):
            choices.append([[part.content.text]])
            continue
        file = next((FILES[name][0] for name in FILES if SLOTS[name] is part.content), "")
        ways = [
            [
                token.text if isinstance(token, Word) else SAMPLES.get(token.kind, file)
                for token in way.tokens
            ]
            for way in part.content.ways
        ]
        choices.append([*ways, []] if part.optional else ways)
    for chosen in itertools.product(*choices):
        yield list(itertools.chain(*chosen))


def test_every_command_that_help_lists_is_understood_and_answered(
    manager: RunningManager, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(manager.home.work)
    monkeypatch.setenv("HOME", str(manager.home.folder / "home"))
    for name, content in FILES.values():
        (manager.home.work / name).write_text(content)
    commands = [
        words
        for phrase in qserver.grammar().phrases
        if phrase.method not in LEFT_OUT
        for words in spoken(phrase)
    ]
    assert len(commands) > 90
    try:
        for words in commands:
            # In this process, which is faster than a new one for each of them.
            code = qserver.main(["-a", manager.home.control, "-k", "key", *words])
            printed = capsys.readouterr()
            assert code in (qserver.SUCCESS, qserver.REFUSED), (words, printed)
            assert printed.err == ""
            assert printed.out.startswith(f"Arguments: {words}\n")
            reply = ast.literal_eval(printed.out.partition(" - MESSAGE: \n")[2])
            assert (reply.get("success") is False) == (code == qserver.REFUSED)
            assert "Internal error" not in reply["msg"]
    finally:
        manager.do("unlock", lock_key="key")
        manager.do("permissions_reload")


def test_a_key_opens_every_command_that_it_is_meant_for(manager: RunningManager) -> None:
    key = ("-k", "key")
    assert manager.qserver(*key, "lock", "all").code == 0
    for words in ("queue clear", "queue mode set loop False", "queue autostart disable"):
        assert manager.qserver(*words.split()).code == 2
        assert manager.qserver(*key, *words.split()).is_accepted
    # Reading needs no key, and a key that is given there does no harm.
    for words in ("queue get", "re runs", "history get", "task status x"):
        assert manager.qserver(*words.split()).code == 0
        assert manager.qserver(*key, *words.split()).code == 0
    assert manager.qserver(*key, "unlock").code == 0


def test_a_plan_that_does_not_exist_is_refused_with_a_reason(manager: RunningManager) -> None:
    answer = manager.qserver("queue", "add", "plan", '{"name": "nope", "args": []}')
    assert answer.code == 2
    assert answer["success"] is False
    assert answer["msg"].startswith("Failed to add an item: Plan validation failed: ")
    assert "Plan 'nope' is not in the list of allowed plans" in answer["msg"]
    assert manager.status()["items_in_queue"] == 0


# -------------------------------------------------------------- starting and stopping the queue


def test_a_started_queue_runs_all_plans_and_archives_them(opened: RunningManager) -> None:
    held, count = opened.held_plan(), {"name": "count", "args": [["det1", "det2"]]}
    begin = len(opened.terminal())
    first, second, third = (type_plan(opened, item) for item in (held, count, count))
    assert opened.qserver("history", "clear").is_accepted
    status = opened.qserver("status").reply
    assert (status["items_in_queue"], status["items_in_history"]) == (3, 0)

    assert opened.qserver("queue", "start").is_accepted
    items, running = queue_get(opened)
    assert uids(items) == [second, third]
    assert running["item_uid"] == first
    assert (running["name"], running["kwargs"]) == (held["name"], held["kwargs"])
    assert opened.status()["running_item_uid"] == first

    opened.gate.touch()
    opened.until(lambda status: status["items_in_history"] == 3)
    opened.until_idle()
    status = opened.qserver("status").reply
    assert (status["items_in_queue"], status["items_in_history"]) == (0, 3)
    assert status["running_item_uid"] is None
    history = opened.history()
    assert uids(history) == [first, second, third]
    assert {entry["result"]["exit_status"] for entry in history} == {"completed"}
    assert all("properties" not in entry for entry in history)
    # Who looks at the terminal of the service sees a table of each plan.
    opened.until_terminal("(generator count(.|\n)*){3}", begin)
    terminal = opened.terminal()[begin:]
    assert terminal.count("|   seq_num |") == terminal.count("generator count") == 3
    for earlier, later in itertools.pairwise(history):
        assert earlier["result"]["time_stop"] <= later["result"]["time_start"]


def test_the_queue_is_edited_while_it_runs(opened: RunningManager) -> None:
    running, last = opened.add_held(), opened.add_count()
    opened.do("queue_start")
    opened.until_running(running)

    plan = '{"name": "count", "args": [["det1"]], "kwargs": {"num": 2}}'
    added = opened.qserver("queue", "add", "plan", "front", plan)["item"]["item_uid"]
    assert uids(opened.queue()) == [added, last]
    opened.qserver("queue", "item", "move", added, "back")
    assert uids(opened.queue()) == [last, added]
    opened.qserver("queue", "item", "remove", last)
    answer = opened.qserver("queue", "item", "remove", running)
    assert answer.code == 2
    assert "Can not remove an item which is currently running." in answer["msg"]
    answer = opened.qserver("queue", "add", "plan", "after", running, plan)
    after_running = answer["item"]["item_uid"]
    answer = opened.qserver("queue", "add", "plan", "before", running, plan)
    assert answer.code == 2
    assert "Can not insert a plan in the queue before a currently running plan." in answer["msg"]

    opened.gate.touch()
    opened.until(lambda status: status["items_in_history"] == 3)
    opened.until_idle()
    assert uids(opened.history()) == [running, after_running, added]


def test_clearing_the_queue_leaves_the_running_plan_alone(opened: RunningManager) -> None:
    running = opened.add_held()
    opened.add_count()
    opened.do("queue_start")
    opened.until_running(running)
    assert opened.qserver("queue", "clear").is_accepted
    assert queue_get(opened)[1]["item_uid"] == running
    opened.gate.touch()
    opened.until_idle()
    assert uids(opened.history()) == [running]


def test_a_stopped_queue_ends_behind_the_running_plan(opened: RunningManager) -> None:
    first, second = opened.add_held(), opened.add_count()
    assert opened.qserver("queue", "start").is_accepted
    assert opened.qserver("queue", "stop").is_accepted
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["queue_stop_pending"] is True

    opened.gate.touch()
    status = opened.until_idle()
    assert status["queue_stop_pending"] is False
    assert status["items_in_queue"] == 1
    assert [entry["result"]["exit_status"] for entry in opened.history()] == ["completed"]
    assert uids(opened.history()) == [first]
    assert uids(opened.queue()) == [second]


def test_a_pending_stop_is_taken_back(opened: RunningManager) -> None:
    added = [opened.add_held(), opened.add_count()]
    assert opened.qserver("queue", "start").is_accepted
    assert opened.qserver("queue", "stop").is_accepted
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["queue_stop_pending"] is True

    assert opened.qserver("queue", "stop", "cancel").is_accepted
    status = opened.qserver("status").reply
    assert status["manager_state"] == "executing_queue"
    assert status["queue_stop_pending"] is False

    opened.gate.touch()
    status = opened.until_idle()
    assert status["items_in_queue"] == 0
    assert uids(opened.history()) == added


def test_the_queue_cannot_be_stopped_while_it_does_not_run(opened: RunningManager) -> None:
    answer = opened.qserver("queue", "stop")
    assert answer.code == 2
    assert "Queue is not running" in answer["msg"]


def test_the_instruction_queue_stop_stops_the_queue_once(opened: RunningManager) -> None:
    first = opened.add_count()
    opened.qserver("queue", "add", "instruction", "queue-stop")
    last = opened.add_count()
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 1)
    opened.until_idle()
    assert uids(opened.history()) == [first]
    assert uids(opened.queue()) == [last]
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 2)
    opened.until_idle()
    assert opened.queue() == []


def test_in_loop_mode_finished_plans_come_back_under_new_uids(opened: RunningManager) -> None:
    uid, held = opened.add_count(), opened.add_held()
    assert opened.qserver("queue", "mode", "set", "loop", "True").is_accepted
    assert opened.status()["plan_queue_mode"] == {"loop": True, "ignore_failures": False}
    opened.do("queue_start")
    opened.until_running(held)
    opened.do("queue_stop")
    opened.gate.touch()
    opened.until_idle()
    assert uids(opened.history()) == [uid, held]
    items = opened.queue()
    assert [item["name"] for item in items] == ["count", "held_count"]
    assert uid not in uids(items)


def test_with_autostart_an_added_plan_runs_by_itself(opened: RunningManager) -> None:
    assert opened.qserver("queue", "autostart", "enable").is_accepted
    assert opened.status()["queue_autostart_enabled"] is True
    for number in (1, 2):
        begun = opened.status()
        opened.add_count()
        opened.until(
            lambda status, number=number: status["items_in_history"] == number, since=begun
        )
    status = opened.until_idle()
    assert status["queue_autostart_enabled"] is True
    assert opened.qserver("queue", "autostart", "disable").is_accepted


def test_history_is_cleared_in_part_and_as_a_whole(opened: RunningManager) -> None:
    added = [opened.add_count() for _ in range(4)]
    opened.do("queue_start")
    opened.until(lambda status: status["items_in_history"] == 4)
    opened.until_idle()
    assert opened.qserver("history", "clear", "3").is_accepted
    assert uids(opened.history()) == added[1:]
    assert opened.qserver("history", "clear", added[2]).is_accepted
    assert uids(opened.history()) == added[3:]
    assert opened.qserver("history", "clear").is_accepted
    assert opened.history() == []
