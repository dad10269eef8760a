"""The kernelspec by which Jupyter offers the running worker as a kernel."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KERNEL_NAME = "qs-worker"
DISPLAY_NAME = "RE worker (attached)"
PROVISIONER = "qs-attached-worker"  # the name of the entry point


def kernelspec(display_name: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of ``kernel.json``; the variables say which manager to ask."""
    return {
        "argv": [],
        "display_name": display_name,
        "language": "python",
        "interrupt_mode": "signal",
        "env": dict(variables),
        "metadata": {
            "debugger": False,
            "supported_encryption": "curve",
            "kernel_provisioner": {"provisioner_name": PROVISIONER},
        },
    }


def install(
    content: Mapping[str, Any], name: str, *, user: bool = False, prefix: str | None = None
) -> str:
    """Install a kernelspec and return its folder.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415 - slow to import

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(content, indent=1) + "\n")
        place: str = KernelSpecManager().install_kernel_spec(
            folder, kernel_name=name, user=user, prefix=prefix
        )
    return place
