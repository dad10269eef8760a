"""Documents put together into what a live view draws."""

from __future__ import annotations

import threading

from qs_jupyter.client import live_runs
from qs_jupyter.client.live_runs import KEPT_RUNS, LiveRuns
from qs_kernel_worker.documents import Documents, slimmed
from qs_kernel_worker.runs import Runs

START = {
    "uid": "r1",
    "time": 1.0,
    "num_points": 3,
    "hints": {"dimensions": [[["motor"], "primary"]]},
}
DESCRIPTOR = {
    "uid": "d1",
    "run_start": "r1",
    "name": "primary",
    "hints": {"det": {"fields": ["det"]}, "motor": {"fields": ["motor"]}},
    "data_keys": {
        "det": {"dtype": "number", "units": "counts"},
        "motor": {"dtype": "number"},
        "image": {"dtype": "array", "shape": [512, 512]},
    },
}
STOP = {"uid": "s1", "run_start": "r1", "time": 9.0, "exit_status": "success"}


def event(seq_num, det):
    return {
        "uid": f"e{seq_num}",
        "descriptor": "d1",
        "seq_num": seq_num,
        "time": float(seq_num),
        "data": {"det": det, "motor": seq_num / 10, "image": [[0.0] * 512] * 512},
    }


def follow(*documents):
    live = LiveRuns()
    for name, document in documents:
        live.take("item", slimmed(name, document))
    return live


def test_points_become_columns_with_axes_signals_and_progress():
    live = follow(
        ("start", START), ("descriptor", DESCRIPTOR), ("event", event(1, 5)), ("event", event(2, 7))
    )
    run = live.latest()
    assert (run.points_done, run.points_total) == (2, 3)
    assert (run.axes(), run.signals()) == (["motor"], ["det"])
    assert run.streams["primary"].columns["det"] == [5, 7]
    assert run.streams["primary"].units == {"det": "counts"}
    assert run.stop is None
    assert live.of_item("item") == [run]


def test_a_point_that_is_measured_again_replaces_the_rolled_back_one():
    live = follow(
        ("start", START),
        ("descriptor", DESCRIPTOR),
        ("event", event(1, 5)),
        ("event", event(2, 6)),
        ("event", event(2, 7)),
    )
    assert live.latest().streams["primary"].columns["det"] == [5, 7]


def test_a_page_of_points_is_taken_like_single_ones():
    page = {
        "descriptor": "d1",
        "seq_num": [1, 2],
        "time": [1.0, 2.0],
        "data": {"det": [3, 4], "motor": [0.1, 0.2]},
    }
    live = follow(
        ("start", START), ("descriptor", DESCRIPTOR), ("event_page", page), ("stop", STOP)
    )
    run = live.latest()
    assert run.streams["primary"].columns["det"] == [3, 4]
    assert run.stop["exit_status"] == "success"


def test_images_are_left_out_of_what_is_sent():
    slim = slimmed("event", event(1, 5))
    assert slim["data"]["image"] is None
    assert slimmed("descriptor", DESCRIPTOR)["fields"] == ["det", "motor"]
    assert slimmed("resource", {"uid": "x"}) is None


def test_only_the_latest_runs_are_kept():
    live = LiveRuns()
    for number in range(KEPT_RUNS + 5):
        live.take("i", {"name": "start", "uid": f"r{number}"})
    assert len(live.runs) == KEPT_RUNS
    assert live.latest().uid == f"r{KEPT_RUNS + 4}"


def test_documents_of_nothing_known_are_left_out():
    live = follow(("event", event(1, 5)), ("stop", STOP))
    assert live.latest() is None


def test_nothing_is_sent_while_nobody_follows():
    sent = []
    documents = Documents(lambda uid, batch: sent.append((uid, batch)))
    documents.begin("item")
    documents("start", START)
    documents("event", event(1, 5))
    documents.flush()
    assert sent == []


def test_who_follows_in_the_middle_of_a_run_gets_its_head_first():
    sent = []
    documents = Documents(lambda uid, batch: sent.append((uid, [d["name"] for d in batch])))
    documents.begin("item")
    documents("start", START)
    documents("descriptor", DESCRIPTOR)
    documents("event", event(1, 5))
    documents.want(True)
    documents("event", event(2, 6))
    documents("stop", STOP)
    documents.flush()
    assert sent == [("item", ["start", "descriptor"]), ("item", ["event", "stop"])]
    documents.want(False)
    documents.want(True)
    assert len(sent) == 2


def test_a_batch_does_not_overtake_the_one_before_it():
    sent, is_sending, may_send = [], threading.Event(), threading.Event()

    def send(_uid, batch):
        is_first = not is_sending.is_set()
        is_sending.set()
        if is_first:
            assert may_send.wait(10)
        sent.append([document["name"] for document in batch])

    documents = Documents(send)
    documents.begin("item")
    documents.want(True)
    documents("event", event(1, 5))
    threads = [threading.Thread(target=documents.flush)]
    threads[0].start()
    assert is_sending.wait(10)
    documents("stop", STOP)
    threads.append(threading.Thread(target=documents.flush))
    threads[1].start()
    threads[1].join(0.2)  # time enough to overtake, if that were possible
    may_send.set()
    for thread in threads:
        thread.join()
    assert sent == [["event"], ["stop"]]


def test_a_document_that_nobody_can_read_is_left_out_and_ends_no_plan(caplog):
    sent = []
    documents = Documents(lambda uid, batch: sent.append([d["name"] for d in batch]))
    documents.begin("item")
    documents.want(True)
    documents("start", START)
    documents("descriptor", {**DESCRIPTOR, "data_keys": {"det": "no description"}})
    documents("event", {**event(1, 5), "time": "now"})
    documents("stop", STOP)
    documents.flush()
    assert sent == [["start", "stop"]]
    assert "A descriptor document is left out" in caplog.text


def test_a_scan_number_may_be_anything():
    told = []
    runs = Runs("item", told.append)
    for scan_id in (7, None, "calibration"):
        runs("start", {"uid": str(scan_id), "scan_id": scan_id})
    assert [run.scan_id for run in told] == [7, None, None]


def test_long_runs_of_before_are_dropped_so_that_memory_stays_bounded(monkeypatch):
    monkeypatch.setattr(live_runs, "KEPT_VALUES", 10)
    live = LiveRuns()
    for number in range(4):
        run, stream = f"r{number}", f"d{number}"
        live.take("item", {"name": "start", "uid": run})
        head = {"stream": "primary", "fields": ["a", "b"], "hints": {}, "units": {}}
        live.take("item", {"name": "descriptor", "uid": stream, "run_start": run, **head})
        for seq_num in range(1, 5):
            data = {"a": 1.0, "b": 2.0}
            point = {"descriptor": stream, "seq_num": seq_num, "time": 1.0, "data": data}
            live.take("item", {"name": "event", **point})
    # Eight values each: one that is over fits beside the one that runs.
    assert list(live.runs) == ["r2", "r3"]


def test_the_rest_of_a_run_takes_as_long_as_its_points_so_far():
    live = follow(
        ("start", START), ("descriptor", DESCRIPTOR), ("event", event(1, 5)), ("event", event(2, 7))
    )
    assert live.latest().seconds_left == 1.0
    live.take("item", slimmed("event", event(3, 7)))
    assert live.latest().seconds_left is None
