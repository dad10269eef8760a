"""Positions as clients write them."""

from __future__ import annotations

from typing import Any

import pytest

from qs_jupyter.errors import BadRequest
from qs_jupyter.model import positions as p


def test_without_parameters_the_back_is_meant() -> None:
    assert p.parse_source(None, None) == p.BACK
    assert p.parse_place(None, None, None) == p.BACK


def test_each_word_has_its_meaning() -> None:
    assert p.parse_source("front", None) == p.FRONT
    assert p.parse_source(None, "u") == p.Named("u")
    assert p.parse_place(-3, None, None) == p.At(-3)
    assert p.parse_place(None, "u", None) == p.Before("u")
    assert p.parse_destination(None, None, "u") == p.After("u")
    assert p.parse_batch_destination(2, None, None) == p.At(2)


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        (lambda: p.parse_source(1, "u"), "Ambiguous parameters"),
        (lambda: p.parse_place(1, "u", None), "Ambiguous parameters"),
        (lambda: p.parse_place(None, "u", "v"), "Ambiguous parameters"),
        (lambda: p.parse_place("something", None, None), "Parameter 'pos' has incorrect value: "),
        (lambda: p.parse_source(1.5, None, wrong="value"), "Parameter 'pos' has incorrect value: "),
        (lambda: p.parse_source(1.5, None), "Parameter 'pos' has incorrect type: "),
        (lambda: p.parse_place(True, None, None), "Parameter 'pos' has incorrect value: "),
        (lambda: p.parse_source(None, 5), "Parameter 'uid' must be a string"),
        (lambda: p.parse_move_source(None, None), "Source position or UID is not specified."),
        (lambda: p.parse_move_source(1, "u"), "Ambiguous parameters: "),
        (
            lambda: p.parse_destination(None, None, None),
            "Destination position or UID is not specified.",
        ),
        (lambda: p.parse_destination(1, None, "u"), "Ambiguous parameters: "),
        (lambda: p.parse_destination([], None, None), "Parameter 'pos_dest' has incorrect type: "),
        (
            lambda: p.parse_batch_destination(None, None, None),
            "Destination for the batch is not specified",
        ),
        (
            lambda: p.parse_batch_destination(1, "u", None),
            "more than one mutually exclusive parameter",
        ),
    ],
)
def test_unusable_positions_are_refused_with_the_known_texts(attempt: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        attempt()
    assert text in str(refusal.value)
