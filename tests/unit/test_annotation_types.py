"""Types are built from text by reading it, never by running it."""

from __future__ import annotations

import collections.abc
import contextlib
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.model.annotation_types import (
    AnnotationError,
    build_type,
    enumeration,
    read_annotation,
)
from qs_jupyter.model.argument_schema import compile_validator, schema_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", int),
        ("str", str),
        ("None", None),
        ("NoneType", None),
        ("typing.Any", Any),
        ("list[int]", list[int]),
        ("dict[str, int]", dict[str, int]),
        ("tuple[int, ...]", tuple[int, ...]),
        ("tuple[()]", tuple[()]),
        ("typing.Tuple[int, float]", typing.Tuple[int, float]),  # noqa: UP006
        ("typing.Optional[int]", int | None),
        ("int | None", int | None),
        ("None | None", type(None)),
        ("typing.Literal['a', 'b', -1, None]", typing.Literal["a", "b", -1, None]),
        ("typing.Annotated[int, 5, 'text']", int),
        ("collections.abc.Sequence[__READABLE__]", collections.abc.Sequence[str]),
        ("collections.abc.Iterable[typing.Any]", collections.abc.Iterable[Any]),
        ("__CALLABLE__", str),
        ("typing.Callable[[int], str]", str),
        ("collections.abc.Callable[..., typing.Any] | None", str | None),
        ("bluesky.protocols.HasHints", str),
        ("bluesky.protocols.Readable[float]", str),
        ("'typing.List[int]'", typing.List[int]),  # noqa: UP006
        ("'Optional[Sequence[Readable]]'", typing.Sequence[str] | None),
    ],
)
def test_text_of_a_type_becomes_the_type(text: str, expected: Any) -> None:
    assert build_type(text).type == expected


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("int", set()),
        (
            "typing.Union[__READABLE__, typing.Iterable[__READABLE__]]",
            {"__READABLE__"},
        ),
        ("typing.List[__PLAN_OR_DEVICE__]", {"__PLAN_OR_DEVICE__"}),
        ("bluesky.protocols.Movable", {"__MOVABLE__"}),
        ("bluesky.protocols.SomethingNew", {"__DEVICE__"}),
        ("'list[Flyable]'", {"__FLYABLE__"}),
        ("typing.Union[__PLAN__, typing.Callable]", {"__PLAN__", "__CALLABLE__"}),
    ],
)
def test_markers_in_the_text_are_reported(text: str, markers: set[str]) -> None:
    assert build_type(text).markers == markers


def test_a_marker_that_is_defined_again_is_an_ordinary_name() -> None:
    built = read_annotation({"type": "__DEVICE__", "devices": {"__DEVICE__": ["det1"]}})
    assert built.markers == frozenset()
    assert [member.value for member in built.type] == ["det1"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("foo", "name 'foo' is not defined"),
        ("Motor", "name 'Motor' is not defined (did you mean 'Motors'?)"),
        ("os.path", "name 'os.path' is not defined"),
        ("typing.Lst[int]", "(did you mean 'List'?)"),
        ("typing.get_type_hints", "is not a supported type"),
        ("exec", "name 'exec' is not defined"),
        ("int[str]", "not subscriptable"),
        ("typing.Optional", "is not a complete type"),
        ("typing.Union", "is not a complete type"),
        ("typing.Literal[int]", "is not a literal value"),
        ("...", "is not a type"),
        ("list[[int]]", "only allowed inside of Callable"),
        ("5", "can not be part of a type"),
        ("int + str", "can not be part of a type"),
        ("[", "is not a type"),
        ("", "non-empty string"),
        (None, "non-empty string"),
        ("__import__('os').system('true')", "can not be part of a type"),
        ("[x for x in ().__class__.__bases__]", "can not be part of a type"),
        ("(lambda: int)()", "can not be part of a type"),
        ("list[" * 150 + "int" + "]" * 150, ""),
        ("int|" * 2400 + "int", "nested too deeply"),
        ("int|" * 9000 + "int", "longer than 10000 characters"),
    ],
)
def test_what_is_no_type_is_refused_with_the_part_at_fault(text: Any, reason: str) -> None:
    try:
        build_type(text, {"Motors": enumeration("Motors", ["m1"])})
    except AnnotationError as error:
        assert reason in str(error)
    else:
        assert not reason


@given(st.text(max_size=40) | st.text(alphabet="intyp.LsU[],|' ()_", max_size=40))
def test_any_text_is_either_a_type_or_refused(text: str) -> None:
    with contextlib.suppress(AnnotationError):
        schema_of(build_type(text).type)


@pytest.mark.parametrize("name", ["mro", "_x", "name", "it's", "a.b", "__class__", ""])
def test_every_text_can_be_a_choice(name: str) -> None:
    built = read_annotation({"type": "Choice", "enums": {"Choice": [name, "other"]}})
    validator = compile_validator({"p": schema_of(built.type)})
    assert validator.validate_python({"p": name})["p"].value == name


def test_choices_fail_with_the_words_of_pydantic() -> None:
    built = read_annotation({"type": "typing.List[D]", "devices": {"D": ["det1", "det2", "det3"]}})
    validator = compile_validator({"dets": schema_of(built.type)})
    with pytest.raises(ValueError, match="dets") as error:
        validator.validate_python({"dets": ["det4"]})
    assert "1 validation error for Model" in str(error.value)
    assert "Input should be 'det1', 'det2' or 'det3' [type=enum, " in str(error.value)


def test_an_empty_choice_fits_no_value_but_an_empty_list() -> None:
    built = read_annotation({"type": "typing.List[D]", "devices": {"D": []}})
    validator = compile_validator({"dets": schema_of(built.type)})
    assert validator.validate_python({"dets": []}) == {"dets": []}
    with pytest.raises(ValueError, match="Input should be"):
        validator.validate_python({"dets": ["det1"]})


@pytest.mark.parametrize("choices", [None, "det1", [5], {"det1": 1}])
def test_choices_that_are_no_list_of_texts_are_refused(choices: Any) -> None:
    with pytest.raises(AnnotationError, match="'D' must be a list of strings"):
        read_annotation({"type": "D", "devices": {"D": choices}})
