"""Startup code: order, semantics of both loaders, reports of failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import qs_kernel_worker

DRIVER = """
import json, os, sys
config, result = sys.argv[1:]
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config, Configurable
from qs_kernel_worker.messages import WorkerConfig
from qs_kernel_worker.startup import StartupError, load_startup
sys.argv = ["worker", "--secret"]
shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
class Application(Configurable):
    exec_lines = json.loads(os.environ.get("EXEC_LINES", "[]"))
    exec_files = []
    exec_PYTHONSTARTUP = True
shell.parent = Configurable(parent=Application())
path, argv, progress = list(sys.path), list(sys.argv), []
try:
    report = load_startup(
        WorkerConfig(**json.loads(config)),
        shell,
        lambda p: progress.append([os.path.basename(p.file), p.index, p.total, p.done]),
    )
    outcome = {"ok": True, "report": report}
except StartupError as error:
    outcome = {"ok": False, "msg": error.msg, "file": error.file, "line": error.line,
               "traceback": error.traceback, "report": error.report}
outcome["seen"] = shell.user_ns.get("seen", [])
outcome["left"] = [n for n in ("__file__", "value") if n in shell.user_ns]
outcome["restored"] = path == sys.path and argv == sys.argv
outcome["progress"] = progress
outcome["get_ipython"] = type(shell.user_ns["get_ipython"]()).__name__
with open(result, "w") as f:
    json.dump(outcome, f)
"""


@dataclass
class Outcome:
    facts: dict[str, Any]
    out: str
    err: str

    def __getattr__(self, name: str) -> Any:
        return self.facts[name]


Load = Callable[..., Outcome]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Run startup files, given as text by name, and return what came of it."""

    def run(
        files: dict[str, str],
        *,
        ipython: bool = False,
        environ: dict[str, str] | None = None,
        **config: Any,
    ) -> Outcome:
        folder = tmp_path / "startup"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        if not {"script", "module"} & set(config) or ipython:
            config.setdefault("startup_dir", str(folder))
        result = tmp_path / "result.json"
        environment = {
            **os.environ,
            **(environ or {}),
            "PYTHONPATH": str(Path(qs_kernel_worker.__file__).parent.parent),
            "IPYTHONDIR": str(tmp_path / "ipython"),
        }
        arguments = [json.dumps({"ipython_mode": ipython, **config}), str(result)]
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Outcome(json.loads(result.read_text()), done.stdout, done.stderr)

    return run


MODES = pytest.mark.parametrize("ipython", [False, True], ids=["plain", "ipython"])
FIRST = "seen = []\n"


@MODES
def test_files_run_sorted_in_one_namespace(load: Load, ipython: bool) -> None:
    note = "seen.append(__file__.rpartition('/')[2])\n"
    outcome = load(
        {
            "00-a.py": FIRST + note,
            "05-b.ipy": note,
            "10-c.py": note,
            "letters.py": note,
            "ignored.txt": "1/0",
        },
        ipython=ipython,
    )
    assert outcome.ok
    assert outcome.seen == ["00-a.py", "05-b.ipy", "10-c.py", "letters.py"]
    assert [f["ok"] for f in outcome.report["files"]] == [True] * 4
    assert outcome.progress[:3] == [
        ["00-a.py", 1, 4, False],
        ["00-a.py", 1, 4, True],
        ["05-b.ipy", 2, 4, False],
    ]
    assert "Loading startup file" in outcome.out


@MODES
def test_a_file_sees_its_name_its_arguments_and_its_folder(load: Load, ipython: bool) -> None:
    outcome = load(
        {
            "00.py": "import sys, os\n"
            "seen = [__name__, sys.argv == [__file__], sys.path[0] == os.path.dirname(__file__)]",
        },
        ipython=ipython,
    )
    assert outcome.seen == ["__main__", True, True]
    assert outcome.left == []
    assert outcome.restored


@MODES
def test_marks_of_the_worker_are_set_before_the_first_file(load: Load, ipython: bool) -> None:
    outcome = load(
        {
            "00.py": "from qs_kernel_worker import *\n"
            "seen = [is_re_worker_active(), is_ipython_mode(), "
            "global_user_namespace.use_ipython, global_user_namespace.user_ns is globals()]"
        },
        ipython=ipython,
    )
    assert outcome.seen == [True, ipython, ipython, not ipython]


@MODES
def test_an_error_names_file_and_line_and_shows_only_user_code(load: Load, ipython: bool) -> None:
    outcome = load(
        {"00.py": FIRST, "10.py": "x = 1\nseen.append(1)\n1/0\n", "20.py": "seen.append(2)"},
        ipython=ipython,
    )
    assert not outcome.ok
    assert outcome.seen == [1]
    assert outcome.file.endswith("10.py")
    assert outcome.line == 3
    assert "ZeroDivisionError: division by zero" in outcome.msg
    assert outcome.traceback.startswith("Traceback")
    assert "qs_kernel_worker" not in outcome.traceback
    assert "1/0" in outcome.traceback
    assert outcome.traceback.rstrip() in outcome.err
    assert [f["ok"] for f in outcome.report["files"]] == [True, False]


@MODES
def test_a_syntax_error_names_its_line(load: Load, ipython: bool) -> None:
    outcome = load({"00.py": "x = 1\nif x\n"}, ipython=ipython)
    assert not outcome.ok
    assert outcome.line == 2
    assert outcome.traceback.startswith("Traceback")


@MODES
@pytest.mark.parametrize("code", ["sys.exit(3)", "raise KeyboardInterrupt", "raise GeneratorExit"])
def test_any_exit_ends_in_a_report(load: Load, ipython: bool, code: str) -> None:
    outcome = load({"00.py": f"import sys\n{code}"}, ipython=ipython)
    assert not outcome.ok
    assert outcome.line == 2


def test_a_clean_exit_ends_a_file_in_ipython_mode_and_fails_in_plain_mode(load: Load) -> None:
    files = {
        "00.py": "seen = [0]\nimport sys\nsys.exit(0)\nseen.append('never')",
        "10.py": "seen.append(1)",
    }
    in_ipython, plain = load(files, ipython=True), load(files)
    assert (in_ipython.ok, in_ipython.seen) == (True, [0, 1])
    assert (plain.ok, plain.seen) == (False, [0])


def test_a_folder_without_files_is_an_error_only_in_plain_mode(load: Load) -> None:
    assert load({}, ipython=True).ok
    plain = load({})
    assert not plain.ok
    assert "contains no startup files" in plain.msg
    assert plain.report["files"] == []


def test_ipy_files_may_use_magics_only_in_ipython_mode(load: Load) -> None:
    files = {
        "00.ipy": "seen = []\n%env ABC_TEST=5\nlisted = !echo hello\n"
        "import os\nseen += [os.environ['ABC_TEST'], listed[0]]\n"
        "import asyncio\nawait asyncio.sleep(0)\nseen.append('awaited')"
    }
    assert load(files, ipython=True).seen == ["5", "hello", "awaited"]
    plain = load(files)
    assert not plain.ok
    assert "SyntaxError" in plain.msg


def test_after_an_error_in_an_ipy_file_the_others_still_run(load: Load) -> None:
    files = {"00.ipy": "seen = []\n1/0", "10.py": "seen.append(1)", "20.ipy": "nosuch"}
    outcome = load(files, ipython=True)
    assert not outcome.ok
    assert outcome.seen == [1]
    assert outcome.file.endswith("00.ipy")
    assert outcome.line == 2
    assert [f["ok"] for f in outcome.report["files"]] == [False, True, False]


ASK_FOR_SHELL = (
    "import IPython\nfrom IPython import (\n    get_ipython as imported)\n"
    "seen = [type(get_ipython()).__name__, type(imported()).__name__, "
    "type(IPython.get_ipython()).__name__, get_ipython().user_ns is globals()]\n"
    "get_ipython().log.info('hello')\n"
)


def test_plain_files_get_a_stand_in_for_the_shell_and_libraries_do_not(
    load: Load, tmp_path: Path
) -> None:
    library = "import IPython\nshell = type(IPython.get_ipython()).__name__\n"
    (tmp_path / "my_library.py").write_text(library)
    outcome = load({"00.py": ASK_FOR_SHELL + "import my_library\nseen.append(my_library.shell)"})
    assert outcome.seen == [*["ShellStandIn"] * 3, True, "InteractiveShell"]
    assert outcome.get_ipython == "InteractiveShell"


def test_ipython_files_get_the_real_shell(load: Load) -> None:
    assert load({"00.py": ASK_FOR_SHELL}, ipython=True).seen == [*["InteractiveShell"] * 3, True]


@MODES
def test_lines_and_files_of_the_ipython_configuration_run_in_ipython_mode(
    load: Load, tmp_path: Path, ipython: bool
) -> None:
    before = tmp_path / "before.py"
    before.write_text("seen = ['PYTHONSTARTUP']")
    script = tmp_path / "script.py"
    script.write_text("seen.append('script')")
    environ = {
        "EXEC_LINES": json.dumps(["%env A=1", "seen.append('line')"]),
        "PYTHONSTARTUP": str(before),
    }
    files = {"00.py": "seen = [*globals().get('seen', []), 'file']"}
    outcome = load(files, ipython=ipython, environ=environ)
    assert outcome.seen == (["PYTHONSTARTUP", "file", "line"] if ipython else ["file"])
    if ipython:
        outcome = load(files, ipython=True, environ=environ, script=str(script))
        assert outcome.seen == ["file", "line", "script"]


@MODES
def test_a_script_imports_its_neighbours_afresh(load: Load, tmp_path: Path, ipython: bool) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "neighbour.py").write_text("value = 7")
    script = folder / "start.py"
    script.write_text(
        "import sys, neighbour, colorsys\n"
        "seen = [neighbour.value, __file__, __name__, sys.argv]\n"
        "import atexit\n"
        "atexit.register(lambda: print('kept', 'neighbour' in sys.modules, "
        "'colorsys' in sys.modules))\n"
    )
    outcome = load({}, ipython=ipython, script=str(script))
    assert outcome.seen == [7, str(script), "__main__", [str(script)]]
    assert "kept False True" in outcome.out


def test_a_script_runs_after_the_files_in_ipython_mode_and_alone_in_plain_mode(
    load: Load, tmp_path: Path
) -> None:
    script = tmp_path / "start.py"
    script.write_text("seen = [*globals().get('seen', []), 'script']")
    files = {"00.py": "seen = ['file']"}
    assert load(files, ipython=True, script=str(script)).seen == ["file", "script"]
    assert load(files, script=str(script)).seen == ["script"]


@MODES
def test_a_missing_script_fails_the_opening(load: Load, tmp_path: Path, ipython: bool) -> None:
    outcome = load({}, ipython=ipython, script=str(tmp_path / "nosuch.py"))
    assert not outcome.ok
    assert "nosuch.py" in outcome.msg


@MODES
def test_the_names_of_a_module_are_copied_into_the_namespace(
    load: Load, tmp_path: Path, ipython: bool
) -> None:
    (tmp_path / "beamline.py").write_text(
        "seen = [__name__]\nvalue = 1\ndef plan():\n    yield\nseen.append(plan.__module__)"
    )
    outcome = load({}, ipython=ipython, module="beamline")
    name = "__main__" if ipython else "beamline"
    assert outcome.seen == [name, name]
    assert outcome.left == ["value"]


def test_no_startup_code_at_all_is_an_error_in_plain_mode(load: Load) -> None:
    outcome = load({}, startup_dir=None)
    assert not outcome.ok
    assert "No startup code" in outcome.msg


@MODES
def test_profiles_of_other_installations_find_their_names(load: Load, ipython: bool) -> None:
    outcome = load(
        {
            "00.py": "import bluesky_queueserver as root\n"
            "from bluesky_queueserver import parameter_annotation_decorator, register_device\n"
            "from bluesky_queueserver.manager.profile_tools import set_user_ns, "
            "is_re_worker_active, global_user_namespace, load_devices_from_happi\n"
            "from bluesky_queueserver.manager.profile_ops import register_plan\n"
            "seen = [is_re_worker_active(), root.is_ipython_mode()]"
        },
        ipython=ipython,
    )
    assert outcome.ok
    assert outcome.seen == [True, ipython]


def test_functions_get_the_namespace_handed_in(load: Load) -> None:
    outcome = load(
        {
            "00.py": "from qs_kernel_worker import set_user_ns\nimport inspect\n"
            "@set_user_ns\ndef f(a, user_ns, ipython, b=2):\n"
            "    return [a, b, user_ns is globals(), type(ipython).__name__]\n"
            "@set_user_ns\ndef plan(a, *, user_ns):\n    yield user_ns['seen']\n",
            "10.py": "seen = [f(1), str(inspect.signature(f)), inspect.isgeneratorfunction(plan)]",
        }
    )
    assert outcome.seen == [[1, 2, True, "NoneType"], "(a, b=2)", True]
