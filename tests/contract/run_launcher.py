"""A launcher of stub managers, with the limits a test wants: DIARY WISH LIMITS-AS-JSON."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from qs_jupyter.launcher import Launcher, Limits
from qs_jupyter.log_lines import log_to_stdout
from qs_jupyter.settings import Settings

if __name__ == "__main__":
    diary, wish, limits = sys.argv[1:]
    log_to_stdout(logging.DEBUG)
    stub = str(Path(__file__).with_name("stub_manager.py"))
    launcher = Launcher(
        Settings(zmq_private_key="a secret"),
        command=[sys.executable, stub, diary, wish],
        limits=Limits(**json.loads(limits)),
    )
    sys.exit(launcher.run())
