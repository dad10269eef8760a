"""Values of user code as plain data."""

from __future__ import annotations

import datetime
import enum
import json
from collections import UserDict, deque
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from qs_kernel_worker.plain_data import json_problem, plain


class Colour(enum.IntEnum):
    RED = 1


class Unfriendly:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        ((1, [2.5, "a"]), [1, [2.5, "a"]]),
        (UserDict({"a": UserDict({1: deque([1])})}), {"a": {"1": [1]}}),
        ({None: 1, True: 2, 3: 4}, {"null": 1, "true": 2, "3": 4}),
        (np.float64(1.5), 1.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ({1}, [1]),
        (Colour.RED, 1),
        (b"a\xff", "a\\xff"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (PurePosixPath("/a"), "/a"),
        (1j, "1j"),
        (Unfriendly(), "<Unfriendly (RuntimeError in repr)>"),
    ],
)
def test_any_value_becomes_plain_data(value: Any, expected: Any) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found)


def test_a_value_that_contains_itself_has_an_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "…" in json.dumps(plain(endless), ensure_ascii=False)


@pytest.mark.parametrize("value", [None, (1, "a"), {1: float("nan")}, np.float64(1)])
def test_values_that_json_takes_are_no_problem(value: Any) -> None:
    assert json_problem(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros(3), "Object of type ndarray is not JSON serializable"),
        ({1}, "Object of type set is not JSON serializable"),
        (b"", "Object of type bytes is not JSON serializable"),
        ({(1, 2): 3}, "keys must be str"),
    ],
)
def test_other_values_are_named_by_their_type(value: Any, text: str) -> None:
    problem = json_problem(value)
    assert problem is not None
    assert text in problem
