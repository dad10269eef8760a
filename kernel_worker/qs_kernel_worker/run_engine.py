"""The Run Engine of the user's namespace: found, watched, started, paused and continued.

The engine is never built, replaced or configured here. It is looked up by its name before
each job, because a cell or a script may have bound another one. Everything works with the
public interface of bluesky's ``RunEngine``; the state hook is chained with one that is
already there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qs_kernel_worker import plain_data, plan_call
from qs_kernel_worker.documents import Documents
from qs_kernel_worker.force_halt import ForceHalt
from qs_kernel_worker.messages import ContinueJob, JobDone, PlanJob, RunEngineChanged
from qs_kernel_worker.metadata import describe_metadata
from qs_kernel_worker.outbox import Outbox
from qs_kernel_worker.results import describe_error, short_repr
from qs_kernel_worker.runs import Runs

logger = logging.getLogger(__name__)

NAME = "RE"
NEEDED = ("state", "request_pause", "resume", "stop", "abort", "halt")
OUTCOMES = {"stop": "stopped", "abort": "aborted", "halt": "halted"}


class NoRunEngineError(RuntimeError):
    """The namespace has no usable Run Engine."""

    def __init__(self) -> None:
        super().__init__(
            "Run Engine is not found in the RE Worker environment. "
            f"Startup code, or a script with 'update_re', has to define {NAME!r}."
        )


@dataclass
class _Plan:
    """A plan of the manager from its start to its end, across pauses."""

    job: PlanJob
    engine: Any
    runs: Runs
    time_start: float
    uid: str
    in_our_hands: bool = True
    pause_asked: bool = False
    force_halt: ForceHalt | None = None


class RunEngineControl:
    """The engine, its state as last seen, and the plan it runs for the manager.

    Jobs run in the main thread; the state hook is called in the engine's thread and only adds
    to the outbox; `pause` may be called from any thread and never waits.
    """

    def __init__(self, user_ns: Mapping[str, Any], outbox: Outbox) -> None:
        self._user_ns = user_ns
        self._outbox = outbox
        self._engine: Any = None
        self._hook: Callable[[Any, Any], None] | None = None
        self._told: tuple[str | None, bool] = (None, False)
        self._plan: _Plan | None = None
        self.documents = Documents()

    # ------------------------------------------------------------------- what is known

    @property
    def engine(self) -> Any:
        """The engine in use, None without a usable one."""
        return self._engine

    @property
    def state(self) -> str | None:
        """State of the engine as last told to the manager."""
        return self._told[0]

    @property
    def deferred_pause_requested(self) -> bool:
        """Whether the engine will pause at its next checkpoint."""
        return self._told[1]

    @property
    def paused_item_uid(self) -> str | None:
        """The item whose plan is paused and out of our hands."""
        plan = self._plan
        return None if plan is None or plan.in_our_hands else plan.job.item_uid

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Runs of the plan that is running or paused."""
        return [] if self._plan is None else self._plan.runs.describe()

    @property
    def is_replaced(self) -> bool:
        """Whether ``RE`` is another engine than the one in which a plan is running or paused."""
        plan = self._plan
        return plan is not None and self._user_ns.get(NAME) is not plan.engine

    def metadata(self) -> dict[str, Any]:
        """Describe ``RE.md`` as `describe_metadata` does; takes as long as the user's mapping."""
        if self._engine is None:
            raise RuntimeError("Run Engine does not exist in worker environment")
        if not hasattr(self._engine, "md"):
            raise RuntimeError("Run Engine does not have a metadata attribute")
        return describe_metadata(self._engine.md)

    # ------------------------------------------------------------------ find and watch

    def refresh(self) -> None:
        """Look the engine up again and see to it that we hear of its state."""
        candidate = self._user_ns.get(NAME)
        engine = candidate if _is_run_engine(candidate) else None
        if engine is not self._engine or (
            engine is not None and getattr(engine, "state_hook", None) is not self._hook
        ):
            self._engine = engine
            self._hook = None if engine is None else self._watch(engine)
        self._tell_state()

    def _watch(self, engine: Any) -> Callable[[Any, Any], None]:
        earlier = getattr(engine, "state_hook", None)

        def state_changed(new: Any, old: Any) -> None:
            if engine is self._engine or (self._plan and self._plan.engine is engine):
                self._state_changed(engine)
            if earlier is not None:
                earlier(new, old)

        engine.state_hook = state_changed
        _refuse_input(engine)
        return state_changed

    def _state_changed(self, engine: Any) -> None:
        if engine is self._engine:
            self._tell_state()
        plan = self._plan
        if plan is None or plan.engine is not engine:
            return
        if str(engine.state) == "paused":
            plan.pause_asked = False
        elif str(engine.state) == "idle" and not plan.in_our_hands:
            self._plan = None
            outcome = _outcome_of_runs(plan.runs)
            self._outbox.append(replace(_done(plan, outcome), finished_outside=True))

    def _tell_state(self) -> None:
        engine = self._engine
        state = None if engine is None else str(engine.state)
        is_pending = bool(getattr(engine, "deferred_pause_requested", False))
        told = (state, is_pending and state == "running")
        if told != self._told:
            self._told = told
            self._outbox.append(RunEngineChanged(*told))

    # ---------------------------------------------------------------------------- jobs

    def run(self, job: PlanJob) -> JobDone:
        """Run a plan to its end or its pause."""
        engine = self._engine
        time_start = time.time()
        if engine is None:
            return _refused(job.uid, "plan", job.item_uid, NoRunEngineError())
        if str(engine.state) != "idle":
            error = RuntimeError(
                f"Run Engine is in {str(engine.state)!r} state; plans start in 'idle' state only"
            )
            return _refused(job.uid, "plan", job.item_uid, error)
        runs = Runs(job.item_uid, self._outbox.append)
        try:
            generator = plan_call.prepare_plan(job, self._user_ns)
        except BaseException as raised:  # noqa: BLE001 - code of the plan's author, as below
            return _refused(job.uid, "plan", job.item_uid, raised)
        self._plan = plan = _Plan(job, engine, runs, time_start, job.uid)
        self.documents.begin(job.item_uid)

        def take(name: str, document: dict[str, Any]) -> None:
            # One for both: to drop a subscription costs bluesky more than a plan without runs.
            runs(name, document)
            self.documents(name, document)

        return self._finish(plan, "completed", lambda: engine(generator, take, **job.metadata))

    def continue_plan(self, job: ContinueJob) -> JobDone:
        """Resume, stop, abort or halt the paused plan."""
        plan = self._plan
        if plan is None or str(plan.engine.state) != "paused":
            error = RuntimeError(f"Failed to {job.action} the plan: no plan of the queue is paused")
            return _refused(job.uid, job.action, job.item_uid, error)
        plan.uid, plan.in_our_hands, plan.pause_asked = job.uid, True, False
        outcome = OUTCOMES.get(job.action, "completed")
        return replace(
            self._finish(plan, outcome, getattr(plan.engine, job.action)), kind=job.action
        )

    def _finish(self, plan: _Plan, outcome: str, action: Callable[[], Any]) -> JobDone:
        """Carry out what keeps the main thread busy; tell how it ended."""
        result, error = None, None
        try:
            result = action()
        except BaseException as raised:  # noqa: BLE001 - a plan may raise anything
            error = raised
        self.documents.flush()
        if str(plan.engine.state) == "paused":
            # From here on a console may carry the plan to its end.
            plan.in_our_hands = plan.pause_asked = False
            return _done(plan, "paused")
        self._plan = None
        self._tell_state()
        if error is None:
            return _with_return_value(_done(plan, outcome), result)
        if type(error).__name__ == "RunEngineInterrupted":
            # Ended by somebody else: a background task, another client.
            if outcome == "completed":
                outcome = (
                    "halted"
                    if plan.force_halt is not None and plan.force_halt.has_struck
                    else _outcome_of_runs(plan.runs, otherwise="stopped")
                )
            return replace(_done(plan, outcome), msg=str(error))
        text = describe_error(error)
        return replace(_done(plan, "failed"), msg=text.msg, traceback=text.traceback)

    # --------------------------------------------------------------------------- pause

    def pause(self, option: str) -> None:
        """Ask for a pause and return at once.

        Raises
        ------
        RuntimeError
            There is no engine, or it is not running.
        """
        engine = self._engine
        if engine is None:
            raise NoRunEngineError
        state = str(engine.state)
        if state != "running":
            raise RuntimeError(
                f"Run engine can be paused only in 'running' state. Current state: {state!r}"
            )
        plan = self._plan
        if plan is not None and plan.engine is engine:
            plan.pause_asked = True
        # The engine answers from its own loop, which a plan may block for long.
        threading.Thread(
            target=self._request_pause,
            args=(engine, option == "deferred", plan),
            name="pause",
            daemon=True,
        ).start()

    def _request_pause(self, engine: Any, defer: bool, plan: _Plan | None) -> None:
        try:
            engine.request_pause(defer)
        except Exception as error:  # noqa: BLE001 - rim of the thread
            logger.warning("The pause was refused: %s", error)
            # A plan that was over by then has missed its pause.
            if plan is not None and str(engine.state) != "idle":
                plan.pause_asked = False
        else:
            self._tell_state()

    def force_halt(self) -> None:
        """See to it that our plan ends, also when it blocks the engine; return at once.

        Raises
        ------
        RuntimeError
            No plan of the manager runs.
        """
        plan = self._plan
        if plan is None:
            raise RuntimeError("No plan of the queue is running")
        if plan.force_halt is None or not plan.force_halt.is_at_work:
            plan.force_halt = ForceHalt(plan.engine, lambda: self._plan is plan)
            plan.force_halt.start()


def _is_run_engine(candidate: Any) -> bool:
    return callable(candidate) and all(hasattr(candidate, name) for name in NEEDED)


def _refuse_input(engine: Any) -> None:
    """Let a plan fail that asks a question, unless the user has somebody to answer it.

    Bluesky reads standard input, which is empty here: the plan would go on with no answer, as
    if somebody had confirmed what it asked.
    """
    command = getattr(engine, "_command_registry", {}).get("input")
    if getattr(command, "__module__", None) == "bluesky.run_engine":
        engine.register_command("input", _no_answer)


async def _no_answer(msg: Any) -> None:
    prompt = msg.kwargs.get("prompt") or (msg.args[0] if msg.args else "")
    raise EOFError(f"the plan asks for input ({prompt!r}), and nobody is there to answer")


def _outcome_of_runs(runs: Runs, otherwise: str = "completed") -> str:
    statuses = runs.exit_statuses()
    if "fail" in statuses:
        return "failed"
    return "aborted" if "abort" in statuses else otherwise


def _done(plan: _Plan, outcome: str) -> JobDone:
    return JobDone(
        uid=plan.uid,
        kind="plan",
        outcome=outcome,
        item_uid=plan.job.item_uid,
        time_start=plan.time_start,
        time_stop=time.time(),
        runs=plan.runs.describe(),
        pause_missed=plan.pause_asked,
    )


def _refused(uid: str, kind: str, item_uid: str, error: BaseException) -> JobDone:
    text = describe_error(error)
    now = time.time()
    return JobDone(
        uid=uid,
        kind=kind,
        outcome="failed",
        item_uid=item_uid,
        msg=text.msg,
        traceback=text.traceback,
        time_start=now,
        time_stop=now,
    )


def _with_return_value(done: JobDone, result: Any) -> JobDone:
    """Add what the plan returned, when the engine is set to tell and it can be told."""
    value = getattr(result, "plan_result", None)
    if value is None or type(value).__module__.startswith("bluesky"):
        return done  # nothing, or bluesky's mark for "no return value"
    if plain_data.json_problem(value) is None:
        return replace(done, return_value=value, return_type=type(value).__name__)
    return replace(done, return_type=type(value).__name__, return_repr=short_repr(value))
