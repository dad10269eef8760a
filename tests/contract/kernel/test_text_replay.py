"""Text that is written while no manager listens reaches the next one; floods hurt nobody."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from qs_jupyter.kernel.text_order import TextOrder
from qs_kernel_worker.messages import GetStatus, GetText, ScriptJob
from qs_kernel_worker.written_text import ALLOWED_AT_ONCE, ALLOWED_PER_S, KEPT_CHARACTERS
from tests.contract.kernel.conftest import LIMIT_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAITING_WRITER = """
gate = {gate!r}

def words(number):
    with open(gate):  # opens when somebody writes there
        pass
    for n in range(number):
        print("line", n)
    sys.stdout.flush()  # what is not sent yet would come on top of what was kept
    with open(gate + ".done", "w"):
        pass
    yield from bps.null()
"""


class Gate:
    """Lets a plan write its text when nobody listens, and tells when it has."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "gate")
        os.mkfifo(self.path)
        os.mkfifo(f"{self.path}.done")

    def open(self) -> None:
        """Let the plan write; return when it has done so."""
        with Path(self.path).open("w"):
            pass
        with Path(f"{self.path}.done").open():
            pass


async def left_alone(bench: Any, folder: Path, number: int) -> Any:
    """Have a plan write lines while no manager is attached; return its job."""
    gate = Gate(folder)
    await bench.script(WAITING_WRITER.format(gate=gate.path))
    job = await bench.submit_plan("words", number=number)
    await bench.driver.detach()
    gate.open()
    bench.recorder.texts.clear()
    return job


async def test_text_of_the_time_without_a_manager_is_read_by_the_next(
    new_bench, tmp_path, caplog
) -> None:
    bench = new_bench()
    await bench.open()
    job = await left_alone(bench, tmp_path, 500)
    with caplog.at_level(logging.INFO, "qs_jupyter.kernel"):
        await bench.driver.adopt()
    await bench.done(job.uid)
    assert bench.recorder.text_of(job.item_uid, "item") == "".join(
        f"line {n}\n" for n in range(500)
    )
    assert "Output of the worker while no manager listened" in caplog.text
    assert "are lost" not in caplog.text
    bench.recorder.texts.clear()
    assert (await bench.plan("talking", words="as ever")).outcome == "completed"
    assert "".join(text.text for text in bench.recorder.texts) == "as ever\n"


async def test_the_lines_that_were_too_many_to_keep_are_counted(
    new_bench, tmp_path, caplog
) -> None:
    bench = new_bench()
    await bench.open()
    job = await left_alone(bench, tmp_path, 500_000)
    with caplog.at_level(logging.INFO, "qs_jupyter.kernel"):
        await bench.driver.adopt()
    await bench.done(job.uid)
    text = bench.recorder.text_of(job.item_uid, "item")
    assert text.endswith("line 499999\n")
    assert 0.9 * KEPT_CHARACTERS < len(text) < 1.2 * KEPT_CHARACTERS
    told = re.search(r"(\d+) lines of output of the worker are lost", caplog.text)
    assert told is not None
    # A piece that ends in the middle of a line counts as one.
    assert 0 <= int(told[1]) - (500_000 - text.count("\n")) < 100


async def test_text_that_was_passed_on_is_not_repeated(new_bench) -> None:
    bench = new_bench()
    await bench.open()
    await bench.plan("talking", words="old news")
    await bench.recorder.until(
        lambda: "old news\n" in "".join(text.text for text in bench.recorder.texts)
    )
    async with asyncio.timeout(LIMIT_S):
        while (await bench.driver.request(GetText()))["texts"]:  # not acknowledged yet
            pass
    await bench.driver.detach()
    bench.recorder.texts.clear()
    await bench.driver.adopt()
    await bench.plan("talking", words="news")
    assert "".join(text.text for text in bench.recorder.texts) == "news\n"


async def test_pieces_that_were_lost_on_the_way_are_fetched(bench, monkeypatch) -> None:
    take, dropped = TextOrder.take, []

    def lossy(order: TextOrder, seq: int | None, text: Any) -> None:
        if seq is not None and "drop" in text.text:
            dropped.append(seq)
        else:
            take(order, seq, text)

    monkeypatch.setattr(TextOrder, "take", lossy)
    done = await bench.script(
        """
        for n in range(20):
            print("drop" if n % 3 == 0 else "keep", n, flush=True)
        """
    )
    expected = "".join(f"{'drop' if n % 3 == 0 else 'keep'} {n}\n" for n in range(20))
    await bench.recorder.until(lambda: bench.recorder.text_of(done.uid) == expected)
    assert len(dropped) == 7


@pytest.mark.parametrize("way", ["print", "file descriptor"])
async def test_a_flood_of_output_is_cut_and_costs_nothing(bench, tmp_path, way) -> None:
    block, enough = "x" * 99 + "\n", tmp_path / "enough"
    write = {
        "print": "print(block, end='')",
        "file descriptor": "os.write(1, block.encode())",
    }[way]
    uid = bench.uid("flood")
    source = f"""
block = {block!r} * 500
written, begun = 0, time.monotonic()
def allowed():
    return {ALLOWED_AT_ONCE} + {ALLOWED_PER_S} * (time.monotonic() - begun)
while written < allowed() + 20_000_000 or not os.path.exists({str(enough)!r}):
    {write}
    written += len(block)
"""
    process = psutil.Process((await bench.driver.request(GetStatus()))["pid"])
    before = process.memory_info().rss
    start = time.monotonic()
    await bench.driver.submit(ScriptJob(uid, 1, source))
    for _ in range(20):
        report = await bench.driver.request(GetStatus(), timeout_s=LIMIT_S)
        assert report["job"]["uid"] == uid, "it is answered while the flood goes on"
    enough.touch()
    await bench.done(uid)
    allowed = ALLOWED_AT_ONCE + ALLOWED_PER_S * (time.monotonic() - start)
    text = bench.recorder.text_of(uid)
    assert len(text) < allowed + 4_000_000  # a second burst would be twice as much
    assert "of output are left out: more than" in text
    assert process.memory_info().rss - before < 300_000_000
    calm = await bench.script("time.sleep(0.1)\nprint('calm again')")
    assert bench.recorder.text_of(calm.uid) == "calm again\n"


async def test_strange_output_arrives_in_a_form_that_can_be_read(bench) -> None:
    done = await bench.script(
        r"""
        import logging
        print("half a character: \udce9")
        os.write(1, b"bytes: \xff\xfe, cut: \xc3")
        os.write(1, b"\xa9\n")
        sys.stdout.flush()  # what goes past Python comes in order with the next flush
        for percent in (0, 50, 100):
            print(f"\r{percent} %", end="", flush=True)
        print()
        logging.getLogger("beamline").warning("from a log")
        handler = logging.StreamHandler(sys.stdout)
        log = logging.getLogger("motors")
        log.addHandler(handler)
        log.warning("from a handler")
        log.removeHandler(handler)
        import ctypes
        libc = ctypes.CDLL(None)
        libc.puts(b"from C")
        libc.fflush(None)
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"])
        "a result with \udce9"
        """
    )
    await bench.recorder.until(lambda: "a result" in bench.recorder.text_of(done.uid))
    text = bench.recorder.text_of(done.uid, "task")
    assert "half a character: \\udce9\n" in text
    assert "bytes: \ufffd\ufffd, cut: é\n" in text
    assert "\r0 %\r50 %\r100 %\n" in text
    assert "from a log\n" in text
    assert "from a handler\n" in text
    assert "from C\n" in text
    assert "child\n" in text
    text.encode()


async def test_figures_are_named_in_the_text(bench) -> None:
    done = await bench.script(
        """
        from IPython.display import display
        class Figure:
            def _repr_mimebundle_(self, **_kinds):
                return {"image/png": b"...", "text/plain": "<Figure 640x480>"}
        display(Figure())
        display({"image/png": "..."}, raw=True)
        Figure()
        """
    )
    assert done.outcome == "completed"
    await bench.recorder.until(lambda: bench.recorder.text_of(done.uid).count("Figure") == 2)
    assert bench.recorder.text_of(done.uid) == ">> <Figure 640x480>\n>> <Figure 640x480>\n"


@pytest.mark.parametrize(
    "asking", ["input('name? ')", "import getpass; getpass.getpass()", "sys.stdin.read(1) or 1 / 0"]
)
async def test_nobody_is_asked_where_nobody_can_answer(bench, asking) -> None:
    done = await bench.script(asking)
    assert done.outcome == "failed"
    assert done.traceback.rstrip().splitlines()[-1].startswith(("EOFError", "ZeroDivisionError"))
    uid = await bench.background(asking)
    assert (await bench.done(uid)).outcome == "failed"
