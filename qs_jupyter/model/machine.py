"""What follows from what: the table of all rules, asked with a model and an event.

The rules stand in the rooms that are imported here. A pair of event and phase without a rule
is a refusal for requests, and nothing for late news of the worker. ``docs/architecture.md``
shows the same table as a picture.
"""

from __future__ import annotations

import qs_jupyter.model.environment_rules
import qs_jupyter.model.queue_rules
import qs_jupyter.model.run_engine_rules
import qs_jupyter.model.task_rules  # noqa: F401
from qs_jupyter.errors import WrongState
from qs_jupyter.model import events as ev
from qs_jupyter.model.events import Event
from qs_jupyter.model.rules import RULES, Step
from qs_jupyter.model.state import Model

_REQUESTS = frozenset(
    {
        ev.OpenRequested,
        ev.CloseRequested,
        ev.DestroyRequested,
        ev.StartRequested,
        ev.ExecuteRequested,
        ev.StopRequested,
        ev.PauseRequested,
        ev.ContinueRequested,
        ev.EndRequested,
        ev.TaskRequested,
    }
)


def decide(model: Model, event: Event) -> Step:
    """Return what follows from ``event``.

    Raises
    ------
    Refusal
        The event is a request that is not possible now; the text says why.
    """
    rule = RULES.get((type(event), model.phase))
    if rule is not None:
        return rule(model, event)
    if type(event) in _REQUESTS:
        raise WrongState(f"Manager state is not idle. Current state: {model.phase.value}")
    return model, []


def table() -> list[tuple[str, str, str]]:
    """Return the rules as (event, phase, rule) names, for documentation and tests."""
    return sorted((e.__name__, p.value, rule.__name__) for (e, p), rule in RULES.items())
