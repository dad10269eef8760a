"""Command phrases: words become methods and parameters, completions and good errors."""

from __future__ import annotations

import pytest

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrase_slots import PhraseError, Speaker
from qs_jupyter.api.phrases import Grammar

PLAN = '{"name": "count", "args": [["det1"]]}'
FUNC = '{"name": "fun"}'
COUNT = {"name": "count", "args": [["det1"]], "item_type": "plan"}
STOP = {"item_type": "instruction", "name": "queue_stop"}
FUN = {"name": "fun", "item_type": "function"}
WHO = {"user": "qserver-cli", "user_group": "primary"}
FILES = {"permissions.yaml": "user_groups: {root: {}}", "script.py": "print(1)"}

ROWS = [
    ("ping", "ping", {}),
    ("status", "status", {}),
    ("config", "config_get", {}),
    ("environment open", "environment_open", {}),
    ("environment close", "environment_close", {}),
    ("environment destroy", "environment_destroy", {}),
    ("environment update", "environment_update", {}),
    ("environment update background", "environment_update", {"run_in_background": True}),
    ("existing plans", "plans_existing", {}),
    ("existing devices", "devices_existing", {}),
    ("allowed plans", "plans_allowed", {"user_group": "primary"}),
    ("allowed devices", "devices_allowed", {"user_group": "primary"}),
    ("permissions get", "permissions_get", {}),
    (
        "permissions set permissions.yaml",
        "permissions_set",
        {"user_group_permissions": {"user_groups": {"root": {}}}},
    ),
    ("permissions reload", "permissions_reload", {}),
    ("permissions reload lists", "permissions_reload", {"restore_plans_devices": True}),
    ("queue add plan PLAN", "queue_item_add", {"item": COUNT, **WHO}),
    ("queue add plan 2 PLAN", "queue_item_add", {"pos": 2, "item": COUNT, **WHO}),
    ("queue add plan -2 PLAN", "queue_item_add", {"pos": -2, "item": COUNT, **WHO}),
    ("queue add plan front PLAN", "queue_item_add", {"pos": "front", "item": COUNT, **WHO}),
    ("queue add plan back PLAN", "queue_item_add", {"pos": "back", "item": COUNT, **WHO}),
    ("queue add plan before u1 PLAN", "queue_item_add", {"before_uid": "u1", "item": COUNT, **WHO}),
    ("queue add plan after u1 PLAN", "queue_item_add", {"after_uid": "u1", "item": COUNT, **WHO}),
    ("queue add batch day.csv", "queue_item_add_batch", {"items": [{"name": "day.csv"}], **WHO}),
    (
        "queue add batch front day.csv",
        "queue_item_add_batch",
        {"pos": "front", "items": [{"name": "day.csv"}], **WHO},
    ),
    ("queue add instruction queue-stop", "queue_item_add", {"item": STOP, **WHO}),
    ("queue add instruction -2 queue-stop", "queue_item_add", {"pos": -2, "item": STOP, **WHO}),
    (
        "queue add instruction after u1 queue-stop",
        "queue_item_add",
        {"after_uid": "u1", "item": STOP, **WHO},
    ),
    (
        "queue update plan u1 PLAN",
        "queue_item_update",
        {"item": {"item_uid": "u1", **COUNT}, **WHO},
    ),
    (
        "queue update instruction u1 queue-stop",
        "queue_item_update",
        {"item": {"item_uid": "u1", **STOP}, **WHO},
    ),
    (
        "queue replace plan u1 PLAN",
        "queue_item_update",
        {"replace": True, "item": {"item_uid": "u1", **COUNT}, **WHO},
    ),
    (
        "queue replace instruction u1 queue-stop",
        "queue_item_update",
        {"replace": True, "item": {"item_uid": "u1", **STOP}, **WHO},
    ),
    ("queue execute plan PLAN", "queue_item_execute", {"item": COUNT, **WHO}),
    ("queue execute instruction queue-stop", "queue_item_execute", {"item": STOP, **WHO}),
    ("queue get", "queue_get", {}),
    ("queue clear", "queue_clear", {}),
    ("queue start", "queue_start", {}),
    ("start", "queue_start", {}),
    ("queue stop", "queue_stop", {}),
    ("queue stop cancel", "queue_stop_cancel", {}),
    ("queue autostart enable", "queue_autostart", {"enable": True}),
    ("queue autostart disable", "queue_autostart", {"enable": False}),
    ("queue mode set", "queue_mode_set", {"mode": {}}),
    ("queue mode set loop True", "queue_mode_set", {"mode": {"loop": True}}),
    ("queue mode set loop true", "queue_mode_set", {"mode": {"loop": "true"}}),
    (
        "queue mode set loop True ignore_failures False",
        "queue_mode_set",
        {"mode": {"loop": True, "ignore_failures": False}},
    ),
    ("queue item get", "queue_item_get", {}),
    ("queue item get 0", "queue_item_get", {"pos": 0}),
    ("queue item get -1", "queue_item_get", {"pos": -1}),
    ("queue item get u1", "queue_item_get", {"uid": "u1"}),
    ("queue item remove", "queue_item_remove", {}),
    ("queue item remove front", "queue_item_remove", {"pos": "front"}),
    ("queue item remove u1", "queue_item_remove", {"uid": "u1"}),
    ("queue item move 1 3", "queue_item_move", {"pos": 1, "pos_dest": 3}),
    ("queue item move u1 front", "queue_item_move", {"uid": "u1", "pos_dest": "front"}),
    ("queue item move back before u1", "queue_item_move", {"pos": "back", "before_uid": "u1"}),
    ("queue item move u1 after u2", "queue_item_move", {"uid": "u1", "after_uid": "u2"}),
    ("re pause", "re_pause", {}),
    ("re pause deferred", "re_pause", {"option": "deferred"}),
    ("re pause immediate", "re_pause", {"option": "immediate"}),
    ("re resume", "re_resume", {}),
    ("re stop", "re_stop", {}),
    ("re abort", "re_abort", {}),
    ("re halt", "re_halt", {}),
    ("re runs", "re_runs", {}),
    ("re runs open", "re_runs", {"option": "open"}),
    ("re metadata", "re_metadata", {}),
    ("history get", "history_get", {}),
    ("history clear", "history_clear", {}),
    ("history clear 10", "history_clear", {"size": 10}),
    ("history clear u1", "history_clear", {"item_uid": "u1"}),
    ("function execute FUNC", "function_execute", {"item": FUN, **WHO}),
    (
        "function execute FUNC background",
        "function_execute",
        {"item": FUN, "run_in_background": True, **WHO},
    ),
    ("script upload script.py", "script_upload", {"script": "print(1)"}),
    (
        "script upload script.py keep-lists background update-re",
        "script_upload",
        {
            "script": "print(1)",
            "update_lists": False,
            "run_in_background": True,
            "update_re": True,
        },
    ),
    ("task status t1", "task_status", {"task_uid": "t1"}),
    ("task result t1", "task_result", {"task_uid": "t1"}),
    ("kernel interrupt", "kernel_interrupt", {}),
    (
        "kernel interrupt plan task",
        "kernel_interrupt",
        {"interrupt_plan": True, "interrupt_task": True},
    ),
    ("lock environment", "lock", {"environment": True, "user": "qserver-cli"}),
    ("lock queue away", "lock", {"queue": True, "note": "away", "user": "qserver-cli"}),
    ("lock all", "lock", {"environment": True, "queue": True, "user": "qserver-cli"}),
    ("lock info", "lock_info", {}),
    ("unlock", "unlock", {}),
    ("manager stop", "manager_stop", {}),
    ("manager stop safe on", "manager_stop", {"option": "safe_on"}),
    ("manager stop safe off", "manager_stop", {"option": "safe_off"}),
    ("manager kill test", "manager_kill", {}),
]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(METHODS)


def words_of(text: str) -> list[str]:
    return [{"PLAN": PLAN, "FUNC": FUNC}.get(word, word) for word in text.split()]


SPEAKER = Speaker(read_file=FILES.__getitem__, read_items=lambda name: [{"name": name}])


@pytest.mark.parametrize(("text", "method", "params"), ROWS, ids=[row[0] for row in ROWS])
def test_every_documented_command_calls_its_method(grammar, text, method, params):
    command = grammar.read(words_of(text), SPEAKER)
    assert (command.method, command.params) == (method, params)


KEYED = {
    "environment open", "environment update", "permissions set permissions.yaml",
    "permissions reload", "queue add plan PLAN", "queue update plan u1 PLAN",
    "queue execute plan PLAN", "queue clear", "queue start", "queue stop", "queue stop cancel",
    "queue autostart enable", "queue mode set", "queue item remove", "queue item move 1 3",
    "re pause", "re resume", "history clear", "function execute FUNC", "script upload script.py",
    "kernel interrupt", "lock environment", "lock info", "unlock",
}  # fmt: skip
UNKEYED = {
    "ping", "status", "config", "existing plans", "allowed plans", "permissions get", "queue get",
    "queue item get", "re runs", "re metadata", "history get", "task status t1", "task result t1",
    "manager stop", "manager kill test",
}  # fmt: skip


@pytest.mark.parametrize("text", sorted(KEYED | UNKEYED))
def test_a_lock_key_is_sent_wherever_the_method_takes_it_and_nowhere_else(grammar, text):
    speaker = Speaker(lock_key="key", read_file=FILES.__getitem__)
    assert ("lock_key" in grammar.read(words_of(text), speaker).params) == (text in KEYED)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "A word is missing"),
        ("staus", "Unknown command 'staus' (did you mean 'status'?)"),
        ("config x", "Unexpected word 'x' after 'config': nothing more is expected"),
        ("queue gte", "Unexpected word 'gte' after 'queue' (did you mean 'get'?)"),
        ("queue mode set loop", "A word is missing after 'queue mode set loop': VALUE is expected"),
        ("lock", "A word is missing after 'lock': environment, queue, all or info is expected"),
        ("lock environment queue", "Unexpected word 'queue'"),
        ("task status", "TASK_UID is expected"),
        ("re runs xyz", "Unexpected word 'xyz' after 're runs': active, open, closed or nothing"),
        ("permissions", "get, set or reload is expected"),
        ("permissions reload word", "lists or nothing more is expected"),
        ("history get word", "Unexpected word 'word'"),
        ("queue add plan {", "PLAN is neither JSON nor a Python literal"),
        ("queue add plan [1]", "PLAN must be a map"),
        ("queue add plan front", "A word is missing after 'queue add plan front': PLAN"),
        ("queue add plan before", "A word is missing after 'queue add plan before': UID"),
        ("queue add instruction queue_stop", "(did you mean 'queue-stop'?)"),
        ("script upload script.py background background", "Unexpected word 'background'"),
        ("queue item move 1", "before, after or POS is expected"),
    ],
)
def test_a_wrong_command_is_refused_where_it_goes_wrong(grammar, text, complaint):
    with pytest.raises(PhraseError) as refusal:
        grammar.read(text.split(), SPEAKER)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    "plan",
    [
        "{'name': 'count', 'kwargs': {'x': True, 'y': None}}",
        '{"name": "count", "kwargs": {"x": true, "y": null}}',
    ],
)
def test_plans_may_be_json_or_python_literals(grammar, plan):
    item = grammar.read(["queue", "add", "plan", plan]).params["item"]
    assert item == {"name": "count", "kwargs": {"x": True, "y": None}, "item_type": "plan"}


def test_a_missing_file_is_named(grammar):
    def read_file(name: str) -> str:
        raise FileNotFoundError(2, "No such file", name)

    with pytest.raises(PhraseError, match=r"File 'no\.py' cannot be read"):
        grammar.read(["script", "upload", "no.py"], Speaker(read_file=read_file))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"user_groups: [", r"not valid YAML: .*\(line 1, column 15\)$"),
        (b"\xff\xfe\x00", "is not a text file"),
    ],
)
def test_a_file_with_something_else_is_named_in_one_line(grammar, content, complaint):
    speaker = Speaker(read_file=lambda _name: content.decode())
    with pytest.raises(PhraseError, match=complaint) as refusal:
        grammar.read(["permissions", "set", "p.yaml"], speaker)
    assert "'p.yaml'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_completion_offers_the_words_that_may_follow(grammar):
    assert sorted(grammar.complete(["queue", "item"])) == ["get", "move", "remove", "status"]
    assert grammar.complete(["queue"], "st") == ["start", "stop"]
    assert grammar.complete(["queue", "stop"]) == ["cancel"]
    assert grammar.complete(["config"]) == []
    assert grammar.complete(["nonsense", "word"]) == []


def test_completion_asks_for_names_of_the_right_kind(grammar):
    known = {"UID": ["u1", "u2"], "PLAN": ["count", "scan"], "FILE": ["a.py"]}
    names = lambda kind: known.get(kind, [])  # noqa: E731
    found = grammar.complete(["queue", "add", "plan"], names=names)
    assert found == ["before", "after", "front", "back", "count", "scan"]
    assert grammar.complete(["queue", "add", "plan", "before"], names=names) == ["u1", "u2"]
    assert grammar.complete(["script", "upload"], "a", names) == ["a.py"]
    assert grammar.complete(["script", "upload", "a.py", "background"]) == [
        "update-re",
        "keep-lists",
    ]


def test_every_phrase_has_a_usage_line_of_its_own(grammar):
    usages = [phrase.usage for phrase in grammar.phrases]
    assert len(set(usages)) == len(usages)
    assert "queue item move (POS | UID) (POS | before UID | after UID)" in usages
    assert "queue mode set [NAME VALUE]…" in usages
