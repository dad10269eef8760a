"""Waits for the manager: silent for a second, then with a bar; Ctrl-C ends only the wait."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from qs_jupyter.client.hub import DocumentBatch, Hub, Link
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.magics.failures import MagicFailure, PlanEndedBadly
from qs_jupyter.magics.plain import call_text
from qs_jupyter.magics.views import duration

SILENCE_S = 1.0
FRAME_S = 0.25
GOOD_ENDINGS = ("completed", "stopped")

_SETTLING = (
    "initializing",
    "creating_environment",
    "closing_environment",
    "destroying_environment",
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come: ``done`` of ``total``, both None when that cannot be told."""

    text: str
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for.

    ``is_reached`` may raise `MagicFailure` when it can no longer be reached; ``result`` is read
    from the mirror at the end.
    """

    is_reached: Callable[[Mirror], bool]
    progress: Callable[[Mirror], Progress]
    result: Callable[[Mirror], Mapping[str, Any]]


class Bar(Protocol):
    """Shows progress."""

    def show(self, progress: Progress, seconds: float) -> None:
        """Show how far it has come after so many seconds."""

    def close(self) -> None:
        """Show nothing any more."""


def wait(hub: Hub, goal: Goal, make_bar: Callable[[], Bar]) -> Mapping[str, Any]:
    """Wait until the goal is reached and return its result.

    Raises
    ------
    MagicFailure
        It can no longer be reached, or it is not known how things stand.
    KeyboardInterrupt
        The wait was ended; the manager goes on.
    """
    _start(hub)
    begun = time.monotonic()
    if hub.wait(goal.is_reached, SILENCE_S):
        return _result(hub, goal)
    bar = make_bar()
    try:
        # The documents tell how many points of the running plan are measured.
        with hub.following_documents() as documents:
            while True:
                drain(documents)
                with hub.lock:
                    progress = _with_link(goal.progress(hub.mirror), hub.link)
                bar.show(progress, time.monotonic() - begun)
                if hub.wait(goal.is_reached, FRAME_S):
                    return _result(hub, goal)
    finally:
        bar.close()


def drain(documents: SimpleQueue[DocumentBatch]) -> None:
    """Forget documents that have been put into the mirror."""
    with suppress(Empty):
        while True:
            documents.get_nowait()


async def wait_async(
    hub: Hub, goal: Goal, make_bar: Callable[[], Bar] | None = None
) -> Mapping[str, Any]:
    """Like `wait`, and other tasks of the event loop go on meanwhile.

    Cancelling the task ends only the wait.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def notice(_parts: set[str]) -> None:
        loop.call_soon_threadsafe(changed.set)

    end_listening = hub.listen(notice)
    begun = time.monotonic()
    bar: Bar | None = None
    documents: SimpleQueue[DocumentBatch] | None = None
    shown = ExitStack()
    try:
        await asyncio.to_thread(_start, hub)
        while True:
            changed.clear()
            with hub.lock:
                if goal.is_reached(hub.mirror):
                    return goal.result(hub.mirror)
                progress = _with_link(goal.progress(hub.mirror), hub.link)
            lasted = time.monotonic() - begun
            if make_bar is not None and lasted >= SILENCE_S:
                if bar is None or documents is None:
                    bar = make_bar()
                    shown.callback(bar.close)
                    documents = shown.enter_context(hub.following_documents())
                drain(documents)
                bar.show(progress, lasted)
            pause = FRAME_S if bar is not None else max(SILENCE_S - lasted, 0.01)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause if make_bar is not None else None):
                    await changed.wait()
    finally:
        end_listening()
        shown.close()


def _start(hub: Hub) -> None:
    # What was requested in the line before must be in the mirror, or the wait ends too early.
    if not hub.catch_up():
        raise MagicFailure(f"the state of the manager at {hub.connection.address} is not known")


def _result(hub: Hub, goal: Goal) -> Mapping[str, Any]:
    with hub.lock:
        return goal.result(hub.mirror)


def _with_link(progress: Progress, link: Link) -> Progress:
    if link is Link.CONNECTED:
        return progress
    return Progress(f"{progress.text} ({link})", progress.done, progress.total)


# -------------------------------------------------------------------------------------- goals


def idle() -> Goal:
    """Return the goal that the manager does nothing."""
    return Goal(
        lambda mirror: mirror.status.get("manager_state") == "idle",
        _state,
        lambda mirror: dict(mirror.status),
    )


def queue_done() -> Goal:
    """Return the goal that nothing is running and nothing more will start by itself."""
    most = 0

    def is_reached(mirror: Mirror) -> bool:
        status = mirror.status
        is_waiting = status.get("queue_autostart_enabled") and status.get("items_in_queue")
        return status.get("manager_state") == "idle" and not is_waiting

    def progress(mirror: Mirror) -> Progress:
        nonlocal most
        left = mirror.status.get("items_in_queue", 0) + bool(mirror.running_item)
        most = max(most, left)
        state = _state(mirror)
        points = f" ({state.done}/{state.total} points)" if state.total else ""
        return Progress(f"{state.text}{points}", most - left, most)

    return Goal(is_reached, progress, lambda mirror: dict(mirror.status))


def environment_open() -> Goal:
    """Return the goal that the environment is open and idle; a failed opening is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        status = mirror.status
        if status.get("manager_state") in _SETTLING:
            return False
        if not status.get("worker_environment_exists"):
            report = status.get("environment_report") or {}
            reason = report.get("msg") if report.get("ok") is False else None
            raise MagicFailure(f"the environment is not open{f': {reason}' if reason else ''}")
        return True

    return Goal(is_reached, _state, lambda mirror: dict(mirror.status))


def item_ended(uid: str) -> Goal:
    """Return the goal that an item is in the history; one that failed is a failure."""

    def is_reached(mirror: Mirror) -> bool:
        ended = _ended(mirror, uid)
        if ended is None and mirror.find(uid) is None and not mirror.needs_queue:
            raise MagicFailure(f"the item {uid} is no longer in the queue")
        return ended is not None

    def progress(mirror: Mirror) -> Progress:
        for index, item in enumerate(mirror.queue):
            if item["item_uid"] == uid:
                return Progress(f"{call_text(item)} has {index} items before it in the queue")
        return _state(mirror)

    def result(mirror: Mirror) -> Mapping[str, Any]:
        ended = _ended(mirror, uid) or {}
        outcome = ended.get("result") or {}
        status = outcome.get("exit_status")
        if status not in GOOD_ENDINGS:
            message = outcome.get("msg") or "no reason is known"
            raise PlanEndedBadly(f"{call_text(ended)} {status}: {message}", ended)
        return ended

    return Goal(is_reached, progress, result)


def task_ended(task_uid: str, is_known_to_be_over: bool) -> Goal:
    """Return the goal that a task has ended; it may be over already."""

    def is_reached(mirror: Mirror) -> bool:
        known = mirror.tasks.get(task_uid, {})
        return is_known_to_be_over or known.get("status") == "completed"

    return Goal(
        is_reached,
        lambda mirror: Progress(f"task {task_uid[:8]}: {_state(mirror).text}"),
        lambda _mirror: {"task_uid": task_uid},
    )


def _ended(mirror: Mirror, uid: str) -> Mapping[str, Any] | None:
    past = reversed(mirror.history)
    return next((item for item in past if item.get("item_uid") == uid), None)


def _state(mirror: Mirror) -> Progress:
    state = str(mirror.status.get("manager_state", "unknown")).replace("_", " ")
    running = mirror.running_item
    if not running:
        return Progress(state)
    text = f"{state}: {call_text(running)}"
    runs = mirror.live.of_item(str(running.get("item_uid")))
    if not runs or not runs[-1].points_total:
        return Progress(text)
    return Progress(text, runs[-1].points_done, runs[-1].points_total)


# --------------------------------------------------------------------------------------- bars

_WIDTH = 30


class TerminalBar:
    """A line that is written over again and again."""

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._longest = 0

    def show(self, progress: Progress, seconds: float) -> None:
        """Write the line anew."""
        line = bar_text(progress, seconds)
        self._longest = max(self._longest, len(line))
        self._stream.write(f"\r{line:{self._longest}}")
        self._stream.flush()

    def close(self) -> None:
        """Remove the line."""
        self._stream.write(f"\r{'':{self._longest}}\r")
        self._stream.flush()


class NotebookBar:
    """An output that is replaced again and again, in HTML and in text."""

    def __init__(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - this module is used without IPython

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, progress: Progress, seconds: float) -> None:
        """Replace the output."""
        total = f' max="{progress.total}" value="{progress.done}"' if progress.total else ""
        self._update(f"<progress{total}></progress> ", bar_text(progress, seconds))

    def close(self) -> None:
        """Leave an empty output."""
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)

    def _update(self, mark: str, text: str) -> None:
        import html  # noqa: PLC0415 - as rarely used as this class

        markup = f"{mark}<code>{html.escape(text)}</code>"
        self._handle.update({"text/plain": text, "text/html": markup}, raw=True)


def bar_text(progress: Progress, seconds: float) -> str:
    """Return progress as a line of text."""
    parts = []
    if progress.total and progress.done is not None:
        full = round(_WIDTH * progress.done / progress.total)
        parts.append(f"{'█' * full}{'░' * (_WIDTH - full)} {progress.done}/{progress.total}")
    parts += [duration(seconds), progress.text]
    return "  ".join(parts)
