"""How long plans will take follows from how long they took."""

from __future__ import annotations

import itertools

import pytest

from qs_jupyter.client import estimates
from qs_jupyter.client.estimates import Estimates, in_words, total_in_words
from qs_jupyter.client.mirror import Mirror

_numbers = itertools.count()


def plan(name, *args, **kwargs):
    return {
        "item_uid": f"uid-{next(_numbers)}",
        "item_type": "plan",
        "name": name,
        "args": list(args),
        "kwargs": kwargs,
    }


def ran(item, seconds, exit_status="completed", start=1_700_000_000.0):
    times = {"time_start": start, "time_stop": start + seconds}
    return {**item, "result": {"exit_status": exit_status, **times}}


def taught(*runs):
    learnt = Estimates()
    learnt.learn([ran(item, seconds) for item, seconds in runs])
    return learnt


def test_a_plan_takes_as_long_as_the_same_plan_took_in_the_middle():
    learnt = taught(*((plan("count", ["det1"], num=5), seconds) for seconds in (9.0, 11.0, 900.0)))
    assert learnt.seconds(plan("count", ["det1"], num=5)) == 11.0


def test_nothing_is_known_of_a_plan_that_never_ran():
    assert taught((plan("count", ["det1"]), 3.0)).seconds(plan("spiral", ["det1"])) is None


def test_more_points_take_longer_in_proportion():
    learnt = taught((plan("count", ["det1"], num=10), 5.0))
    assert learnt.seconds(plan("count", ["det1"], num=30)) == pytest.approx(15.0)


def test_what_a_plan_needs_before_its_first_point_is_found_from_two_lengths():
    learnt = taught(
        (plan("scan", ["det1"], "motor", 0, 1, 10), 7.0),
        (plan("scan", ["det1"], "motor", 0, 1, 20), 12.0),
    )
    assert learnt.seconds(plan("scan", ["det1"], "motor", 0, 1, num=100)) == pytest.approx(52.0)


def test_one_run_that_was_paused_does_not_bend_the_line():
    runs = [(plan("count", ["det1"], num=n), 2.0 + n) for n in (1, 2, 4, 8, 16)]
    learnt = taught(*runs, (plan("count", ["det1"], num=10), 40_000.0))
    assert learnt.seconds(plan("count", ["det1"], num=100)) == pytest.approx(102.0, rel=0.2)


@pytest.mark.parametrize(
    ("short", "long", "factor"),
    [
        (plan("count", ["d"]), plan("count", ["d"], 4), 4),
        (plan("rel_scan", ["d"], "m", 0, 1, 5), plan("rel_scan", ["d"], "m", 0, 1, 50), 10),
        (plan("log_scan", ["d"], "m", 0, 1, 5), plan("log_scan", ["d"], "m", 0, 1, 10), 2),
        (
            plan("grid_scan", ["d"], "m", 0, 1, 5, "n", 0, 1, 2),
            plan("grid_scan", ["d"], "m", 0, 1, 10, "n", 0, 1, 10),
            10,
        ),
        (plan("list_scan", ["d"], "m", [1, 2]), plan("list_scan", ["d"], "m", [1, 2, 3, 4]), 2),
        (
            plan("list_grid_scan", ["d"], "m", [1, 2], "n", [1, 2]),
            plan("list_grid_scan", ["d"], "m", [1, 2, 3, 4], "n", [1, 2, 3]),
            3,
        ),
        (plan("mine", "x", num_points=3), plan("mine", "x", num_points=12), 4),
    ],
)
def test_the_number_of_points_is_read_off_a_call(short, long, factor):
    assert taught((short, 6.0)).seconds(long) == pytest.approx(6.0 * factor)


def test_metadata_costs_no_time():
    learnt = taught((plan("mine", 1, md={"sample": "a"}), 6.0))
    assert learnt.seconds(plan("mine", 1, md={"sample": "b"})) == 6.0


def test_other_arguments_are_guessed_only_when_different_ones_agreed():
    fast = (plan("count", ["det1"], num=10), 5.0)
    similar = (plan("count", ["det2"], num=20), 12.0)
    slow = (plan("count", ["det1"], num=10, delay=5), 55.0)
    asked = plan("count", ["det3"], num=100)
    assert taught(fast).seconds(asked) is None
    assert taught(fast, similar).seconds(asked) == pytest.approx(55.0)
    assert taught(fast, similar, slow).seconds(asked) is None


@pytest.mark.parametrize("status", ["failed", "aborted", "stopped", "halted", "unknown"])
def test_a_plan_that_did_not_complete_teaches_nothing(status):
    learnt = Estimates()
    item = plan("count", ["det1"])
    learnt.learn([ran(item, 1.0, status)])
    assert learnt.seconds(item) is None


def test_a_run_without_sensible_times_teaches_nothing():
    learnt = Estimates()
    item = plan("count", ["det1"])
    backwards = ran(item, -5.0)
    learnt.learn([item, backwards, {**item, "result": {"exit_status": "completed"}}])
    assert learnt.seconds(item) is None


def test_what_was_learnt_once_does_not_count_twice():
    learnt = Estimates()
    first, second = ran(plan("count", ["d"]), 2.0), ran(plan("count", ["d"]), 4.0)
    learnt.learn([first, second])
    learnt.learn([first, second])
    learnt.learn([first, second, ran(plan("count", ["d"]), 5.0)])
    assert learnt.seconds(plan("count", ["d"])) == 4.0


def test_a_queue_takes_the_sum_of_what_is_known():
    learnt = taught((plan("count", ["d"]), 2.0))
    queue = [plan("count", ["d"]), plan("other"), plan("count", ["d"], num=3)]
    queue.append({"item_type": "instruction", "name": "queue_stop", "item_uid": "x"})
    assert learnt.queue_seconds(queue) == (pytest.approx(8.0), 1)


def test_a_running_plan_has_the_rest_of_its_time_to_go():
    learnt = taught((plan("count", ["d"]), 20.0))
    running = {**plan("count", ["d"]), "properties": {"time_start": 1000.0}}
    assert learnt.left(running, 1005.0) == 15.0
    assert learnt.left(running, 1500.0) == 0.0
    assert learnt.left({**running, "name": "other"}, 1005.0) is None
    assert learnt.left({}, 1005.0) == 0.0


def test_an_item_that_was_changed_is_read_again():
    learnt = taught((plan("count", ["d"], num=1), 2.0))
    item = plan("count", ["d"], num=1)
    assert learnt.seconds(item) == 2.0
    assert learnt.seconds({**item, "kwargs": {"num": 2}}) == pytest.approx(4.0)


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(estimates, "KEPT_CALLS", 10)
    monkeypatch.setattr(estimates, "KEPT_UIDS", 20)
    monkeypatch.setattr(estimates, "KEPT_READINGS", 30)
    learnt = Estimates()
    for number in range(100):
        learnt.learn([ran(plan(f"plan{number}", number, num=number + 1), 1.0)])
        learnt.seconds(plan("other", number))
    kept = [learnt._learnt, learnt._same, learnt._alike, learnt._plans, learnt._readings]
    assert [len(each) for each in kept] == [20, 10, 10, 10, 10]
    assert learnt.seconds(plan("plan99", 99, num=100)) == 1.0
    assert learnt.seconds(plan("plan0", 0, num=1)) is None


def test_a_mirror_learns_from_the_history_it_reads_and_from_what_ends_later():
    mirror = Mirror()
    mirror.load({}, {}, {"items": [ran(plan("count", ["d"]), 2.0)], "event_seq": 4})
    assert mirror.estimates.seconds(plan("count", ["d"])) == 2.0
    ended = ran(plan("scan", ["d"]), 3.0)
    mirror.apply([{"kind": "history", "op": "append", "seq": 5, "item": ended}])
    assert mirror.estimates.seconds(plan("scan", ["d"])) == 3.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under 1 s"),
        (20.4, "20 s"),
        (100, "2 min"),
        (720, "12 min"),
        (11_400, "3 h 10 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_estimates_are_told_as_roughly_as_they_are_known(seconds, words):
    assert in_words(seconds) == words


def test_a_total_says_how_much_of_it_is_unknown():
    assert total_in_words(720, 0) == "about 12 min"
    assert total_in_words(720, 3) == "about 12 min + 3 unknown"
    assert total_in_words(0, 3) == "unknown"
    assert total_in_words(0.3, 0) == "under 1 s"
