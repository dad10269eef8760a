"""``start-re-manager``: start the service."""

from __future__ import annotations

import logging
import os
import sys

from qs_jupyter.configuration import configure, describe, save_settings
from qs_jupyter.errors import ConfigurationError
from qs_jupyter.launcher import Launcher
from qs_jupyter.log_lines import log_to_stdout
from qs_jupyter.service_manager import ServiceManager
from qs_jupyter.settings import Settings
from qs_jupyter.startup_code import install_demo_profile

logger = logging.getLogger("qs_jupyter.launcher")

SAVE_VARIABLE = "QSERVER_SETTINGS_SAVE_TO_FILE"


def main(arguments: list[str] | None = None) -> int:
    """Run the service until it is stopped; return the exit code."""
    try:
        configuration = configure(sys.argv[1:] if arguments is None else arguments, os.environ)
        settings = configuration.settings
        if settings.demo_mode and settings.use_ipython_kernel:
            install_demo_profile()
        _save(settings)
    except ConfigurationError as error:
        print(f"start-re-manager: {error}", file=sys.stderr)
        return 1
    lines = (
        log_to_stdout(settings.console_logging_level)
        if settings.print_console_output
        else logging.NullHandler()
    )
    logging.getLogger().addHandler(lines)
    for warning in configuration.warnings:
        logger.warning("%s", warning)
    logger.info("%s", describe(settings))
    service = ServiceManager.of(os.environ)
    if configuration.launcher:
        return Launcher(settings, service=service).run()
    from qs_jupyter.manager_process import run_alone  # noqa: PLC0415 - brings asyncio

    # The manager writes its log lines itself, in order with its other output.
    logging.getLogger().removeHandler(lines)

    return run_alone(settings, service=service)


def _save(settings: Settings) -> None:
    path = os.environ.get(SAVE_VARIABLE)
    if not path:
        return
    try:
        save_settings(settings, path)
    except OSError as error:
        raise ConfigurationError(f"{SAVE_VARIABLE}: settings cannot be saved: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
