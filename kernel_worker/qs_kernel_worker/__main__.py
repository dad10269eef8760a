"""``python -m qs_kernel_worker -f CONNECTION_FILE``: run the worker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CODE_VARIABLE = "QS_JUPYTER_WORKER_CODE"


def _forget_code_path() -> None:
    """Keep the folder that carries this code from the programs that user code starts.

    It stays on ``sys.path``, behind everything else, so that it cannot hide a module of the
    user.
    """
    folder = os.environ.pop(CODE_VARIABLE, None)
    if folder is None:
        return
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != folder]
    if paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    else:
        os.environ.pop("PYTHONPATH", None)
    if folder in sys.path:
        sys.path.remove(folder)
        sys.path.append(folder)


if __name__ == "__main__":
    _forget_code_path()
    if not sys.path or Path(sys.path[0] or ".").resolve() == Path.cwd():
        sys.path.pop(0)  # `-m` puts the working folder first; the kernel adds it as IPython does
    from qs_kernel_worker.collector import collect_rarely

    collect_rarely()
    from qs_kernel_worker.application import main

    main()
