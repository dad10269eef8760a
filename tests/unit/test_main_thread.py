"""Who may use the main thread: admission of jobs and cells, told in one step with its change."""

from __future__ import annotations

import json

import pytest

from qs_kernel_worker.main_thread import AcceptedJob, MainThread, job_kind
from qs_kernel_worker.messages import ContinueJob, FunctionJob, JobDone, PlanJob, ScriptJob
from qs_kernel_worker.outbox import Outbox


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def main_thread(outbox) -> MainThread:
    main_thread = MainThread(outbox)
    main_thread.finish_opening()
    return main_thread


def job(uid: str = "u", attempt: int = 1) -> AcceptedJob:
    return AcceptedJob(PlanJob(uid, attempt, "item", "count"), [], {}, 1.0)


def cell(msg_id: str) -> dict[str, str]:
    return {"msg_id": msg_id, "session": "s", "username": "somebody"}


def events(outbox: Outbox) -> list[dict[str, object]]:
    return [json.loads(text)["event"] for text in outbox.since(0)]


def test_nothing_is_admitted_while_startup_code_runs(outbox) -> None:
    main_thread = MainThread(outbox)
    assert main_thread.admit(job()).verdict == "busy"
    assert not main_thread.admit_cell(cell("a"))
    main_thread.finish_opening()
    assert main_thread.admit(job()).verdict == "taken"


def test_one_job_at_a_time(main_thread) -> None:
    assert main_thread.admit(job("a")).verdict == "taken"
    refused = main_thread.admit(job("b"))
    assert (refused.verdict, refused.reason) == ("busy", "the job a (plan) is running")
    main_thread.finish_job()
    assert main_thread.admit(job("b")).verdict == "taken"


def test_a_refused_job_may_come_again_and_a_taken_one_may_not(main_thread) -> None:
    main_thread.admit(job("a"))
    main_thread.admit(job("b"))
    main_thread.finish_job()
    assert main_thread.admit(job("a")).verdict == "known"
    assert main_thread.admit(job("b")).verdict == "taken"
    main_thread.finish_job()
    assert main_thread.admit(job("a", attempt=2)).verdict == "taken"


def test_a_job_is_available_only_after_it_was_handed_over(main_thread) -> None:
    accepted = job()
    main_thread.admit(accepted)
    assert main_thread.next_job() is None
    main_thread.hand_over(accepted)
    assert main_thread.next_job() is accepted
    assert main_thread.next_job() is None


def test_a_job_is_refused_as_long_as_a_cell_runs(main_thread) -> None:
    assert main_thread.admit_cell(cell("a"))
    assert main_thread.admit_cell(cell("b")), "cells queue up in the kernel, as always"
    assert "'somebody'" in main_thread.admit(job()).reason
    main_thread.cell_done("a")
    assert main_thread.admit(job()).verdict == "busy"
    main_thread.cell_done("b")
    assert main_thread.admit(job()).verdict == "taken"


def test_the_thread_is_free_when_the_end_is_told(main_thread, outbox) -> None:
    main_thread.admit(job())
    main_thread.finish_job(JobDone("u", "plan", "completed"))
    *_, change, done = events(outbox)
    assert (change["type"], change["busy"], change["job"]) == ("MainThreadChanged", False, None)
    assert done["type"] == "JobDone"


def test_a_change_is_told_once(main_thread, outbox) -> None:
    before = len(events(outbox))
    main_thread.hold(False)
    main_thread.admit_cell(cell("a"))
    main_thread.admit_cell(cell("b"))
    main_thread.cell_done("unknown")
    assert len(events(outbox)) == before + 1


def test_parked_cells_may_try_again_when_nothing_keeps_them(main_thread) -> None:
    tries: list[str] = []
    main_thread.when_unparked(lambda: tries.append("now"))
    main_thread.hold(True)
    assert not main_thread.admit_cell(cell("a"))
    main_thread.admit(job())
    main_thread.finish_job()
    assert tries == [], "the hold goes on between two jobs"
    main_thread.hold(False)
    assert tries == ["now"]
    assert main_thread.admit_cell(cell("a"))


@pytest.mark.parametrize(
    ("done", "waits"),
    [
        (JobDone("u", "plan", "completed", item_uid="i"), True),
        (JobDone("u", "resume", "failed", item_uid="i"), True),
        (JobDone("u", "plan", "paused", item_uid="i"), False),
        (JobDone("u", "function", "completed"), False),
    ],
)
def test_cells_wait_a_moment_for_the_next_plan(main_thread, done, waits) -> None:
    main_thread.admit(job("a"))
    main_thread.finish_job(done)
    assert main_thread.admit(job("b")).verdict == "taken"
    main_thread.finish_job(done)
    assert main_thread.admit_cell(cell("a")) is not waits
    assert (main_thread.reserved_s > 0) is waits


def test_cells_that_may_run_between_plans_do_not_wait(outbox) -> None:
    main_thread = MainThread(outbox, next_plan_within_s=0)
    main_thread.finish_opening()
    main_thread.admit(job())
    main_thread.finish_job(JobDone("u", "plan", "completed", item_uid="i"))
    assert main_thread.admit_cell(cell("a"))


@pytest.mark.parametrize(
    ("each", "kind"),
    [
        (PlanJob("u", 1, "i", "count"), "plan"),
        (ContinueJob("u", 1, "i", "halt"), "halt"),
        (FunctionJob("u", 1, "f"), "function"),
        (ScriptJob("u", 1), "script"),
    ],
)
def test_a_job_has_a_word(each, kind) -> None:
    assert job_kind(each) == kind


def test_an_interrupt_strikes_what_runs_and_nothing_when_nothing_does(main_thread) -> None:
    struck: list[str | None] = []

    def strike() -> None:
        struck.append(main_thread.holder)

    main_thread.interrupt(strike)
    assert struck == []
    main_thread.admit_cell(cell("c"))
    main_thread.interrupt(strike)
    main_thread.cell_done("c")
    main_thread.interrupt(strike)
    main_thread.admit(job("plan"))
    main_thread.interrupt(strike)
    assert struck == ["c", "plan"]


def test_a_client_interrupts_its_own_cell_only(main_thread) -> None:
    struck: list[str] = []
    strike = lambda: struck.append("now")  # noqa: E731
    assert not main_thread.interrupt_cell(["s"], strike)
    main_thread.admit_cell(cell("c"))
    assert not main_thread.interrupt_cell(["another"], strike)
    assert struck == []
    assert main_thread.interrupt_cell(["another", "s"], strike)
    assert struck == ["now"]
    main_thread.cell_done("c")
    main_thread.admit(job())
    assert not main_thread.interrupt_cell(["s"], strike)


@pytest.mark.parametrize(
    ("each", "reason"),
    [
        (PlanJob("u", 1, "i", "count"), "the queue is running, now the plan 'count'"),
        (ContinueJob("u", 1, "i", "resume"), "a plan of the queue is running"),
        (FunctionJob("u", 1, "home"), "the function 'home' of a task is running"),
        (ScriptJob("u", 1), "a script of a task is running"),
    ],
)
def test_the_author_of_a_cell_is_told_what_it_waits_for(main_thread, each, reason) -> None:
    assert main_thread.why_cells_wait() == "the queue is running"  # between two plans
    main_thread.admit(AcceptedJob(each, [], {}, 1.0))
    assert main_thread.why_cells_wait() == reason


def test_jobs_are_remembered_up_to_a_bound(main_thread, monkeypatch) -> None:
    monkeypatch.setattr("qs_kernel_worker.main_thread.REMEMBERED_JOBS", 3)
    for n in range(10):
        assert main_thread.remember(ScriptJob(f"task {n}", 1))
    assert not main_thread.remember(ScriptJob("task 9", 1))
    assert main_thread.remember(ScriptJob("task 0", 1)), "it was long ago"
