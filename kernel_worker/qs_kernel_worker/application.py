"""The application of the worker: serves first, then runs the startup code, then jobs and cells.

Hooks into ipykernel 7.4 (``kernelapp.IPKernelApp``): ``kernel_class``, ``outstream_class``,
``parent_handle``, ``_bind_socket``, ``init_iopub``, ``init_code``, ``start``.

The main thread is a trampoline: the loop of the kernel runs between jobs and is left while a
job runs, so that startup code and jobs see a plain main thread (``asyncio.run`` works) and
cells see the usual loop. Control, shell-channel and iopub threads run all the time, so the
worker answers before the first startup file is read.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import zmq
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop
from traitlets import DottedObjectName, Integer, Type

from qs_kernel_worker.collector import collect_as_usual
from qs_kernel_worker.hooks import check_hooks
from qs_kernel_worker.kernel import WorkerKernel
from qs_kernel_worker.messages import CONFIG_VARIABLE, WorkerConfig
from qs_kernel_worker.no_debugger import leave_out_debugger
from qs_kernel_worker.output import log_file_descriptor
from qs_kernel_worker.shell import refuse_input
from qs_kernel_worker.welcome import welcome_every_subscriber
from qs_kernel_worker.worker import Worker

logger = logging.getLogger(__name__)

# A stalled reader of iopub may not lose text at once, nor eat all memory. The manager asks again
# for what it has lost.
SEND_QUEUE = 20_000

# With the usual 5 ms a plan that computes makes the control thread answer in 13 ms.
SWITCH_INTERVAL_S = 0.0005


class WorkerApp(IPKernelApp):  # type: ignore[misc]
    """The process of the worker."""

    kernel_class = Type(WorkerKernel, klass="ipykernel.kernelbase.Kernel")
    outstream_class = DottedObjectName("qs_kernel_worker.output.WorkerOutStream")

    # 1 stands for "nobody's child": the worker outlives the manager that started it.
    parent_handle = Integer(1)

    def _bind_socket(self, s: Any, port: int) -> Any:
        if s.type == zmq.XPUB:
            s.sndhwm = SEND_QUEUE
        return super()._bind_socket(s, port)

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """Begin to send, and to welcome those who listen."""
        super().init_iopub(context)
        welcome_every_subscriber(self.iopub_thread)

    def init_code(self) -> None:
        """Leave the startup code for later: the worker answers first."""
        self.worker = Worker(
            self.shell, read_config(), label_task=lambda uid: self.kernel.label("task", uid)
        )
        self.kernel.attach(self.worker)

    def start(self) -> None:
        """Serve, open the environment, then run jobs and cells until told to end."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        refuse_input()
        self._report_crashes()
        self.kernel.start()
        self.io_loop = IOLoop.current()
        self._open_environment()
        while not self.worker.is_ending:
            # An interrupt that comes too late for its job must not end the worker.
            with contextlib.suppress(KeyboardInterrupt):
                self.kernel.run_next_job()
                if not self.worker.is_ending:
                    self.io_loop.start()

    def _open_environment(self) -> None:
        kernel = self.kernel
        kernel.label("startup", None)
        kernel.pre_handler_hook()
        try:
            with kernel.interrupts.user_code():
                self.worker.open_environment()
        finally:
            kernel.post_handler_hook()
            collect_as_usual()

    def _report_crashes(self) -> None:
        """Write stacks to the log file on a crash, and on SIGUSR1 at any time."""
        descriptor = log_file_descriptor()
        if descriptor is not None:
            faulthandler.enable(file=descriptor)
            if hasattr(signal, "SIGUSR1"):
                faulthandler.register(signal.SIGUSR1, file=descriptor)


def read_config() -> WorkerConfig:
    """Return what the manager has written for this worker; the defaults without a file."""
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        return WorkerConfig()
    data = json.loads(Path(path).read_text())
    known = WorkerConfig.__dataclass_fields__
    return WorkerConfig(**{name: value for name, value in data.items() if name in known})


def main() -> None:
    """Run the worker."""
    check_hooks()
    leave_out_debugger()
    app = WorkerApp.instance()
    app.initialize()
    app.start()
    _leave_forgotten_threads()


def _leave_forgotten_threads() -> None:
    """End the process also when user code left threads that would keep it alive for ever."""
    main_thread = threading.main_thread()
    others = [t.name for t in threading.enumerate() if not t.daemon and t is not main_thread]
    if others:
        logger.warning("The worker ends; threads are left behind: %s", ", ".join(others))
        atexit._run_exitfuncs()  # noqa: SLF001 - Python itself would join the threads first
        os._exit(0)
    # All exit functions still run. Only the search for garbage is left out, which takes half a
    # second in the namespace of a large beamline, and the operating system does it at once.
    gc.disable()
    gc.freeze()
