"""Regular expressions under a limit."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.manager.bounded_search import SlowPatternError, compile_bounded

SOURCES = [
    "^count$",
    "det[0-9]+$",
    "^(sim_)?det.*[12]$",
    r"\bx?\w{2,}\.y+",
    "(a|b)*c?",
    "^.*_?(?!m)",
]


@given(st.sampled_from(SOURCES), st.text("abcdetsim_x.y012", max_size=30))
def test_a_limit_changes_no_answer(source: str, name: str) -> None:
    assert bool(compile_bounded(source).search(name)) == bool(re.search(source, name))


@pytest.mark.parametrize(
    "source", [r"^(\w|\w)*\d$", r"^(.*?,?){12}\d$", r"(?:(\w)|([a-z]))*\d$", "(a|a)" * 40 + "b"]
)
def test_a_search_without_end_is_ended(source: str) -> None:
    with pytest.raises(SlowPatternError, match="takes too long with the name 'aaaa"):
        compile_bounded(source).search("a" * 200)


def test_what_python_does_not_take_is_no_pattern() -> None:
    for source in ["*", "(", "[a-", r"(?P<n>a)(?P<n>b)+", r"\p{Lu}+x*"]:
        with pytest.raises(re.error):
            compile_bounded(source)


def test_usual_patterns_load_no_library() -> None:
    code = (
        "import sys; from qs_jupyter.manager.bounded_search import compile_bounded as c;"
        "[c(source) for source in ('^count$', '.*', 'det[0-9]+', '^a$|^b$')];"
        "sys.exit('regex' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
