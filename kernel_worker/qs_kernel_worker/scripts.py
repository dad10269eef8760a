"""Scripts: source text that arrives while the environment is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from . import registry
from .execution import fresh_imports, remember_source, run_source
from .messages import ScriptJob

_RESERVED = ("RE", "db")


def run_script(job: ScriptJob, shell: Any, root: str | None) -> None:
    """Run the script in the namespace; what it raises goes to the caller.

    Modules imported from under ``root``, the folder of the startup code, are forgotten
    afterwards, so that the next script sees edited files. Without ``update_re`` whatever the
    script does to ``RE`` and ``db`` is undone. May be called from any thread.
    """
    if not job.script.strip():
        return
    user_ns = shell.user_ns
    # The name stands in tracebacks, so it must tell one script from another.
    filename = f"<script {job.uid}>"
    remember_source(filename, job.script)
    user_ns["__file__"] = str(Path(root, "script")) if root else "script"
    imports = fresh_imports(root) if root and Path(root).is_dir() else nullcontext()
    reserved = nullcontext() if job.update_re else _restored(user_ns)
    with reserved, imports:
        run_source(job.script, filename, user_ns, shell if registry.is_ipython_mode() else None)


@contextmanager
def _restored(user_ns: dict[str, Any]) -> Iterator[None]:
    """Put the reserved names back as they were."""
    before = {name: user_ns[name] for name in _RESERVED if name in user_ns}
    try:
        yield
    finally:
        for name in _RESERVED:
            if name in before:
                user_ns[name] = before[name]
            else:
                user_ns.pop(name, None)
