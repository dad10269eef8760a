"""The endpoints of the HTTP server itself: requests, streams, sockets, a spreadsheet."""

from __future__ import annotations

import io
import json
import os

import httpx
import openpyxl
from walking import OPEN_LIMIT_S, PLAN_LIMIT_S, contains, equal, walk
from websockets.sync.client import connect

SERVER = os.environ["SERVER"]
HEADERS = {"Authorization": f"ApiKey {os.environ['API_KEY']}"}
http = httpx.Client(base_url=f"{SERVER}/api", headers=HEADERS, timeout=PLAN_LIMIT_S)
ITEM = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 2}}
LONG = {**ITEM, "kwargs": {"num": 500, "delay": 0.02}}
# Paths that were asked for; those beside them end the manager, or never reach it.
SEEN = {"/queue/upload/spreadsheet", "/stream_console_output"}
BESIDES = {"/", "/manager/stop", "/test/manager/kill", "/test/server/sleep"}


def ask(how, path, **parameters):
    """The reply of an endpoint to a request in JSON."""
    SEEN.add(path)
    response = http.request(how, path, json=parameters)
    equal(response.status_code, 200)
    return response.json()


def status_socket():
    """A socket that tells every new status."""
    uri = SERVER.replace("http", "ws", 1) + "/api/status/ws"
    return connect(uri, additional_headers=HEADERS, open_timeout=PLAN_LIMIT_S)


def wait_for(socket, condition, limit_s=PLAN_LIMIT_S):
    """Read a status socket until a condition holds."""
    while True:
        status = json.loads(socket.recv(timeout=limit_s))["msg"]["status"]
        if condition(status):
            return status


def is_idle(status):
    return status["manager_state"] == "idle"


def wait_until_idle(socket):
    """Wait until nothing runs any more; what the socket brings may be from before a request."""
    asked = ask("GET", "/status", reload=True)
    if not is_idle(asked):
        wait_for(socket, lambda s: s["time"] >= asked["time"] and is_idle(s))


def requests_without_a_key_are_turned_away():
    equal(httpx.get(f"{SERVER}/api/status").status_code, 401)


def status_and_configuration():
    contains(ask("GET", "/status", reload=True)["msg"], "RE Manager")
    contains(ask("GET", "/ping")["msg"], "RE Manager")
    equal(ask("GET", "/config/get")["config"]["ip_connect_info"], {})


def the_environment_opens():
    with status_socket() as socket:
        equal(ask("POST", "/environment/open")["success"], True)
        wait_for(socket, lambda s: s["worker_environment_exists"] and is_idle(s), OPEN_LIMIT_S)


def lists_are_given_whole_and_reduced():
    plans = ask("GET", "/plans/allowed")["plans_allowed"]
    reduced = ask("GET", "/plans/allowed", reduced=True)["plans_allowed"]
    equal(set(reduced), set(plans))
    equal(set(ask("GET", "/plans/existing", reduced=True)["plans_existing"]) >= set(plans), True)
    assert "det1" in ask("GET", "/devices/allowed")["devices_allowed"]
    assert "det1" in ask("GET", "/devices/existing")["devices_existing"]


def a_queue_is_filled_and_run():
    ask("POST", "/queue/clear")
    ask("POST", "/history/clear")
    added = ask("POST", "/queue/item/add", item=ITEM)
    equal((added["success"], added["qsize"]), (True, 1))
    equal(ask("GET", "/queue/item/get", pos=0)["item"], added["item"])
    equal(ask("POST", "/queue/item/add", item={"item_type": "plan"})["success"], False)
    equal(ask("POST", "/queue/item/add")["success"], False)
    with status_socket() as socket:
        equal(ask("POST", "/queue/start")["success"], True)
        wait_for(socket, lambda s: s["items_in_history"] == 1 and is_idle(s))
    equal(ask("GET", "/history/get")["items"][0]["result"]["exit_status"], "completed")
    equal(ask("GET", "/queue/get")["items"], [])
    for kind in ("active", "open", "closed"):
        equal(ask("GET", f"/re/runs/{kind}")["success"], True)


def do(how, path, **parameters):
    """The reply to a request that must succeed."""
    reply = ask(how, path, **parameters)
    equal((reply["success"], reply["msg"]), (True, ""))
    return reply


def uids(reply):
    return [item["item_uid"] for item in reply["items"]]


def items_are_edited():
    do("POST", "/queue/clear")
    a, b, c, d = uids(do("POST", "/queue/item/add/batch", items=[ITEM] * 4))
    do("POST", "/queue/item/move", uid=a, after_uid=b)
    do("POST", "/queue/item/move/batch", uids=[d, c], pos_dest="front")
    equal(uids(ask("GET", "/queue/get")), [d, c, b, a])
    changed = {**ask("GET", "/queue/item/get", uid=b)["item"], "kwargs": {"num": 7}}
    updated = do("POST", "/queue/item/update", item=changed)["item"]
    equal((updated["item_uid"], updated["kwargs"]), (b, {"num": 7}))
    do("POST", "/queue/item/remove", pos="front")
    do("POST", "/queue/item/remove/batch", uids=[c, a])
    equal(uids(ask("GET", "/queue/get")), [b])
    do("POST", "/queue/mode/set", mode={"loop": True})
    equal(
        ask("GET", "/status", reload=True)["plan_queue_mode"],
        {"loop": True, "ignore_failures": False},
    )
    do("POST", "/queue/mode/set", mode="default")
    do("POST", "/queue/clear")


def pause(socket):
    wait_for(socket, lambda s: s["re_state"] == "running")
    do("POST", "/re/pause", option="immediate")
    wait_for(socket, lambda s: s["manager_state"] == "paused")


def a_plan_is_controlled():
    do("POST", "/queue/clear")
    do("POST", "/history/clear")
    with status_socket() as socket:
        for path, outcome in (("stop", "stopped"), ("abort", "aborted"), ("halt", "halted")):
            done = ask("GET", "/status", reload=True)["items_in_history"]
            do("POST", "/queue/item/execute", item=LONG)
            pause(socket)
            do("POST", "/re/resume")
            pause(socket)
            do("POST", f"/re/{path}")
            wait_for(socket, lambda s, n=done + 1: s["items_in_history"] == n and is_idle(s))
            last = ask("GET", "/history/get")["items"][-1]
            equal(last["result"]["exit_status"], outcome)
        do("POST", "/queue/item/add", item=LONG)
        do("POST", "/queue/start")
        wait_for(socket, lambda s: s["re_state"] == "running")
        equal(do("POST", "/re/runs", option="closed")["run_list"], [])
        do("POST", "/queue/stop")
        do("POST", "/queue/stop/cancel")
        do("POST", "/kernel/interrupt", interrupt_plan=True)
        wait_for(socket, lambda s: s["manager_state"] == "paused")
        do("POST", "/re/stop")
        wait_for(socket, is_idle)
        done = ask("GET", "/status", reload=True)["items_in_history"]
        do("POST", "/queue/autostart", enable=True)
        do("POST", "/queue/item/add", item=ITEM)
        wait_for(socket, lambda s: s["items_in_history"] == done + 1 and is_idle(s))
        do("POST", "/queue/autostart", enable=False)


def a_function_is_called_and_the_environment_updated():
    with status_socket() as socket:
        do("POST", "/script/upload", script="def func_for_test(a):\n    return 2 * a\n")
        wait_until_idle(socket)
        function = {"item_type": "function", "name": "func_for_test", "args": [21]}
        uid = do("POST", "/function/execute", item=function)["task_uid"]
        wait_for(socket, lambda _: ask("GET", "/task/status", task_uid=uid)["status"] != "running")
        equal(ask("GET", "/task/result", task_uid=uid)["result"]["return_value"], 42)
        wait_until_idle(socket)
        do("POST", "/environment/update")
        wait_until_idle(socket)


def a_spreadsheet_becomes_plans():
    book = openpyxl.Workbook()
    header = ["plan_name", "args", "num", "delay"]
    for row in (header, ["'count'", "['det1']", 2], ["'count'", "['det1', 'det2']", 3, 0.5]):
        book.active.append(row)
    sheet = io.BytesIO()
    book.save(sheet)
    files = {"spreadsheet": ("plans.xlsx", sheet.getvalue())}
    reply = http.post("/queue/upload/spreadsheet", files=files).json()
    equal((reply["success"], reply["msg"]), (True, ""))
    equal([item["kwargs"]["num"] for item in reply["items"]], [2, 3])
    equal(ask("GET", "/queue/get")["items"], reply["items"])
    ask("POST", "/queue/clear")


def a_task_gives_its_result():
    with status_socket() as socket:
        task = ask("POST", "/script/upload", script="print('hello, ' + 'streams')")
        equal(task["success"], True)
        uid = task["task_uid"]
        wait_for(socket, lambda _: ask("GET", "/task/status", task_uid=uid)["status"] != "running")
        equal(ask("GET", "/task/result", task_uid=uid)["result"]["success"], True)
        wait_until_idle(socket)


def the_console_is_kept():
    contains(ask("GET", "/console_output", nlines=1000)["text"], "hello, streams")
    assert ask("GET", "/console_output/uid")["console_output_uid"]
    messages = ask("GET", "/console_output_update", last_msg_uid="ALL")["console_output_msgs"]
    contains("".join(message["msg"] for message in messages), "hello, streams")


def the_console_is_streamed():
    with http.stream("GET", "/stream_console_output") as response:
        do("POST", "/script/upload", script="print('hello, ' + 'listeners')")
        text = ""
        for part in response.iter_text():
            text += part
            if "hello, listeners" in text:
                break


def the_console_and_the_information_have_sockets():
    uri = SERVER.replace("http", "ws", 1)
    with connect(f"{uri}/api/console_output/ws", additional_headers=HEADERS) as console:
        with connect(f"{uri}/api/info/ws", additional_headers=HEADERS) as info:
            status = json.loads(info.recv(timeout=PLAN_LIMIT_S))["msg"]["status"]
            equal(set(status), set(ask("GET", "/status", reload=True)))
            wait_until_idle(info)
            do("POST", "/script/upload", script="print('hello, ' + 'sockets')")
        text = ""
        while "hello, sockets" not in text:
            text += json.loads(console.recv(timeout=PLAN_LIMIT_S))["msg"]


def the_lock_and_permissions():
    with status_socket() as socket:
        wait_until_idle(socket)
    equal(ask("POST", "/lock", lock_key="k", queue=True)["success"], True)
    contains(ask("POST", "/queue/clear")["msg"], "Invalid lock key")
    equal(ask("GET", "/lock/info")["lock_info"]["queue"], True)
    equal(ask("POST", "/unlock", lock_key="k")["success"], True)
    permissions = ask("GET", "/permissions/get")["user_group_permissions"]
    equal(ask("POST", "/permissions/set", user_group_permissions=permissions)["success"], True)
    equal(ask("POST", "/permissions/reload")["success"], True)


def the_environment_is_closed():
    with status_socket() as socket:
        equal(ask("POST", "/environment/destroy")["success"], True)
        wait_for(socket, lambda s: not s["worker_environment_exists"] and is_idle(s))
        equal(ask("POST", "/environment/open")["success"], True)
        wait_for(socket, lambda s: s["worker_environment_exists"] and is_idle(s), OPEN_LIMIT_S)
        equal(ask("POST", "/environment/close")["success"], True)
        wait_for(socket, lambda s: not s["worker_environment_exists"] and is_idle(s))


def nothing_was_left_out():
    described = httpx.get(f"{SERVER}/openapi.json", headers=HEADERS).json()["paths"]
    paths = {path.removeprefix("/api") for path in described if path.startswith("/api")}
    unseen = {path for path in paths - SEEN - BESIDES if not path.startswith("/auth")}
    equal(unseen, set())


walk(
    [
        requests_without_a_key_are_turned_away,
        status_and_configuration,
        the_environment_opens,
        lists_are_given_whole_and_reduced,
        a_queue_is_filled_and_run,
        items_are_edited,
        a_plan_is_controlled,
        a_function_is_called_and_the_environment_updated,
        a_spreadsheet_becomes_plans,
        a_task_gives_its_result,
        the_console_is_kept,
        the_console_is_streamed,
        the_console_and_the_information_have_sockets,
        the_lock_and_permissions,
        the_environment_is_closed,
        nothing_was_left_out,
    ]
)
