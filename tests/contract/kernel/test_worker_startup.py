"""Startup code that works, raises, hangs, leaves: the manager always learns which file and why."""

from __future__ import annotations

import asyncio

import pytest

from qs_jupyter.errors import KernelFailure
from qs_kernel_worker.messages import (
    GetLists,
    GetReport,
    GetStatus,
    Interrupt,
    ListsChanged,
    MainThreadChanged,
    Opened,
    StartupProgress,
)
from tests.contract.kernel.conftest import LIMIT_S
from tests.contract.kernel.signs import gate

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_worker_answers_before_its_startup_code_ends(new_bench, tmp_path) -> None:
    with gate(tmp_path) as end:
        bench = new_bench({"00-slow.py": f"{end.code}\nimport time\ntime.sleep(0.1)\n"})
        report = await bench.driver.start()
        assert report.phase == "starting"
        end.open()
        opened = await bench.recorder.event(Opened)
    assert opened.ok
    [file] = opened.report["files"]
    assert file["ok"]
    assert file["seconds"] >= 0.1


async def test_progress_is_told_file_by_file(new_bench) -> None:
    bench = new_bench({"00-a.py": "print('one')", "10-b.ipy": "%time two = 2", "x.txt": "no"})
    assert (await bench.open()).ok
    told = [e.event for e in bench.recorder.events if isinstance(e.event, StartupProgress)]
    assert [(p.index, p.total, p.done) for p in told] == [
        (1, 2, False),
        (1, 2, True),
        (2, 2, False),
        (2, 2, True),
    ]
    assert "one\n" in bench.recorder.text_of(None, "startup")


async def test_lists_and_main_thread_are_ready_when_opening_is_told(new_bench) -> None:
    bench = new_bench({"00-a.py": "def my_plan():\n    yield None\n"})
    assert (await bench.open()).ok
    kinds = [type(e.event) for e in bench.recorder.events]
    assert kinds.index(ListsChanged) < kinds.index(Opened)
    assert kinds[-2:] == [MainThreadChanged, Opened]
    assert list((await bench.driver.request(GetLists()))["plans"]) == ["my_plan"]


async def test_without_an_engine_the_environment_opens(new_bench) -> None:
    bench = new_bench({"00-a.py": "RE = 5\n"})
    assert (await bench.open()).ok
    assert (await bench.driver.request(GetStatus()))["re_state"] is None
    assert (await bench.script("a = 1")).outcome == "completed"
    done = await bench.plan("anything")
    assert "Run Engine is not found" in done.msg


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\n1 / 0\n", "ZeroDivisionError"),
        ("a = (\n", "SyntaxError"),
        ("import sys\nsys.exit(1)\n", "exit"),
    ],
)
async def test_a_file_that_fails_is_named_with_its_traceback(new_bench, text, words) -> None:
    bench = new_bench({"00-good.py": "", "10-bad.py": text, "20-later.py": "print('later')"})
    opened = await bench.open()
    assert not opened.ok
    assert opened.file.endswith("10-bad.py")
    assert words in opened.msg + opened.traceback
    assert "later" not in bench.recorder.text_of(None, "startup").split("\n")
    assert (await bench.driver.request(GetStatus()))["phase"] == "failed"
    assert (await bench.driver.request(GetReport()))["msg"] == opened.msg
    await bench.driver.shutdown()
    assert not bench.driver.is_running


async def test_a_file_that_hangs_is_named_and_can_be_interrupted(new_bench) -> None:
    bench = new_bench({"00-hang.py": "while True:\n    pass\n"})
    await bench.driver.start()
    await bench.recorder.event(StartupProgress)
    report = await bench.driver.request(GetStatus())
    assert report["startup_file"].endswith("00-hang.py")
    await bench.driver.request(Interrupt())
    opened = await bench.recorder.event(Opened)
    assert not opened.ok
    assert "KeyboardInterrupt" in opened.traceback


async def test_a_file_that_ends_the_process_is_told_as_a_death(new_bench, tmp_path) -> None:
    with gate(tmp_path) as end:
        bench = new_bench({"00-end.py": f"{end.code}\nimport os\nos._exit(7)\n"})
        await bench.driver.start()
        end.open()
        await bench.recorder.until(lambda: bench.recorder.deaths)
    assert "exit code 7" in bench.recorder.deaths[0]
    assert not bench.driver.is_running
    assert list(bench.runtime.path.glob("worker-new*.json")) == []


async def test_a_process_that_ends_at_once_fails_the_start(new_bench) -> None:
    bench = new_bench({"00-end.py": "import os\nos._exit(7)\n"})
    try:
        await bench.driver.start()
    except KernelFailure as error:
        assert "exit code 7" in str(error)
    else:
        await bench.recorder.until(lambda: bench.recorder.deaths)
    assert not bench.driver.is_running


async def test_a_worker_that_cannot_even_start_says_why(new_bench) -> None:
    bench = new_bench(worker_python="/usr/bin/false")
    with pytest.raises(Exception, match="exit code 1"):
        await asyncio.wait_for(bench.driver.start(), LIMIT_S)
    assert not bench.driver.is_running


async def test_the_plain_loader_runs_without_magics(new_bench) -> None:
    bench = new_bench({"00-a.py": "ip = get_ipython()\nb = 2\n"}, use_ipython_kernel=False)
    assert (await bench.open()).ok
    bench = new_bench({"00-a.ipy": "%time a = 1"}, use_ipython_kernel=False)
    assert not (await bench.open()).ok


async def test_an_invalid_plan_is_left_out_unless_told_otherwise(new_bench) -> None:
    text = """
    def good():
        yield None

    def bad(a):
        yield None

    bad.__signature__ = "none at all"
    """
    lenient = await new_bench({"00-a.py": text}).open()
    assert lenient.ok
    assert list(lenient.report["rejected_plans"]) == ["bad"]
    strict = await new_bench({"00-a.py": text}, ignore_invalid_plans=False).open()
    assert not strict.ok
    assert "'bad'" in strict.msg


async def test_marks_of_the_worker_are_visible_to_startup_code(new_bench) -> None:
    bench = new_bench(
        {
            "00-a.py": """
            import os, sys
            assert os.environ["_QSERVER_RE_WORKER_ACTIVE"] == "1"
            assert os.environ["QS_JUPYTER_WORKER"] == "1"
            assert "JPY_PARENT_PID" not in os.environ
            assert "qs" not in os.environ.get("PYTHONPATH", "")
            assert os.environ["MPLBACKEND"] == "agg"
            from qs_kernel_worker import is_re_worker_active
            assert is_re_worker_active()
            """
        }
    )
    opened = await bench.open()
    assert opened.ok, opened.traceback


async def test_an_ipython_profile_brings_its_configuration(new_bench, tmp_path) -> None:
    profile = tmp_path / "ipython" / "profile_beamline"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00-a.py").write_text("from_file = 1\n")
    (profile / "ipython_config.py").write_text(
        "c.InteractiveShellApp.exec_lines = ['from_line = from_file + 1']\n"
    )
    bench = new_bench(
        startup_dir=None, ipython_dir=str(tmp_path / "ipython"), startup_profile="beamline"
    )
    opened = await bench.open()
    assert opened.ok, opened.traceback
    await bench.script("def look():\n    return from_line\n")
    assert (await bench.function("look")).return_value == 2


async def test_asyncio_run_works_in_a_startup_file(new_bench) -> None:
    bench = new_bench({"00-a.py": "import asyncio\nasyncio.run(asyncio.sleep(0))\n"})
    assert (await bench.open()).ok


async def test_a_worker_ends_when_its_code_left_threads_running(new_bench, caplog) -> None:
    text = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    bench = new_bench({"00-a.py": text})
    assert (await bench.open()).ok
    with caplog.at_level("WARNING"):
        await asyncio.wait_for(bench.driver.shutdown(), LIMIT_S)
    assert not bench.driver.is_running
    assert caplog.text == "", "no force was needed"
