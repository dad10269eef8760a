"""The whole of the client API, blocking or asyncio, over 0MQ or through the HTTP server."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from importlib import import_module

from bluesky_queueserver_api import BFunc, BInst, BPlan, WaitMonitor
from walking import OPEN_LIMIT_S, PLAN_LIMIT_S, Blocking, Seen, contains, equal, walk

HTTP = sys.argv[1] == "http"
ASYNC = sys.argv[2:] == ["asyncio"]
REManagerAPI = import_module(
    f"bluesky_queueserver_api.{sys.argv[1]}" + (".aio" if ASYNC else "")
).REManagerAPI
# The defaults ask once a second, which only makes the walk longer.
PACE = {"status_polling_period": 0.1, "status_expiration_period": 0.05}


def make_api():
    if not HTTP:
        return REManagerAPI(zmq_encoding=os.environ.get("QSERVER_ZMQ_ENCODING"), **PACE)
    api = REManagerAPI(http_server_uri=os.environ["SERVER"], **PACE)
    api.set_authorization_key(api_key=os.environ["API_KEY"])
    return api


RM = Seen(Blocking(make_api) if ASYNC else make_api())

COUNT = BPlan("count", ["det1", "det2"], num=3, delay=0.01)
LONG = BPlan("count", ["det1", "det2"], num=500, delay=0.02)
SCAN = BPlan("scan", ["det1"], "motor", -1, 1, 5)
BAD = BPlan("nobodys_plan")
# Of the HTTP server's own users, sessions and keys the manager knows nothing.
HTTP_ONLY = {
    "apikey_delete",
    "apikey_info",
    "apikey_new",
    "api_scopes",
    "login",
    "logout",
    "principal_info",
    "session_refresh",
    "session_revoke",
    "set_authorization_key",
    "whoami",
}
# Work on files and the local account only.
LOCAL = {"set_user_name_to_login_name", "set_default_lock_key", "get_default_lock_key"}
ELSEWHERE = LOCAL | {"close"} | (HTTP_ONLY | {"send_request"} if HTTP else set())


def refused(call, *arguments, **named):
    """The reply to a request that must be refused."""
    try:
        reply = call(*arguments, **named)
    except RM.RequestFailedError as error:
        equal(error.response["success"], False)
        contains(str(error), error.response["msg"])
        return error.response
    raise AssertionError(f"accepted: {reply}")


def idle():
    RM.wait_for_idle(timeout=PLAN_LIMIT_S)


def state():
    return RM.status(reload=True)


def empty():
    RM.queue_clear()
    RM.history_clear()


def names(items):
    return [item["name"] for item in items]


def uids(items):
    return [item["item_uid"] for item in items]


def runs():
    return [item["result"]["exit_status"] for item in RM.history_get()["items"]]


def start_long_plan():
    """Start a long plan, and wait until its run is open."""
    RM.item_add(LONG)
    before = state()["run_list_uid"]
    RM.queue_start()
    RM.wait_for_condition(
        lambda status: status["re_state"] == "running" and status["run_list_uid"] != before,
        timeout=PLAN_LIMIT_S,
    )
    equal(len(RM.re_runs()["run_list"]), 1)


def pause():
    RM.re_pause(option="immediate")
    RM.wait_for_idle_or_paused(timeout=PLAN_LIMIT_S)
    equal(state()["manager_state"], "paused")


# ------------------------------------------------------------------------------ environment


def status_of_a_fresh_manager():
    status = RM.status()
    contains(status["msg"], "RE Manager")
    equal(status["manager_state"], "idle")
    equal(status["worker_environment_exists"], False)
    equal(status["worker_environment_state"], "closed")
    equal(status["re_state"], None)
    equal(status["plan_queue_mode"], {"loop": False, "ignore_failures": False})
    equal(RM.ping(reload=True)["manager_state"], "idle")
    equal(RM.config_get()["config"]["ip_connect_info"], {})
    idle()


def requests_that_need_an_environment_are_refused():
    contains(refused(RM.queue_start)["msg"], "environment does not exist")
    contains(refused(RM.re_pause)["msg"], "Environment does not exist")
    contains(refused(RM.re_resume)["msg"], "not paused")
    contains(refused(RM.environment_close)["msg"], "environment")
    contains(refused(RM.environment_destroy)["msg"], "environment")
    contains(refused(RM.environment_update)["msg"], "environment")
    contains(refused(RM.script_upload, "1")["msg"], "environment")
    contains(refused(RM.kernel_interrupt)["msg"], "environment")


def the_environment_opens():
    before = RM.status()
    equal(RM.environment_open()["success"], True)
    RM.wait_for_idle(timeout=OPEN_LIMIT_S)
    status = RM.status()
    equal(status["worker_environment_exists"], True)
    equal(status["worker_environment_state"], "idle")
    equal(status["re_state"], "idle")
    equal(status["ip_kernel_state"], "idle")
    equal(status["ip_kernel_captured"], False)
    assert status["status_uid"] != before["status_uid"]
    contains(refused(RM.environment_open)["msg"], "already exists")
    connection = RM.config_get()["config"]["ip_connect_info"]
    for key in ("transport", "ip", "shell_port", "control_port", "signature_scheme", "key"):
        assert key in connection, f"no {key} in {sorted(connection)}"


# ------------------------------------------------------------------------------------ lists


def lists_of_plans_and_devices_are_kept_until_they_change():
    status = RM.status(reload=True)
    for get, plain in (
        (RM.plans_allowed, "plans_allowed"),
        (RM.devices_allowed, "devices_allowed"),
        (RM.plans_existing, "plans_existing"),
        (RM.devices_existing, "devices_existing"),
    ):
        reply = get()
        equal(reply[f"{plain}_uid"], status[f"{plain}_uid"])
        equal(get()[plain], reply[plain])
        equal(get(reload=True)[plain], reply[plain])
    assert "count" in RM.plans_allowed()["plans_allowed"]
    assert "det1" in RM.devices_allowed()["devices_allowed"]
    description = RM.plans_existing()["plans_existing"]["count"]
    equal(description["name"], "count")
    equal(description["parameters"][0]["name"], "detectors")
    if not HTTP:
        group = RM.plans_allowed(user_group="test_user")["plans_allowed"]
        assert "count" in group
        assert "mv" not in group
        unknown = refused(RM.devices_allowed, user_group="nobody")
        contains(unknown["msg"], "Unknown user group: 'nobody'")


def permissions_are_read_replaced_and_read_from_their_file_again():
    permissions = RM.permissions_get()["user_group_permissions"]
    before = RM.status(reload=True)
    permissions["user_groups"]["primary"]["forbidden_plans"] = [":^scan$"]
    RM.permissions_set(permissions)
    equal(RM.permissions_get()["user_group_permissions"], permissions)
    assert RM.status(reload=True)["plans_allowed_uid"] != before["plans_allowed_uid"]
    assert "scan" not in RM.plans_allowed()["plans_allowed"]
    contains(refused(RM.item_add, SCAN)["msg"], "not in the list of allowed plans")
    RM.permissions_reload()
    assert "scan" in RM.plans_allowed()["plans_allowed"]
    RM.permissions_reload(restore_plans_devices=True, restore_permissions=True)
    refused(RM.permissions_set, {})


# ------------------------------------------------------------------------------------ queue


def items_are_added_looked_at_and_updated():
    empty()
    first = RM.item_add(COUNT)
    equal(first["qsize"], 1)
    equal(first["item"]["user_group"], "primary")
    equal(first["item"]["name"], "count")
    RM.item_add(SCAN, pos="front")
    stop = RM.item_add(BInst("queue_stop"), after_uid=first["item"]["item_uid"])
    RM.item_add(COUNT.to_dict(), before_uid=stop["item"]["item_uid"])
    queue = RM.queue_get()
    equal(names(queue["items"]), ["scan", "count", "count", "queue_stop"])
    equal(queue["running_item"], {})
    equal(queue["plan_queue_uid"], RM.status(reload=True)["plan_queue_uid"])
    # The second comes from the client's cache: a reply holds nothing but what it keeps.
    equal(RM.queue_get(reload=True), RM.queue_get())
    equal(RM.item_get()["item"], queue["items"][-1])
    equal(RM.item_get(pos=0)["item"], queue["items"][0])
    uid = queue["items"][1]["item_uid"]
    item = BPlan(RM.item_get(uid=uid)["item"])
    item.kwargs = {"num": 4}
    updated = RM.item_update(item)["item"]
    equal(updated["item_uid"], uid)
    equal(updated["kwargs"], {"num": 4})
    assert RM.item_update(item, replace=True)["item"]["item_uid"] != uid
    contains(refused(RM.item_get, uid="nowhere")["msg"], "Failed to get an item: ")
    contains(refused(RM.item_add, BAD)["msg"], "Failed to add an item: ")
    contains(refused(RM.item_add, SCAN, pos=1, before_uid=uid)["msg"], "Ambiguous parameters")


def items_are_moved_and_removed():
    empty()
    added = [RM.item_add(item)["item"]["item_uid"] for item in (COUNT, SCAN, COUNT, SCAN)]
    equal(RM.item_move(pos=0, pos_dest=2)["qsize"], 4)
    equal(uids(RM.queue_get()["items"]), [added[1], added[2], added[0], added[3]])
    RM.item_move(uid=added[3], before_uid=added[1])
    RM.item_move(uid=added[1], after_uid=added[0])
    RM.item_move(uid=added[3], pos_dest="back")
    equal(uids(RM.queue_get()["items"]), [added[2], added[0], added[1], added[3]])
    contains(refused(RM.item_move, pos=7, pos_dest=0)["msg"], "Failed to move the item: ")
    equal(RM.item_remove(pos="front")["item"]["item_uid"], added[2])
    equal(RM.item_remove(uid=added[1])["qsize"], 2)
    equal(RM.item_remove()["item"]["item_uid"], added[3])
    contains(refused(RM.item_remove, uid="nowhere")["msg"], "Failed to remove an item: ")
    RM.queue_clear()
    equal(RM.queue_get()["items"], [])


def batches_are_added_moved_and_removed():
    empty()
    reply = RM.item_add_batch([COUNT, SCAN, COUNT, BInst("queue_stop")])
    equal([each["success"] for each in reply["results"]], [True] * 4)
    equal(reply["qsize"], 4)
    added = uids(reply["items"])
    front = uids(RM.item_add_batch([SCAN], pos="front")["items"])
    RM.item_move_batch(uids=[added[2], added[0]], pos_dest="front")
    RM.item_move_batch(uids=[added[0], added[2]], after_uid=front[0], reorder=True)
    equal(uids(RM.queue_get()["items"]), [front[0], added[2], added[0], added[1], added[3]])
    bad = refused(RM.item_add_batch, [COUNT, BAD])
    contains(bad["msg"], "validation of 1 out of 2 submitted items failed")
    equal([each["success"] for each in bad["results"]], [True, False])
    equal(RM.item_remove_batch(uids=[added[0], "nowhere"])["qsize"], 4)
    refused(RM.item_remove_batch, uids=["nowhere"], ignore_missing=False)
    RM.item_remove_batch(uids=uids(RM.queue_get()["items"]), ignore_missing=False)
    equal(RM.status(reload=True)["items_in_queue"], 0)


# ------------------------------------------------------------------------------------- runs


def a_queue_runs_to_its_end():
    empty()
    RM.item_add_batch([COUNT, SCAN])
    RM.queue_start()
    RM.wait_for_idle_or_running(timeout=PLAN_LIMIT_S)
    idle()
    equal(RM.status()["items_in_queue"], 0)
    history = RM.history_get()
    equal(RM.history_get(reload=True), RM.history_get())
    equal(history["plan_history_uid"], RM.status(reload=True)["plan_history_uid"])
    equal(names(history["items"]), ["count", "scan"])
    result = history["items"][0]["result"]
    equal(result["exit_status"], "completed")
    equal(len(result["run_uids"]), 1)
    equal(len(result["scan_ids"]), 1)
    assert result["time_stop"] > result["time_start"]
    equal((result["msg"], result["traceback"]), ("", ""))
    RM.history_clear(size=1)
    equal(names(RM.history_get(reload=True)["items"]), ["scan"])
    RM.history_clear(item_uid=history["items"][1]["item_uid"])
    equal(RM.history_get()["items"], [])


def an_item_is_executed_at_once():
    empty()
    RM.item_add(SCAN)
    reply = RM.item_execute(COUNT)
    equal(reply["qsize"], 1)
    idle()
    equal(names(RM.queue_get()["items"]), ["scan"])
    equal(uids(RM.history_get()["items"]), [reply["item"]["item_uid"]])
    contains(refused(RM.item_execute, BAD)["msg"], "Failed to start execution of the item: ")


def a_plan_is_paused_resumed_and_stopped():
    empty()
    start_long_plan()
    item = RM.queue_get()["running_item"]
    equal(item["item_uid"], RM.status()["running_item_uid"])
    assert "time_start" in item["properties"]
    equal(len(RM.re_runs("open")["run_list"]), 1)
    equal(RM.re_runs("closed")["run_list"], [])
    run = RM.re_runs("active", reload=True)["run_list"][0]
    equal((run["is_open"], run["exit_status"]), (True, None))
    contains(refused(RM.queue_start)["msg"], "RE Manager is busy")
    pause()
    equal(RM.re_runs()["run_list"][0]["uid"], run["uid"])
    RM.re_resume()
    RM.wait_for_condition(
        lambda status: status["manager_state"] == "executing_queue", timeout=PLAN_LIMIT_S
    )
    contains(refused(RM.re_stop)["msg"], "RE Manager is not paused")
    pause()
    RM.re_stop()
    idle()
    equal(runs(), ["stopped"])
    equal(RM.history_get()["items"][0]["result"]["run_uids"], [run["uid"]])
    equal(RM.queue_get()["items"], [])


def an_aborted_and_a_halted_plan_return_to_the_queue():
    for action, word in ((RM.re_abort, "aborted"), (RM.re_halt, "halted")):
        empty()
        start_long_plan()
        pause()
        action()
        idle()
        equal(runs(), [word])
        equal(len(RM.queue_get()["items"]), 1)


def a_deferred_pause_is_taken_at_the_next_checkpoint():
    empty()
    start_long_plan()
    RM.re_pause()
    RM.wait_for_idle_or_paused(timeout=PLAN_LIMIT_S)
    RM.re_stop()
    idle()


def the_queue_stops_after_the_current_plan():
    empty()
    contains(refused(RM.queue_stop)["msg"], "Queue is not running")
    start_long_plan()
    RM.queue_stop()
    equal(state()["queue_stop_pending"], True)
    RM.queue_stop_cancel()
    equal(state()["queue_stop_pending"], False)
    RM.item_add(SCAN)
    RM.queue_stop()
    pause()
    RM.re_stop()
    idle()
    equal(names(RM.queue_get()["items"]), ["scan"])
    equal(state()["queue_stop_pending"], False)


def the_mode_of_the_queue_is_set():
    empty()
    RM.queue_mode_set(loop=True, ignore_failures=True)
    equal(state()["plan_queue_mode"], {"loop": True, "ignore_failures": True})
    RM.queue_mode_set(mode={"ignore_failures": False})
    RM.item_add_batch([COUNT, BInst("queue_stop")])
    RM.queue_start()
    idle()
    equal(names(RM.queue_get()["items"]), ["count", "queue_stop"])
    RM.queue_mode_set(mode="default")
    equal(state()["plan_queue_mode"], {"loop": False, "ignore_failures": False})
    contains(refused(RM.queue_mode_set, mode={"lop": 1})["msg"], "Failed to set queue mode: ")


def autostart_runs_what_is_added():
    empty()
    RM.queue_autostart(True)
    equal(state()["queue_autostart_enabled"], True)
    RM.item_add(COUNT)
    RM.wait_for_condition(lambda status: status["items_in_history"] == 1, timeout=PLAN_LIMIT_S)
    idle()
    RM.queue_autostart(False)
    equal(state()["queue_autostart_enabled"], False)


def a_failing_plan_tells_why():
    empty()
    RM.script_upload("def failing_plan():\n    yield from []\n    raise RuntimeError('no beam')\n")
    idle()
    RM.item_add(BPlan("failing_plan"))
    RM.queue_start()
    idle()
    result = RM.history_get()["items"][0]["result"]
    equal(result["exit_status"], "failed")
    contains(result["msg"], "no beam")
    contains(result["traceback"], "RuntimeError")
    equal(RM.queue_get()["items"][0]["result"]["exit_status"], "failed")


# ------------------------------------------------------------------------------------ tasks


def scripts_and_functions_return_their_results():
    empty()
    uid = RM.script_upload("def func_for_test(a, b=1):\n    return [a, b]\n")["task_uid"]
    equal(RM.wait_for_completed_task(uid, timeout=PLAN_LIMIT_S), {uid: "completed"})
    idle()
    task = RM.function_execute(BFunc("func_for_test", 5, b=[6]))
    uid = task["task_uid"]
    RM.wait_for_completed_task(uid, timeout=PLAN_LIMIT_S)
    equal(RM.task_status(uid)["status"], "completed")
    reply = RM.task_result(uid)
    equal((reply["status"], reply["task_uid"]), ("completed", uid))
    result = reply["result"]
    equal((result["success"], result["return_value"]), (True, [5, [6]]))
    equal(result["traceback"], "")
    assert result["time_stop"] >= result["time_start"]
    idle()


def several_tasks_are_waited_for_at_once():
    started = [
        RM.function_execute(BFunc("func_for_test", number), run_in_background=True)["task_uid"]
        for number in range(3)
    ]
    done = RM.wait_for_completed_task(started, timeout=PLAN_LIMIT_S)
    equal(set(done.values()), {"completed"})
    while len(done) < len(started):
        waiting = [uid for uid in started if uid not in done]
        done |= RM.wait_for_completed_task(waiting, timeout=PLAN_LIMIT_S)
    equal(set(RM.task_status(started)["status"].values()), {"completed"})
    equal(RM.task_status(["nowhere"])["status"], {"nowhere": "not_found"})
    equal(RM.task_result("nowhere")["status"], "not_found")


def a_script_that_fails_tells_why():
    uid = RM.script_upload("raise ValueError('no such beamline')")["task_uid"]
    RM.wait_for_completed_task(uid, timeout=PLAN_LIMIT_S)
    result = RM.task_result(uid)["result"]
    equal(result["success"], False)
    contains(result["msg"], "no such beamline")
    contains(result["traceback"], "ValueError")
    idle()


def new_plans_of_a_script_reach_the_lists():
    before = RM.status(reload=True)["plans_existing_uid"]
    RM.script_upload("def plan_of_the_walk():\n    yield from []\n", update_lists=False)
    idle()
    assert "plan_of_the_walk" not in RM.plans_allowed()["plans_allowed"]
    uid = RM.environment_update(run_in_background=False)["task_uid"]
    RM.wait_for_completed_task(uid, timeout=PLAN_LIMIT_S)
    idle()
    assert RM.status(reload=True)["plans_existing_uid"] != before
    assert "plan_of_the_walk" in RM.plans_allowed()["plans_allowed"]
    assert "plan_of_the_walk" in RM.plans_existing()["plans_existing"]


def a_task_is_interrupted():
    uid = RM.script_upload("import time\ntime.sleep(100)")["task_uid"]
    RM.wait_for_condition(
        lambda status: status["worker_environment_state"] == "executing_task",
        timeout=PLAN_LIMIT_S,
    )
    contains(refused(RM.kernel_interrupt)["msg"], "Not allowed to interrupt running task")
    RM.kernel_interrupt(interrupt_task=True)
    RM.wait_for_completed_task(uid, timeout=PLAN_LIMIT_S)
    contains(RM.task_result(uid)["result"]["traceback"], "KeyboardInterrupt")
    idle()


def a_plan_is_interrupted():
    empty()
    start_long_plan()
    contains(refused(RM.kernel_interrupt)["msg"], "Not allowed to interrupt running plan")
    RM.kernel_interrupt(interrupt_plan=True)
    RM.wait_for_idle_or_paused(timeout=PLAN_LIMIT_S)
    RM.re_stop()
    idle()


# ------------------------------------------------------------------------------------- lock


def the_lock_keeps_others_out():
    empty()
    info = RM.lock_info()
    equal(info["lock_info"]["environment"], False)
    RM.lock_key = "walker"
    locked = RM.lock(environment=True, queue=True, note="walking")
    equal(locked["lock_info"]["note"], "walking")
    assert locked["lock_info_uid"] != info["lock_info_uid"]
    equal(state()["lock"], {"environment": True, "queue": True})
    contains(refused(RM.item_add, COUNT)["msg"], "Invalid lock key")
    contains(refused(RM.queue_start)["msg"], "Note: walking")
    RM.enable_locked_api = True
    RM.item_add(COUNT)
    RM.queue_clear(lock_key="walker")
    RM.enable_locked_api = False
    equal(RM.lock_info("walker")["success"], True)
    refused(RM.lock_info, "stranger")
    refused(RM.unlock, "stranger")
    RM.unlock()
    RM.lock_environment(note="again")
    equal(state()["lock"], {"environment": True, "queue": False})
    RM.lock_queue("walker")
    equal(RM.lock_info(reload=True)["lock_info"]["queue"], True)
    RM.lock_all()
    equal(RM.unlock("walker")["lock_info"]["user"], None)
    equal(state()["lock"], {"environment": False, "queue": False})


# ----------------------------------------------------------------------------------- others


def a_wait_can_be_cancelled_and_times_out():
    monitor = WaitMonitor()
    monitor.cancel()
    try:
        RM.wait_for_condition(lambda status: False, timeout=PLAN_LIMIT_S, monitor=monitor)
    except RM.WaitCancelError:
        pass
    else:
        raise AssertionError("the wait was not cancelled")
    try:
        RM.wait_for_condition(lambda status: False, timeout=0.5)
    except RM.WaitTimeoutError:
        return
    raise AssertionError("the wait did not time out")


def requests_are_made_at_once():
    if not ASYNC:
        return
    empty()

    async def add_five():
        adds = (RM.target.target.item_add(COUNT) for _ in range(5))
        return await asyncio.gather(*adds)

    replies = RM.target.wait(add_five)
    equal(sorted(reply["qsize"] for reply in replies), [1, 2, 3, 4, 5])
    equal(len(RM.queue_get()["items"]), 5)
    empty()


def unknown_methods_and_parameters_are_refused():
    if HTTP:
        return
    reply = refused(RM.send_request, method="nosuch")
    contains(reply["msg"], "Unknown method 'nosuch'")
    reply = refused(RM.send_request, method="queue_get", params={"foo": 1})
    contains(reply["msg"], "unsupported parameters: 'foo'")
    equal(RM.send_request(method="re_metadata")["success"], True)


def the_console_is_followed():
    console = RM.console_monitor
    console.enable()
    text = ""
    # Nothing tells when a subscription has arrived: the script runs until it is seen.
    while "hello, walker" not in text:
        RM.script_upload("print('hello, ' + 'walker')")
        idle()
        with suppress(RM.RequestTimeoutError):
            while "hello, walker" not in text:
                text += console.next_msg(timeout=1)["msg"]
    RM.item_execute(COUNT)
    idle()
    while "generator count" not in text:
        text += console.next_msg(timeout=PLAN_LIMIT_S)["msg"]
    assert RM.console_monitor.text_uid
    contains(console.text(500), "hello, walker")
    console.disable_wait(timeout=10)


def the_system_information_is_followed():
    info = RM.system_info_monitor
    info.enable()
    reported = info.next_msg(timeout=PLAN_LIMIT_S)["msg"]["status"]
    equal(set(reported), set(RM.status(reload=True)))
    RM.queue_clear()
    uid = RM.status(reload=True)["plan_queue_uid"]
    while reported["plan_queue_uid"] != uid:
        reported = info.next_msg(timeout=PLAN_LIMIT_S)["msg"]["status"]
    info.disable_wait(timeout=10)


def the_environment_is_closed_and_destroyed():
    RM.environment_close()
    idle()
    equal(RM.status()["worker_environment_exists"], False)
    RM.environment_open()
    RM.wait_for_idle(timeout=OPEN_LIMIT_S)
    empty()
    start_long_plan()
    RM.environment_destroy()
    idle()
    equal(state()["worker_environment_exists"], False)
    equal(runs(), ["failed"])
    equal(len(RM.queue_get()["items"]), 1)
    contains(RM.history_get()["items"][0]["result"]["msg"], "environment was destroyed")
    empty()


def nothing_was_left_out():
    equal(RM.unseen(besides=ELSEWHERE), set())
    RM.close()


walk(
    [
        status_of_a_fresh_manager,
        requests_that_need_an_environment_are_refused,
        the_environment_opens,
        lists_of_plans_and_devices_are_kept_until_they_change,
        permissions_are_read_replaced_and_read_from_their_file_again,
        items_are_added_looked_at_and_updated,
        items_are_moved_and_removed,
        batches_are_added_moved_and_removed,
        a_queue_runs_to_its_end,
        an_item_is_executed_at_once,
        a_plan_is_paused_resumed_and_stopped,
        an_aborted_and_a_halted_plan_return_to_the_queue,
        a_deferred_pause_is_taken_at_the_next_checkpoint,
        the_queue_stops_after_the_current_plan,
        the_mode_of_the_queue_is_set,
        autostart_runs_what_is_added,
        a_failing_plan_tells_why,
        scripts_and_functions_return_their_results,
        several_tasks_are_waited_for_at_once,
        a_script_that_fails_tells_why,
        new_plans_of_a_script_reach_the_lists,
        a_task_is_interrupted,
        a_plan_is_interrupted,
        the_lock_keeps_others_out,
        a_wait_can_be_cancelled_and_times_out,
        requests_are_made_at_once,
        unknown_methods_and_parameters_are_refused,
        the_console_is_followed,
        the_system_information_is_followed,
        the_environment_is_closed_and_destroyed,
        nothing_was_left_out,
    ]
)
