"""``qs-jupyter kernelspec install``: what is written where, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.acceptance.running import Home, MakeHome


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    return make_home()


def _content(folder: Path, name: str = "qs-worker") -> dict[str, object]:
    return dict(json.loads((folder / "kernels" / name / "kernel.json").read_text()))


def test_the_kernel_is_known_to_jupyter(home: Home) -> None:
    prefix = home.folder / "prefix"
    answer = home.run("qs-jupyter", "kernelspec", "install", "--prefix", str(prefix))
    assert answer.code == 0, answer
    assert "Installed the kernel 'RE worker (attached)'" in answer.output
    data = prefix / "share" / "jupyter"
    listed = home.run("jupyter-kernelspec", "list", "--json", JUPYTER_PATH=str(data))
    spec = json.loads(listed.output)["kernelspecs"]["qs-worker"]["spec"]
    assert spec["display_name"] == "RE worker (attached)"
    assert spec["env"] == {}, "the manager is found by the variables of the Jupyter server"


def test_each_manager_may_have_its_own_kernel(home: Home) -> None:
    prefix = home.folder / "prefix"
    answer = home.run(
        *("qs-jupyter", "kernelspec", "install", "--prefix", str(prefix)),
        *("--name", "xrd", "--display-name", "XRD worker", "-a", "tcp://127.0.0.1:60700"),
        *("--runtime-dir", "/run/xrd"),
    )
    assert answer.code == 0, answer
    content = _content(prefix / "share" / "jupyter", "xrd")
    assert content["display_name"] == "XRD worker"
    assert content["env"] == {
        "QSERVER_ZMQ_CONTROL_ADDRESS": "tcp://127.0.0.1:60700",
        "QSERVER_RUNTIME_DIR": "/run/xrd",
    }


def test_it_may_be_for_one_user(home: Home) -> None:
    data = home.folder / "data"
    answer = home.run("qs-jupyter", "kernelspec", "install", "--user", JUPYTER_DATA_DIR=str(data))
    assert answer.code == 0, answer
    assert _content(data)["language"] == "python"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_is_named(home: Home) -> None:
    answer = home.run("qs-jupyter", "kernelspec", "install", "--prefix", "/")
    assert answer.code == 1
    assert "Choose another place with --user or --prefix" in answer.errors


def test_a_name_that_jupyter_would_not_find_is_refused(home: Home) -> None:
    answer = home.run("qs-jupyter", "kernelspec", "install", "--name", "a worker")
    assert answer.code == 2
    assert "'a worker' is no name of a kernelspec" in answer.errors
