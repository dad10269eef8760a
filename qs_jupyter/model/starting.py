"""Whether the queue may start now, and what stands in its way."""

from __future__ import annotations

from qs_jupyter.errors import Refusal, WrongState
from qs_jupyter.model.state import Model, Phase

BUSY_KERNEL = "IPython kernel (RE Worker) is busy."


def may_start(model: Model) -> bool:
    """Tell whether the queue could be started now; autostart asks this."""
    try:
        check_start(model)
    except Refusal:
        return False
    return True


def check_start(model: Model) -> None:
    """Refuse a start of the queue, with the reason."""
    environment = model.environment
    if not environment.exists:
        raise WrongState("RE Worker environment does not exist.")
    if environment.re_state is None:
        raise WrongState("Run Engine is not found in the RE Worker environment.")
    if model.phase is not Phase.IDLE:
        raise WrongState("RE Manager is busy.")
    if environment.main_thread.is_foreign:
        raise WrongState(BUSY_KERNEL + holder(model))
    if environment.re_state == "panicked":
        raise WrongState(
            "Run Engine was halted and can not run plans any more: "
            "close the environment and open it again."
        )
    if environment.re_state != "idle":
        raise WrongState(
            f"Run Engine is not idle: it is '{environment.re_state}' with a plan that was "
            "started outside of the queue. Finish that plan where it was started."
        )


def holder(model: Model) -> str:
    """Return a sentence about the cell that holds the kernel."""
    cell = model.environment.main_thread.cell or {}
    user = cell.get("user")
    return (
        f" It runs a cell of a console (user '{user}')."
        if user
        else " It runs a cell of a console."
    )
