"""The garbage collector of a worker leaves alone what startup code has made."""

from __future__ import annotations

import gc

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = """
import gc


def collector_of_worker():
    seen = {id(thing) for thing in gc.get_objects()}
    return {
        "threshold": list(gc.get_threshold()),
        "enabled": gc.isenabled(),
        "sees startup code": id(vars(RE)) in seen or id(sys.modules) in seen,
        "sees what is new": id(new_circle) in seen,
    }


new_circle = []
new_circle.append(new_circle)
"""


async def test_the_collector_looks_only_at_what_is_made_after_the_start(bench) -> None:
    await bench.script(SCRIPT)
    assert (await bench.function("collector_of_worker")).return_value == {
        "threshold": list(gc.get_threshold()),
        "enabled": True,
        "sees startup code": False,
        "sees what is new": True,
    }
