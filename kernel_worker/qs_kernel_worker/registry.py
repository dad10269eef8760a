"""What startup code tells the worker, and what the worker tells startup code.

Startup code registers devices and plans, asks whether it runs in the worker, and reaches
the namespace it lives in. All of it is usable from the first line of the first startup file.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WORKER_VARIABLE = "QS_JUPYTER_WORKER"
# Startup code of existing installations reads these two, directly or through a package.
WORKER_ACTIVE_VARIABLE = "_QSERVER_RE_WORKER_ACTIVE"
IPYTHON_VARIABLE = "_QSERVER_RUNNING_IPYTHON_KERNEL"

_FALSE = frozenset({"", "n", "no", "f", "false", "off", "0"})
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")

# ------------------------------------------------------------------------------- where am I?


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in _FALSE


def is_re_worker_active() -> bool:
    """Return True when the code runs in a Run Engine worker (or lists are generated for one)."""
    return _is_on(WORKER_ACTIVE_VARIABLE)


def is_ipython_mode() -> bool:
    """Return True when the code runs in IPython: startup files with magics, a real shell."""
    if is_re_worker_active() and IPYTHON_VARIABLE in os.environ:
        return _is_on(IPYTHON_VARIABLE)
    ipython = sys.modules.get("IPython")
    return bool(ipython is not None and ipython.get_ipython())


def set_re_worker_active() -> None:
    """Make `is_re_worker_active` return True in this process and its children."""
    os.environ[WORKER_ACTIVE_VARIABLE] = "1"


def clear_re_worker_active() -> None:
    """Make `is_re_worker_active` return False in this process and its children."""
    os.environ.pop(WORKER_ACTIVE_VARIABLE, None)


def set_ipython_mode(ipython_mode: bool) -> None:
    """Fix the answer of `is_ipython_mode` in the worker."""
    os.environ[IPYTHON_VARIABLE] = "1" if ipython_mode else "0"


def clear_ipython_mode() -> None:
    """Let `is_ipython_mode` find out by itself."""
    os.environ.pop(IPYTHON_VARIABLE, None)


def mark_worker(ipython_mode: bool) -> None:
    """Set the variables that startup code looks at. Do it before any user code runs."""
    os.environ[WORKER_VARIABLE] = "1"
    set_re_worker_active()
    set_ipython_mode(ipython_mode)


# ------------------------------------------------------------------------------ registration


@dataclass(frozen=True)
class RegisteredDevice:
    """A device that is listed to this depth whatever it is, or left out."""

    depth: int = 1
    exclude: bool = False


@dataclass(frozen=True)
class RegisteredPlan:
    """A plan that is listed whatever it is, or left out."""

    exclude: bool = False


registered_devices: dict[str, RegisteredDevice] = {}
registered_plans: dict[str, RegisteredPlan] = {}


def register_device(name: str, *, depth: int = 1, exclude: bool = False) -> None:
    """List a device under this name, with its components down to ``depth`` levels.

    The object may be created later: the name is looked up when the lists are built.

    Parameters
    ----------
    name
        Name of the variable, without dots.
    depth
        1 lists the device alone, 2 also its components, and so on; 0 has no limit.
    exclude
        True keeps the device out of the lists; plans can still use it.
    """
    _check_name(name)
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise TypeError(f"Depth {depth!r} of device {name!r} must be an integer")
    if depth < 0:
        raise ValueError(f"Depth {depth} of device {name!r} must be 0 or greater")
    registered_devices[name] = RegisteredDevice(depth, bool(exclude))


def register_plan(name: str, *, exclude: bool = False) -> None:
    """List a plan under this name, or keep it out of the lists with ``exclude=True``."""
    _check_name(name)
    registered_plans[name] = RegisteredPlan(bool(exclude))


def clear_registered_items() -> None:
    """Forget all registrations, as at the opening of an environment."""
    registered_devices.clear()
    registered_plans.clear()


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"Name {name!r} must be a string")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"Name {name!r} must consist of letters, digits and underscores "
            "and not begin with a digit"
        )


# --------------------------------------------------------------------- access to the namespace


class UserNamespace:
    """The namespace in which startup code, plans, functions and scripts run."""

    def __init__(self) -> None:
        self._user_ns: dict[str, Any] = {}
        self._use_ipython = False

    @property
    def user_ns(self) -> dict[str, Any]:
        """The namespace; empty while startup files run in IPython mode."""
        return self._user_ns

    @property
    def use_ipython(self) -> bool:
        """True when the namespace belongs to an IPython shell."""
        return self._use_ipython

    def set_user_namespace(self, *, user_ns: dict[str, Any], use_ipython: bool = False) -> None:
        """Publish another namespace."""
        self._user_ns = user_ns
        self._use_ipython = use_ipython


global_user_namespace = UserNamespace()


def set_user_ns(func: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the namespace to a function as ``user_ns``, and the shell as ``ipython`` if it asks.

    Both parameters disappear from the signature that callers and the plan list see.
    """
    signature = inspect.signature(func)
    wants_shell = "ipython" in signature.parameters

    def with_namespace(kwargs: dict[str, Any]) -> dict[str, Any]:
        user_ns, shell = _namespace_and_shell()
        extra: dict[str, Any] = {"user_ns": user_ns}
        if wants_shell:
            extra["ipython"] = shell
        return {**kwargs, **extra}

    if inspect.isgeneratorfunction(func):

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return (yield from func(*args, **with_namespace(kwargs)))
    else:

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return func(*args, **with_namespace(kwargs))

    visible = [p for n, p in signature.parameters.items() if n not in ("user_ns", "ipython")]
    wrapper.__signature__ = signature.replace(parameters=visible)  # type: ignore[attr-defined]
    return wrapper


def _namespace_and_shell() -> tuple[dict[str, Any], Any]:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and global_user_namespace.use_ipython:
        return shell.user_ns, shell
    return global_user_namespace.user_ns, None
