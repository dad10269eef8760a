"""Whether a call fits a description: binding, types, strictness, ranges, groups."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.errors import NotAllowed
from qs_jupyter.model.plan_arguments import PlanArguments
from qs_jupyter.model.strictness import is_converted
from tests.unit.descriptions import (
    KEYWORD_ONLY,
    NORMAL,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    parameter,
)


def plan(*parameters: dict[str, Any]) -> PlanArguments:
    return PlanArguments({"name": "p", "parameters": list(parameters)})


def fits(type_: str | None, value: Any, **more: Any) -> bool:
    try:
        plan(parameter("k", type_, **more)).check([value], {})
    except NotAllowed:
        return False
    return True


def reason(arguments: PlanArguments, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(NotAllowed) as refusal:
        arguments.check(args, kwargs)
    return str(refusal.value)


# -------------------------------------------------------------------------------- binding

ABC = plan(
    parameter("a"), parameter("b", default="1"), parameter("c", kind=KEYWORD_ONLY, default="1")
)


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ([], {}, "missing a required argument: 'a'"),
        ([1, 2, 3], {}, "too many positional arguments"),
        ([1, 2], {"b": 3}, "multiple values for argument 'b'"),
        ([1], {"d": 3}, "got an unexpected keyword argument 'd'"),
    ],
)
def test_calls_are_bound_with_the_words_of_python(
    args: list[Any], kwargs: dict[str, Any], text: str
) -> None:
    assert text in reason(ABC, *args, **kwargs)


def test_a_misspelt_parameter_is_recognised() -> None:
    arguments = plan(parameter("detectors"), parameter("num", default="1"))
    text = reason(arguments, ["det1"], detectrs=5)
    assert text == ("got an unexpected keyword argument 'detectrs' (did you mean 'detectors'?)")


@pytest.mark.parametrize(
    "name", ["_x", "copy", "json", "model_config", "schema", "self", "name", "args", "validate"]
)
def test_a_parameter_may_have_any_name_and_is_checked(name: str) -> None:
    arguments = plan(parameter(name, "int"))
    assert arguments.check([], {name: 5}) == {name: 5}
    assert f"\n{name}\n" in reason(arguments, **{name: "a"})


def test_values_are_returned_by_parameter_as_they_were_sent() -> None:
    arguments = plan(
        parameter("x", "bool"), parameter("args", "float", VAR_POSITIONAL),
        parameter("kw", "typing.Tuple[int, int]", VAR_KEYWORD),
    )  # fmt: skip
    bound = arguments.check([1, 2, 3.5], {"u": [1, 2]})
    assert bound == {"x": 1, "args": (2, 3.5), "kw": {"u": [1, 2]}}
    assert bound["x"] is not True


def test_variadic_parameters_are_checked_item_by_item() -> None:
    arguments = plan(parameter("v", "int", VAR_POSITIONAL), parameter("k", "str", VAR_KEYWORD))
    assert arguments.check([], {}) == {}
    assert "v.1" in reason(arguments, 1, "a")
    assert "k.x" in reason(arguments, x=5)


def test_a_parameter_with_a_default_that_is_no_plain_data_may_be_left_out() -> None:
    arguments = plan(parameter("k", "range", x_default_repr="range(5)"))
    assert arguments.check([], {}) == {}
    assert "should be an instance of range" in reason(arguments, [1, 2])


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ([parameter("k", "nosuch")], "name 'nosuch' is not defined"),
        ([parameter("a b")], "bad name 'a b'"),
        ([parameter("class")], "bad name 'class'"),
        ([{"kind": NORMAL}], "bad name None"),
        ([parameter("a", default="1"), parameter("b")], "do not go together"),
        ([parameter("a"), parameter("a")], "do not go together"),
        ([parameter("a", kind={"name": "OTHER"})], "unknown kind"),
        ([parameter("a", min="low")], "bad range"),
        (
            [parameter("a", default="f()", default_defined_in_decorator=True)],
            "is no literal value",
        ),
    ],
)
def test_a_description_that_cannot_be_used_says_why(
    parameters: list[dict[str, Any]], text: str
) -> None:
    with pytest.raises(NotAllowed) as refusal:
        plan(*parameters)
    assert text in str(refusal.value)


# ---------------------------------------------------------------------- types, strictness

ENUM = {"enums": {"E": ["a", "b"]}}

ACCEPTED = [
    ("int", [5, -5, 2**70]),
    ("float", [5, 5.0, True]),
    ("str", ["a", ""]),
    ("bool", [True, False, 1, 0]),
    ("list[int]", [[], [1, 2], (1, 2)]),
    ("collections.abc.Sequence[str]", [["a"], []]),
    ("collections.abc.Iterable[float]", [[1, 2.5]]),
    ("typing.Iterable", [[1, "a"]]),
    ("tuple[int, float]", [[1, 2.0], [1, 2]]),
    ("tuple[int, ...]", [[], [1, 2, 3]]),
    ("tuple", [[1, "a"]]),
    ("typing.Tuple", [[1, "a"]]),
    ("tuple[()]", [[]]),
    ("set[int]", [[1, 2], [1, 1]]),
    ("dict[str, int]", [{"a": 5}, {}]),
    ("dict[int, str]", [{"1": "a"}]),
    ("dict", [{"a": [1]}]),
    ("typing.Optional[int]", [None, 3]),
    ("int | None", [None, 3]),
    ("typing.Union[float, int]", [3, 3.5, True]),
    ("typing.Union[int, str]", [3, "3"]),
    ("float | collections.abc.Iterable[float]", [1, 1.5, [1, 2.5]]),
    ("typing.Literal['a', 5]", ["a", 5]),
    ("typing.Any", [None, 1, "a", [1], {"a": {}}]),
    ("object", [None, 1]),
    ("None", [None]),
    ("__DEVICE__", ["det1", "no_such_device"]),
    ("typing.List[__READABLE__]", [["det1", "no_such_device"]]),
    ("__MOVABLE__ | typing.Any", ["motor", 5, [1, 2.5], None]),
    ("E", ["a", "b"]),
    ("typing.List[E]", [[], ["a"], ["b", "a"]]),
    (None, [None, 1, "x", [1], {}]),
]
REFUSED = [
    ("int", [5.0, 5.5, "5", True, None, [5]]),
    ("float", ["5", None]),
    ("str", [5, None, ["a"]]),
    ("bool", ["yes", 2, None, 1.0]),
    ("list[int]", ["12", [1.0], ["1"], [True], None, {"a": 1}]),
    ("collections.abc.Sequence[str]", ["abc", [1]]),
    ("collections.abc.Iterable[float]", ["abc", ["1"]]),
    ("tuple[int, float]", [[1], [1, 2, 3], [1.0, 2]]),
    ("tuple[int, ...]", [[1, 2.0]]),
    ("tuple[()]", [[1]]),
    ("set[int]", [["1"], 5]),
    ("dict[str, int]", [{"a": "x"}, {"a": "5"}, {"a": 2.0}, [1]]),
    ("dict[str, list[int]]", [{"a": [1, 2.0]}]),
    ("typing.Optional[int]", ["3", 3.0]),
    ("typing.Literal['a', 5]", ["b", "5", 5.0]),
    ("None", [0, ""]),
    ("__DEVICE__", [5, None, ["det1"]]),
    ("typing.List[__READABLE__]", ["det1", [5]]),
    ("E", ["c", 5, None, ["a"]]),
    ("typing.List[E]", [["c"], "a"]),
]


@pytest.mark.parametrize(
    ("type_", "value"), [(type_, value) for type_, values in ACCEPTED for value in values]
)
def test_a_value_of_the_right_type_is_accepted(type_: str | None, value: Any) -> None:
    assert fits(type_, value, **(ENUM if type_ else {}))


@pytest.mark.parametrize(
    ("type_", "value"), [(type_, value) for type_, values in REFUSED for value in values]
)
def test_a_value_of_another_type_is_refused(type_: str, value: Any) -> None:
    assert not fits(type_, value, **ENUM)


def test_a_converted_value_is_refused_with_both_values() -> None:
    text = reason(plan(parameter("k", "int")), "5")
    assert text == (
        "Incorrect parameter type: key='k', value='5' (<class 'str'>), "
        "interpreted as '5' (<class 'int'>)"
    )


def test_a_wrong_choice_is_refused_with_all_choices_and_a_suggestion() -> None:
    arguments = plan(
        parameter("detectors", "typing.List[D]", devices={"D": ["det1", "det2", "motor"]})
    )
    text = reason(arguments, ["det1", "moter"])
    assert "1 validation error" in text
    assert "detectors.1\n  Input should be 'det1', 'det2' or 'motor' [type=enum, " in text
    assert text.endswith("\n'moter' (did you mean 'motor'?)")
    assert "https:" not in text


def test_all_faults_of_a_call_are_reported_together() -> None:
    text = reason(plan(parameter("a", "int"), parameter("b", "str")), "x", 5)
    assert "2 validation errors" in text
    assert "\na\n" in text
    assert "\nb\n" in text


def test_a_very_long_report_is_cut() -> None:
    assert len(reason(plan(parameter("a", "list[int]")), ["x"] * 2000)) < 10_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
TYPES = sorted({type_ for type_, _ in ACCEPTED + REFUSED if type_})


@given(st.sampled_from(TYPES), json_values)
def test_any_json_value_is_either_accepted_as_it_is_or_refused(type_: str, value: Any) -> None:
    arguments = plan(parameter("k", type_, **ENUM))
    try:
        bound = arguments.check([value], {})
    except NotAllowed as refusal:
        assert str(refusal)
    else:
        assert bound["k"] is value


@given(json_values)
def test_a_value_is_not_converted_into_its_own_copy(value: Any) -> None:
    assert not is_converted(value, copy.deepcopy(value))


# --------------------------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    "value", [20, 99.9, [20, 50.5], {"a": [30]}, "5", {"5": 30}, [], None, [{"x": 20.0}]]
)
def test_numbers_within_the_range_pass(value: Any) -> None:
    arguments = plan(parameter("k", min="20", max="99.9"))
    assert arguments.check([value], {}) == {"k": value}


@pytest.mark.parametrize(
    ("limits", "value", "text"),
    [
        ({"min": "20", "max": "99.9"}, 10, "Value 10 is out of range [20, 99.9]"),
        ({"min": "20", "max": "99.9"}, [30, 100.5], "Value 100.5 is out of range [20, 99.9]"),
        ({"min": "20", "max": "99.9"}, {"a": {"b": 5}}, "Value 5 is out of range [20, 99.9]"),
        ({"min": "20"}, 10, "Value 10 is out of range [20, inf]"),
        ({"max": "-0.5"}, 10, "Value 10 is out of range [-inf, -0.5]"),
        ({"max": "5"}, float("nan"), "Value nan is out of range"),
        ({"min": 1, "max": 2}, 10, "Value 10 is out of range [1, 2]"),
    ],
)
def test_a_number_outside_is_refused(limits: dict[str, Any], value: Any, text: str) -> None:
    assert text in reason(plan(parameter("k", **limits)), value)


def test_ranges_hold_for_each_of_variadic_values() -> None:
    arguments = plan(parameter("v", kind=VAR_POSITIONAL, max="5"))
    assert arguments.check([1, "a", 5], {})
    assert "Value 6 is out of range [-inf, 5] (parameter 'v')" in reason(arguments, 1, 6)


def test_all_that_is_wrong_is_told_in_one_answer() -> None:
    arguments = plan(
        parameter("a", "int", max="5"),
        parameter("b", "list[float]", min="0"),
        parameter("c", "str"),
        parameter("d", "bool"),
    )
    told = reason(arguments, "6", [-1.0, 7, -2.0], 3, 5)
    for fault in ("c\n  Input should be a valid string", "d\n  Input should be a valid boolean"):
        assert fault in told
    assert "Value -1.0 is out of range [0, inf] (parameter 'b')" in told
    assert "-2.0 is out" not in told, "one number of a parameter is enough"
    told = reason(arguments, "6", [1, "7"], "c", True)
    assert "key='a', value='6'" in told
    assert "key='b', value='[1, '7']'" in told


# --------------------------------------------------------------------------------- groups

LIST_SCAN = plan(
    parameter("detectors", "collections.abc.Sequence[__READABLE__]"),
    parameter("args", "tuple[__MOVABLE__ | typing.Any, list[float]]", VAR_POSITIONAL),
)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["motor", [1, 2, 3]],
        ["motor1", [1, 2], "motor2", [3, 4.5]],
        [["motor1", [1, 2]], ["motor2", [3, 4]]],
    ],
)
def test_groups_may_come_flat_or_as_lists(args: list[Any]) -> None:
    assert LIST_SCAN.check([["det1"], *args], {}).get("args", ()) == tuple(args)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["motor"], "groups of 2, but got 1"),
        (["motor", [1], "motor2"], "groups of 2, but got 3"),
        (["motor", ["a"]], "args.0.1"),
        (["motor1", [1], "motor2", 5], "args.1.1"),
        (["motor", ["1"]], "Incorrect parameter type: key='args'"),
    ],
)
def test_groups_that_do_not_fit_are_refused(args: list[Any], text: str) -> None:
    assert text in reason(LIST_SCAN, ["det1"], *args)


def test_flat_groups_that_look_like_lists_of_groups_are_recognised() -> None:
    arguments = plan(parameter("args", "tuple[list[int], list[str]]", VAR_POSITIONAL))
    assert arguments.check([[1, 2], ["a", "b"]], {})
    assert arguments.check([[[1], ["a"]]], {})
    assert reason(arguments, [1, 2], [3, 4])


@pytest.mark.parametrize(
    ("type_", "row", "odd"),
    [
        ("list[float]", [0.5, 1, True], "2.5"),
        ("list[int]", [1, 2], 3.0),
        ("list[str]", ["a"], 5),
        ("list[int | None]", [1, None], "7"),
        ("list[list[float]]", [[0.5, 1]], [["1"]]),
    ],
)
def test_in_a_long_row_every_value_counts(type_: str, row: list[Any], odd: Any) -> None:
    long_row = row * 3000
    assert fits(type_, long_row)
    for position in (0, 1500, len(long_row)):
        assert not fits(type_, [*long_row[:position], odd, *long_row[position:]])


def test_of_very_many_wrong_values_the_first_is_told_at_once() -> None:
    arguments = plan(parameter("k", "dict[str, list[list[float]]]"))
    text = reason(arguments, {"a": [[0.5], ["wrong"] * 200_000], "b": [["also"]]})
    assert "k.a.1.0" in text
    assert "k.a.1.1" not in text
    assert "k.b.0.0" in text
