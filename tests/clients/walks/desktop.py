"""A day at the beamline with the model behind the windows of the desktop program."""

from __future__ import annotations

import csv
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import yaml
from bluesky_queueserver import construct_parameters, format_text_descriptions
from bluesky_queueserver_api.zmq import REManagerAPI
from bluesky_widgets.models.run_engine_client import RunEngineClient
from openpyxl import Workbook
from walking import OPEN_LIMIT_S, PLAN_LIMIT_S, Seen, contains, equal, walk

ADDRESSES = {
    "zmq_control_addr": os.environ["QSERVER_ZMQ_CONTROL_ADDRESS"],
    "zmq_info_addr": os.environ["QSERVER_ZMQ_INFO_ADDRESS"],
}
GUI = Seen(RunEngineClient(**ADDRESSES))
COLLEAGUE = REManagerAPI(**ADDRESSES)
FOLDER = Path(os.environ["HOME"])
# Nobody tells the program of changes: it asks for the status again and again.
POLL_S = 0.05
REPORTED: list[str] = []

STOP = {"item_type": "instruction", "name": "queue_stop"}


def plan(name, *args, **kwargs):
    return {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}


COUNT = plan("count", ["det1", "det2"], num=3, delay=0.01)
SCAN = plan("scan", ["det1"], "motor", -1, 1, 5)
MOVE = plan("mv", "motor", 1)
LONG = plan("count", ["det1"], num=5000, delay=0.02)


def refused(call, *arguments, **named):
    """What the program shows when a request is refused."""
    try:
        call(*arguments, **named)
    except (RuntimeError, REManagerAPI.RequestFailedError) as error:
        return str(error)
    raise AssertionError("accepted")


def wait_until(condition):
    """Ask for the status until it is as wanted, as the program does."""
    deadline = time.monotonic() + PLAN_LIMIT_S
    while True:
        GUI.load_re_manager_status(unbuffered=True)
        if condition(GUI.re_manager_status):
            return
        assert time.monotonic() < deadline, GUI.re_manager_status
        time.sleep(POLL_S)


def idle(status):
    return status["manager_state"] == "idle"


def running(status):
    return status["re_state"] == "running" and bool(GUI._run_list)


def paused(status):
    return status["manager_state"] == "paused"


def ended(count):
    return lambda status: idle(status) and status["items_in_history"] == count


def shown(items, *labels):
    """Rows of a table, as the program writes them."""
    return [
        tuple(GUI.get_item_value_for_label(item=item, label=label) for label in labels)
        for item in items
    ]


def queue():
    return [name for (name,) in shown(GUI._plan_queue_items, "Name")]


def history():
    return shown(GUI._plan_history_items, "Name", "STATUS")


def uids():
    return [item["item_uid"] for item in GUI._plan_queue_items]


def reported_by(call, *arguments, **named):
    """The names of the events by which the windows are told to draw anew."""
    REPORTED.clear()
    call(*arguments, **named)
    return set(REPORTED)


def empty():
    GUI.queue_clear()
    GUI.history_clear()
    GUI.selected_queue_item_uids = []
    equal((queue(), history()), ([], []))


def start_long_plan():
    GUI.queue_item_add(item=LONG)
    GUI.queue_start()
    wait_until(running)


# ---------------------------------------------------------------------------------- morning


def the_program_connects():
    for name in GUI.events.emitters:
        GUI.events[name].connect(lambda _event, name=name: REPORTED.append(name))
    equal(GUI.re_manager_connected, None)
    wait_until(idle)
    equal(GUI.re_manager_connected, True)
    GUI.manager_connecting_ops()
    assert "det1" in GUI._allowed_devices
    # It draws nothing anew while nothing has changed.
    equal(reported_by(GUI.load_re_manager_status, unbuffered=True), set())
    GUI.clear_connection_status()
    equal(GUI.re_manager_connected, None)


def each_allowed_plan_has_a_form():
    names = GUI.get_allowed_plan_names()
    assert "count" in names
    for name in names:
        described = GUI.get_allowed_plan_parameters(name=name)
        texts = format_text_descriptions(item_parameters=described, use_html=True)
        assert texts["description"], name
        for parameter in construct_parameters(described.get("parameters", {})):
            contains(texts["parameters"][parameter.name], parameter.name)
    equal(GUI.get_allowed_plan_parameters(name="nobodys_plan"), None)
    for name in GUI.get_allowed_instruction_names():
        equal(GUI.get_allowed_instruction_parameters(name=name)["name"], name)


def without_an_environment_it_says_so():
    contains(refused(GUI.queue_start), "RE Worker environment does not exist")
    contains(refused(GUI.re_pause, option="deferred"), "Environment does not exist")
    contains(refused(GUI.environment_update), "environment is not open")
    contains(refused(GUI.kernel_interrupt), "Worker environment does not exist")
    contains(refused(GUI.environment_close), "RE Worker environment does not exist")


def the_environment_opens():
    GUI.environment_open(timeout=OPEN_LIMIT_S)
    equal(GUI.re_manager_status["re_state"], "idle")
    contains(refused(GUI.environment_open), "already exists")


# ------------------------------------------------------------------------------------ queue


def items_are_added_behind_the_selected_one():
    empty()
    for item in (COUNT, SCAN, STOP):
        drawn = reported_by(GUI.queue_item_add, item=item)
        assert {"plan_queue_changed", "queue_item_selection_changed"} <= drawn, drawn
    GUI.selected_queue_item_uids = uids()[:1]
    GUI.queue_item_add(item=MOVE)
    GUI.queue_item_add(item=MOVE, params={"pos": "front"})
    equal(queue(), ["mv", "count", "mv", "scan", "queue_stop"])
    equal(GUI.selected_queue_item_uids, uids()[:1])
    equal(
        shown(GUI._plan_queue_items, "", "Parameters", "USER", "GROUP")[1:],
        [
            ("P", "detectors: ['det1', 'det2'], num: 3, delay: 0.01", "GUI Client", "primary"),
            ("P", "args: ('motor', 1)", "GUI Client", "primary"),
            ("P", "detectors: ['det1'], args: ('motor', -1, 1, 5)", "GUI Client", "primary"),
            ("I", "", "GUI Client", "primary"),
        ],
    )
    args, kwargs = GUI.get_bound_item_arguments(GUI._plan_queue_items[3])
    equal((args, kwargs), ([], {"detectors": ["det1"], "args": ("motor", -1, 1, 5)}))
    bad = refused(GUI.queue_item_add, item=plan("nobodys_plan"))
    contains(bad, "Plan 'nobodys_plan' is not in the list of allowed plans")


def the_selection_moves():
    first, second, third, fourth, fifth = uids()
    GUI.selected_queue_item_uids = [third, fourth]
    GUI.queue_items_move_up()
    equal(uids(), [first, third, fourth, second, fifth])
    GUI.queue_items_move_down()
    GUI.queue_items_move_down()
    equal(uids(), [first, second, fifth, third, fourth])
    GUI.queue_items_move_to_top()
    equal(uids(), [third, fourth, first, second, fifth])
    GUI.queue_items_move_in_place_of(second)
    equal(uids(), [first, second, third, fourth, fifth])
    GUI.queue_items_move_to_bottom()
    equal(uids(), [first, second, fifth, third, fourth])
    equal(GUI.selected_queue_item_uids, [third, fourth])
    equal([GUI.queue_item_uid_to_pos(uid) for uid in (third, "nowhere")], [3, -1])
    equal(GUI.queue_item_pos_to_uid(3), third)
    contains(refused(GUI.queue_items_move_in_place_of, "nowhere"), "is not in the queue")


def the_selection_is_copied_and_removed():
    GUI.queue_item_copy_to_queue()
    equal(queue(), ["mv", "count", "queue_stop", "mv", "scan", "mv", "scan"])
    equal(GUI.selected_queue_item_uids, uids()[5:])
    GUI.queue_items_remove()
    equal(queue(), ["mv", "count", "queue_stop", "mv", "scan"])
    equal(GUI.selected_queue_item_uids, uids()[4:])


def an_item_is_edited_and_gets_a_new_identity():
    before = uids()
    item = GUI.queue_item_by_uid(before[1])
    item["kwargs"]["num"] = 4
    GUI.queue_item_update(item=item)
    equal(uids()[0], before[0])
    assert uids()[1] not in before
    equal(GUI.selected_queue_item_uids, [uids()[1]])
    equal(GUI._plan_queue_items[1]["kwargs"]["num"], 4)
    contains(refused(GUI.queue_item_update, item=item), "is not in the queue")
    item = GUI.queue_item_by_uid(uids()[1])
    item["kwargs"]["nom"] = 5
    contains(refused(GUI.queue_item_update, item=item), "unexpected keyword argument 'nom'")
    GUI.clear()


def a_spreadsheet_becomes_plans():
    empty()
    rows = [
        ("name", "args", "num"),
        ("count", "['det1']", 2),
        ("scan", "['det1'], 'motor', -1, 1, 3", None),
    ]
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(FOLDER / "plans.xlsx")
    with (FOLDER / "plans.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    for name in ("plans.xlsx", "plans.csv"):
        GUI.queue_upload_spreadsheet(file_path=str(FOLDER / name))
    equal(queue(), ["count", "scan"] * 2)
    equal([item.get("kwargs") for item in GUI._plan_queue_items[2:]], [{"num": 2}, None])
    (FOLDER / "bad.csv").write_text("name,args\ncount,['det1']\nnobodys_plan,\n")
    bad = refused(GUI.queue_upload_spreadsheet, file_path=str(FOLDER / "bad.csv"))
    contains(bad, "validation of 1 out of 2 submitted items failed")
    equal(len(queue()), 4)


# ------------------------------------------------------------------------------------- runs


def the_queue_runs_and_stops_where_told():
    empty()
    GUI.queue_item_add_batch(items=[COUNT, SCAN, STOP, MOVE])
    GUI.queue_start()
    wait_until(ended(2))
    equal((queue(), history()), (["mv"], [("count", "completed"), ("scan", "completed")]))
    equal(GUI.selected_queue_item_uids, uids())
    equal((GUI._running_item, GUI._run_list), ({}, []))


def the_history_is_saved_and_copied_back():
    GUI.selected_history_item_pos = [0, 1]
    GUI.history_item_add_to_queue()
    equal(queue(), ["mv", "count", "scan"])
    assert "result" not in GUI._plan_queue_items[1]
    equal(reported_by(GUI.history_item_send_to_processing), {"history_item_process"})
    for form in ("txt", "json", "yaml"):
        path = str(FOLDER / f"history.{form}")
        GUI.save_plan_history_to_file(file_path=path, file_format=form)
    contains((FOLDER / "history.txt").read_text(), "PLAN 2: 20")
    saved = json.loads((FOLDER / "history.json").read_text())
    equal(saved, GUI._plan_history_items)
    equal(yaml.safe_load((FOLDER / "history.yaml").read_text()), saved)


def a_plan_is_paused_resumed_and_stopped():
    empty()
    start_long_plan()
    equal(GUI._running_item["name"], "count")
    (run,) = GUI._run_list
    equal((run["is_open"], run["exit_status"]), (True, None))
    contains(refused(GUI.queue_start), "RE Manager is busy")
    contains(refused(GUI.kernel_interrupt), "Not allowed to interrupt running plan")
    contains(refused(GUI.re_stop), "RE Manager is not paused")
    GUI.running_item_add_to_queue()
    equal(queue(), ["count"])
    GUI.queue_stop()
    wait_until(lambda status: status["queue_stop_pending"])
    GUI.queue_stop_cancel()
    wait_until(lambda status: not status["queue_stop_pending"])
    GUI.re_pause(option="deferred")
    wait_until(paused)
    equal((GUI._run_list, GUI.re_manager_status["re_state"]), ([run], "paused"))
    GUI.re_resume(timeout=PLAN_LIMIT_S)
    wait_until(running)
    GUI.queue_stop()
    GUI.re_pause(option="immediate")
    wait_until(paused)
    GUI.re_stop(timeout=PLAN_LIMIT_S)
    wait_until(ended(1))
    equal((queue(), history()), (["count"], [("count", "stopped")]))


def a_plan_that_is_aborted_or_halted_returns_to_the_queue():
    for end, word in ((GUI.re_abort, "aborted"), (GUI.re_halt, "halted")):
        empty()
        start_long_plan()
        GUI.re_pause(option="immediate")
        wait_until(paused)
        end(timeout=PLAN_LIMIT_S)
        wait_until(ended(1))
        equal((queue(), history()), (["count"], [("count", word)]))


def a_failure_is_seen_in_the_history():
    empty()
    GUI.queue_item_add(item=plan("scan", ["det1"], "motor", -1, 1))
    GUI.queue_start()
    wait_until(ended(1))
    equal((queue(), history()), (["scan"], [("scan", "failed")]))
    result = GUI._plan_history_items[0]["result"]
    contains(result["msg"], "number of points")
    contains(result["traceback"], "ValueError")


def the_queue_goes_round_and_starts_by_itself():
    empty()
    GUI.queue_mode_loop_enable(True)
    equal(GUI.re_manager_status["plan_queue_mode"]["loop"], True)
    GUI.queue_item_add_batch(items=[COUNT, STOP])
    GUI.queue_start()
    wait_until(ended(1))
    equal(queue(), ["count", "queue_stop"])
    GUI.queue_mode_loop_enable(False)
    empty()
    GUI.queue_autostart(True)
    wait_until(lambda status: status["queue_autostart_enabled"])
    GUI.queue_item_add(item=COUNT)
    wait_until(ended(1))
    GUI.queue_autostart(False)
    wait_until(lambda status: not status["queue_autostart_enabled"])


# -------------------------------------------------------------------------------- colleague


def what_a_colleague_adds_is_seen_and_what_he_locks_is_refused():
    empty()
    COLLEAGUE.item_add(COUNT)
    wait_until(lambda status: status["items_in_queue"] == 1)
    equal(queue(), ["count"])
    COLLEAGUE.lock(lock_key="his key", environment=True, queue=True, note="aligning")
    actions = (
        GUI.queue_clear,
        GUI.history_clear,
        GUI.queue_start,
        GUI.environment_close,
        GUI.environment_update,
        GUI.kernel_interrupt,
    )
    for action in actions:
        contains(refused(action), "Note: aligning")
    contains(refused(GUI.queue_item_add, item=COUNT), "Invalid lock key")
    contains(refused(GUI.queue_autostart, True), "Invalid lock key")
    contains(refused(GUI.queue_mode_loop_enable, True), "Invalid lock key")
    COLLEAGUE.unlock(lock_key="his key")
    GUI.load_re_manager_status(unbuffered=True)
    equal((queue(), GUI.re_manager_status["plan_queue_mode"]["loop"]), (["count"], False))


def a_plan_of_a_script_appears_among_the_others():
    COLLEAGUE.script_upload("def plan_of_the_day():\n    yield from []\n", update_lists=False)
    COLLEAGUE.wait_for_idle(timeout=PLAN_LIMIT_S)
    assert "plan_of_the_day" not in GUI.get_allowed_plan_names()
    GUI.environment_update()
    wait_until(lambda status: idle(status) and "plan_of_the_day" in GUI.get_allowed_plan_names())


def a_task_is_interrupted():
    uid = COLLEAGUE.script_upload("import time\ntime.sleep(100)")["task_uid"]
    wait_until(lambda status: status["worker_environment_state"] == "executing_task")
    GUI.kernel_interrupt()
    COLLEAGUE.wait_for_completed_task(uid, timeout=PLAN_LIMIT_S)
    contains(COLLEAGUE.task_result(uid)["result"]["traceback"], "KeyboardInterrupt")
    wait_until(idle)


def the_console_is_read():
    heard: Queue[tuple[float, str]] = Queue()

    def listen():
        while (piece := GUI.console_monitoring_thread()) is not None:
            heard.put(piece)

    def run(script):
        COLLEAGUE.script_upload(script)
        COLLEAGUE.wait_for_idle(timeout=PLAN_LIMIT_S)

    GUI.start_console_output_monitoring()
    listener = Thread(target=listen, daemon=True)
    listener.start()
    text = ""
    # Nothing tells when a subscription has arrived: the script runs until it is seen.
    while "dear colleague" not in text:
        run("print('dear ' + 'colleague')")
        with suppress(Empty):
            at, message = heard.get(timeout=1)
            assert isinstance(at, float), at
            text += message
    # The program shows no results of tasks: the console is where their failure is seen.
    run("raise ValueError('no beam')")
    while "ValueError: no beam" not in text:
        text += heard.get(timeout=PLAN_LIMIT_S)[1]
    GUI.stop_console_output_monitoring()
    listener.join()


# ---------------------------------------------------------------------------------- evening


def the_environment_is_destroyed_and_closed():
    empty()
    start_long_plan()
    contains(refused(GUI.environment_close), "must be 'idle'")
    contains(refused(GUI.environment_destroy), "not activated")
    GUI.activate_env_destroy(True)
    GUI.environment_destroy(timeout=PLAN_LIMIT_S)
    wait_until(ended(1))
    equal((queue(), history()), (["count"], [("count", "failed")]))
    GUI.environment_open(timeout=OPEN_LIMIT_S)
    GUI.environment_close(timeout=PLAN_LIMIT_S)
    wait_until(lambda status: not status["worker_environment_exists"])


def nothing_was_left_out():
    # Called by others that were seen: each piece of the status is loaded when its uid differs.
    loads = {"load_allowed_devices", "load_allowed_plans", "load_plan_history"}
    loads |= {"load_plan_queue", "load_run_list"}
    equal(GUI.unseen(besides=loads | {"set_map_param_labels_to_keys"}), set())
    COLLEAGUE.close()
    GUI._client.close()


walk(
    [
        the_program_connects,
        each_allowed_plan_has_a_form,
        without_an_environment_it_says_so,
        the_environment_opens,
        items_are_added_behind_the_selected_one,
        the_selection_moves,
        the_selection_is_copied_and_removed,
        an_item_is_edited_and_gets_a_new_identity,
        a_spreadsheet_becomes_plans,
        the_queue_runs_and_stops_where_told,
        the_history_is_saved_and_copied_back,
        a_plan_is_paused_resumed_and_stopped,
        a_plan_that_is_aborted_or_halted_returns_to_the_queue,
        a_failure_is_seen_in_the_history,
        the_queue_goes_round_and_starts_by_itself,
        what_a_colleague_adds_is_seen_and_what_he_locks_is_refused,
        a_plan_of_a_script_appears_among_the_others,
        a_task_is_interrupted,
        the_console_is_read,
        the_environment_is_destroyed_and_closed,
        nothing_was_left_out,
    ]
)
