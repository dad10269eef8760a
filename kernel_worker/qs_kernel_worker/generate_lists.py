"""Lists of plans and devices without a manager: runs startup code in this process, then ends.

``python -m qs_kernel_worker.generate_lists CONFIG RESULT`` reads a `WorkerConfig` as JSON and
writes ``{"ok", "msg", "traceback", "report", "plans", "devices"}`` as JSON. What startup code
prints stays on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from .messages import WorkerConfig
from .namespace import InvalidPlanError, existing_lists
from .startup import StartupError, load_startup


def generate(config: WorkerConfig) -> dict[str, Any]:
    """Run the startup code in a new shell and describe what it leaves."""
    # No window can be shown, and no kernel is there to choose a backend.
    os.environ.setdefault("MPLBACKEND", "agg")
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415 - heavy
    from traitlets.config import Config  # noqa: PLC0415 - heavy

    quiet = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=quiet)
    result: dict[str, Any] = {"ok": True, "msg": "", "traceback": "", "plans": {}, "devices": {}}
    try:
        report = load_startup(config, shell, lambda progress: None)
        lists = existing_lists(
            shell.user_ns,
            ignore_invalid_plans=config.ignore_invalid_plans,
            device_max_depth=config.device_max_depth,
        )
    except StartupError as error:
        failure = {"msg": error.msg, "traceback": error.traceback, "report": error.report}
        return {**result, "ok": False, **failure}
    except InvalidPlanError as error:
        return {**result, "ok": False, "msg": str(error), "report": {}}
    report = {
        **report,
        "warnings": [*report["warnings"], *lists.warnings],
        "rejected_plans": lists.rejected_plans,
        "rejected_devices": lists.rejected_devices,
    }
    return {**result, "report": report, "plans": lists.plans, "devices": lists.devices}


def main() -> None:
    """Run with the two files named on the command line."""
    config_file, result_file = sys.argv[1:]
    known = {f.name for f in fields(WorkerConfig)}
    data = json.loads(Path(config_file).read_text(encoding="utf-8"))
    result = generate(WorkerConfig(**{k: v for k, v in data.items() if k in known}))
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of user code (Run Engine, channel access) must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
