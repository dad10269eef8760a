"""The version of the package, and what every command answers to ``--version``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

__version__ = "0.1.0"
VERSION = f"qs-jupyter {__version__}"


def add_version(parser: ArgumentParser) -> None:
    """Let a command line tell which version it belongs to."""
    parser.add_argument(
        "--version", action="version", version=VERSION, help="show the version and exit"
    )
