"""Startup code: which files run, in which order and how, and what is reported about it.

Two loaders share one loop. In IPython mode files run as IPython runs the startup files of a
profile; otherwise as plain Python files. Where they differ:

==========================  =============================  ==============================
\\                           IPython mode                   plain mode
==========================  =============================  ==============================
folder without files        fine                           an error
``.ipy``                    IPython syntax                 Python only
``get_ipython``             the shell                      a stand-in with ``user_ns``, ``log``
error in ``.py``            the rest is skipped            the rest is skipped
error in ``.ipy``           the other files still run      the rest is skipped
``sys.exit(0)``             the file ends                  an error
``exec_lines``, other dirs  of the profile, honoured       unknown
script, module              after the files                instead of them
==========================  =============================  ==============================

In both, an error of any kind (an exit too) ends in a `StartupError` that names file and line.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import peer_shim, registry
from .execution import (
    error_place,
    errors_of_run,
    fresh_imports,
    on_path,
    run_source,
    user_traceback,
)
from .get_ipython_stand_in import stand_in
from .messages import StartupProgress, WorkerConfig

# What an imported module says about itself must not describe the namespace.
_MODULE_FACTS = frozenset(
    {
        *("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__path__"),
        *("__file__", "__cached__", "__builtins__", "__annotations__"),
    }
)


class StartupError(Exception):
    """Startup code failed; says where, and carries the report of what ran before."""

    def __init__(
        self,
        msg: str,
        file: str | None = None,
        line: int | None = None,
        traceback: str = "",
        report: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(msg)
        self.msg = msg
        self.file = file
        self.line = line
        self.traceback = traceback
        self.report: dict[str, Any] = report if report is not None else {}


@dataclass(frozen=True)
class Step:
    """One piece of startup code. ``on_error_go_on``: the following steps run all the same."""

    name: str
    run: Callable[[], None]
    kind: str = "file"
    on_error_go_on: bool = False


@dataclass
class _Loading:
    """What is known while the steps run."""

    config: WorkerConfig
    progress: Callable[[StartupProgress], None]
    files: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failure: StartupError | None = None

    def report(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "stage": "startup code",
            "warnings": self.warnings,
            "rejected_plans": {},
            "rejected_devices": {},
        }


def load_startup(
    config: WorkerConfig, shell: Any, progress: Callable[[StartupProgress], None]
) -> dict[str, Any]:
    """Run the startup code in the namespace of the shell, in the calling thread.

    Each file is announced on the console and by ``progress`` before it runs and after.
    Returns the report of the opening as far as it is known by now.

    Raises
    ------
    StartupError
        When startup code fails in any way, also by an exit or an interrupt.
    """
    registry.mark_worker(config.ipython_mode)
    registry.clear_registered_items()
    peer_shim.install()
    user_ns: dict[str, Any] = shell.user_ns
    _publish_namespace({} if config.ipython_mode else user_ns, config)
    loading = _Loading(config, progress)
    steps = _steps(loading, shell)
    if not steps:
        loading.warnings.append(f"The startup folder {config.startup_dir!r} holds no startup files")
    with _environment(config, shell):
        for index, step in enumerate(steps, start=1):
            is_good = _run_step(step, index, len(steps), loading)
            if not config.ipython_mode:
                _publish_namespace(user_ns, config)
            if not (is_good or step.on_error_go_on):
                break
    if loading.failure is not None:
        loading.failure.report = loading.report()
        raise loading.failure
    _publish_namespace(user_ns, config)
    return loading.report()


def startup_files(folder: str | Path) -> list[Path]:
    """Return the startup files of a folder in the order in which they run."""
    return _sorted_files([Path(folder)])


def _sorted_files(folders: list[Path]) -> list[Path]:
    files = {
        path
        for folder in folders
        for suffix in ("*.py", "*.ipy")
        for path in folder.glob(suffix)
        # A link to a file that is gone is an error to be told, not a file to be passed over.
        if not path.is_dir()
    }
    return sorted(files, key=str)


# ------------------------------------------------------------------------ what is to be run


def _steps(loading: _Loading, shell: Any) -> list[Step]:
    config = loading.config
    try:
        if config.ipython_mode:
            return _ipython_steps(config, shell)
        return _plain_steps(config, shell)
    except StartupError as error:
        error.report = loading.report()
        raise


def _plain_steps(config: WorkerConfig, shell: Any) -> list[Step]:
    user_ns = shell.user_ns
    if config.module is not None:
        return [
            _module_step(config.module, lambda name: vars(importlib.import_module(name)), user_ns)
        ]
    if config.script is not None:
        return [_script_step(config.script, user_ns)]
    if config.startup_dir is None:
        raise StartupError("No startup code: neither a folder nor a script nor a module is given")
    files = startup_files(config.startup_dir)
    if not files:
        raise StartupError(f"The startup folder {config.startup_dir!r} contains no startup files")
    return [_file_step(path, user_ns) for path in files]


def _ipython_steps(config: WorkerConfig, shell: Any) -> list[Step]:
    user_ns = shell.user_ns
    app = _application(shell)
    python_startup = _python_startup(config, app)
    paths = [python_startup] if python_startup else []
    if config.startup_dir is not None:
        paths += _sorted_files([Path(config.startup_dir), *_shared_startup_folders()])
    steps = [_file_step(path, user_ns, shell) for path in paths]
    steps += [_line_step(line, shell) for line in getattr(app, "exec_lines", ())]
    steps += [_file_step(Path(name), user_ns, shell) for name in getattr(app, "exec_files", ())]
    if config.script is not None:
        steps.append(_script_step(config.script, user_ns, shell))
    if config.module is not None:
        steps.append(_module_step(config.module, _run_module, user_ns))
    return steps


def _application(shell: Any) -> Any:
    """Return the application whose configuration names more code to run, or None."""
    owner = getattr(shell, "parent", None)
    while owner is not None and not hasattr(owner, "exec_lines"):
        owner = getattr(owner, "parent", None)
    return owner


def _python_startup(config: WorkerConfig, app: Any) -> Path | None:
    """Return the file that IPython runs before the startup files of the profile."""
    name = os.environ.get("PYTHONSTARTUP")
    is_wanted = getattr(app, "exec_PYTHONSTARTUP", False)
    return Path(name) if name and is_wanted and not (config.script or config.module) else None


def _shared_startup_folders() -> list[Path]:
    """Return the startup folders that IPython shares between all users and profiles."""
    from IPython.core.application import (  # noqa: PLC0415 - heavy
        ENV_CONFIG_DIRS,
        SYSTEM_CONFIG_DIRS,
    )

    return [Path(folder) / "startup" for folder in (*ENV_CONFIG_DIRS, *SYSTEM_CONFIG_DIRS)]


def _file_step(path: Path, user_ns: dict[str, Any], shell: Any = None) -> Step:
    is_ipy = path.suffix == ".ipy"

    def run() -> None:
        with on_path(path.parent):
            _run_file(path, user_ns, shell if is_ipy else None)

    return Step(str(path), run, on_error_go_on=is_ipy and shell is not None)


def _line_step(line: str, shell: Any) -> Step:
    return Step(
        f"<exec_lines: {line.strip()[:60]}>",
        lambda: run_source(line, "<exec_lines>", shell.user_ns, shell),
        kind="line",
        on_error_go_on=True,
    )


def _script_step(script: str, user_ns: dict[str, Any], shell: Any = None) -> Step:
    path = Path(script).expanduser().absolute()

    def run() -> None:
        with fresh_imports(path.parent):
            _run_file(path, user_ns, shell if path.suffix == ".ipy" else None)

    return Step(str(path), run, kind="script")


def _module_step(name: str, load: Callable[[str], dict[str, Any]], user_ns: dict[str, Any]) -> Step:
    def run() -> None:
        with _arguments([name]):
            names = load(name)
        user_ns.update({key: names[key] for key in names if key not in _MODULE_FACTS})

    return Step(name, run, kind="module")


def _run_module(name: str) -> dict[str, Any]:
    return runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_file(path: Path, user_ns: dict[str, Any], shell: Any) -> None:
    file = str(path)
    user_ns["__file__"] = file
    try:
        with _arguments([file]):
            # Bytes, so that Python itself looks for an encoding declaration.
            source = path.read_bytes()
            if shell is None:
                exec(compile(source, file, "exec", dont_inherit=True), user_ns)
            else:
                run_source(source.decode("utf-8-sig"), file, user_ns, shell)
    finally:
        user_ns.pop("__file__", None)


@contextmanager
def _arguments(arguments: list[str]) -> Iterator[None]:
    """Hide the command line of the worker, with its addresses, from user code."""
    original = sys.argv
    sys.argv = arguments
    try:
        yield
    finally:
        sys.argv = original


# ---------------------------------------------------------------------------- how it is run


def _run_step(step: Step, index: int, total: int, loading: _Loading) -> bool:
    _say(f"Loading startup {step.kind} {step.name!r} ({index}/{total})")
    loading.progress(StartupProgress(step.name, index, total))
    begun = time.monotonic()
    failure = _failure(step, loading.config.ipython_mode)
    seconds = round(time.monotonic() - begun, 4)
    loading.files.append({"file": step.name, "seconds": seconds, "ok": failure is None})
    loading.progress(StartupProgress(step.name, index, total, done=True, seconds=seconds))
    if failure is None:
        _say(f"Loaded {step.name!r} in {seconds:.2f} s")
        return True
    _say(f"{failure.msg}\n{failure.traceback}", sys.stderr)
    # The first error is the one to be mended first.
    loading.failure = loading.failure or failure
    return False


def _failure(step: Step, ipython_mode: bool) -> StartupError | None:
    """Run the step; return its error, of whatever kind, as one sentence with its place."""
    try:
        step.run()
    except SystemExit as error:
        if ipython_mode and error.code in (0, None):
            return None
        what = f"the code ended Python with sys.exit({error.code!r})"
        return _error(step, error, what)
    except KeyboardInterrupt as error:
        return _error(step, error, "interrupted")
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        return _error(step, error, f"{type(error).__name__}: {error}")
    return None


def _error(step: Step, error: BaseException, what: str) -> StartupError:
    line = error_place(error, step.name)
    place = f"{step.name!r}" if line is None else f"{step.name!r}, line {line}"
    msg = f"Error in startup {step.kind} {place}: {what}"
    return StartupError(msg, step.name, line, user_traceback(error))


@contextmanager
def _environment(config: WorkerConfig, shell: Any) -> Iterator[None]:
    if config.ipython_mode:
        with shell.builtin_trap, errors_of_run(shell):
            yield
    else:
        with stand_in(shell.user_ns):
            yield


def _publish_namespace(user_ns: dict[str, Any], config: WorkerConfig) -> None:
    registry.global_user_namespace.set_user_namespace(
        user_ns=user_ns, use_ipython=config.ipython_mode
    )
    peer_shim.publish_namespace(user_ns, use_ipython=config.ipython_mode)


def _say(text: str, stream: Any = None) -> None:
    # The console stream is what remote users see of a starting worker.
    print(text, file=stream or sys.stdout, flush=True)
