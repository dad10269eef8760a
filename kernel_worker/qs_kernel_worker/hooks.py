"""The places of ipykernel that the worker builds on, checked before it starts.

Most of them are not documented. When an ipykernel moves one, the worker says which and ends,
instead of failing in the middle of a measurement.
"""

from __future__ import annotations

import inspect
from typing import Any

import ipykernel
from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell

SUPPORTED = (7, 4), (8, 0)

HOOKS: dict[type, dict[str, str]] = {
    IPKernelApp: {
        "_bind_socket": "s port",
        "init_iopub": "context",
        "init_code": "",
        "start": "",
    },
    IPythonKernel: {
        "process_control": "msg",
        "shell_channel_thread_main": "msg",
        "dispatch_shell": "msg subshell_id concurrent",
        "set_parent": "ident parent channel",
        "shutdown_request": "stream ident parent",
        "interrupt_request": "stream ident parent",
        "_send_interrupt_children": "",
        "pre_handler_hook": "",
        "post_handler_hook": "",
        "_publish_status": "status channel parent",
        "_topic": "topic",
        "poll_stopped_queue": "",
        "do_complete": "code cursor_pos",
        "do_inspect": "code cursor_pos detail_level omit_sections",
    },
    ZMQInteractiveShell: {
        "ask_exit": "",
        "init_completer": "",
        "run_code": "code_obj result async_",
        "set_thread_parent": "parent",
        "reset_thread_parent": "tokens",
    },
    IOPubThread: {
        "_handle_event": "msg",
        "_setup_event_pipe": "",
        "_setup_xpub_listener": "",
    },
    OutStream: {
        "write": "string",
        "flush": "",
        "_flush": "",
        "_schedule_flush": "",
        "_watch_pipe_fd": "",
        "_is_master_process": "",
    },
}


class MovedHookError(RuntimeError):
    """This ipykernel is not one the worker was written for."""


def check_hooks() -> None:
    """Raise `MovedHookError` when the installed ipykernel does not fit."""
    oldest, newest = SUPPORTED
    if not oldest <= ipykernel.version_info[:2] < newest:
        raise MovedHookError(
            f"ipykernel {ipykernel.__version__} is installed; the worker needs >=7.4,<8 "
            "(pip install 'ipykernel>=7.4,<8')"
        )
    moved = [
        f"{owner.__name__}.{name}"
        for owner, hooks in HOOKS.items()
        for name, parameters in hooks.items()
        if _parameters(getattr(owner, name, None)) != parameters.split()
    ]
    if moved:
        raise MovedHookError(
            f"ipykernel {ipykernel.__version__} has changed what the worker builds on: "
            f"{', '.join(moved)}"
        )


def _parameters(function: Any) -> list[str] | None:
    if not callable(function):
        return None
    return [name for name in inspect.signature(function).parameters if name != "self"]
