"""Where the cursor is in unfinished Python code, and where a manager is launched."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.launching import addressed
from qs_jupyter.magics.python_context import Place, place_in

PLANS = {"count", "mv"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("cou", Place(begun="cou")),
        ("count(", Place("count")),
        ("count([det1, de", Place("count", is_direct=False, begun="de")),
        ("count([det1], num=2, de", Place("count", 2, used={"num"}, begun="de")),
        ("count([det1], num=de", Place("count", 1, keyword="num", begun="de")),
        ("count(x == 1, ", Place("count", 1)),
        ("count(max(1, 2), ", Place("count", 1)),
        ("count(max(1, mot", Place("count", 0, is_direct=False, begun="mot")),
        ("count('a(', \"b,\", mot", Place("count", 2, begun="mot")),
        ("count(['de", Place("count", is_direct=False, string="de")),
        ("count([det1])\nmv(motor.us", Place("mv", begun="motor.us")),
        ("# don't count(\nmv(", Place("mv")),
        ("print(mot", Place(begun="mot")),
        ("count([det1])", Place()),
    ],
)
def test_the_call_around_the_cursor_is_found(text: str, place: Place) -> None:
    found = place_in(text, PLANS)
    assert found.used == place.used or set(found.used) == set(place.used)
    assert (found.plan, found.index, found.keyword) == (place.plan, place.index, place.keyword)
    assert (found.begun, found.string) == (place.begun, place.string)
    assert found.is_direct == place.is_direct


def test_a_manager_is_launched_where_the_notebook_looks_for_it() -> None:
    address, options = addressed("tcp://localhost:60615", [])
    assert address == "tcp://localhost:60615"
    assert options[-2:] == ["--zmq-control-addr", "tcp://127.0.0.1:60615"]
    address, options = addressed("tcp://localhost:1", ["--zmq-control-addr=tcp://*:7"])
    assert address == "tcp://localhost:7"
    assert "--zmq-publish-console" in options
    with pytest.raises(MagicFailure, match="another machine"):
        addressed("tcp://beamline:60615", [])


def test_importing_the_package_and_loading_the_magics_is_cheap() -> None:
    code = (
        "import sys, qs_jupyter\n"
        "assert 'zmq' not in sys.modules and 'IPython' not in sys.modules\n"
        "import qs_jupyter.magics.qserver\n"
        "heavy = {'bluesky', 'ophyd', 'pydantic', 'redis', 'yaml', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
