"""``qserver``: options, what it prints, and its exit codes where nothing is sent."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrases import Grammar
from qs_jupyter.cli import qserver
from qs_jupyter.client import replies

NOON = datetime(2026, 11, 22, 18, 10, 20)  # noqa: DTZ001 - shown as it is


def test_a_reply_is_shown_as_a_map_in_the_order_of_its_keys():
    reply = {"success": True, "msg": "", "qsize": 2, "item": {"name": "queue_stop", "a": "b" * 60}}
    assert replies.message("queue_item_add", reply, NOON) == (
        "18:10:20 - MESSAGE: \n"
        "{'success': True,\n"
        " 'msg': '',\n"
        " 'qsize': 2,\n"
        " 'item': {'name': 'queue_stop',\n"
        f"          'a': '{'b' * 60}'}}}}"
    )


def test_long_queues_and_texts_are_shown_whole():
    reply = {"success": True, "items": [{"name": f"plan{n}"} for n in range(50)], "t": "x" * 3000}
    text = replies.message("queue_get", reply, NOON)
    assert "plan49" in text
    assert text.count("x") >= 3000


@pytest.mark.parametrize(
    "method", ["plans_allowed", "plans_existing", "devices_allowed", "devices_existing"]
)
def test_descriptions_are_shown_as_names(method):
    reply = {"success": True, "msg": "", method: {"count": {"long": "story"}}, f"{method}_uid": "u"}
    assert "'count': '{...}'" in replies.message(method, reply, NOON)
    assert json.loads(replies.machine_readable(reply)) == reply
    # A plan that a script has added stands where one looks for it.
    later = {**reply, method: {"count": {}, "fly": {}, "count_test": {}}}
    assert list(replies.shown(method, later)[method]) == ["count", "count_test", "fly"]


def test_a_failure_to_communicate_is_one_line():
    text = replies.error("timeout occurred", NOON)
    assert text == "18:10:20 - ERROR: ZMQ communication error: timeout occurred"


def test_options_stand_before_or_behind_the_words_and_negative_numbers_are_words():
    options = qserver.parse(
        ["-k", "key", "queue", "add", "plan", "-2", "{}", "--zmq-control-addr=tcp://h:1", "--json"]
    )
    assert options.words == ["queue", "add", "plan", "-2", "{}"]
    assert (options.lock_key, options.address, options.json) == ("key", "tcp://h:1", True)
    assert qserver.parse(["lock", "queue", "--", "--away"]).words == ["lock", "queue", "--away"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--lock", "x"], "unknown option '--lock'"),
        (["status", "--lock-kye=x"], "(did you mean '--lock-key'?)"),
        (["status", "-a"], "option -a needs a value"),
        (["-k", "", "queue", "clear"], "lock key is empty"),
        (["queue", "add", "plan", '{"name":"count"'], "neither JSON nor a Python literal"),
        (["queue", "add", "plan", "[" * 20_000], "neither JSON nor a Python literal"),
        (["queue", "add", "plan", "{'name': b'count'}"], "PLAN holds a value that JSON cannot"),
        (["function", "execute", "{(1, 2): 3}"], "FUNCTION holds a value that JSON cannot"),
        (["queue", "mode", "set", "loop"], "VALUE is expected"),
        (["lock"], "is expected"),
        (["script", "upload", "/no/such/file.py"], "File '/no/such/file.py' cannot be read"),
        (["status", "--zmq-encoding=pickle"], "Unknown encoding 'pickle'"),
        (["status", "-a", "nonsense"], "is not an address to connect to"),
        ([], "a command is missing"),
    ],
)
def test_a_wrong_command_line_ends_with_1_and_one_line(arguments, complaint, capsys):
    assert qserver.main(arguments) == qserver.WRONG_PARAMETERS
    errors = capsys.readouterr().err
    assert complaint in errors
    assert errors.count("\n") == 1


def test_a_malformed_public_key_ends_with_1(monkeypatch, capsys):
    monkeypatch.setenv("QSERVER_ZMQ_PUBLIC_KEY", "short")
    assert qserver.main(["status"]) == qserver.WRONG_PARAMETERS
    assert "40 byte z85" in capsys.readouterr().err


def lines_of_help(capsys, *words: str) -> list[str]:
    assert qserver.main([*words, "--help"]) == qserver.SUCCESS
    return capsys.readouterr().out.splitlines()


def test_help_explains_every_command_in_the_width_of_a_terminal(capsys):
    lines = lines_of_help(capsys)
    assert max(len(line) for line in lines) <= 100
    text = " ".join(" ".join(lines).split())
    for method in METHODS.values():
        sentence = method.doc.partition("\n")[0].replace("``", "")
        assert sentence in text or not method.phrases
        for phrase in method.phrases:
            assert phrase.partition(" {")[0] in text
    assert "  monitor " in "\n".join(lines)


def test_help_behind_a_command_is_about_that_command(capsys):
    lines = lines_of_help(capsys, "queue", "item")
    assert lines[0] == "usage: qserver [options] queue ..."
    usages = [phrase.usage for phrase in qserver.grammar().phrases]
    about_items = [usage for usage in usages if usage.startswith("queue item ")]
    shown = [usage for usage in usages if any(line.startswith(f"  {usage}") for line in lines)]
    assert shown == about_items
    assert any(line.startswith("  UID  ") for line in lines)
    # What stands in a slot does not matter, nor what is missing.
    assert "  queue item move" in "\n".join(lines_of_help(capsys, "queue", "item", "move", "3"))
    assert len(lines_of_help(capsys, "history", "clear", "--json")) == len(
        lines_of_help(capsys, "history", "clear")
    )


def test_help_about_an_unknown_command_says_what_could_be_meant(capsys):
    assert qserver.main(["queue", "ad", "--help"]) == qserver.WRONG_PARAMETERS
    assert "(did you mean 'add'?)" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["queue add plan", "function execute"])
def test_the_example_in_the_error_is_a_command(command, capsys):
    words = command.split()
    assert qserver.main([*words, "count([det1])"]) == qserver.WRONG_PARAMETERS
    example = capsys.readouterr().err.partition("like ")[2].strip()
    options = qserver.parse([*words, example])
    assert qserver.command_of(options, qserver.grammar(), {}).params["item"]["name"]


def test_the_monitor_is_offered_like_any_command(capsys):
    assert qserver.main(["moniter"]) == qserver.WRONG_PARAMETERS
    assert "did you mean 'monitor'?" in capsys.readouterr().err


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def key_sent(*words: str, environment: dict[str, str] | None = None) -> object:
    options = qserver.parse(words)
    command = qserver.command_of(options, Grammar(METHODS), environment or {})
    return command.params.get("lock_key")


def test_the_lock_key_comes_from_the_option_the_environment_or_the_file(home):
    assert key_sent("queue", "clear") is None
    folder = home / ".config" / "qserver"
    folder.mkdir(parents=True)
    (folder / "default_lock_key.txt").write_text("from file\n")
    variable = {"QSERVER_LOCK_KEY": "from environment"}
    assert key_sent("queue", "clear") == "from file"
    assert key_sent("queue", "clear", environment=variable) == "from environment"
    assert key_sent("queue", "clear", "-k", "from option", environment=variable) == "from option"


def test_lock_info_checks_a_key_only_when_it_is_given_there(home):
    variable = {"QSERVER_LOCK_KEY": "from environment"}
    assert key_sent("lock", "info", environment=variable) is None
    assert key_sent("lock", "info", "-k", "key", environment=variable) == "key"
