"""Arguments and results with very many numbers, on their way to a real worker and back."""

from __future__ import annotations

import pytest

from qs_jupyter.huge_json import is_huge
from qs_kernel_worker.messages import JobDone

pytestmark = pytest.mark.asyncio(loop_scope="session")

NUMBERS = [n / 7 for n in range(60_000)]


async def test_huge_arguments_arrive_and_a_huge_result_returns(bench) -> None:
    assert is_huge(NUMBERS)
    done = await bench.function("double", NUMBERS)
    assert done.outcome == "completed", done.msg
    assert done.return_value == [*NUMBERS, *NUMBERS]


async def test_a_plan_gets_a_huge_argument(bench) -> None:
    await bench.script(
        "def take(numbers):\n    yield from []\n    print(len(numbers), sum(numbers))\n"
    )
    job = await bench.submit_plan("take", numbers=NUMBERS)
    done = await bench.done(job.uid)
    assert done.outcome == "completed", done.msg
    expected = f"{len(NUMBERS)} {sum(NUMBERS)}"
    await bench.recorder.until(lambda: expected in bench.recorder.text_of(job.item_uid))


async def test_events_keep_their_order_when_one_of_them_is_huge(bench) -> None:
    source = f"def many():\n    return [0.5] * {10 * len(NUMBERS)}\n"
    await bench.script(source)
    since = bench.seq
    done = await bench.function("many")
    assert len(done.return_value) == 10 * len(NUMBERS)
    done = await bench.function("double", 2)
    assert done.return_value == 4
    numbers = [event.seq for event in bench.recorder.events if event.seq > since]
    assert numbers == sorted(set(numbers))
    ends = [each.event for each in bench.recorder.events if isinstance(each.event, JobDone)]
    assert [len(str(end.return_value)) > 1000 for end in ends[-2:]] == [True, False]
