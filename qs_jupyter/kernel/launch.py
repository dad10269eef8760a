"""Command line, environment, profile and code of a new worker."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import qs_kernel_worker
from qs_jupyter.kernel.runtime import WorkerFiles, open_private
from qs_jupyter.settings import Settings, options
from qs_kernel_worker.messages import CONFIG_VARIABLE, WorkerConfig

PACKAGE = "qs_kernel_worker"
CODE_VARIABLE = "QS_JUPYTER_WORKER_CODE"
CODE_FOLDER = "code"
PRIVATE_IPYTHON_FOLDER = "ipython"

# A worker that watches its parent would die with the manager; one that believes to be inside
# of pytest does not capture what is written past Python.
NOT_INHERITED = ("JPY_PARENT_PID", "PYTEST_CURRENT_TEST", "PYTHONSAFEPATH")

# Names of IPython's --matplotlib that need no event loop, so that setting the backend is enough.
WINDOWLESS = {"agg": "agg", "inline": "module://matplotlib_inline.backend_inline"}

_PROFILE_FOLDER = re.compile(r"(?P<ipython_dir>.*)/profile_(?P<profile>[^/]+)/startup/?")


@dataclass(frozen=True, slots=True)
class WorkerLaunch:
    """What a worker is told: its configuration, and IPython's profile and backend.

    Without ``ipython_dir`` the worker gets a private one, so that no profile of the user is
    read or written.
    """

    config: WorkerConfig
    ipython_dir: str | None = None
    profile: str | None = None
    matplotlib: str | None = None


def worker_config(settings: Settings) -> WorkerLaunch:
    """Return what the settings mean for a worker; nothing named means the simulated profile."""
    startup_dir, ipython_dir, profile = _location(settings)
    config = WorkerConfig(
        ipython_mode=settings.use_ipython_kernel,
        startup_dir=startup_dir,
        script=settings.startup_script,
        module=settings.startup_module,
        ignore_invalid_plans=_ignores_invalid_plans(settings),
        device_max_depth=settings.device_max_depth,
        matplotlib=settings.ipython_matplotlib,
        parked_cells=settings.cells_between_plans == "hold",
    )
    # The plain loader reads no profile: neither its configuration nor its history.
    if not settings.use_ipython_kernel:
        ipython_dir = profile = None
    return WorkerLaunch(config, ipython_dir, profile, settings.ipython_matplotlib)


def _ignores_invalid_plans(settings: Settings) -> bool:
    """Return the setting; without one, existing installations see what they are used to."""
    if settings.ignore_invalid_plans is None:
        return settings.security != "compat"
    return settings.ignore_invalid_plans


def _location(settings: Settings) -> tuple[str | None, str | None, str | None]:
    """Return startup folder, IPython folder and profile."""
    if settings.startup_dir is not None:
        match = _PROFILE_FOLDER.fullmatch(settings.startup_dir)
        if match is None:
            return settings.startup_dir, None, None
        return settings.startup_dir, match["ipython_dir"], match["profile"]
    profile, ipython_dir = settings.startup_profile, settings.ipython_dir
    has_code = bool(settings.startup_script or settings.startup_module)
    if profile is None and ipython_dir is None:
        if has_code and not settings.use_ipython_kernel:
            return None, None, None
        if not has_code:
            return str(_sim_profile()), None, None
    if ipython_dir is None:
        from qs_jupyter.startup_code import default_ipython_dir  # noqa: PLC0415 - imports IPython

        ipython_dir = default_ipython_dir()
    profile = profile or "default"
    return str(Path(ipython_dir) / f"profile_{profile}" / "startup"), ipython_dir, profile


def _sim_profile() -> Path:
    from qs_jupyter.profiles import sim_profile  # noqa: PLC0415 - only for the demonstration

    return Path(sim_profile())


def command_line(launch: WorkerLaunch, settings: Settings, files: WorkerFiles) -> list[str]:
    """Return the command of the worker; jupyter_client fills in the connection file."""
    ipython_dir = launch.ipython_dir or str(files.folder / PRIVATE_IPYTHON_FOLDER)
    arguments = [f"--ipython-dir={ipython_dir}"]
    if launch.profile is not None:
        arguments.append(f"--profile={launch.profile}")
    if launch.matplotlib is not None and launch.matplotlib not in WINDOWLESS:
        arguments.append(f"--matplotlib={launch.matplotlib}")
    python = settings.worker_python or sys.executable
    return [python, "-m", PACKAGE, "-f", "{connection_file}", *arguments]


def environment(
    launch: WorkerLaunch, files: WorkerFiles, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the worker, with the marks that startup code looks for."""
    code = str(files.folder / CODE_FOLDER)
    path = inherited.get("PYTHONPATH", "")
    result = {
        **inherited,
        "PYTHONPATH": os.pathsep.join(p for p in (code, path) if p),
        CODE_VARIABLE: code,
        CONFIG_VARIABLE: str(files.config),
        "_QSERVER_RE_WORKER_ACTIVE": "1",
        "_QSERVER_RUNNING_IPYTHON_KERNEL": "1" if launch.config.ipython_mode else "0",
        "QS_JUPYTER_WORKER": "1",
    }
    backend = WINDOWLESS.get(launch.matplotlib or "agg")
    if backend is not None and (launch.matplotlib or "MPLBACKEND" not in inherited):
        result["MPLBACKEND"] = backend
    # The worker runs code of all users, so what the manager keeps secret is not for it.
    secrets = (name for option in options().values() if option.secret for name in option.env)
    for name in (*NOT_INHERITED, *secrets):
        result.pop(name, None)
    return result


def write_files(launch: WorkerLaunch, files: WorkerFiles) -> None:
    """Write the configuration of the worker and lay out its code beside it.

    The folder of the code holds nothing but a link to the worker's package, so that another
    Python environment gets this package and no other of the manager's.
    """
    with open_private(files.config) as file:
        file.write(json.dumps(asdict(launch.config)).encode())
    (files.folder / PRIVATE_IPYTHON_FOLDER).mkdir(mode=0o700, exist_ok=True)
    folder = files.folder / CODE_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    package = Path(str(qs_kernel_worker.__file__)).parent
    link = folder / PACKAGE
    if link.is_symlink() and link.readlink() == package:
        return
    temporary = folder / f"{PACKAGE}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(package)
    temporary.replace(link)
