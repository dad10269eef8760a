"""Free memory goes back to the system; masses of items are kept from the garbage collector."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qs_jupyter.lasting import lasting_objects

_GROWTH = """
import sys
from pathlib import Path
from qs_jupyter.free_memory import give_back_free_memory

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])

before = resident()
for _ in range(3):
    block = bytearray(b"x") * 20_000_000
    del block
if sys.argv[1] == "give back":
    give_back_free_memory()
print(resident() - before)
"""


def growth_kb(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH, how], stdout=subprocess.PIPE, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no process table")
def test_a_process_that_gives_back_its_free_memory_is_no_larger_than_before() -> None:
    assert growth_kb("give back") < 2_000


@pytest.fixture
def clean_collector() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("clean_collector")
def test_the_collector_never_sees_masses_of_lasting_objects() -> None:
    with lasting_objects():
        assert not gc.isenabled()
        made = [[number] for number in range(5000)]
    assert gc.isenabled()
    seen = {id(thing) for thing in gc.get_objects()}
    assert not seen & {id(thing) for thing in made}


@pytest.mark.usefixtures("clean_collector")
def test_few_objects_are_left_to_the_collector() -> None:
    frozen = gc.get_freeze_count()
    with lasting_objects(10):
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen


@pytest.mark.usefixtures("clean_collector")
def test_the_collector_is_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="in between"), lasting_objects():
        raise ValueError("in between")
    assert gc.isenabled()
