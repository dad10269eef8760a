"""Lists from outside are read entry by entry."""

from __future__ import annotations

from typing import Any

import pytest

from qs_jupyter.errors import BadRequest
from qs_jupyter.model.existing import ExistingLists, read_existing

GOOD_PLAN = {"name": "count", "parameters": [{"name": "detectors", "annotation": {"type": "int"}}]}
GOOD_DEVICE = {"is_readable": True, "components": {"x": {"is_readable": True}}}


def test_sound_lists_are_read_as_they_are() -> None:
    plans, devices = {"count": GOOD_PLAN}, {"det1": GOOD_DEVICE}
    found = read_existing({"existing_plans": plans, "existing_devices": devices})
    assert found == ExistingLists(plans, devices)
    assert read_existing({}) == ExistingLists()
    assert read_existing({"existing_plans": None}) == ExistingLists()


@pytest.mark.parametrize("data", [None, [], "text", {"existing_plans": ["count"]}])
def test_lists_of_the_wrong_outer_shape_are_refused(data: Any) -> None:
    with pytest.raises(BadRequest, match="Lists of plans and devices"):
        read_existing(data)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (None, "no map"),
        ({"parameters": {"a": 1}}, "no list"),
        ({"parameters": [5]}, "has no name"),
        ({"parameters": [{"name": "a", "annotation": "int"}]}, "'a' is malformed"),
        ({"parameters": [{"name": "a", "annotation": {"devices": {"D": None}}}]}, "malformed"),
        ({"parameters": [{"name": "a", "annotation": {"plans": ["x"]}}]}, "malformed"),
    ],
)
def test_a_malformed_plan_is_left_out_with_a_warning(description: Any, reason: str) -> None:
    found = read_existing({"existing_plans": {"bad": description, "count": GOOD_PLAN}})
    assert list(found.plans) == ["count"]
    (warning,) = found.warnings
    assert "existing_plans: 'bad' is left out" in warning
    assert reason in warning


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (5, "no map"),
        ({"components": ["x"]}, "no map of names"),
        ({"components": {5: {}}}, "no map of names"),
        ({"components": {"x": {"components": {"y": None}}}}, "'x': component 'y': its descr"),
    ],
)
def test_a_malformed_device_is_left_out_with_a_warning(description: Any, reason: str) -> None:
    found = read_existing({"existing_devices": {"bad": description, 5: {}, "det1": GOOD_DEVICE}})
    assert list(found.devices) == ["det1"]
    first, second = found.warnings
    assert reason in first
    assert "existing_devices: 5 is left out: the name is no text" in second
