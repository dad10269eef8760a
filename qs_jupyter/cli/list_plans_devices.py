"""``qserver-list-plans-devices``: load startup code and write the lists of plans and devices."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qs_jupyter import setting_kinds as kinds
from qs_jupyter.errors import ConfigurationError, Failure
from qs_jupyter.lists_file import write_lists
from qs_jupyter.lists_generation import GenerationFailure, generate_lists
from qs_jupyter.settings import options as settings_options
from qs_jupyter.startup_code import LISTS_FILE, resolve_startup
from qs_jupyter.version import add_version
from qs_kernel_worker.messages import WorkerConfig

NO_SOURCE = "Source of the startup code was not specified or multiple sources were specified."
DONE = "The list of existing plans and devices was created successfully."


def gen_list_of_plans_and_devices(  # noqa: PLR0913 - a known interface
    *,
    startup_profile: str | None = None,
    startup_dir: str | None = None,
    startup_module_name: str | None = None,
    startup_script_path: str | None = None,
    file_dir: str | None = None,
    file_name: str | None = None,
    ipython_dir: str | None = None,
    overwrite: bool = False,
    ignore_invalid_plans: bool = False,
    device_max_depth: int = 0,
    use_ipython_kernel: bool | None = None,
) -> None:
    """Load startup code in a process of its own and write the lists file.

    Without ``use_ipython_kernel`` the code is loaded like IPython does, unless it is a script
    or a module and no profile is named.

    Raises
    ------
    RuntimeError
        The startup code is not named or fails, or the file exists and is not to be overwritten.
    """
    path = Path(file_dir or ".").expanduser().absolute() / (file_name or LISTS_FILE)
    if path.exists() and not overwrite:
        raise RuntimeError(f"File '{path}' already exists. File overwriting is disabled.")
    given = {
        "startup_dir": startup_dir,
        "startup_module": startup_module_name,
        "startup_script": startup_script_path,
        "startup_profile": startup_profile,
        "ipython_dir": ipython_dir,
    }
    try:
        config = _worker_config(given, use_ipython_kernel, ignore_invalid_plans, device_max_depth)
        lists = generate_lists(config)
        for warning in lists.report.get("warnings", ()):
            print(f"WARNING: {warning}", file=sys.stderr)
        write_lists(path, lists.plans, lists.devices)
    except GenerationFailure as error:
        text = f"{error.traceback.rstrip()}\n" if error.traceback else ""
        raise RuntimeError(
            f"{text}Failed to create the list of plans and devices: {error}"
        ) from error
    except (ConfigurationError, Failure) as error:
        raise RuntimeError(f"Failed to create the list of plans and devices: {error}") from error


def _worker_config(
    given: dict[str, str | None],
    use_ipython: bool | None,
    ignore_invalid_plans: bool,
    device_max_depth: int,
) -> WorkerConfig:
    source = {
        name: kinds.PATH.read(value, name) if name in _PATHS else value
        for name, value in given.items()
        if value
    }
    if not source:
        raise ConfigurationError(NO_SOURCE)
    code_alone = source.keys() <= {"startup_module", "startup_script"}
    ipython = not code_alone if use_ipython is None else use_ipython
    try:
        found = resolve_startup({}, source, ipython=ipython, explicitly=use_ipython is not None)
    except ConfigurationError as error:
        if "ambiguously" in str(error):
            raise ConfigurationError(NO_SOURCE) from error
        raise
    is_alone = not ipython and code_alone
    return WorkerConfig(
        ipython_mode=ipython,
        startup_dir=None if is_alone else found["aux_dir"],
        script=found.get("startup_script"),
        module=found.get("startup_module"),
        ignore_invalid_plans=ignore_invalid_plans,
        device_max_depth=device_max_depth,
    )


_PATHS = ("startup_dir", "startup_script", "ipython_dir")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the lists file; return the exit code."""
    options: dict[str, Any] = vars(_parser().parse_args(arguments))
    try:
        options["ignore_invalid_plans"] = kinds.ON_OFF.read(
            options["ignore_invalid_plans"], "Option --ignore-invalid-plans"
        )
        options["device_max_depth"] = kinds.DEPTH.read(
            options["device_max_depth"], "Option --device-max-depth"
        )
        if options["use_ipython_kernel"] is not None:
            options["use_ipython_kernel"] = kinds.ON_OFF.read(
                options["use_ipython_kernel"], "Option --use-ipython-kernel"
            )
        gen_list_of_plans_and_devices(overwrite=True, **options)
    except (RuntimeError, ConfigurationError) as error:
        print(f"qserver-list-plans-devices: {error}", file=sys.stderr)
        return 1
    print(DONE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qserver-list-plans-devices",
        description="Load startup code and write the descriptions of its plans and devices.",
        allow_abbrev=False,
    )
    add_version(parser)
    add = parser.add_argument
    add("--file-dir", metavar="PATH", help="folder of the file (default: the current one)")
    add("--file-name", metavar="NAME", help=f"name of the file (default: {LISTS_FILE})")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--startup-dir", metavar="PATH", help=_same("startup_dir"))
    source.add_argument(
        "--startup-module", dest="startup_module_name", metavar="NAME", help=_same("startup_module")
    )
    source.add_argument(
        "--startup-script", dest="startup_script_path", metavar="PATH", help=_same("startup_script")
    )
    add("--startup-profile", metavar="NAME", help=_same("startup_profile"))
    add("--ipython-dir", metavar="PATH", help=_same("ipython_dir"))
    add(
        "--use-ipython-kernel",
        metavar="{ON,OFF}",
        help="load like IPython (with a profile always) or like plain Python",
    )
    add(
        "--ignore-invalid-plans",
        metavar="{ON,OFF}",
        default="OFF",
        help="ON leaves out plans that cannot be described; OFF fails instead, also where a "
        "default is no plain value (default: OFF)",
    )
    add("--device-max-depth", metavar="N", default="0", help=_same("device_max_depth"))
    return parser


def _same(name: str) -> str:
    """Return what ``start-re-manager --help`` says about the option."""
    return settings_options()[name].help


if __name__ == "__main__":
    sys.exit(main())
