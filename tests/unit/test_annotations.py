"""The decorator for parameters: what it accepts and what it leaves alone."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from qs_kernel_worker import parameter_annotation_decorator


def decorate(facts: Any) -> Any:
    @parameter_annotation_decorator(facts)
    def p(a, b=2):
        """Text."""
        return (yield a + b)

    return p


def test_a_decorated_plan_runs_as_before() -> None:
    plan = decorate({"description": "Other text"})
    assert inspect.isgeneratorfunction(plan)
    assert list(plan(1)) == [3]
    assert plan.__doc__ == "Text."

    @parameter_annotation_decorator({})
    def function(a):
        return a

    assert not inspect.isgeneratorfunction(function)
    assert function(5) == 5


def test_the_dictionary_is_copied() -> None:
    facts = {"parameters": {"a": {"annotation": "D", "devices": {"D": ["det1"]}}}}
    plan = decorate(facts)
    facts["parameters"]["a"]["devices"]["D"].append("det2")  # type: ignore[index, attr-defined]
    kept = plan._custom_parameter_annotation_
    assert kept["parameters"]["a"]["devices"] == {"D": ["det1"]}


@pytest.mark.parametrize(
    ("facts", "error", "text"),
    [
        ([], TypeError, "must be a dictionary"),
        ({"text": ""}, ValueError, "unknown keys"),
        ({"description": 5}, TypeError, "must have type 'str'"),
        ({"parameters": []}, TypeError, "must be a dictionary"),
        ({"parameters": {"nosuch": {}}}, ValueError, "no such parameter"),
        ({"parameters": {"a": {"type": "int"}}}, ValueError, "unknown keys"),
        ({"parameters": {"a": {"annotation": int}}}, TypeError, "must have type 'str'"),
        ({"parameters": {"a": {"devices": ["det1"]}}}, TypeError, "must be a dictionary"),
        ({"parameters": {"a": {"devices": {"D-1": []}}}}, ValueError, "no name of a type"),
        ({"parameters": {"a": {"devices": {"D": "det1"}}}}, TypeError, "list of strings"),
        ({"parameters": {"a": {"enums": {"D": [5]}}}}, TypeError, "list of strings"),
        ({"parameters": {"a": {"min": "5"}}}, TypeError, "must be a number"),
        ({"parameters": {"a": {"step": True}}}, TypeError, "must be a number"),
        ({"parameters": {"a": {"convert_plan_names": 1}}}, TypeError, "must have type 'bool'"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(
    facts: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        decorate(facts)
