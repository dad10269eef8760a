"""The machine: given events, expect model and commands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qs_jupyter.errors import Refusal
from qs_jupyter.model import commands as cmd
from qs_jupyter.model import events as ev
from qs_jupyter.model.ended_plans import requeue_place
from qs_jupyter.model.item import Item
from qs_jupyter.model.machine import decide, table
from qs_jupyter.model.queue_mode import QueueMode
from qs_jupyter.model.starting import may_start
from qs_jupyter.model.state import (
    Environment,
    MainThread,
    Model,
    Phase,
    Stage,
    environment_state,
    kernel_state,
    pause_pending,
)

PLAN = Item({"item_type": "plan", "name": "count", "item_uid": "p1"})
STOP = Item({"item_type": "instruction", "name": "queue_stop", "item_uid": "i1"})
FOUND = ev.FrontFound(PLAN, 1, "j1", 10.0)


def ready(**changes):
    environment = Environment(stage=Stage.READY, re_state="idle")
    return replace(Model(phase=Phase.IDLE, environment=environment), **changes)


def after(model, *events):
    commands = []
    for event in events:
        model, more = decide(model, event)
        commands += more
    return model, commands


def executing(**changes):
    model, _ = after(
        ready(**changes), ev.StartRequested(), FOUND, ev.SubmissionTaken(FOUND.job_uid)
    )
    return model


def paused():
    model, _ = after(executing(), ev.PlanPaused("j1"))
    return model


# ------------------------------------------------------------------------------- environment


def test_opening_starts_a_worker_and_ends_idle_with_an_environment():
    opening, commands = after(Model(phase=Phase.IDLE), ev.OpenRequested())
    assert opening.phase is Phase.OPENING
    assert environment_state(opening) == "initializing"
    assert commands == [cmd.StartWorker()]
    opened, commands = after(opening, ev.EnvironmentOpened("idle"))
    assert (opened.phase, opened.environment.exists, commands) == (Phase.IDLE, True, [])


def test_a_failed_opening_gets_rid_of_the_worker_and_ends_closed():
    opening, _ = after(Model(phase=Phase.IDLE), ev.OpenRequested())
    failed, commands = after(opening, ev.EnvironmentFailed("boom"))
    assert commands == [cmd.KillWorker()]
    assert environment_state(failed) == "failed"
    closed, _ = after(failed, ev.WorkerGone("ended"))
    assert (closed.phase, closed.environment) == (Phase.IDLE, Environment())


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (ready(), "RE Worker environment already exists."),
        (
            Model(phase=Phase.OPENING),
            "Manager is already in the process of creating the RE Worker environment.",
        ),
        (
            Model(phase=Phase.DESTROYING),
            "Manager state is not idle. Current state: destroying_environment",
        ),
    ],
)
def test_opening_is_refused_with_the_documented_words(model, text):
    with pytest.raises(Refusal) as refusal:
        decide(model, ev.OpenRequested())
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Model(phase=Phase.IDLE), "RE Worker environment does not exist."),
        (executing(), "Queue execution is in progress."),
        (paused(), "Manager state is not idle. Current state: paused"),
        (
            ready(phase=Phase.TASK, task_uid="t"),
            "Foreground task execution is in progress.",
        ),
    ],
)
def test_closing_is_refused_with_the_documented_words(model, text):
    with pytest.raises(Refusal) as refusal:
        decide(model, ev.CloseRequested())
    assert str(refusal.value) == text


def test_closing_is_refused_while_a_console_holds_the_kernel():
    cell = MainThread(cell={"session": "s", "user": "ann"})
    model = ready()
    model = replace(model, environment=replace(model.environment, main_thread=cell))
    with pytest.raises(Refusal, match=r"Worker IPython kernel is busy.*ann"):
        decide(model, ev.CloseRequested())


def test_destroying_fails_the_running_plan_and_returns_it_to_the_front():
    model, commands = after(executing(), ev.DestroyRequested(), ev.WorkerGone("x", asked=True))
    assert commands[0] == cmd.KillWorker()
    archive = next(c for c in commands if isinstance(c, cmd.Archive))
    assert archive.ended.outcome == "failed"
    assert archive.ended.msg == "RE Worker environment was destroyed"
    assert archive.requeue == "front"
    assert (model.phase, model.running, model.environment.exists) == (Phase.IDLE, None, False)


def test_a_worker_that_dies_during_a_plan_fails_the_plan_with_the_cause():
    model, commands = after(executing(autostart=True), ev.WorkerGone("killed by signal 9"))
    archive = next(c for c in commands if isinstance(c, cmd.Archive))
    assert "killed by signal 9" in archive.ended.msg
    assert (model.phase, model.autostart) == (Phase.IDLE, False)


# --------------------------------------------------------------------------------- the queue


def test_starting_an_empty_queue_is_a_success_and_ends_idle():
    model, commands = after(ready(), ev.StartRequested(), ev.FrontFound(None))
    assert (model.phase, commands) == (Phase.IDLE, [cmd.FindFront()])


def test_a_finished_plan_is_archived_before_the_next_one_is_looked_for():
    _, commands = after(executing(), ev.PlanEnded("completed"))
    assert [type(c) for c in commands] == [cmd.Archive, cmd.FindFront]


@pytest.mark.parametrize(
    ("outcome", "mode", "requeue", "goes_on"),
    [
        ("completed", QueueMode(), None, True),
        ("completed", QueueMode(loop=True), "back", True),
        ("failed", QueueMode(), "front", False),
        ("failed", QueueMode(ignore_failures=True), None, True),
        ("failed", QueueMode(loop=True, ignore_failures=True), "back", True),
        ("stopped", QueueMode(), None, False),
        ("stopped", QueueMode(loop=True), "back", False),
        ("aborted", QueueMode(ignore_failures=True), "front", False),
        ("halted", QueueMode(loop=True), "front", False),
        ("unknown", QueueMode(), None, False),
        ("unknown", QueueMode(loop=True), "back", False),
    ],
)
def test_where_an_ended_plan_goes_and_whether_the_queue_goes_on(outcome, mode, requeue, goes_on):
    model, commands = after(executing(mode=mode, autostart=True), ev.PlanEnded(outcome))
    archive = commands[0]
    assert isinstance(archive, cmd.Archive)
    assert archive.requeue == requeue
    assert (cmd.FindFront() in commands) is goes_on
    assert model.autostart is goes_on
    assert model.phase is (Phase.EXECUTING if goes_on else Phase.IDLE)


def test_an_immediate_plan_never_returns_to_the_queue_and_the_queue_does_not_go_on():
    model, _ = after(ready(), ev.ExecuteRequested(PLAN), replace(FOUND, immediate=True))
    model, commands = after(model, ev.SubmissionTaken("j1"), ev.PlanEnded("failed"))
    assert [type(c) for c in commands] == [cmd.Archive]
    assert commands[0].requeue is None
    assert model.phase is Phase.IDLE


def test_a_stop_takes_effect_behind_the_running_plan_and_switches_autostart_off():
    model, _ = after(executing(autostart=True), ev.StopRequested())
    assert model.stop_pending
    model, commands = after(model, ev.PlanEnded("completed"))
    assert cmd.FindFront() not in commands
    assert (model.phase, model.stop_pending, model.autostart) == (Phase.IDLE, False, False)


def test_a_cancelled_stop_lets_the_queue_go_on():
    _, commands = after(
        executing(), ev.StopRequested(), ev.StopCancelled(), ev.PlanEnded("completed")
    )
    assert cmd.FindFront() in commands


def test_a_stop_is_refused_while_no_queue_runs():
    with pytest.raises(Refusal, match=r"Failed to pause the queue[.] Queue is not running"):
        decide(ready(), ev.StopRequested())


def test_a_stop_instruction_ends_the_queue_and_returns_in_a_loop():
    model, commands = after(
        ready(autostart=True, mode=QueueMode(loop=True)), ev.StartRequested(), ev.FrontFound(STOP)
    )
    assert commands[-1] == cmd.DropInstruction(STOP, to_back=True)
    assert (model.phase, model.autostart) == (Phase.IDLE, False)


def test_a_plan_that_finds_the_kernel_taken_is_put_back_and_the_queue_is_idle():
    model, _ = after(ready(), ev.StartRequested(), FOUND)
    model, commands = after(model, ev.SubmissionRefused("j1", "busy", busy=True))
    assert [type(c) for c in commands] == [cmd.PutBack]
    assert (model.phase, model.running) == (Phase.IDLE, None)


def test_a_plan_that_the_worker_refuses_fails_like_one_that_raised():
    model, _ = after(ready(), ev.StartRequested(), FOUND)
    model, commands = after(model, ev.SubmissionRefused("j1", "not allowed", busy=False))
    assert isinstance(commands[0], cmd.Archive)
    assert commands[0].ended.msg == "Plan failed: not allowed"
    assert commands[0].requeue == "front"


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Model(phase=Phase.IDLE), "RE Worker environment does not exist."),
        (
            ready(environment=Environment(stage=Stage.READY, re_state=None)),
            "Run Engine is not found in the RE Worker environment.",
        ),
        (executing(), "RE Manager is busy."),
        (
            ready(
                environment=Environment(
                    stage=Stage.READY, re_state="idle", main_thread=MainThread(cell={"user": "u"})
                )
            ),
            "IPython kernel (RE Worker) is busy.",
        ),
        (
            ready(environment=Environment(stage=Stage.READY, re_state="paused")),
            "Run Engine is not idle: it is 'paused'",
        ),
        (
            ready(environment=Environment(stage=Stage.READY, re_state="panicked")),
            "Run Engine was halted",
        ),
    ],
)
def test_a_start_is_refused_with_a_reason(model, text):
    assert not may_start(model)
    with pytest.raises(Refusal) as refusal:
        decide(model, ev.StartRequested())
    assert text in str(refusal.value)


# ------------------------------------------------------------------------------ pause and on


def test_a_paused_plan_waits_for_a_decision_and_each_decision_executes():
    model = executing()
    model = replace(model, environment=replace(model.environment, re_state="running"))
    model, commands = after(model, ev.PauseRequested("deferred"))
    assert commands == [cmd.RequestPause("deferred")]
    assert pause_pending(model)
    model, _ = after(model, ev.PlanPaused("j1"))
    assert (model.phase, pause_pending(model)) == (Phase.PAUSED, False)
    for action in ("resume", "stop", "abort", "halt"):
        going, commands = after(model, ev.ContinueRequested(action))
        assert (going.phase, commands) == (Phase.EXECUTING, [cmd.SubmitContinue(action)])


def test_a_pause_that_finds_no_checkpoint_lets_the_plan_end_and_stops_the_queue():
    model = executing(autostart=True)
    model = replace(model, environment=replace(model.environment, re_state="running"))
    model, commands = after(model, ev.PauseRequested("deferred"), ev.PlanEnded("completed"))
    assert cmd.FindFront() not in commands
    assert (model.phase, model.autostart) == (Phase.IDLE, False)


def test_a_pause_is_refused_unless_the_run_engine_runs():
    with pytest.raises(Refusal, match=r"only in 'running' state[.] Current state: 'idle'"):
        decide(ready(), ev.PauseRequested("deferred"))
    with pytest.raises(Refusal, match=r"Environment does not exist[.] Can not pause Run Engine"):
        decide(Model(phase=Phase.IDLE), ev.PauseRequested("deferred"))


def test_a_plan_of_a_console_can_be_paused_and_leaves_the_manager_idle():
    model = ready(environment=Environment(stage=Stage.READY, re_state="running"))
    model, commands = after(model, ev.PauseRequested("immediate"))
    assert commands == [cmd.RequestPause("immediate")]
    assert (model.phase, model.pause_requested) == (Phase.IDLE, False)


@pytest.mark.parametrize("outcome", ["completed", "stopped", "unknown"])
def test_a_paused_plan_finished_in_a_console_is_archived_and_autostart_stays(outcome):
    model = replace(paused(), autostart=True)
    model, commands = after(model, ev.PlanEnded(outcome, outside=True))
    assert isinstance(commands[0], cmd.Archive)
    assert commands[0].requeue is None
    assert (model.phase, model.autostart) == (Phase.IDLE, True)


@pytest.mark.parametrize("outcome", ["aborted", "halted", "failed"])
def test_a_plan_broken_off_in_a_console_is_not_started_again_by_autostart(outcome):
    model = replace(paused(), autostart=True)
    model, commands = after(model, ev.PlanEnded(outcome, outside=True))
    assert isinstance(commands[0], cmd.Archive)
    assert commands[0].requeue == "front"
    assert (model.phase, model.autostart) == (Phase.IDLE, False)


def running_now(re_state: str = "running", **facts) -> Model:
    model = executing(**facts)
    return replace(model, environment=replace(model.environment, re_state=re_state))


@pytest.mark.parametrize("action", ["stop", "abort", "halt"])
def test_a_running_plan_can_be_ended_at_once_without_a_word_of_a_pause(action):
    model, commands = after(running_now(), ev.EndRequested(action))
    by_force = [cmd.ForceHalt()] if action == "halt" else []
    assert commands == [cmd.RequestPause("immediate"), *by_force]
    assert (model.phase, model.ends_with, model.pause_requested) == (Phase.EXECUTING, action, True)
    model, commands = after(model, ev.PlanPaused("j1"))
    assert (model.phase, commands) == (Phase.EXECUTING, [cmd.SubmitContinue(action)])
    assert (model.ends_with, model.pause_requested) == (None, False)


def test_a_plan_that_is_pausing_is_ended_and_not_paused_twice():
    model, commands = after(running_now("pausing"), ev.EndRequested("abort"))
    assert (model.ends_with, commands) == ("abort", [])


@pytest.mark.parametrize("state", ["pausing", "stopping", "aborting", "halting"])
def test_a_halt_breaks_into_a_plan_that_is_on_its_way_to_an_end(state):
    model, commands = after(running_now(state), ev.EndRequested("halt"))
    assert (model.ends_with, commands) == ("halt", [cmd.ForceHalt()])


def test_the_last_word_about_the_end_counts():
    model, _ = after(running_now(), ev.EndRequested("stop"), ev.EndRequested("abort"))
    assert model.ends_with == "abort"


def test_a_paused_plan_is_ended_at_once():
    model, commands = after(paused(), ev.EndRequested("stop"))
    assert (model.phase, commands) == (Phase.EXECUTING, [cmd.SubmitContinue("stop")])


def test_a_plan_that_ends_before_it_could_be_ended_leaves_nothing_behind():
    model = running_now(autostart=True)
    model, commands = after(model, ev.EndRequested("abort"), ev.PlanEnded("completed"))
    assert cmd.FindFront() not in commands
    assert (model.phase, model.ends_with, model.autostart) == (Phase.IDLE, None, False)
    gone, _ = after(running_now(), ev.EndRequested("abort"), ev.WorkerGone("it died"))
    assert gone.ends_with is None


def test_only_a_plan_that_runs_can_be_ended():
    with pytest.raises(Refusal, match=r"No plan is running[.] Manager state: idle"):
        decide(ready(), ev.EndRequested("abort"))
    with pytest.raises(Refusal, match=r"only in 'running' state[.] Current state: 'idle'"):
        decide(running_now("idle"), ev.EndRequested("abort"))


def test_late_news_of_another_job_changes_nothing():
    model = executing()
    assert decide(model, ev.PlanPaused("other")) == (model, [])
    assert decide(model, ev.SubmissionRefused("other", "busy", busy=True)) == (model, [])


# ------------------------------------------------------------------------------------- tasks


def test_a_foreground_task_takes_the_manager_and_gives_it_back():
    model, _ = after(ready(), ev.TaskRequested("t"))
    assert (model.phase, environment_state(model)) == (Phase.TASK, "executing_task")
    assert decide(model, ev.TaskEnded("other")) == (model, [])
    model, _ = after(model, ev.TaskEnded("t"))
    assert model.phase is Phase.IDLE


def test_a_foreground_task_is_refused_while_the_queue_runs():
    with pytest.raises(
        Refusal,
        match=r"Failed to start the task: RE Manager must be in idle state[.] "
        "Current state: 'executing_queue'",
    ):
        decide(executing(), ev.TaskRequested("t"))


# ------------------------------------------------------------------------------ what is seen


def test_the_kernel_state_follows_the_main_thread():
    model = ready()
    assert kernel_state(model, ipython_mode=True) == ("idle", False)
    assert kernel_state(model, ipython_mode=False) == ("disabled", True)
    assert kernel_state(Model(phase=Phase.IDLE), ipython_mode=True) == (None, None)
    held = replace(model, environment=replace(model.environment, main_thread=MainThread(held=True)))
    assert kernel_state(held, ipython_mode=True) == ("busy", True)
    assert environment_state(held) == "reserved"
    cell = replace(model, environment=replace(model.environment, main_thread=MainThread(cell={})))
    assert kernel_state(cell, ipython_mode=True) == ("busy", False)


def test_every_phase_but_the_first_answers_every_request_with_a_rule_or_a_sentence():
    known = {(event, phase) for event, phase, _ in table()}
    for phase in Phase:
        for request in ("OpenRequested", "DestroyRequested", "StartRequested", "PauseRequested"):
            assert (request, phase.value) in known or phase is Phase.INITIALIZING


EVENTS = st.sampled_from(
    [
        ev.OpenRequested(),
        ev.CloseRequested(),
        ev.DestroyRequested(),
        ev.StartRequested(),
        ev.ExecuteRequested(PLAN),
        ev.StopRequested(),
        ev.StopCancelled(),
        ev.AutostartChanged(True),
        ev.PauseRequested("deferred"),
        ev.ContinueRequested("resume"),
        ev.ContinueRequested("abort"),
        ev.TaskRequested("t1"),
        FOUND,
        ev.FrontFound(None),
        ev.FrontFound(STOP),
        ev.EnvironmentOpened("idle"),
        ev.EnvironmentFailed("x"),
        ev.WorkerGone("x"),
        ev.SubmissionTaken("j1"),
        ev.SubmissionRefused("j1", "busy", busy=True),
        ev.SubmissionRefused("j1", "no", busy=False),
        ev.PlanPaused("j1"),
        ev.PlanEnded("completed"),
        ev.PlanEnded("failed"),
        ev.PlanEnded("aborted"),
        ev.TaskEnded("t1"),
    ]
)


@given(st.lists(EVENTS, max_size=40), st.booleans(), st.booleans())
def test_no_order_of_events_loses_doubles_or_strands_a_plan(events, loop, ignore):
    model = Model(phase=Phase.IDLE, mode=QueueMode(loop, ignore))
    taken = archived = put_back = 0
    for event in events:
        # The manager looks for the front only when it was told to.
        if isinstance(event, ev.FrontFound) and (
            model.running is not None or model.phase not in (Phase.STARTING, Phase.EXECUTING)
        ):
            continue
        try:
            model, commands = decide(model, event)
        except Refusal as refusal:
            assert str(refusal)
            continue
        taken += sum(isinstance(c, cmd.SubmitPlan) for c in commands)
        archived += sum(isinstance(c, cmd.Archive) for c in commands)
        put_back += sum(isinstance(c, cmd.PutBack) for c in commands)
        assert taken - archived - put_back == (model.running is not None)
        if model.phase is Phase.PAUSED:
            assert model.running is not None
        if model.phase in (Phase.IDLE, Phase.OPENING, Phase.CLOSING):
            assert model.running is None
            assert not model.stop_pending
        if model.phase is Phase.TASK:
            assert model.task_uid is not None


def test_a_copy_of_an_immediate_plan_goes_nowhere():
    assert requeue_place("failed", QueueMode(loop=True), immediate=True) is None
