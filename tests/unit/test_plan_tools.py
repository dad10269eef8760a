"""What client programs do with descriptions of plans."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest

from qs_jupyter.client.plan_tools import (
    bind_plan_arguments,
    construct_parameters,
    format_text_descriptions,
    simplify_plan_descriptions,
    validate_plan,
)

NORMAL = {"name": "POSITIONAL_OR_KEYWORD", "value": 1}
VAR_POSITIONAL = {"name": "VAR_POSITIONAL", "value": 2}
KEYWORD_ONLY = {"name": "KEYWORD_ONLY", "value": 3}

MOVE = {
    "name": "move_then_count",
    "description": "Move, then <count>.",
    "parameters": [
        {
            "name": "motors",
            "kind": NORMAL,
            "description": "Motors\nto move",
            "annotation": {"type": "typing.List[Motors]", "devices": {"Motors": ["m1", "m2"]}},
        },
        {
            "name": "positions",
            "kind": NORMAL,
            "annotation": {"type": "typing.List[float]"},
            "default": "None",
            "min": "-10",
            "max": "10",
            "step": "0.01",
        },
        {
            "name": "mode",
            "kind": KEYWORD_ONLY,
            "annotation": {"type": "typing.Optional[int]"},
            "default": "5",
        },
        {"name": "rest", "kind": KEYWORD_ONLY, "default": "['a']"},
    ],
}
PLANS = {"move_then_count": MOVE, "null": {"name": "null", "parameters": []}}
DEVICES: dict[str, Any] = {"m1": {}, "m2": {"excluded": True, "components": {"x": {}}}}


def check(*args: Any, devices: Any = None, **kwargs: Any) -> tuple[bool, str]:
    plan = {"name": "move_then_count", "args": list(args), "kwargs": kwargs}
    return validate_plan(plan, allowed_plans=PLANS, allowed_devices=devices)


def test_a_plan_is_checked_as_the_manager_does() -> None:
    assert check(["m1", "m2"], [1, 2]) == (True, "")
    accepted, text = check(["m3"])
    assert not accepted
    assert text.startswith("Plan validation failed: 1 validation error for Model")
    assert "Input should be 'm1' or 'm2' [type=enum" in text
    assert "Value 11 is out of range [-10, 10]" in check(["m1"], [11])[1]


def test_choices_are_cut_down_to_the_devices_given() -> None:
    assert check(["m1"], devices=DEVICES) == (True, "")
    assert "Input should be 'm1' [type=enum" in check(["m2"], devices=DEVICES)[1]
    assert not check(["m1"], devices={})[0]
    assert check([], devices={}) == (True, "")


def test_without_a_list_of_plans_every_plan_passes() -> None:
    assert validate_plan({"name": "x"}, allowed_plans=None, allowed_devices=None) == (True, "")


@pytest.mark.parametrize("plan", [5, None, {}, {"name": "nul"}, {"name": ["null"]}])
def test_the_check_never_raises(plan: Any) -> None:
    accepted, text = validate_plan(plan, allowed_plans=PLANS, allowed_devices={})
    assert not accepted
    assert text.startswith("Plan validation failed: ")


def test_arguments_are_bound_to_a_description() -> None:
    bound = bind_plan_arguments(plan_args=[["m1"]], plan_kwargs={"mode": 3}, plan_parameters=MOVE)
    assert bound.arguments == {"motors": ["m1"], "mode": 3}
    bound.apply_defaults()
    assert bound.arguments["rest"] == ["a"]
    with pytest.raises(TypeError, match="missing a required argument: 'motors'"):
        bind_plan_arguments(plan_args=[], plan_kwargs={}, plan_parameters=MOVE)


def test_binding_asks_neither_for_types_nor_for_defaults_that_are_no_plain_data() -> None:
    odd = {"name": "odd", "kind": NORMAL, "annotation": {"type": "nosuch.Type"}}
    unknown = {"name": "unknown", "kind": NORMAL, "x_default_repr": "<object>"}
    described = {"parameters": [odd, unknown]}
    bound = bind_plan_arguments(plan_args=[1], plan_kwargs={}, plan_parameters=described)
    assert bound.arguments == {"odd": 1}


def test_described_parameters_become_real_ones() -> None:
    motors, positions, mode, rest = construct_parameters(MOVE["parameters"])
    assert motors.default is inspect.Parameter.empty
    (choice,) = typing.get_args(motors.annotation)
    assert [member.value for member in choice] == ["m1", "m2"]
    assert positions == inspect.Parameter(
        "positions",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=typing.List[float],  # noqa: UP006
    )
    assert mode.annotation == typing.Optional[int]  # noqa: UP045
    assert (rest.default, rest.annotation) == (["a"], inspect.Parameter.empty)


def test_ready_types_and_defaults_are_taken_over() -> None:
    (parameter,) = construct_parameters(
        [MOVE["parameters"][1]],
        params_decoded={"positions": {"type": list, "default": [1.0]}},
    )
    assert (parameter.annotation, parameter.default) == (list, [1.0])


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "k", "kind": NORMAL, "annotation": {"type": "nosuch"}},
        {"name": "k", "kind": NORMAL, "default": "f()"},
        {"name": "k", "kind": {"name": "OTHER"}},
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Parameter 'k'"):
        construct_parameters([broken])


def test_a_parameter_without_a_name_is_shown() -> None:
    with pytest.raises(ValueError, match=r"no name: .*POSITIONAL_OR_KEYWORD"):
        construct_parameters([{"kind": NORMAL}])


def test_descriptions_are_shown_as_text() -> None:
    shown = format_text_descriptions(MOVE)
    assert shown["description"] == "Move, then <count>."
    assert shown["parameters"]["motors"].splitlines() == [
        "Name: motors",
        "Type: typing.List[Motors]",
        "Motors: ('m1', 'm2')",
        "Default: -",
        "Motors",
        "to move",
    ]
    assert shown["parameters"]["positions"].splitlines()[2:] == [
        "Default: None",
        "Min: -10 Max: 10 Step: 0.01",
    ]
    assert format_text_descriptions({})["description"] == "Description is not available"


def test_descriptions_shown_as_html_are_escaped() -> None:
    shown = format_text_descriptions(MOVE, use_html=True)
    assert shown["description"] == "Move, then &lt;count&gt;."
    assert "<b>Name:</b> motors<br>" in shown["parameters"]["motors"]
    assert "Motors<br>to move" in shown["parameters"]["motors"]


def test_descriptions_are_simplified_for_input_fields() -> None:
    simple = simplify_plan_descriptions(PLANS)
    assert simple["null"] == {"name": "null"}
    motors, positions, mode, rest = simple["move_then_count"]["parameters"]
    assert motors == {
        "name": "motors",
        "kind": NORMAL,
        "description": "Motors\nto move",
        "is_optional": False,
        "is_list": True,
        "type": "str",
        "enum": ["m1", "m2"],
    }
    assert positions["min"] == -10
    assert positions["step"] == 0.01
    assert positions["default"] is None
    assert (positions["type"], positions["is_list"]) == ("float", True)
    assert (mode["type"], mode["default"], mode["is_optional"]) == ("int", 5, True)
    assert "type" not in rest


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ({"type": "list[__READABLE__]"}, {"type": "str", "is_list": True}),
        ({"type": "E", "enums": {"E": ["a"]}}, {"type": "str", "enum": ["a"]}),
        ({"type": "typing.Literal['a', 5]"}, {"enum": ["a", 5]}),
        ({"type": "int | str"}, {}),
        ({"type": "dict[str, int]"}, {}),
        ({"type": "nosuch"}, {}),
        ({"type": "collections.abc.Sequence[int] | None"}, {"type": "int", "is_list": True}),
    ],
)
def test_types_are_simplified_as_far_as_they_are_simple(
    annotation: dict[str, Any], expected: dict[str, Any]
) -> None:
    described = {"name": "k", "kind": VAR_POSITIONAL, "annotation": annotation}
    ((found,),) = (
        plan["parameters"]
        for plan in simplify_plan_descriptions({"p": {"parameters": [described]}}).values()
    )
    assert found == {"name": "k", "kind": VAR_POSITIONAL, "is_optional": True, **expected}
