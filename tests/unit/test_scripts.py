"""Scripts run in the namespace of the environment."""

from __future__ import annotations

import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from qs_kernel_worker import registry
from qs_kernel_worker.execution import user_traceback
from qs_kernel_worker.messages import ScriptJob
from qs_kernel_worker.scripts import run_script


class Shell:
    """The parts of an IPython shell that scripts use."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {"__name__": "__main__"}
        self.magics: list[Any] = []
        self.builtin_trap = nullcontext()
        self.user_ns["get_ipython"] = lambda: SimpleNamespace(
            run_line_magic=lambda *args: self.magics.append(args)
        )
        self.transform_cell = TransformerManager().transform_cell

    def safe_execfile(self, *arguments: Any, **options: Any) -> None:
        raise AssertionError("no script runs a file")

    def run(self, script: str, root: Path | None = None, **options: Any) -> dict[str, Any]:
        run_script(ScriptJob("uid1", 1, script, **options), self, root and str(root))
        return self.user_ns


@pytest.fixture(params=[False, True], ids=["plain", "ipython"])
def shell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a shell in either mode."""
    monkeypatch.setenv(registry.WORKER_ACTIVE_VARIABLE, "1")
    monkeypatch.setenv(registry.IPYTHON_VARIABLE, "1" if request.param else "0")
    return Shell()


def test_a_script_runs_in_the_namespace_and_knows_its_place(shell: Shell, tmp_path: Path) -> None:
    user_ns = shell.run("a = 1\nb = (__name__, __file__)\nimport sys; c = sys.path[0]", tmp_path)
    assert user_ns["b"] == ("__main__", str(tmp_path / "script"))
    assert user_ns["c"] == str(tmp_path)
    assert sys.path[0] != str(tmp_path)
    user_ns = shell.run("def f(): return a")
    assert user_ns["f"]() == 1
    assert user_ns["__file__"] == "script"


def test_modules_below_the_root_are_imported_afresh(shell: Shell, tmp_path: Path) -> None:
    root, site = tmp_path / "root", tmp_path / "root" / "env" / "site-packages"
    site.mkdir(parents=True)
    beside = tmp_path / "root2"
    beside.mkdir()
    (root / "qs_local.py").write_text("value = 1")
    (site / "qs_library.py").write_text("")
    (beside / "qs_beside.py").write_text("")
    script = (
        f"import sys\nsys.path += [{str(site)!r}, {str(beside)!r}]\n"
        "import qs_local, qs_library, qs_beside"
    )
    path = list(sys.path)
    try:
        shell.run(script, root)
        present = {n for n in ("qs_local", "qs_library", "qs_beside") if n in sys.modules}
        assert present == {"qs_library", "qs_beside"}
        assert str(root) not in sys.path
    finally:
        sys.path[:] = path
        for name in ("qs_library", "qs_beside"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("fails", [False, True])
def test_run_engine_and_databroker_are_restored_unless_asked_otherwise(
    shell: Shell, fails: bool
) -> None:
    shell.user_ns["RE"] = "old"
    script = "RE = 'new'\ndb = 'new'\n" + ("1/0" if fails else "")
    if fails:
        with pytest.raises(ZeroDivisionError):
            shell.run(script)
    else:
        shell.run(script)
    assert shell.user_ns["RE"] == "old"
    assert "db" not in shell.user_ns
    shell.run("RE = 'new'\ndb = 'new'", update_re=True)
    assert (shell.user_ns["RE"], shell.user_ns["db"]) == ("new", "new")


def test_a_traceback_shows_the_lines_of_the_script_and_none_of_ours(shell: Shell) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        shell.run("def f():\n    return 1 / 0\nx = f()\n")
    of_worker = caught.tb.tb_next.tb_next  # after this test, and the shell above
    text = user_traceback(caught.value.with_traceback(of_worker))
    assert text.startswith("Traceback")
    assert "<script uid1>" in text
    assert "return 1 / 0" in text
    assert "qs_kernel_worker" not in text


def test_partial_effects_stay_and_exits_go_to_the_caller(shell: Shell) -> None:
    with pytest.raises(SystemExit):
        shell.run("a = 1\nraise SystemExit(0)\n")
    assert shell.user_ns["a"] == 1


def test_a_mistake_in_the_last_line_runs_nothing(shell: Shell) -> None:
    with pytest.raises(SyntaxError):
        shell.run("a = 1\nreturn\n")
    assert "a" not in shell.user_ns


def test_an_empty_script_does_nothing(shell: Shell) -> None:
    assert "__file__" not in shell.run(" \n")


def test_a_script_may_run_in_another_thread(shell: Shell) -> None:
    thread = threading.Thread(
        target=shell.run, args=("import threading\nt = threading.get_ident()",)
    )
    thread.start()
    thread.join()
    assert shell.user_ns["t"] == thread.ident


@pytest.mark.parametrize("shell", [True], indirect=True)
def test_ipython_syntax_works_and_the_last_expression_is_shown(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    user_ns = shell.run("%magic me\nimport asyncio\nx = await asyncio.sleep(0, 5)\nx + 1")
    assert shell.magics == [("magic", "me")]
    assert user_ns["x"] == 5
    assert capsys.readouterr().out == "6\n"
    shell.run("x + 1;")
    shell.run("None")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", [False], indirect=True)
def test_plain_scripts_know_no_magics(shell: Shell) -> None:
    with pytest.raises(SyntaxError):
        shell.run("%magic me")
