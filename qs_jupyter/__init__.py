"""A Jupyter-native queue server for Bluesky experiments."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qs_jupyter.version import __version__ as __version__

if TYPE_CHECKING:
    from qs_jupyter.magics.python_face import QueueServer

    qs: QueueServer


def load_ipython_extension(shell: Any) -> None:
    """Add ``%qserver`` and ``%%qserver`` to a shell: what ``%load_ext qs_jupyter`` calls."""
    # By name, so that importing the package stays cheap and no floor below depends on magics.
    import_module("qs_jupyter.magics.qserver").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics out of a shell again."""
    import_module("qs_jupyter.magics.qserver").unload(shell)


def __getattr__(name: str) -> Any:
    if name == "qs":
        return import_module("qs_jupyter.magics.python_face").qs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
