"""The asyncio client API, over 0MQ or through the HTTP server: one visit to each subject."""

from __future__ import annotations

import asyncio
import os
import sys

from bluesky_queueserver_api import BFunc, BPlan
from bluesky_queueserver_api.http import aio as over_http
from bluesky_queueserver_api.zmq import aio as over_zmq
from walking import OPEN_LIMIT_S, PLAN_LIMIT_S, contains, equal

COUNT = BPlan("count", ["det1", "det2"], num=3, delay=0.01)
LONG = BPlan("count", ["det1", "det2"], num=500, delay=0.02)
# The defaults ask once a second, which only makes the walk longer.
PACE = {"status_polling_period": 0.1, "status_expiration_period": 0.05}


def make_api():
    if sys.argv[1] == "zmq":
        return over_zmq.REManagerAPI(**PACE)
    api = over_http.REManagerAPI(http_server_uri=os.environ["SERVER"], **PACE)
    api.set_authorization_key(api_key=os.environ["API_KEY"])
    return api


async def console_text(api, part):
    """Read the console until a text appears."""
    text = ""
    while part not in text:
        text += (await api.console_monitor.next_msg(timeout=PLAN_LIMIT_S))["msg"]
    return text


async def environment_and_lists(api):
    equal((await api.status())["worker_environment_exists"], False)
    await api.environment_open()
    await api.wait_for_idle(timeout=OPEN_LIMIT_S)
    equal((await api.status())["worker_environment_exists"], True)
    assert "count" in (await api.plans_allowed())["plans_allowed"]
    assert "det1" in (await api.devices_allowed())["devices_allowed"]
    assert (await api.config_get())["config"]["ip_connect_info"]


async def queue_and_history(api):
    await api.queue_clear()
    await api.history_clear()
    replies = await asyncio.gather(*(api.item_add(COUNT) for _ in range(5)))
    equal(sorted(reply["qsize"] for reply in replies), [1, 2, 3, 4, 5])
    await api.item_move(pos=0, pos_dest="back")
    await api.item_remove_batch(uids=[reply["item"]["item_uid"] for reply in replies[:3]])
    await api.queue_start()
    await api.wait_for_idle(timeout=PLAN_LIMIT_S)
    history = (await api.history_get())["items"]
    equal([item["result"]["exit_status"] for item in history], ["completed"] * 2)


async def control_of_a_plan(api):
    before = (await api.status(reload=True))["run_list_uid"]
    await api.item_execute(LONG)
    await api.wait_for_condition(
        lambda status: status["re_state"] == "running" and status["run_list_uid"] != before,
        timeout=PLAN_LIMIT_S,
    )
    await api.re_pause(option="immediate")
    await api.wait_for_idle_or_paused(timeout=PLAN_LIMIT_S)
    equal((await api.re_runs("open"))["run_list"][0]["is_open"], True)
    await api.re_abort()
    await api.wait_for_idle(timeout=PLAN_LIMIT_S)
    equal((await api.history_get())["items"][-1]["result"]["exit_status"], "aborted")


async def tasks(api):
    reply = await api.script_upload("def func_for_test(a):\n    return a * 2\n")
    await api.wait_for_completed_task(reply["task_uid"], timeout=PLAN_LIMIT_S)
    await api.wait_for_idle(timeout=PLAN_LIMIT_S)
    reply = await api.function_execute(BFunc("func_for_test", 21))
    await api.wait_for_completed_task(reply["task_uid"], timeout=PLAN_LIMIT_S)
    equal((await api.task_result(reply["task_uid"]))["result"]["return_value"], 42)
    await api.wait_for_idle(timeout=PLAN_LIMIT_S)


async def lock(api):
    api.lock_key = "walker"
    await api.lock_all(note="asynchronous")
    try:
        await api.queue_start()
    except api.RequestFailedError as error:
        contains(str(error), "Invalid lock key")
    else:
        raise AssertionError("the lock is open")
    await api.unlock()
    equal((await api.lock_info())["lock_info"]["queue"], False)


async def streams(api):
    api.console_monitor.enable()
    api.system_info_monitor.enable()
    status = (await api.system_info_monitor.next_msg(timeout=PLAN_LIMIT_S))["msg"]["status"]
    contains(status["msg"], "RE Manager")
    await api.script_upload("print('hello, ' + 'async walker')")
    await console_text(api, "hello, async walker")
    await api.wait_for_idle(timeout=PLAN_LIMIT_S)
    contains(await api.console_monitor.text(100), "hello, async walker")
    await api.console_monitor.disable_wait(timeout=10)
    await api.system_info_monitor.disable_wait(timeout=10)


async def end(api):
    await api.environment_close()
    await api.wait_for_idle(timeout=PLAN_LIMIT_S)
    equal((await api.status())["worker_environment_exists"], False)


async def main():
    api = make_api()
    for step in (
        environment_and_lists,
        queue_and_history,
        control_of_a_plan,
        tasks,
        lock,
        streams,
        end,
    ):
        await step(api)
        print(f"passed: {step.__name__}")
    await api.close()


asyncio.run(main())
