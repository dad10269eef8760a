"""Descriptions of plans: types, defaults, texts, lists of the decorator."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import functools
import typing
from pathlib import Path
from typing import Any, Callable, Iterable, List, Literal, Optional, Sequence, Union  # noqa: UP035
from unittest.mock import MagicMock

import numpy
import pytest
from bluesky import protocols
from bluesky.protocols import Flyable, Movable, Readable

from qs_kernel_worker.annotation_text import annotation_text
from qs_kernel_worker.annotations import parameter_annotation_decorator
from qs_kernel_worker.describe_plans import InvalidPlanError, Names, describe_plan, is_plan

T = typing.TypeVar("T")


def _device(**components: Any) -> dict[str, Any]:
    flags = {"is_readable": True, "is_movable": False, "is_flyable": False}
    return {**flags, "components": components} if components else flags


NAMES = Names(
    devices={"det1": _device(val=_device()), "Det1": _device(), "det2": _device(), "m": _device()},
    plans=("count", "scan", "rel_scan"),
)


def describe(plan: Any, name: str = "p") -> dict[str, Any]:
    return describe_plan(name, plan, NAMES)


def parameter(plan: Any, number: int = 0) -> dict[str, Any]:
    return describe(plan)["parameters"][number]


class Colour(enum.Enum):
    RED = 1


class Impostor(typing.Protocol):
    pass


Impostor.__name__ = "Movable"


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (str, "str"),
        (list[int], "list[int]"),
        (dict[str, int], "dict[str, int]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (tuple[()], "tuple[()]"),
        (Optional[int], "typing.Optional[int]"),  # noqa: UP045
        (int | None, "int | None"),
        (Union[int, str, None], "typing.Union[int, str, NoneType]"),  # noqa: UP007
        (List, "typing.List"),  # noqa: UP006
        (List[int], "typing.List[int]"),  # noqa: UP006
        (typing.Dict[str, Any], "typing.Dict[str, typing.Any]"),  # noqa: UP006
        (Literal["a", "b", 3], "typing.Literal['a', 'b', 3]"),
        (None, "None"),
        (Any, "typing.Any"),
        (Sequence[Readable], "typing.Sequence[__READABLE__]"),
        (collections.abc.Sequence[Readable], "collections.abc.Sequence[__READABLE__]"),
        (
            Union[Readable, Iterable[Readable]],  # noqa: UP007
            "typing.Union[__READABLE__, typing.Iterable[__READABLE__]]",
        ),
        (Readable[float], "__READABLE__"),
        (Movable, "__MOVABLE__"),
        (protocols.NamedMovable, "__MOVABLE__"),
        (Flyable, "__FLYABLE__"),
        (protocols.Stageable, "__DEVICE__"),
        (protocols.Preparable, "__DEVICE__"),
        (protocols.HasHints, "__DEVICE__"),
        (collections.abc.Iterable, "collections.abc.Iterable[typing.Any]"),
        (collections.abc.Hashable | None, "collections.abc.Hashable | None"),
        (typing.Hashable, "typing.Hashable"),
        (Optional[typing.Hashable], "typing.Optional[typing.Hashable]"),  # noqa: UP045
        (Callable, "__CALLABLE__"),
        (Callable[[int], str], "__CALLABLE__"),
        (collections.abc.Callable[[int], str] | None, "__CALLABLE__ | None"),
        (typing.Annotated[int, 5], "int"),
        (typing.Annotated[list[Readable], "detectors"], "list[__READABLE__]"),
        (typing.Annotated[numpy.ndarray, 5], None),
        (Colour, None),
        (Literal[Colour.RED], None),
        (datetime.datetime, None),
        (list[datetime.datetime], None),
        (Path, None),
        (Impostor, None),
        (Callable[[int], T], None),
        (list[T], None),
        (type[int], None),
        (5, None),
        (..., None),
    ],
)
def test_an_annotation_becomes_the_text_that_clients_decode(
    annotation: Any, text: str | None
) -> None:
    assert annotation_text(annotation) == text


def test_markers_in_the_header_say_what_is_converted() -> None:
    def p(a: Readable, b: list[int], c: Callable[[], None], d):
        yield

    parameters = describe(p)["parameters"]
    assert parameters[0]["convert_device_names"] is True
    assert set(parameters[1]) == {"name", "kind", "annotation"}
    assert parameters[2]["eval_expressions"] is True
    assert set(parameters[3]) == {"name", "kind"}


def test_postponed_annotations_are_evaluated_one_by_one() -> None:
    def p(a: Readable, b: nosuch, c: int | None = None):  # noqa: F821
        yield

    types = [q.get("annotation", {}).get("type") for q in describe(p)["parameters"]]
    assert types == ["__READABLE__", None, "int | None"]


def test_kinds_are_described_by_name_and_number() -> None:
    def p(a, /, b, *c, d, **e):
        yield

    assert [q["kind"] for q in describe(p)["parameters"]] == [
        {"name": "POSITIONAL_ONLY", "value": 0},
        {"name": "POSITIONAL_OR_KEYWORD", "value": 1},
        {"name": "VAR_POSITIONAL", "value": 2},
        {"name": "KEYWORD_ONLY", "value": 3},
        {"name": "VAR_KEYWORD", "value": 4},
    ]


@pytest.mark.parametrize(
    ("default", "text"),
    [(1, "1"), ("a", "'a'"), ([1, {"b": (2,)}], "[1, {'b': (2,)}]"), (None, "None"), (1j, "1j")],
)
def test_a_plain_default_is_described_by_its_repr(default: Any, text: str) -> None:
    def p(a=default):
        yield

    assert parameter(p)["default"] == text


@pytest.mark.parametrize("default", [float("inf"), frozenset(), range(3), ..., int, Colour.RED])
def test_a_default_that_is_no_literal_is_left_out_but_noted(default: Any) -> None:
    def p(a=default):
        yield

    described = parameter(p)
    assert "default" not in described
    assert described["x_default_repr"] == repr(default)


def test_an_object_in_the_place_of_a_type_is_no_type_whatever_it_is() -> None:
    class Touchy:
        __hash__ = object.__hash__

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("not to be compared")

        def __bool__(self) -> bool:
            raise RuntimeError("neither true nor false")

    for annotation in (Touchy(), {1: 2}, numpy.zeros(2)):
        assert annotation_text(annotation) is None


def test_the_name_is_that_of_the_namespace_and_the_module_that_of_the_function() -> None:
    def p():
        yield

    p.__module__ = "somewhere"
    description = describe(p, "alias")
    assert (description["name"], description["module"]) == ("alias", "somewhere")
    assert description["properties"] == {"is_generator": True}
    p.__module__ = "<run_path>"
    assert "module" not in describe(p)


def test_partial_plans_and_methods_are_plans() -> None:
    class Beamline:
        def scan(self, n: int):
            """Scan it."""
            yield n

    def p(a, b=2):
        """Do it."""
        yield

    method, partial = Beamline().scan, functools.partial(p, b=3)
    assert is_plan(method)
    assert is_plan(partial)
    assert [q["name"] for q in describe(method)["parameters"]] == ["n"]
    assert describe(partial)["description"] == "Do it."
    assert describe(partial)["properties"] == {"is_generator": True}


def test_only_generator_functions_and_marked_functions_are_plans() -> None:

    async def coroutine(): ...

    async def stream():
        yield

    def stub(): ...

    stub._is_plan_ = True
    assert is_plan(stub)
    assert describe(stub)["properties"] == {"is_generator": False}
    generator = (n for n in ())
    for other in (coroutine, stream, generator, MagicMock(), 5, int, lambda: None):
        assert not is_plan(other)


# --------------------------------------------------------------------------------- decorator


def decorated(facts: dict[str, Any], default: Any = 5) -> Any:
    @parameter_annotation_decorator({"description": "Text", "parameters": {"a": facts}})
    def p(a=default):
        """Docstring.

        Parameters
        ----------
        a : int
            About a
        """
        yield

    return p


def test_the_decorator_describes_type_lists_and_numbers() -> None:
    described = parameter(
        decorated(
            {
                "description": "About a",
                "annotation": "typing.Union[D, P, E]",
                "devices": {"D": ("nosuch", ":^det:?.*", ":(?i)^DET1$")},
                "plans": {"P": [":scan$"]},
                "enums": {"E": ["it's", "b"]},
                "default": ["det1"],
                "min": -5,
                "max": 10.0,
                "step": 0.1,
            }
        )
    )
    assert described["annotation"] == {
        "type": "typing.Union[D, P, E]",
        "devices": {"D": ["Det1", "det1", "det1.val", "det2", "nosuch"]},
        "plans": {"P": ["rel_scan", "scan"]},
        "enums": {"E": ["it's", "b"]},
    }
    assert (described["min"], described["max"], described["step"]) == ("-5", "10", "0.1")
    assert described["default"] == "['det1']"
    assert described["default_defined_in_decorator"] is True
    assert not {"convert_device_names", "convert_plan_names"} & set(described)


def test_names_that_may_be_chosen_are_sorted_by_capitals() -> None:
    # Among small letters "_" would stand first, among capitals it stands last.
    listed = ["motors", "motor_x", "_hidden", "det1", "Det1", "detA", "det_A"]
    described = parameter(decorated({"annotation": "D", "devices": {"D": listed}}))
    sorted_names = ["Det1", "det1", "detA", "det_A", "motors", "motor_x", "_hidden"]
    assert described["annotation"]["devices"] == {"D": sorted_names}


def test_a_decorator_may_name_a_protocol_of_bluesky() -> None:
    described = parameter(decorated({"annotation": "typing.List[bluesky.protocols.Readable]"}))
    assert described["annotation"] == {"type": "typing.List[bluesky.protocols.Readable]"}


def test_texts_of_the_decorator_win_over_the_docstring() -> None:
    plan = decorated({})
    assert describe(plan)["description"] == "Text"
    assert parameter(plan)["description"] == "About a"
    assert parameter(decorated({"description": "Better"}))["description"] == "Better"


@pytest.mark.parametrize(
    ("facts", "flags"),
    [
        ({"annotation": "__PLAN__"}, {"convert_plan_names": True}),
        ({"annotation": "__DEVICE__"}, {"convert_device_names": True}),
        (
            {"annotation": "list[__PLAN_OR_DEVICE__]"},
            {"convert_plan_names": True, "convert_device_names": True},
        ),
        ({"annotation": "__CALLABLE__"}, {"eval_expressions": True}),
        (
            {"annotation": "__DEVICE__", "convert_device_names": False},
            {"convert_device_names": False},
        ),
        ({"annotation": "__DEVICE__", "devices": {"__DEVICE__": ["det1"]}}, {}),
        ({"convert_plan_names": True}, {"convert_plan_names": True}),
    ],
)
def test_markers_set_the_flags_unless_the_decorator_does(
    facts: dict[str, Any], flags: dict[str, bool]
) -> None:
    described = parameter(decorated(facts))
    found = {k: v for k, v in described.items() if k.startswith(("convert", "eval"))}
    assert found == flags


def test_none_as_decorator_default_means_not_given_while_zero_counts() -> None:
    assert parameter(decorated({"default": None}))["default"] == "5"
    assert parameter(decorated({"default": 0}))["default"] == "0"


def test_lists_without_a_type_are_ignored() -> None:
    assert "annotation" not in parameter(decorated({"devices": {"D": ["det1"]}}))


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"annotation": "typing.List[X]"}, "name 'X' is not defined"),
        ({"annotation": "List[int]"}, "name 'List' is not defined"),
        ({"annotation": "__import__('os')"}, "may not contain 'Call'"),
        ({"annotation": "typing.Lst[int]"}, r"name 'typing\.Lst' is not defined"),
        ({"annotation": "os.system"}, "name 'os.system' is not defined"),
        ({"annotation": "typing.List["}, "no valid expression"),
        ({"annotation": "int", "devices": {"D": ["det1"]}}, "does not use the defined types"),
        ({"annotation": "D", "devices": {"D": [":["]}}, "contains invalid regular expression"),
        ({"annotation": "P", "plans": {"P": ["__READABLE__:x"]}}, "can not be used with names"),
        (
            {"annotation": "D", "devices": {"D": ["det1"]}, "enums": {"D": ["a"]}},
            "are defined twice",
        ),
        ({"annotation": "bluesky.protocols.Reading"}, "name 'bluesky.protocols.Reading' is not"),
        ({"annotation": "bluesky.plans.count"}, "name 'bluesky.plans.count' is not defined"),
        ({"default": float("inf")}, "is no plain value"),
        ({"min": float("-inf")}, "'min' must be a finite number, not -inf"),
        ({"step": float("nan")}, "'step' must be a finite number"),
    ],
)
def test_an_impossible_decorator_makes_the_plan_invalid(facts: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidPlanError, match=text) as caught:
        describe(decorated(facts))
    assert "'p'" in str(caught.value)


def test_a_decorator_default_needs_one_in_the_header() -> None:
    @parameter_annotation_decorator({"parameters": {"a": {"default": 1}}})
    def p(a):
        yield

    with pytest.raises(InvalidPlanError, match="none in the header"):
        describe(p)
