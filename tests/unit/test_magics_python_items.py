"""Python code becomes queue items."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.plain import call_text, plain
from qs_jupyter.magics.python_items import (
    KnownNames,
    function_of_text,
    item_of_text,
    items_of_cell,
    value_of_text,
)

DEVICES = {
    "det1": {"components": {"center": {}, "count": {}}},
    "det2": {},
    "motor": {"components": {"user": {"components": {"setpoint": {}}}}},
}


class Axis:
    """Looks like a device of ophyd."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self) -> None:
        raise AssertionError("a device of the notebook is never touched")


def known(**variables: Any) -> KnownNames:
    return KnownNames({"count": {}, "mv": {}, "sum": {}, "repeat": {}}, DEVICES, variables)


def test_names_of_plans_and_devices_win_over_variables_and_builtins() -> None:
    names = known(det1="mine", count=len, x=3)
    assert item_of_text("sum(det1, x, max([1, 2]))", names) == {
        "item_type": "plan",
        "name": "sum",
        "args": ["det1", 3, 2],
    }


def test_parts_of_devices_are_names_with_dots_whatever_they_are_called() -> None:
    item = item_of_text(
        "count([det1.center, det1.count, motor.user.setpoint], n=motor.name)", known()
    )
    assert item["args"] == [["det1.center", "det1.count", "motor.user.setpoint"]]
    assert item["kwargs"] == {"n": "motor"}


def test_a_plan_can_be_named_as_an_argument() -> None:
    assert item_of_text("repeat(count, 3)", known())["args"] == ["count", 3]


def test_devices_of_the_notebook_become_their_names() -> None:
    assert item_of_text("mv(axis, 1)", known(axis=Axis("motor")))["args"] == ["motor", 1]


def test_values_become_plain_data() -> None:
    class Colour(enum.Enum):
        RED = "red"

    value = (np.float64(0.5), np.arange(2), {1: {2}}, range(2), Colour.RED, np.int8(3), None)
    assert plain(value) == [0.5, [0, 1], {"1": [2]}, [0, 1], "red", 3, None]
    assert type(plain(np.float64(1.0))) is float


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("count([dett1])", "unknown name 'dett1'; did you mean det1 or det2"),
        ("coun([det1])", "unknown name 'coun'; did you mean count?"),
        ("count([det1.centre])", "det1 has no part 'centre'; did you mean center?"),
        ("count(object())", "a value of type 'object' cannot be sent"),
        ("count(count([det1]))", "cannot be an argument of another plan"),
        ("count", "count is a plan, and an item is a call of it"),
        ("5", "is no call of a plan"),
        ("count(1 / 0)", "ZeroDivisionError"),
        ("count(x y)", "invalid syntax"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(MagicFailure) as caught:
        item_of_text(text, known())
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_plans_the_next_step_is_told() -> None:
    with pytest.raises(MagicFailure, match="open the environment first"):
        item_of_text("count([det1])", KnownNames())


def test_cells_have_helpers_loops_and_imports_of_their_own() -> None:
    names = known(step=0.5)
    source = """
import math
def go(x):
    mv(motor, x * step + math.floor(0.5))
for n in range(2):
    go(n)
class Where:
    here = 7
[count([det1], num=k, at=Where.here) for k in (1, 2)]
queue_stop()
"""
    items = items_of_cell(source, names)
    assert [call_text(item) for item in items] == [
        "mv('motor', 0.0)",
        "mv('motor', 0.5)",
        "count(['det1'], num=1, at=7)",
        "count(['det1'], num=2, at=7)",
        "queue_stop()",
    ]
    assert items[-1] == {"item_type": "instruction", "name": "queue_stop"}
    assert dict(names.variables) == {"step": 0.5}


def test_the_line_that_failed_is_told_also_inside_helpers() -> None:
    with pytest.raises(MagicFailure, match=r"^line 3: unknown name 'y'$"):
        items_of_cell("x = 1\ndef f():\n    return y\nf()", known())
    with pytest.raises(MagicFailure, match=r"^line 2: "):
        items_of_cell("x = 1\nx = = 2\n", known())


def test_an_interrupt_is_let_through() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        items_of_cell("stop()", known(stop=stop))


def test_functions_need_not_be_known() -> None:
    assert function_of_text("fun(det1, n=2)", known()) == {
        "item_type": "function",
        "name": "fun",
        "args": ["det1"],
        "kwargs": {"n": 2},
    }
    assert function_of_text("{'name': 'fun'}", known()) == {"item_type": "function", "name": "fun"}
    with pytest.raises(MagicFailure, match="is no call of a function"):
        function_of_text("fun", known())


def test_single_values_are_read_like_arguments() -> None:
    assert value_of_text("[det1, 'x', 2 * n]", known(n=2)) == ["det1", "x", 4]


def test_calls_are_shown_as_typed() -> None:
    item = {"name": "count", "args": [["det1", "x"]], "kwargs": {"md": {"a": ["det1"]}, "n": None}}
    names = frozenset({"det1"})
    assert call_text(item, names) == "count([det1, 'x'], md={'a': [det1]}, n=None)"
