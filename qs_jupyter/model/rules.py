"""What a rule is, and the table in which rules stand.

A rule takes the model and an event and returns the model after it and the commands to carry
out. It never waits, looks at a clock or does anything; it may only refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from qs_jupyter.model.commands import Command
from qs_jupyter.model.state import Model, Phase

Step = tuple[Model, list[Command]]
Rule = Callable[[Model, Any], Step]
RULES: dict[tuple[type, Phase], Rule] = {}
E = TypeVar("E")

ALIVE = tuple(phase for phase in Phase if phase is not Phase.INITIALIZING)


def on(
    event: type[E], *phases: Phase
) -> Callable[[Callable[[Model, E], Step]], Callable[[Model, E], Step]]:
    """Register a rule for an event in the given phases."""

    def register(rule: Callable[[Model, E], Step]) -> Callable[[Model, E], Step]:
        for phase in phases:
            if (event, phase) in RULES:
                raise TypeError(f"two rules for {event.__name__} in {phase}")
            RULES[event, phase] = cast("Rule", rule)
        return rule

    return register
