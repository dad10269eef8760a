"""The debugger of notebooks is left out of the worker.

Hooks into ipykernel 7.4: ``ipykernel.debugger._is_debugpy_available``, which the kernel reads
when it is made and when a client asks, and ``Debugger``, which it names.

The stock debugger is started from the control thread, which then waits for a cell in the main
thread: behind a plan, the worker could not be paused or aborted any more. It also costs 8 MB
and a tenth of the time in which the worker starts. Who wants to debug startup code calls
``debugpy.listen()`` in it.
"""

from __future__ import annotations

import sys
from types import ModuleType

MODULE = "ipykernel.debugger"


def leave_out_debugger() -> None:
    """Let the kernel find no debugger, as if debugpy were not installed."""
    stand_in = ModuleType(MODULE, __doc__)
    vars(stand_in).update(_is_debugpy_available=False, Debugger=object)
    sys.modules[MODULE] = stand_in
