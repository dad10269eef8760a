"""Lines of ``%qserver`` as words and options."""

from __future__ import annotations

import pytest

from qs_jupyter.api.phrase_slots import PhraseError
from qs_jupyter.magics import options
from qs_jupyter.magics.words import TypedWord, expanded, finished, split, without_semicolon


def texts(line: str) -> list[str]:
    return [word.text for word in split(line)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("queue  get ", ["queue", "get"]),
        ("plan count([det1, det2], num=10)", ["plan", "count([det1, det2], num=10)"]),
        ('plan \'{"name": "count"}\'', ["plan", '{"name": "count"}']),
        ('plan {"name": "a b", "x": [1, 2]} x', ["plan", '{"name": "a b", "x": [1, 2]}', "x"]),
        ('note "sample \\"A\\" in"', ["note", 'sample "A" in']),
        ("f(')', \"(\") g", ["f(')', \"(\")", "g"]),
        ("note='a b' c", ["note='a b'", "c"]),
        ("'a''b' c", ["'a''b'", "c"]),
        ("f('it\\'s (') g", ["f('it\\'s (')", "g"]),
        ("1:3 -2", ["1:3", "-2"]),
        ("", []),
    ],
)
def test_words_end_at_blanks_outside_brackets_and_quotes(line: str, words: list[str]) -> None:
    assert texts(line) == words


@pytest.mark.parametrize(
    ("line", "mark"), [("f([a", "["), ("f('a", "'"), ('"ab', '"'), ("f(a", "(")]
)
def test_an_unfinished_word_is_told(line: str, mark: str) -> None:
    (word,) = split(line)
    assert word.open == mark
    with pytest.raises(PhraseError, match="is not closed"):
        finished([word])


def test_words_know_where_they_begin() -> None:
    assert [(word.text, word.start) for word in split(" a 'b c' d")] == [
        ("a", 1),
        ("b c", 3),
        ("d", 9),
    ]


def test_only_whole_unquoted_words_name_variables() -> None:
    variables = {"uid": "abc", "n": 3}
    assert expanded(TypedWord("$uid", 0), variables) == "abc"
    assert expanded(TypedWord("{n}", 0), variables) == "3"
    assert expanded(TypedWord("$uid", 0, is_quoted=True), variables) == "$uid"
    assert expanded(TypedWord("{other}", 0), variables) == "{other}"
    assert expanded(TypedWord("f($uid)", 0), variables) == "f($uid)"
    with pytest.raises(PhraseError, match="no variable 'other'"):
        expanded(TypedWord("$other", 0), variables)


def test_expressions_in_braces_are_worked_out_and_maps_are_not() -> None:
    variables = {"reply": {"task_uid": "t-1"}, "uids": ["a", "b"], "name": "count"}
    assert expanded(TypedWord("{reply['task_uid']}", 0), variables) == "t-1"
    assert expanded(TypedWord("{uids[-1]}", 0), variables) == "b"
    for text in ('{"name": name}', "{'name': 'count'}", "{}", "{a, b}", "{not python"):
        assert expanded(TypedWord(text, 0), variables) == text
    with pytest.raises(PhraseError, match="IndexError"):
        expanded(TypedWord("{uids[7]}", 0), variables)


def test_a_reply_stands_for_the_uid_of_its_item_or_task() -> None:
    variables = {"task": {"task_uid": "t-1"}, "added": {"item": {"item_uid": "i-1"}}, "other": {}}
    assert expanded(TypedWord("$task", 0), variables) == "t-1"
    assert expanded(TypedWord("{added}", 0), variables) == "i-1"
    with pytest.raises(PhraseError, match="no item or task"):
        expanded(TypedWord("$other", 0), variables)


def test_a_semicolon_at_the_end_is_no_part_of_the_line() -> None:
    assert without_semicolon("status; ") == "status"
    assert without_semicolon("a;b") == "a;b"


def test_options_stand_anywhere() -> None:
    chosen = options.parse(split("queue -u bob add --lock-key=k plan -2 f(-1) -y -t 5"))
    assert [word.text for word in chosen.words] == ["queue", "add", "plan", "-2", "f(-1)"]
    assert (chosen.user, chosen.lock_key, chosen.yes) == ("bob", "k", True)
    assert chosen.overrides() == {"user": "bob", "timeout_s": 5.0}


def test_the_key_is_not_in_the_representation_of_options() -> None:
    chosen = options.parse(split("-k secret unlock"))
    chosen.words.clear()
    assert "secret" not in repr(chosen)


def test_words_behind_launch_are_for_the_manager() -> None:
    chosen = options.parse(split("-q launch --store x -k y"))
    assert [word.text for word in chosen.words] == ["launch", "--store", "x", "-k", "y"]
    assert chosen.quiet


@pytest.mark.parametrize(
    ("line", "text"),
    [("--usr x", "did you mean '--user'"), ("-u", "needs a value"), ("-t soon status", "'soon'")],
)
def test_wrong_options_are_explained(line: str, text: str) -> None:
    with pytest.raises(PhraseError, match=text):
        options.parse(split(line)).overrides()
