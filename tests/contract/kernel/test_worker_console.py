"""Text of a real worker: complete, in order, and labelled by what wrote it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_both_streams_keep_their_order(bench) -> None:
    done = await bench.script(
        """
        for n in range(50):
            print(f"out {n}")
            print(f"err {n}", file=sys.stderr)
        """
    )
    expected = "".join(f"out {n}\nerr {n}\n" for n in range(50))
    assert bench.recorder.text_of(done.uid) == expected


async def test_output_past_python_is_complete_and_before_the_end(bench) -> None:
    done = await bench.script(
        """
        os.write(1, ("é" * 3000 + "\\n").encode())
        child = subprocess.run(["echo", "from a child"])
        """
    )
    text = bench.recorder.text_of(done.uid)
    assert text == "é" * 3000 + "\nfrom a child\n"
    assert bench.recorder.story[-1] is done


async def test_a_forked_child_writes_through_the_worker(bench) -> None:
    done = await bench.script(
        """
        pid = os.fork()
        if pid == 0:
            print("from a fork", flush=True)
            os._exit(0)
        ended = os.waitpid(pid, 0)
        """
    )

    def written() -> str:
        # Without the warning of newer versions of Python, that forks beside threads are unsafe.
        texts = [text for text in bench.recorder.texts if text.stream == "stdout"]
        return "".join(text.text for text in texts if text.uid == done.uid)

    await bench.recorder.until(lambda: written() == "from a fork\n")


async def test_threads_of_a_plan_write_for_its_item(bench) -> None:
    await bench.script(
        """
        def with_thread():
            yield from bps.null()
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
        """
    )
    done = await bench.plan("with_thread")
    assert bench.recorder.text_of(done.item_uid, "item") == "from a thread\n"


async def test_text_of_tasks_and_plans_is_not_mixed_up(bench) -> None:
    uid = await bench.background("for n in range(20):\n    print('b', n)\n    time.sleep(0.005)\n")
    done = await bench.plan("steps", number=4)
    second = await bench.plan("talking", words="in front")
    await bench.done(uid)
    assert bench.recorder.text_of(uid, "task") == "".join(f"b {n}\n" for n in range(20))
    assert bench.recorder.text_of(done.item_uid) == ""
    assert bench.recorder.text_of(second.item_uid, "item") == "in front\n"


async def test_much_text_arrives_completely(bench) -> None:
    done = await bench.script("for n in range(20_000):\n    print(n)\n")
    await bench.recorder.until(lambda: bench.recorder.text_of(done.uid).endswith("19999\n"))
    assert bench.recorder.text_of(done.uid) == "".join(f"{n}\n" for n in range(20_000))


async def test_a_displayed_value_is_shown_as_text(bench) -> None:
    done = await bench.script("os.system('echo before')\n6 * 7\n")
    assert bench.recorder.text_of(done.uid, "task") == "before\n>> 42\n"
