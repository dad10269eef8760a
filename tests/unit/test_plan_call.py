"""Names in requests become calls with objects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from qs_kernel_worker import parameter_annotation_decorator
from qs_kernel_worker.messages import FunctionJob, PlanJob
from qs_kernel_worker.plan_call import CallError, find_object, prepare_function, prepare_plan

DET = SimpleNamespace(name="det1")
STAGE = SimpleNamespace(x=SimpleNamespace(name="x"), component_names=("x",))


def echo(*args: Any, **kwargs: Any) -> Any:
    yield (args, kwargs)


def count(detectors: Any, num: int = 1, *, md: Any = None) -> Any:
    yield (detectors, num, md)


@parameter_annotation_decorator({"parameters": {"detectors": {"default": ["det1", "det2"]}}})
def with_default(motor: Any, detectors: Any = None, last: int = 3) -> Any:
    yield (motor, detectors, last)


# As the decorator of bluesky's own plans leaves them.
marked: Any = partial(count)
marked._is_plan_ = True

NAMESPACE = {
    "det1": DET,
    "stage": STAGE,
    "count": count,
    "echo": echo,
    "with_default": with_default,
    "number": 5,
    "nothing": lambda: None,
    "marked": marked,
    "add": lambda a, b=0: a + b,
}


def call(name: str, *args: Any, convert: Any = None, **kwargs: Any) -> Any:
    job = PlanJob("u", 1, "i", name, list(args), kwargs, convert or {})
    return next(iter(prepare_plan(job, NAMESPACE)))


def test_only_the_named_strings_become_objects() -> None:
    detectors = ["det1", "stage.x", "stage", ["det1", {"det1": "det1"}], 5]
    found, num, md = call(
        "count", detectors, convert={"detectors": ["det1", "stage.x"]}, md={"sample": "det1"}
    )
    assert found == [DET, STAGE.x, "stage", [DET, {"det1": DET}], 5]
    assert (num, md) == (1, {"sample": "det1"})
    assert detectors[0] == "det1"


def test_variadic_arguments_are_converted_by_the_name_of_their_parameter() -> None:
    args, kwargs = call("echo", "det1", 1, convert={"args": ["det1"], "kwargs": ["det1"]}, a="det1")
    assert (args, kwargs) == ((DET, 1), {"a": DET})


def test_metadata_among_other_keywords_is_left_alone() -> None:
    convert = {"kwargs": ["det1"]}
    _, kwargs = call("echo", convert=convert, a="det1", md={"x": "det1"}, metadata=["det1"])
    assert kwargs == {"a": DET, "md": {"x": "det1"}, "metadata": ["det1"]}


def test_a_tentative_name_that_stands_for_nothing_stays_text() -> None:
    values = ["add", "fast", "stage.y", "det1"]
    job = PlanJob("u", 1, "i", "count", [values], {}, {"detectors": values}, {}, {})
    with pytest.raises(CallError, match="'fast' is not found"):
        prepare_plan(job, NAMESPACE)
    job = replace(job, tentative={"detectors": ["add", "fast", "stage.y"]})
    found, _, _ = next(iter(prepare_plan(job, NAMESPACE)))
    assert found == [NAMESPACE["add"], "fast", "stage.y", DET]


def test_defaults_of_the_decorator_are_added_and_converted() -> None:
    convert = {"detectors": ["det1"]}
    assert call("with_default", "m", convert=convert) == ("m", [DET, "det2"], 3)
    assert call("with_default", "m", ["det1"], 5, convert=convert) == ("m", [DET], 5)
    assert call("with_default", "m", last=4, convert=convert) == ("m", [DET, "det2"], 4)


@pytest.mark.parametrize(
    ("name", "args", "convert", "text"),
    [
        ("cuont", [], {}, r"Plan 'cuont' is not found .*did you mean 'count'\?"),
        ("number", [], {}, "Object 'number' defined in worker namespace is not callable"),
        ("count", [], {}, "Arguments do not fit 'count': missing a required argument"),
        ("count", [1, 2, 3], {}, "too many positional arguments"),
        ("count", [["det2"]], {"detectors": ["det2"]}, r"'det2' is not found .*mean 'det1'\?"),
        ("count", ["stage.y"], {"detectors": ["stage.y"]}, "'stage' has no component 'y'"),
        ("count", ["stage.__class__"], {"detectors": ["stage.__class__"]}, "does not name"),
        ("count", [[]], {"dets": ["det1"]}, "has no parameter 'dets'.*Update the environment"),
        ("nothing", [], {}, "returned 'NoneType' instead of messages"),
    ],
)
def test_a_call_that_can_not_be_made_says_why(
    name: str, args: list[Any], convert: Any, text: str
) -> None:
    with pytest.raises(CallError, match=text):
        call(name, *args, convert=convert)


def test_arguments_of_functions_are_passed_as_sent() -> None:
    job = FunctionJob("u", 1, "add", ["det1"], {"b": "x"})
    function, args, kwargs = prepare_function(job, NAMESPACE)
    assert function(*args, **kwargs) == "det1x"


def test_arguments_of_functions_are_converted_on_request() -> None:
    job = FunctionJob("u", 1, "add", ["det1"], {}, {"a": ["det1"]})
    _, args, kwargs = prepare_function(job, NAMESPACE)
    assert (args, kwargs) == ([DET], {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nosuch", "Function 'nosuch' is not found in the worker namespace"),
        ("number", "Object 'number' defined in worker namespace is not callable"),
        ("count", "Object 'count' defined in worker namespace is a generator function"),
        ("marked", "'marked' .* is a generator function: a plan has to go through the queue"),
    ],
)
def test_what_is_no_function_is_refused(name: str, text: str) -> None:
    with pytest.raises(CallError, match=text):
        prepare_function(FunctionJob("u", 1, name), NAMESPACE)


def test_dotted_names_are_walked_by_attributes() -> None:
    assert find_object("stage.x.name", NAMESPACE) == "x"
