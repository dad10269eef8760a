"""Fields from the description of a plan, and a plan from what was typed."""

from __future__ import annotations

from typing import Any

import pytest

from qs_widgets.form_fields import device_names, fields_of
from qs_widgets.form_values import collect, typed_values

DEVICES = {
    "det1": {"is_readable": True, "is_movable": False, "is_flyable": False},
    "motor": {
        "is_readable": True,
        "is_movable": True,
        "is_flyable": False,
        "components": {"velocity": {"is_readable": True, "is_movable": True}},
    },
}


def parameter(name: str, type_: str | None = None, kind: str = "", **more: Any) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": name,
        "kind": {"name": kind or "POSITIONAL_OR_KEYWORD", "value": 1},
        **more,
    }
    if type_ is not None:
        described["annotation"] = {"type": type_, **more.pop("choices", {})}
        described.pop("choices", None)
    return described


COUNT = {
    "name": "count",
    "parameters": [
        parameter("detectors", "collections.abc.Sequence[__READABLE__]"),
        parameter("num", "int | None", default="1"),
        parameter("delay", "float | collections.abc.Iterable[float]", default="0.0"),
        parameter("per_shot", None, "KEYWORD_ONLY", default="None"),
        parameter("md", "dict[str, typing.Any] | None", "KEYWORD_ONLY", default="None"),
    ],
}
SCAN = {
    "name": "scan",
    "parameters": [
        parameter("detectors", "collections.abc.Sequence[__READABLE__]"),
        parameter("args", "__MOVABLE__ | typing.Any", "VAR_POSITIONAL"),
        parameter("num", "int | None", "KEYWORD_ONLY", default="None"),
    ],
}


def field(plan: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in fields_of(plan, DEVICES) if each["name"] == name)


def one(type_: str | None, **more: Any) -> dict[str, Any]:
    plan = {"name": "p", "parameters": [parameter("a", type_, **more)]}
    return fields_of(plan, DEVICES)[0]


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("int", "number"),
        ("typing.Optional[float]", "number"),
        ("float | None", "number"),
        ("bool", "bool"),
        ("str", "text"),
        ("dict[str, typing.Any] | None", "metadata"),
        ("__MOVABLE__", "name"),
        ("list[__FLYABLE__]", "names"),
        ("list[float]", "literal"),
        ("int | str", "literal"),
        ("no type at all(", "literal"),
        (None, "literal"),
    ],
)
def test_a_type_decides_about_the_kind_of_input(type_: str | None, kind: str) -> None:
    assert one(type_)["kind"] == kind


def test_devices_to_choose_from_have_the_ability_that_is_asked_for() -> None:
    assert one("__MOVABLE__")["options"] == ["motor", "motor.velocity"]
    assert device_names(DEVICES, "is_readable") == ["det1", "motor", "motor.velocity"]


def test_devices_enums_and_plans_of_an_annotation_are_the_choices() -> None:
    found = one("typing.List[Motors]", choices={"devices": {"Motors": ["m1", "m2"]}})
    assert (found["kind"], found["options"], found["is_device"]) == ("names", ["m1", "m2"], True)
    found = one("Mode", choices={"enums": {"Mode": ["fast", "slow"]}})
    assert (found["kind"], found["is_device"]) == ("name", False)


def test_hooks_without_a_type_are_shown_only_on_demand() -> None:
    assert field(COUNT, "per_shot")["more"] is True
    assert field(COUNT, "md")["more"] is True
    assert field(COUNT, "num")["more"] is False


def test_variable_arguments_of_known_plans_come_in_groups() -> None:
    columns = field(SCAN, "args")["columns"]
    assert [column["title"] for column in columns] == ["motor", "start", "stop"]
    assert columns[0]["options"] == ["motor", "motor.velocity"]


def test_what_is_required_goes_by_place_and_what_is_optional_by_name() -> None:
    typed = collect(fields_of(COUNT, DEVICES), {"detectors": ["det1"], "num": "3", "delay": ""})
    assert (typed.args, typed.kwargs, typed.errors) == ([["det1"]], {"num": 3}, {})


def test_groups_are_laid_out_flat_with_numbers_and_names() -> None:
    values = {"detectors": ["det1"], "args": [["motor", "-1", "1"], ["", "", ""]], "num": "5"}
    typed = collect(fields_of(SCAN, DEVICES), values)
    assert typed.args == [["det1"], "motor", -1, 1]
    assert typed.kwargs == {"num": 5}


@pytest.mark.parametrize(
    ("values", "name", "text"),
    [
        ({}, "detectors", "This is needed"),
        ({"detectors": ["det1"], "num": "many"}, "num", "'many' is not a whole number"),
        ({"detectors": ["det1"], "delay": "1 +"}, "delay", "'1 +' is not a Python value"),
        ({"detectors": ["det1"], "delay": "f(1)"}, "delay", "'f(1)' is not a plain value"),
    ],
)
def test_errors_are_told_at_their_field(values: dict[str, Any], name: str, text: str) -> None:
    assert collect(fields_of(COUNT, DEVICES), values).errors[name].startswith(text)


def test_a_row_with_a_gap_is_an_error() -> None:
    values = {"detectors": ["det1"], "args": [["motor", "", "1"]]}
    errors = collect(fields_of(SCAN, DEVICES), values).errors
    assert errors == {"args": "start is missing in a row"}


def test_limits_are_checked() -> None:
    plan = {"name": "p", "parameters": [parameter("a", "float", min="-1", max="1")]}
    fields = fields_of(plan, DEVICES)
    assert collect(fields, {"a": "2"}).errors == {"a": "2.0 is above the maximum 1"}
    assert collect(fields, {"a": "0.5"}).args == [0.5]


def test_editing_an_item_and_saving_it_unchanged_gives_the_same_call() -> None:
    item = {"name": "count", "args": [["det1"]], "kwargs": {"num": 3, "md": {"a": 1, "b": "x"}}}
    fields = fields_of(COUNT, DEVICES)
    values = typed_values(COUNT, fields, item)
    assert values == {"detectors": ["det1"], "num": "3", "md": [["a", "1"], ["b", "x"]]}
    typed = collect(fields, values)
    assert (typed.args, typed.kwargs) == (item["args"], item["kwargs"])


def test_a_number_of_points_behind_the_groups_comes_to_its_own_field() -> None:
    item = {"name": "scan", "args": [["det1"], "motor", -1, 1, 100], "kwargs": {}}
    values = typed_values(SCAN, fields_of(SCAN, DEVICES), item)
    assert values["args"] == [["motor", "-1", "1"]]
    assert values["num"] == "100"
