"""Runs source text in the namespace: names of files, import paths, readable tracebacks."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_PACKAGE = str(Path(__file__).parent)
_FOREIGN_FOLDERS = frozenset({"site-packages", "dist-packages"})
_MAX_TRACEBACK = 20_000
_MAX_REMEMBERED = 100

_remembered: list[str] = []
_errors_of_run: ContextVar[bool] = ContextVar("errors of %run reach their caller", default=False)


def run_source(source: str, filename: str, user_ns: dict[str, Any], shell: Any = None) -> None:
    """Run source as the module ``__main__`` in the namespace.

    With a shell the source may contain IPython syntax and top-level ``await``, and the value
    of a last bare expression is displayed.
    """
    if shell is None:
        exec(compile(source, filename, "exec", dont_inherit=True), user_ns)
        return
    tree = ast.parse(shell.transform_cell(source), filename)
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    # The loader of cells compiles before it runs: a mistake in the last line runs nothing.
    body = compile(tree, filename, "exec", flags, dont_inherit=True)
    value = None if last is None else compile(last, filename, "eval", flags, dont_inherit=True)
    with shell.builtin_trap, errors_of_run(shell):
        _evaluate(body, user_ns)
        if value is not None:
            _display(_evaluate(value, user_ns))


@contextmanager
def errors_of_run(shell: Any) -> Iterator[None]:
    """Let an error in a file that ``%run`` runs reach the code that runs it.

    IPython shows it and goes on, so that half of a profile would be missing unnoticed. Cells
    of a console, also those at the same time, are left to IPython.
    """
    if "safe_execfile" not in vars(shell):
        shell.safe_execfile = functools.partial(_run_file, shell.safe_execfile)
    token = _errors_of_run.set(True)
    try:
        yield
    finally:
        _errors_of_run.reset(token)


def _run_file(
    safely: Callable[..., None], file: str, *where: Any, exit_ignore: bool = False, **options: Any
) -> None:
    if not _errors_of_run.get():
        safely(file, *where, exit_ignore=exit_ignore, **options)
        return
    try:
        safely(file, *where, **{**options, "raise_exceptions": True})
    except SystemExit:
        if not exit_ignore:
            raise


def _evaluate(code: CodeType, user_ns: dict[str, Any]) -> Any:
    # The names are bound to the namespace by eval, so plans defined here see it as globals.
    result = eval(code, user_ns)
    if code.co_flags & inspect.CO_COROUTINE:
        return asyncio.run(result)
    return result


def _display(value: Any) -> None:
    if value is not None:
        from IPython.display import display  # noqa: PLC0415 - seldom needed

        display(value)


def remember_source(filename: str, source: str) -> None:
    """Let tracebacks and ``inspect`` show lines of source that is in no file."""
    lines = source.splitlines(keepends=True)
    # Without a modification time linecache never drops the entry by itself.
    linecache.cache[filename] = (len(source), None, lines, filename)
    _remembered.append(filename)
    while len(_remembered) > _MAX_REMEMBERED:
        linecache.cache.pop(_remembered.pop(0), None)


@contextmanager
def on_path(folder: str | Path) -> Iterator[None]:
    """Put a folder at the front of ``sys.path`` for a while."""
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        # User code may have changed the path; only our own entry goes.
        if entry in sys.path:
            sys.path.remove(entry)


@contextmanager
def fresh_imports(folder: str | Path) -> Iterator[None]:
    """Import from a folder, and forget its modules afterwards, so that edits are seen.

    Modules from elsewhere stay, and so do libraries installed below the folder.
    """
    before = set(sys.modules)
    try:
        with on_path(folder):
            yield
    finally:
        for name, module in list(sys.modules.items()):
            if name not in before and _is_local(module, Path(folder)):
                del sys.modules[name]


def _is_local(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    for path, root in ((Path(file), folder), (Path(file).resolve(), folder.resolve())):
        if path.is_relative_to(root):
            return _FOREIGN_FOLDERS.isdisjoint(path.relative_to(root).parts)
    return False


def user_traceback(error: BaseException) -> str:
    """Return the traceback as text, from the first line of user code on."""
    lines = traceback.format_exception(type(error), error, _without_ours(error.__traceback__))
    if error.__traceback__ is None or not lines[0].startswith("Traceback"):
        lines.insert(0, "Traceback (most recent call last):\n")
    text = "".join(lines)
    if len(text) > _MAX_TRACEBACK:
        half = _MAX_TRACEBACK // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text


def error_place(error: BaseException, file: str) -> int | None:
    """Return the line of ``file`` in which the error arose, the innermost if several."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line = None
    for frame, lineno in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == file:
            line = lineno
    return line


def _without_ours(tb: Any) -> Any:
    """Drop our own frames in front of the user's."""
    rest = tb
    while rest is not None and _is_ours(rest.tb_frame):
        rest = rest.tb_next
    return rest


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith((_PACKAGE, "<frozen runpy>", "<frozen importlib"))
