"""``make lab``: JupyterLab with a manager, of which nothing is left after Ctrl-C."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import psutil
import pytest

from tests.acceptance.attached.notebook_server import Server
from tests.acceptance.running import MakeHome

PLAYGROUND = Path(__file__).parents[3] / "notebooks" / "playground.py"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_lab_has_a_manager_and_ends_everything(
    make_home: MakeHome, number: signal.Signals
) -> None:
    home = make_home()
    shutil.copy(PLAYGROUND, home.work)
    lab = Server(home, "qs-jupyter", "lab")
    await lab.ready()
    code, kernel = await lab.ask("POST", "kernels", {"name": "python3"})
    assert code == 201, kernel
    async with lab.channels(kernel["id"]) as channels:
        load = "from qs_jupyter import qs; print(qs('wait env')['worker_environment_exists'])"
        assert await channels.run(load) == "True\n"
        # What a notebook of the repository does, and then it is not run to its end.
        launch = "import playground; playground.begin(); print(qs('launch')['started'])"
        assert await channels.run(launch) == "True\n"
    code, attached = await lab.ask("POST", "kernels", {"name": "qs-worker"})
    assert code == 201, attached
    async with lab.channels(attached["id"]) as channels:
        assert await channels.run("print(RE.state)") == "idle\n"
    assert lab.stop(number) == 130
    assert "Everything has been ended." in lab.text()
    _gone, left = psutil.wait_procs(home.processes(), timeout=15)
    assert [process.cmdline() for process in left] == []
    assert list((home.folder / "tmp").iterdir()) == []


def test_the_lab_explains_itself(make_home: MakeHome) -> None:
    answer = make_home().run("qs-jupyter", "lab", "--help")
    assert answer.code == 0
    assert "Ctrl-C ends everything" in answer.output
