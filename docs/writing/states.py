"""The picture of the states, computed from the table of rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import product
from typing import Any

from qs_jupyter.errors import Refusal
from qs_jupyter.model import events as ev
from qs_jupyter.model import machine
from qs_jupyter.model.item import Item
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.model.state import Environment, Model, Phase, Running, Stage

ITEM = Item({"item_uid": "u", "item_type": "plan", "name": "count"})
STOP = Item({"item_uid": "s", "item_type": "instruction", "name": "queue_stop"})
SAMPLES: tuple[Any, ...] = (
    ev.OpenRequested(),
    ev.CloseRequested(),
    ev.StartRequested(),
    ev.ExecuteRequested(ITEM),
    ev.ContinueRequested("resume"),
    ev.TaskRequested("t"),
    ev.Initialized(),
    ev.FrontFound(None),
    ev.FrontFound(STOP),
    ev.FrontFound(ITEM, 1, "job"),
    ev.EnvironmentOpened("idle"),
    ev.EnvironmentFailed("why"),
    ev.WorkerGone("why", asked=True),
    ev.SubmissionTaken("job"),
    ev.SubmissionRefused("job", "why", busy=True),
    ev.SubmissionRefused("t", "why", busy=True),
    ev.PlanPaused("job"),
    ev.PlanEnded("completed"),
    ev.PlanEnded("failed"),
    ev.TaskEnded("t"),
)
# Possible in every phase but the first; drawn as a sentence, they would cover the rest.
EVERYWHERE = (ev.DestroyRequested, ev.WorkerGone)


def transitions() -> dict[tuple[Phase, Phase], list[str]]:
    """Return which events lead from one phase to another, found by asking the machine."""
    found: dict[tuple[Phase, Phase], dict[str, None]] = {}
    for model, event in product(_models(), SAMPLES):
        if isinstance(event, EVERYWHERE) and model.phase not in (Phase.CLOSING, Phase.DESTROYING):
            continue
        try:
            after, _ = machine.decide(model, event)
        except Refusal:
            continue
        if after.phase is not model.phase:
            found.setdefault((model.phase, after.phase), {})[type(event).__name__] = None
    return {pair: list(names) for pair, names in found.items()}


def _models() -> Iterator[Model]:
    ready = Environment(stage=Stage.READY, re_state="idle")
    running = Running(ITEM, 1, "job", 0.0)
    for phase, environment in product(Phase, (ready, Environment())):
        tasks = ("t",) if phase is Phase.TASK else (None, "t")
        plans = (running, None) if phase not in (Phase.IDLE, Phase.TASK) else (None,)
        for task, plan, stop in product(tasks, plans, (False, True)):
            if task and phase not in (Phase.TASK, Phase.INITIALIZING):
                continue
            yield Model(phase, environment, plan, task, QueueMode(), stop_pending=stop)


BOX = (196, 40)
PLACES: Mapping[Phase, tuple[int, int]] = {
    Phase.INITIALIZING: (130, 60),
    Phase.OPENING: (500, 60),
    Phase.CLOSING: (850, 60),
    Phase.TASK: (130, 250),
    Phase.IDLE: (500, 250),
    Phase.DESTROYING: (850, 250),
    Phase.STARTING: (150, 480),
    Phase.EXECUTING: (500, 620),
    Phase.PAUSED: (850, 480),
}
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; text-anchor: middle; }
  .phase { font-weight: 600; font-size: 13px; }
  rect { fill: #ddf4ff; stroke: #0969da; rx: 8px; }
  rect.label { fill: #ffffff; stroke: none; opacity: 0.85; }
  path { fill: none; stroke: #57606a; stroke-width: 1.4; }
  marker path { fill: #57606a; stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    rect { fill: #0c2d6b; stroke: #58a6ff; }
    rect.label { fill: #0d1117; }
    path { stroke: #8b949e; }
    marker path { fill: #8b949e; }
  }
"""


def states_picture() -> str:
    """Return the state machine as a picture."""
    edges = {
        pair: names
        for pair, names in transitions().items()
        if pair[0] is not Phase.INITIALIZING or pair[1] is Phase.IDLE
    }
    labels = [_edge(pair, names, (pair[1], pair[0]) in edges) for pair, names in edges.items()]
    boxes = [_box(phase) for phase in Phase]
    notes = (
        "Initialized leads to executing_task, executing_queue or paused when a worker was found "
        "at work.",
        "DestroyRequested leads from every phase but the first to destroying_environment, "
        "WorkerGone from every one to idle.",
    )
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 710" role="img" '
            'aria-label="States of the manager and the events between them">',
            "<!-- Written by docs/generate.py. -->",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
            *(line for line, _label in labels),
            *(label for _line, label in labels),
            *boxes,
            *(f'<text x="490" y="{676 + 18 * n}">{note}</text>' for n, note in enumerate(notes)),
            "</svg>\n",
        ]
    )


def _box(phase: Phase) -> str:
    x, y = PLACES[phase]
    width, height = BOX
    return (
        f'<rect x="{x - width // 2}" y="{y - height // 2}" width="{width}" height="{height}"/>'
        f'<text class="phase" x="{x}" y="{y + 5}">{phase.value}</text>'
    )


def _edge(pair: tuple[Phase, Phase], names: list[str], both_ways: bool) -> tuple[str, str]:
    (x1, y1), (x2, y2) = PLACES[pair[0]], PLACES[pair[1]]
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    # Labels are wide and low: ways up and down must be further apart than those across.
    bend = (140.0 if x1 == x2 else 60.0) if both_ways else 14.0
    middle = ((x1 + x2) / 2 - (y2 - y1) / length * bend, (y1 + y2) / 2 + (x2 - x1) / length * bend)
    start, end = _border((x1, y1), middle), _border((x2, y2), middle)
    line = (
        f'<path marker-end="url(#tip)" d="M{start[0]:.0f} {start[1]:.0f} '
        f'Q{middle[0]:.0f} {middle[1]:.0f} {end[0]:.0f} {end[1]:.0f}"/>'
    )
    x = (start[0] + 2 * middle[0] + end[0]) / 4
    y = (start[1] + 2 * middle[1] + end[1]) / 4 - 7 * (len(names) - 1)
    width = max(map(len, names)) * 6.6 + 6
    background = (
        f'<rect class="label" x="{x - width / 2:.0f}" y="{y - 12:.0f}" width="{width:.0f}" '
        f'height="{15 * len(names) + 2}"/>'
    )
    texts = [
        f'<text x="{x:.0f}" y="{y + 15 * number:.0f}">{escape(name)}</text>'
        for number, name in enumerate(names)
    ]
    return line, background + "".join(texts)


def _border(centre: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Return where the way from the centre of a box leaves it."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    width, height = BOX[0] / 2 + 3, BOX[1] / 2 + 3
    scale = min(width / abs(dx) if dx else 1e9, height / abs(dy) if dy else 1e9)
    return centre[0] + dx * scale, centre[1] + dy * scale
