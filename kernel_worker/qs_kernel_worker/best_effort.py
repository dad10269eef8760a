"""The best-effort callback of bluesky, also where matplotlib is not installed.

Its module imports matplotlib although tables need nothing of it. Where there is no
matplotlib, empty modules stand in for it while the import lasts, and the callback can print
its tables. Needed with bluesky up to 1.15, at least.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_CLASSES = {
    "matplotlib": (),
    "matplotlib.pyplot": (),
    "matplotlib.axes": ("Axes",),
    "matplotlib.axis": ("Axis",),
    "matplotlib.figure": ("Figure",),
}


def best_effort_callback(*, plots: bool) -> Any:
    """Return a new ``BestEffortCallback`` with or without plots.

    Without matplotlib there are none, whatever is asked for.
    """
    if find_spec("matplotlib") is not None:
        from bluesky.callbacks.best_effort import BestEffortCallback  # noqa: PLC0415 - see above

        callback = BestEffortCallback()
        if not plots:
            callback.disable_plots()
        return callback
    with _empty_matplotlib():
        from bluesky.callbacks.best_effort import BestEffortCallback  # noqa: PLC0415 - see above
    # Left to itself the callback asks matplotlib whether Qt is in use.
    callback = BestEffortCallback(use_teleporter=False)
    callback.disable_plots()
    return callback


def _no_figure(*_args: Any, **_kwargs: Any) -> Any:
    raise ImportError("Plots need the package 'matplotlib', which is not installed")


@contextmanager
def _empty_matplotlib() -> Iterator[None]:
    for name, classes in _CLASSES.items():
        module = ModuleType(name)
        for class_name in classes:
            setattr(module, class_name, type(class_name, (), {}))
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    sys.modules["matplotlib.pyplot"].figure = _no_figure  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name in _CLASSES:
            del sys.modules[name]
