"""JSON of huge values: the same as Python's, but with room for others in between."""

from __future__ import annotations

import itertools
import json
import random
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qs_jupyter import huge_json
from qs_jupyter.huge_json import MANY_VALUES, dumps, is_huge, loads

MANY = 1500
DICE = random.Random(7)


def any_floats(count: int) -> list[float]:
    found = struct.unpack(f"{count}d", DICE.randbytes(8 * count))
    return [number for number in found if number == number]  # noqa: PLR0124 - without NaN


HUGE: dict[str, Any] = {
    "numbers between 0 and 1": [DICE.random() for _ in range(MANY)],
    "numbers of any size": any_floats(MANY + 100),
    "special numbers": [0.0, -0.0, 1e-5, 5e-324, 1e16, 1e22, 0.1, 1e308, float("inf")] * MANY,
    "integers": [DICE.randrange(-(10**30), 10**30) for _ in range(MANY)],
    "words": [None, True, False, 1, 2.5] * MANY,
    "texts": ["det1", 'ü "quoted" \\ \n', "\ud800", "a, b]"] * MANY,
    "lists of lists": [[[1.5, 2], [], "x"]] * MANY,
    "one long text": {"a": "x, [1]" * 2000, "b": [1] * MANY},
    "maps": [{"name": "count", "args": [["det1", "det2"]], "kwargs": {"num": 1}}] * MANY,
    "a map of many keys": {f"key {n}": {"n": n, "x": [n, n]} for n in range(MANY)},
    "keys that are no texts": {"a": [1] * MANY, 1: 2, None: 3, False: 4, 2.5: 5},  # type: ignore[dict-item]
    "in a request": {"method": "m", "params": {"item": {"kwargs": {"v": [0.5] * MANY}}, "u": ""}},
    "a long row in a row": [[0.25] * MANY, {"x": [[7] * MANY, []]}, {}],
}


@pytest.fixture
def modest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call huge what is only long, and work in shorter pieces, to save time."""
    monkeypatch.setattr(huge_json, "MANY_VALUES", 1000)


@pytest.mark.usefixtures("modest")
@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
def test_what_is_huge_is_written_and_read_as_python_does(value: Any) -> None:
    assert is_huge(value)
    text = json.dumps(value)
    assert dumps(value) == text
    for indent in (None, 1):
        data = json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
        assert repr(loads(data)) == repr(json.loads(data))
    assert json.dumps(loads(json.dumps(value, separators=(",", ":")).encode("utf-16"))) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


@settings(deadline=None, max_examples=100)
@given(value=json_values, indent=st.sampled_from([None, 0, 2]))
def test_any_value_is_written_and_read_as_python_does(value: Any, indent: int | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Tiny pieces, so that small values are cut at every place.
        patch.setattr(huge_json, "_STEP", 2)
        patch.setattr(huge_json, "MANY_VALUES", 1)
        assert dumps(value) == json.dumps(value)
        data = json.dumps(value, indent=indent).encode()
        assert repr(loads(data)) == repr(json.loads(data))


@pytest.mark.parametrize(
    "wrong",
    [
        "[1, 2, ROW, ]",
        "[1, ROW 2]",
        "[1, ROW",
        '{"a": [ROW]',
        '{"a": [ROW], }',
        '{"a" [ROW]}',
        "{a: [ROW]}",
        "[ROW] 5",
        "[ROW]]",
        "[, ROW]",
        "[ROW, 01]",
        "[ROW}",
        "\ufeff[ROW, x]",
        "",
    ],
)
def test_what_python_refuses_is_refused_in_its_words(wrong: str) -> None:
    data = wrong.replace("ROW", ", ".join(["12345"] * 20_000)).encode()
    with pytest.raises(ValueError) as expected:
        json.loads(data)
    with pytest.raises(ValueError) as found:
        loads(data)
    assert str(found.value) == str(expected.value)


def test_bytes_that_are_no_text_are_refused_as_python_does() -> None:
    with pytest.raises(UnicodeDecodeError):
        loads(b'["\xff' + b"1" * 100_000 + b'"]')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, False),
        ("x" * 10**6, False),
        ([1] * MANY_VALUES, False),
        ([1] * (MANY_VALUES + 1), True),
        ((1,) * (MANY_VALUES + 1), True),
        ([[1] * 100] * 1000, True),
        ({"a": {"b": [{"c": [0] * (MANY_VALUES + 1)}]}}, True),
        ({"name": "count", "args": [["det1"]], "kwargs": {"num": 1}}, False),
    ],
)
def test_huge_is_what_has_very_many_parts(value: Any, expected: bool) -> None:
    assert is_huge(value) is expected


def turns_of_others(work: Callable[[], object]) -> int:
    """Return how often the work let another thread in, which takes what time it gets."""
    moments: list[float] = []
    done = threading.Event()

    def take_turns() -> None:
        while not done.is_set():
            moments.append(time.perf_counter())
            time.sleep(0)

    other = threading.Thread(target=take_turns)
    other.start()
    begin = len(moments)
    work()
    end = len(moments)
    done.set()
    other.join()
    # Between two turns there is a piece of the work; within one there are microseconds.
    return sum(b - a > 0.002 for a, b in itertools.pairwise(moments[begin:end]))


def test_others_get_their_turn_while_a_huge_value_is_written() -> None:
    value = [DICE.random() for _ in range(1_000_000)]
    # Python's own writer lets nobody in between its begin and its end. A busy machine may keep
    # the other thread away, though not each time.
    assert any(turns_of_others(lambda: dumps(value)) > 2 for _ in range(10))
