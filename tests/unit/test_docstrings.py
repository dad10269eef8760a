"""Texts taken out of docstrings."""

from __future__ import annotations

import pytest

from qs_kernel_worker.docstrings import Texts, read_docstring

NUMPY = """
    Take readings
    of detectors.

    More about it.

    Parameters
    ----------
    detectors: list
        Detectors to read

        in this order
    a, b : int
        Numbers
    ``*args``
        Positions
    **kwargs
        Options
    silent : bool

    Returns
    -------
    uid : str
        Not a parameter
"""


def test_numpy_style_gives_the_first_paragraph_and_the_parameters() -> None:
    assert read_docstring(NUMPY) == Texts(
        "Take readings\nof detectors.",
        {
            "detectors": "Detectors to read\n\nin this order",
            "a": "Numbers",
            "b": "Numbers",
            "kwargs": "Options",
        },
    )


def test_the_first_paragraph_keeps_its_shape() -> None:
    assert read_docstring("""Do in turn:
      - move
      - read

    More.""") == Texts("Do in turn:\n  - move\n  - read")


@pytest.mark.parametrize("docstring", [None, "", "  \n ", 5])
def test_no_docstring_gives_no_texts(docstring: str | None) -> None:
    assert read_docstring(docstring) == Texts()


def test_a_repeated_section_is_no_error() -> None:
    doubled = "Text\n\nParameters\n----------\na : int\n    A\n\nParameters\n----------\nb\n    B\n"
    assert read_docstring(doubled) == Texts("Text", {"a": "A", "b": "B"})


def test_google_style_gives_texts_too() -> None:
    google = """Take readings.

    Args:
        detectors (list): Detectors to read
            in this order
        num: How often

    Returns:
        uid: Not a parameter
    """
    assert read_docstring(google) == Texts(
        "Take readings.", {"detectors": "Detectors to read\nin this order", "num": "How often"}
    )


def test_a_call_above_the_text_is_left_out() -> None:
    assert read_docstring("count(dets, num)\n\nTake readings.").description == "Take readings."
