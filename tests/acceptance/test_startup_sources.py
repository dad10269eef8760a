"""Where startup code may come from and what may be in it; the lists that outlive it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.consoles import attached
from tests.acceptance.running import Home, MakeManager, RunningManager

pytestmark = pytest.mark.xdist_group("startup sources")

LISTS = "existing_plans_and_devices.yaml"
PERMISSIONS = """\
user_groups:
  root: {allowed_plans: [null], allowed_devices: [null]}
  primary: {allowed_plans: [null], allowed_devices: [null]}
"""


def a_plan(name: str) -> str:
    return f"def {name}(a=1):\n    yield from ()\n"


def startup(home: Home, files: dict[str, str]) -> Path:
    folder = home.folder / "home" / "startup"
    folder.mkdir()
    (folder / "user_group_permissions.yaml").write_text(PERMISSIONS)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    return folder


def plans(manager: RunningManager) -> set[str]:
    return set(manager.do("plans_existing")["plans_existing"])


def opening(manager: RunningManager) -> dict[str, Any]:
    """Open, well or in vain, and return the report."""
    begun = manager.status()
    manager.do("environment_open")
    manager.until(lambda s: s["manager_state"] == "creating_environment", since=begun)
    manager.until_idle()
    return dict(manager.do("environment_report")["environment_report"])


def reopen(manager: RunningManager) -> None:
    manager.do("environment_close")
    manager.until(lambda status: not status["worker_environment_exists"])
    manager.until_idle()
    manager.open()


# ------------------------------------------------------------------------------------ sources


def beside(folder: Path) -> tuple[str, ...]:
    return "--existing-plans-devices", str(folder), "--user-group-permissions", str(folder)


@pytest.mark.parametrize("loader", ["ON", "OFF"])
def test_a_module_brings_what_it_imports(make_manager: MakeManager, loader: str) -> None:
    manager = make_manager()
    folder = startup(
        manager.home,
        {
            "package/__init__.py": "",
            "package/beamline.py": f"from .parts import *\n{a_plan('of_module')}",
            "package/parts.py": a_plan("of_parts"),
        },
    )
    (manager.home.folder / "home" / ".ipython" / "profile_default" / "startup").mkdir(parents=True)
    manager.start(
        *("--startup-module", "package.beamline", *beside(folder)),
        *("--use-ipython-kernel", loader),
        PYTHONPATH=str(folder),
    )
    assert opening(manager)["ok"] is True
    assert plans(manager) == {"of_module", "of_parts"}


@pytest.mark.parametrize("loader", ["ON", "OFF"])
def test_scripts_import_from_the_profile_that_is_named_beside_a_module(
    make_manager: MakeManager, loader: str
) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"beamline.py": a_plan("of_module")})
    ipython_dir = manager.home.folder / "home" / "ipython"
    parts = ipython_dir / "profile_tomo" / "startup" / "parts"
    parts.mkdir(parents=True)
    manager.start(
        *("--startup-module", "beamline", *beside(folder)),
        *("--ipython-dir", str(ipython_dir), "--startup-profile", "tomo"),
        *("--use-ipython-kernel", loader),
        PYTHONPATH=str(folder),
    )
    manager.open()
    (parts / "later.py").write_text(a_plan("of_parts"))
    manager.do("script_upload", script="from parts.later import *")
    manager.until_idle()
    assert plans(manager) == {"of_module", "of_parts"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (("--startup-module", "package.nosuch"), "No module named 'package'"),
        (("--startup-script", "nosuch.py"), "No such file"),
    ],
)
def test_a_module_or_script_that_is_not_there_is_told(
    make_manager: MakeManager, source: tuple[str, str], reason: str
) -> None:
    manager = make_manager()
    manager.start(*source, *beside(startup(manager.home, {})))
    report = opening(manager)
    assert report["ok"] is False
    assert reason in report["msg"]


def test_startup_files_read_what_lies_beside_them_and_where_the_service_was_started(
    make_manager: MakeManager,
) -> None:
    manager = make_manager()
    (manager.home.work / "here.txt").write_text("in the working folder")
    source = (
        "from pathlib import Path\n"
        "assert open('here.txt').read() == 'in the working folder'\n"
        "assert (Path(__file__).parent / 'there.txt').read_text() == 'beside'\n"
    )
    folder = startup(manager.home, {"00.py": source, "there.txt": "beside"})
    relative = os.path.relpath(folder, manager.home.work)
    manager.start("--startup-dir", relative)
    assert opening(manager)["ok"] is True


def test_an_empty_folder_opens_and_says_so(make_manager: MakeManager) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"notes.txt": "", "10-folder.py/inside.py": "1 / 0"})
    manager.start("--startup-dir", str(folder))
    assert opening(manager)["ok"] is True
    manager.until_terminal(f"The startup folder '{folder}' holds no startup files")


def test_a_link_to_a_file_that_is_gone_is_told(make_manager: MakeManager) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"00.py": a_plan("good")})
    (folder / "10-gone.py").symlink_to("/nowhere/gone.py")
    manager.start("--startup-dir", str(folder))
    report = opening(manager)
    assert report["ok"] is False
    assert report["file"] == str(folder / "10-gone.py")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# -*- coding: latin-1 -*-\nname = '\xe9'\n", None),
        (b"\xef\xbb\xbfname = 5\n", None),
        (b"name = '\xe9'\n", "can't decode byte"),
        (b"name = 1\0\n", "null bytes"),
    ],
)
def test_files_are_read_in_the_encoding_they_declare(
    make_manager: MakeManager, content: bytes, reason: str | None
) -> None:
    manager = make_manager()
    folder = startup(manager.home, {})
    (folder / "00.py").write_bytes(content)
    manager.start("--startup-dir", str(folder))
    report = opening(manager)
    assert report["ok"] is (reason is None)
    assert (reason or "") in report["msg"]


def test_startup_code_may_print_as_much_as_it_likes(make_manager: MakeManager) -> None:
    manager = make_manager()
    source = f"for n in range(100_000):\n    print('line', n)\n{a_plan('last')}"
    manager.start("--startup-dir", str(startup(manager.home, {"00.py": source})))
    assert opening(manager)["ok"] is True
    assert plans(manager) == {"last"}
    manager.until_text("line 99999\n")
    assert manager.watch.console.count("\nline ") == 100_000
    manager.until_terminal("line 99999\n")
    assert manager.terminal().count("\nline ") == 100_000


RUN = "get_ipython().run_line_magic('run', '-i {options} {file}')\n"


@pytest.mark.parametrize("kind", ["py", "ipy"])
def test_an_error_in_a_file_run_by_a_startup_file_fails_the_opening(
    make_manager: MakeManager, kind: str
) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"extra/part.py": "def fail():\n    1 / 0\n\nfail()\n"})
    part = folder / "extra" / "part.py"
    line = RUN.format(options="", file=part) if kind == "py" else f"%run -i {part}\n"
    (folder / f"00.{kind}").write_text(line)
    manager.start("--startup-dir", str(folder))
    report = opening(manager)
    assert report["ok"] is False
    assert (report["file"], report["line"]) == (str(folder / f"00.{kind}"), 1)
    assert "ZeroDivisionError" in report["msg"]
    assert str(part) in report["traceback"]

    # Files that leave early are fine, and errors that the code has shown itself are its own.
    part.write_text("import sys\nbefore = 1\nsys.exit(0)\n")
    handled = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\n"
    (folder / "10.py").write_text(handled)
    part_3 = RUN.format(options="-e", file=folder / "extra" / "three.py")
    (folder / "extra" / "three.py").write_text("import sys\nsys.exit(3)\n")
    (folder / "20.py").write_text(f"assert before == 1\n{part_3}")
    assert opening(manager)["ok"] is True

    # Scripts are told from cells: what a person runs by hand is shown to that person.
    part.write_text("1 / 0\n")
    task = manager.do("script_upload", script=RUN.format(options="", file=part))["task_uid"]
    manager.until_idle()
    result = manager.ask("task_result", task_uid=task)["result"]
    assert result["success"] is False
    assert "ZeroDivisionError" in result["traceback"]
    with attached(manager) as notebook:
        assert notebook.run(RUN.format(options="", file=part) + "after = 1")["status"] == "ok"
        assert notebook.run("assert after == 1")["status"] == "ok"


STRANGE = """\
class NoClass:
    @property
    def __class__(self):
        raise RuntimeError("no class")


class Marked:
    _is_plan_ = True

    def __call__(self):
        yield

    @property
    def __signature__(self):
        raise OSError("no signature")


class Texts(Marked):
    __signature__ = None

    @property
    def __doc__(self):
        raise OSError("no text")


class Loop:
    name = "loop"
    component_names = ("itself",)

    def read(self): ...

    def describe(self): ...

    @property
    def itself(self):
        return self


class NoNames(Loop):
    @property
    def component_names(self):
        raise RuntimeError("no names")


class AnswersAll:
    def __getattr__(self, name):
        return self


class NoTruth:
    __hash__ = None

    def __bool__(self):
        raise RuntimeError("neither true nor false")

    def __eq__(self, other):
        raise RuntimeError("not to be compared")


class NoRepr:
    def __repr__(self):
        raise RuntimeError("no repr")


no_class, no_signature, texts = NoClass(), Marked(), Texts()
loop, no_names, answers_all, no_truth = Loop(), NoNames(), AnswersAll(), NoTruth()


def good(a=1, b=NoRepr(), c=no_truth, d=loop, e: NoTruth = None, f: no_truth = None):
    yield from ()


def odd_decorator(a=1):
    yield from ()


odd_decorator._custom_parameter_annotation_ = {"parameters": {"a": 5}}
"""


def test_nothing_in_the_namespace_prevents_the_opening(make_manager: MakeManager) -> None:
    manager = make_manager()
    manager.start("--startup-dir", str(startup(manager.home, {"00.py": STRANGE})))
    report = opening(manager)
    assert report["ok"] is True, report["msg"]
    assert plans(manager) == {"good", "texts"}
    assert manager.do("devices_existing")["devices_existing"] == {}
    assert report["report"]["rejected_plans"].keys() == {"no_signature", "odd_decorator"}
    assert "no signature" in report["report"]["rejected_plans"]["no_signature"]
    assert report["report"]["rejected_devices"].keys() == {"loop", "no_names"}
    for name in ("no_signature", "odd_decorator", "loop", "no_names"):
        manager.until_text(f"'{name}'")
    assert plans_allowed(manager) == {"good", "texts"}


def plans_allowed(manager: RunningManager) -> set[str]:
    return set(manager.do("plans_allowed", user_group="primary")["plans_allowed"])


# ------------------------------------------------------------------------------- the lists file


def test_the_lists_file_is_written_when_something_differs(make_manager: MakeManager) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"00.py": a_plan("first")})
    lists = folder / LISTS
    manager.start("--startup-dir", str(folder))
    manager.open()
    manager.until_text("lists of existing plans and devices were written")
    written = lists.stat()
    reopen(manager)
    (folder / "10.py").write_text(a_plan("second"))
    # Each opening that writes says so; the one in between has not.
    reopen(manager)
    manager.until_text("were written(.|\n)*were written")
    assert manager.watch.console.count("were written") == 2
    assert lists.stat().st_ino != written.st_ino
    assert set(yaml.safe_load(lists.read_text())["existing_plans"]) == {"first", "second"}
    # Scripts change the lists in use, and the file only when that is asked for.
    manager.do("script_upload", script=a_plan("of_script"))
    manager.until_idle()
    assert "of_script" in plans(manager)
    assert "of_script" not in lists.read_text()


def test_the_lists_file_follows_scripts_when_that_is_wanted(make_manager: MakeManager) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"00.py": a_plan("first")})
    manager.start("--startup-dir", str(folder), "--update-existing-plans-devices", "ALWAYS")
    manager.open()
    manager.do("script_upload", script=a_plan("of_script"))
    manager.until_text("were written(.|\n)*were written")
    assert "of_script" in (folder / LISTS).read_text()


def test_the_lists_file_is_left_alone_when_that_is_wanted(make_manager: MakeManager) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"00.py": a_plan("first"), LISTS: "existing_plans: {}\n"})
    manager.start("--startup-dir", str(folder), "--update-existing-plans-devices", "NEVER")
    manager.open()
    reopen(manager)
    assert plans(manager) == {"first"}
    assert (folder / LISTS).read_text() == "existing_plans: {}\n"


EVIL = "existing_plans: !!python/object/apply:os.mkdir ['{}']\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("existing_plans: [1\n", "cannot be read: "),
        ("", "must be a mapping"),
        ("existing_plans: 5\n", "'existing_plans' in the lists file"),
        ("\x00\x01", "cannot be read"),
        (EVIL, "cannot be read"),
    ],
)
def test_a_broken_lists_file_is_told_and_written_anew(
    make_manager: MakeManager, content: str, reason: str
) -> None:
    manager = make_manager()
    made_by_evil = manager.home.work / "made"
    content = content.replace("{}", str(made_by_evil))
    folder = startup(manager.home, {"00.py": a_plan("good"), LISTS: content})
    manager.start("--startup-dir", str(folder))
    manager.until_terminal(rf"{reason}(.|\n)*The lists stay empty until the environment is opened")
    assert plans(manager) == set()
    manager.open()
    manager.until_text("were written")
    assert "good" in yaml.safe_load((folder / LISTS).read_text())["existing_plans"]
    assert not made_by_evil.exists()


def test_entries_of_the_lists_file_that_nobody_can_use_are_left_out(
    make_manager: MakeManager,
) -> None:
    manager = make_manager()
    content = {
        "existing_plans": {
            "good": {"name": "good", "parameters": []},
            "number": 5,
            "nameless": {"parameters": [{}]},
        },
        "existing_devices": {"det": {"is_readable": True}, "text": "no device"},
    }
    folder = startup(manager.home, {LISTS: yaml.safe_dump(content)})
    manager.start("--startup-dir", str(folder))
    assert plans_allowed(manager) == {"good"}
    devices = manager.do("devices_allowed", user_group="primary")["devices_allowed"]
    assert devices.keys() == {"det"}
    for name in ("number", "nameless", "text"):
        manager.until_terminal(f"'{name}' is left out")


def test_a_lists_file_that_cannot_be_written_is_only_told(make_manager: MakeManager) -> None:
    manager = make_manager()
    folder = startup(manager.home, {"00.py": a_plan("good")})
    # Not even root can write a file where a folder is.
    (folder / LISTS).mkdir()
    manager.start("--startup-dir", str(folder))
    manager.open()
    manager.until_text("The lists could not be written to")
    assert plans(manager) == {"good"}
