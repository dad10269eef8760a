"""Lines and cells of ``%qserver`` against a manager."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qs_jupyter import qs
from qs_jupyter.magics.failures import MagicFailure, RequestRejected
from qs_jupyter.magics.qserver import loaded
from qs_jupyter.testing.fake_kernel import Ending
from tests.contract.magics.notebook import ManagerThread, Notebook

COUNT = {"item_type": "plan", "name": "count", "args": [["det1", "det2"]]}


def queue(manager: ManagerThread) -> list[str]:
    """Return the names of the queued plans."""
    return [item["name"] for item in manager.call("queue_get")["items"]]


def test_a_plan_is_typed_as_in_python(notebook: Notebook, manager: ManagerThread) -> None:
    reply = notebook.good("%qserver queue add plan count([det1, det2], num=10, delay=1)")
    (item,) = manager.call("queue_get")["items"]
    assert item["args"] == [["det1", "det2"]]
    assert item["kwargs"] == {"num": 10, "delay": 1}
    assert reply["item"]["item_uid"] == item["item_uid"]
    assert item["item_uid"][:8] in repr(reply)
    assert "count([det1, det2], num=10, delay=1) at the back" in repr(reply)


@pytest.mark.parametrize(
    "text",
    [
        """'{"name": "count", "args": [["det1", "det2"]]}'""",
        """{"name": "count", "args": [["det1", "det2"]]}""",
        """{'name': 'count', 'args': [['det1', 'det2']]}""",
        "{'name': 'count', 'args': [[det1, det2]]}",
        "count( [det1,  det2] )",
        "count(['det1', 'det2'])",
        "count(detectors)",
    ],
)
def test_an_item_may_be_json_a_map_or_a_call(
    notebook: Notebook, manager: ManagerThread, text: str
) -> None:
    notebook.good("detectors = ['det1', 'det2']")
    notebook.good(f"%qserver queue add plan front {text}")
    (item,) = manager.call("queue_get")["items"]
    assert {name: item[name] for name in COUNT} == COUNT


def test_a_reply_can_be_assigned_and_used_as_a_map(notebook: Notebook) -> None:
    notebook.good("reply = %qserver status")
    assert notebook.good("reply['manager_state'], dict(reply)['items_in_queue']") == ("idle", 0)


def test_lines_work_in_loops_and_with_variables(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("for n in range(3):\n    %qserver -q queue add plan count([det1], num=n)")
    assert [item["kwargs"]["num"] for item in manager.call("queue_get")["items"]] == [0, 1, 2]
    notebook.good("first = manager_uid = None")
    notebook.good("reply = %qserver queue item get front\nuid = reply['item']['item_uid']")
    notebook.good("%qserver queue item remove $uid")
    notebook.good("where = 'back'\n%qserver queue item move 0 {where}")
    assert [item["kwargs"]["num"] for item in manager.call("queue_get")["items"]] == [2, 1]
    assert "no variable 'nothing'" in notebook.bad("%qserver queue item get $nothing")


def test_braces_in_items_are_left_alone(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("det1 = 5")
    notebook.good("""%qserver queue add plan {"name": "count", "args": [["det1"]], "kwargs": {}}""")
    notebook.good("%qserver queue add plan count([det1], md={'sample': '{det1} $det1'})")
    items = manager.call("queue_get")["items"]
    assert [item["args"] for item in items] == [[["det1"]], [["det1"]]]
    assert items[1]["kwargs"]["md"] == {"sample": "{det1} $det1"}


def test_a_cell_of_python_becomes_one_batch(notebook: Notebook, manager: ManagerThread) -> None:
    cell = """%%qserver -o reply queue add
def measure(x, *, num=1):
    mv(motor, x)
    count([det1, sim_bundle_A.dets.det_A], num=num, md={"name": f"at {x}"})

for x in range(2):
    measure(x, num=N)
queue_stop()
"""
    notebook.good("N = 3")
    notebook.good(cell)
    items = manager.call("queue_get")["items"]
    assert [item["name"] for item in items] == ["mv", "count", "mv", "count", "queue_stop"]
    assert items[3]["args"] == [["det1", "sim_bundle_A.dets.det_A"]]
    assert items[3]["kwargs"] == {"num": 3, "md": {"name": "at 1"}}
    assert notebook.good("len(reply['items'])") == 5
    assert "measure" not in notebook.shell.user_ns


def test_nothing_is_added_when_a_line_of_the_cell_fails(
    notebook: Notebook, manager: ManagerThread
) -> None:
    text = notebook.bad("%%qserver queue add\ncount([det1])\nmv(motr, 1)")
    assert text == "qserver: line 2: unknown name 'motr'; did you mean motor or motor3?"
    assert "line 3: ZeroDivisionError" in notebook.bad("%%qserver queue add\nmv(motor, 1)\n\n1 / 0")
    assert "line 2" in notebook.bad("%%qserver queue add\nmv(motor, 1)\nfor x in")
    assert notebook.bad("%%qserver queue add\nx = 1").endswith("the cell calls no plan")
    assert queue(manager) == []


def test_nothing_is_added_when_the_manager_refuses_one_item(
    notebook: Notebook, manager: ManagerThread
) -> None:
    text = notebook.bad("%%qserver queue add\nmv(motor, 1)\ncount([det1], nm=1)")
    assert "nothing was added; item 2 of 2, count([det1], nm=1)" in text
    assert "'nm'" in text
    assert "Plan: {" not in text
    assert queue(manager) == []


def test_a_cell_adds_at_a_place(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("%qserver queue add plan count([det1])")
    notebook.good("%%qserver queue add front\nmv(motor, 1)\nmv(motor, 2)")
    notebook.good("%%qserver queue add before count\nmvr(motor, 1)")
    assert queue(manager) == ["mv", "mv", "mvr", "count"]


def test_a_cell_adds_a_thousand_plans_as_one_batch(
    notebook: Notebook, manager: ManagerThread
) -> None:
    notebook.good("%%qserver queue add\nfor n in range(1000):\n    count([det1, det2], num=n)")
    assert len(queue(manager)) == 1000
    notebook.good("%qserver queue undo")
    assert queue(manager) == []


def test_short_names_of_items_are_enough(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("%%qserver queue add\ncount([det1])\nmv(motor, 1)\nmvr(motor, 1)\nnull()")
    uid = manager.call("queue_get")["items"][1]["item_uid"]
    assert notebook.good(f"%qserver queue item get {uid[:8]}")["item"]["name"] == "mv"
    notebook.good(f"%qserver queue item move {uid[:8]} after null")
    assert queue(manager) == ["count", "mvr", "null", "mv"]
    notebook.good("%qserver queue item remove 1:-1")
    assert queue(manager) == ["count", "mv"]
    assert "did you mean count" in notebook.bad("%qserver queue item remove coutn")


def test_an_ambiguous_name_lists_the_items(notebook: Notebook) -> None:
    notebook.good("%%qserver queue add\ncount([det1])\ncount([det2])")
    assert "may be any of 2 items" in notebook.bad("%qserver queue item remove count")


def test_items_are_updated_edited_and_duplicated(
    notebook: Notebook, manager: ManagerThread
) -> None:
    notebook.good("%%qserver queue add\ncount([det1], num=1)\nnull()")
    notebook.good("%qserver queue edit count num=5 detectors=[det1, det2]")
    notebook.good("%qserver queue duplicate count")
    notebook.good("%qserver queue update plan null mv(motor, 3)")
    items = manager.call("queue_get")["items"]
    assert [item["name"] for item in items] == ["count", "count", "mv"]
    assert items[1]["args"] == [["det1", "det2"]]
    assert items[1]["kwargs"] == {"num": 5}
    assert items[0]["item_uid"] != items[1]["item_uid"]
    assert "did you mean 'num'" in notebook.bad("%qserver queue edit front nm=5")


def test_the_queue_goes_to_a_file_and_back(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("%%qserver queue add\ncount([det1], num=3)\nqueue_stop()")
    for name in ("queue.json", "queue.yaml"):
        notebook.good(f"%qserver queue save {name}")
        notebook.good("%qserver queue clear")
        assert queue(manager) == []
        notebook.good(f"%qserver queue load {name}")
        assert queue(manager) == ["count", "queue_stop"]
    saved = json.loads(Path("queue.json").read_text())
    assert saved[0] == {
        "item_type": "plan",
        "name": "count",
        "args": [["det1"]],
        "kwargs": {"num": 3},
    }
    Path("plans.csv").write_text("plan,args,num\ncount,['det1'],7\n")
    notebook.good("%qserver queue load plans.csv front")
    assert manager.call("queue_get")["items"][0]["kwargs"] == {"num": 7}
    assert "cannot be read" in notebook.bad("%qserver queue load nowhere.json")


def test_clearing_tells_how_to_undo(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("%qserver queue add plan count([det1])")
    assert "%qserver queue undo" in repr(notebook.good("%qserver queue clear"))
    notebook.good("%qserver queue undo")
    assert queue(manager) == ["count"]
    assert "Made again" in repr(notebook.good("%qserver queue redo"))


def test_undo_takes_back_what_this_notebook_did_and_nobody_elses_work(
    notebook: Notebook, manager: ManagerThread
) -> None:
    assert "no edit of this notebook" in notebook.bad("%qserver queue undo")
    notebook.good("%%qserver queue add\ncount([det1])\nmv(motor, 1)")
    notebook.good("%qserver queue item remove front")
    notebook.good("%qserver queue undo\n%qserver queue undo\n%qserver queue redo")
    assert queue(manager) == ["count", "mv"]
    item = {"item_type": "plan", "name": "null"}
    manager.call("queue_item_add", item=item, user="bob", user_group="primary")
    assert "somebody" in notebook.bad("%qserver queue undo") or queue(manager)[-1] == "null"
    notebook.good("%qserver -y queue undo")
    assert queue(manager) == ["count", "mv"]


def test_a_dry_run_checks_and_sends_nothing(notebook: Notebook, manager: ManagerThread) -> None:
    assert "nothing was sent" in repr(notebook.good("%qserver -n queue add plan count([det1])"))
    assert "'nm'" in notebook.bad("%qserver -n queue add plan count([det1], nm=1)")
    notebook.good("%%qserver --dry-run queue add\ncount([det1])")
    wrong = "count([det1])\ncount([det1], nm=1)\nmv(motor, 1)\ncount([det1], num='x')"
    told = notebook.bad(f"%%qserver -n queue add\n{wrong}")
    assert "2 of 4 items cannot be added; item 2: " in told
    assert "'nm'" in told
    assert queue(manager) == []


def test_a_dry_run_is_possible_without_the_help_of_the_manager(
    notebook: Notebook, manager: ManagerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    magics = loaded(notebook.shell)
    assert magics is not None
    ask = magics.session.request

    def as_of_another_make(method: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if method == "queue_item_check":
            raise RequestRejected(method, {"success": False, "msg": "Unknown method"})
        return ask(method, *args, **kwargs)

    monkeypatch.setattr(magics.session, "request", as_of_another_make)
    notebook.good("%qserver -n queue add plan count([det1])")
    assert "'nm'" in notebook.bad("%qserver -n queue add plan count([det1], nm=1)")


def test_functions_and_scripts_run_in_the_worker(
    notebook: Notebook, manager: ManagerThread
) -> None:
    reply = notebook.good("%%qserver function execute background\nfunction_sleep(2)")
    assert reply["item"]["args"] == [2]
    notebook.good("%qserver function execute function_sleep(1)")
    manager.touch(manager.running.kernel.end_task)
    manager.do(manager.running.idle())
    reply = notebook.good("%%qserver script upload background\nx = {'a': 1}  # $x {x}")
    assert reply["task_uid"] in repr(reply)
    assert "x = {'a': 1}  # $x {x}" in repr(manager.running.kernel.requests[-1])


def test_any_method_can_be_called(notebook: Notebook) -> None:
    notebook.good("%qserver queue add plan count([det1])")
    assert notebook.good("%%qserver call queue_item_get\npos: 0")["item"]["name"] == "count"
    assert notebook.good("""%qserver call queue_item_get {"pos": 0}""")["item"]["name"] == "count"
    assert "did you mean 'queue_get'" in notebook.bad("%%qserver call queue_gett\n{}")


def test_a_cell_may_hold_what_no_python_reads(notebook: Notebook) -> None:
    cell = r"""%%qserver call queue_item_add
item:
  item_type: plan
  name: count
  args: [[det1]]
  meta:
    note: it's (half \ a
user: me
user_group: primary
"""
    assert notebook.good(cell)["item"]["meta"]["note"] == "it's (half \\ a"


def test_permissions_are_set_from_a_cell(notebook: Notebook) -> None:
    notebook.good("reply = %qserver permissions get\nimport yaml")
    notebook.good("text = yaml.safe_dump(dict(reply['user_group_permissions']))")
    notebook.good("get_ipython().run_cell_magic('qserver', 'permissions set', text)")
    assert "not valid YAML" in notebook.bad("%%qserver permissions set\na: [")


def test_a_refusal_fails_the_cell_with_one_red_line(notebook: Notebook) -> None:
    ran = notebook.run("%qserver re resume")
    assert isinstance(ran.error, RequestRejected)
    assert ran.error.reply["success"] is False
    assert ran.output.count("\n") <= 2
    assert "\x1b[31mqserver: " in ran.output
    assert "Traceback" not in ran.output


def test_a_refusal_can_be_shown_instead(notebook: Notebook) -> None:
    notebook.good("%config QServerMagics.on_failure = 'show'")
    ran = notebook.run("reply = %qserver re resume\nprint(reply['success'])")
    assert ran.ok
    assert "qserver: " in ran.output
    assert ran.output.endswith("False\n")


def test_wrong_words_are_explained(notebook: Notebook) -> None:
    assert (
        notebook.bad("%qserver queu get")
        == "qserver: Unknown command 'queu' (did you mean 'queue'?)"
    )
    assert "a command is missing" in notebook.bad("%qserver")
    assert "is not closed" in notebook.bad("%qserver queue add plan count([det1]")
    assert "unknown option '--rwa'" in notebook.bad("%qserver --rwa status")
    assert notebook.bad("%qserver queue add plan count([det1, dett2])") == (
        "qserver: unknown name 'dett2'; did you mean det2 or det?"
    )
    assert "has no part 'setpont'; did you mean setpoint?" in notebook.bad(
        "%qserver queue add plan count([motor.setpont])"
    )
    assert "is a plan" in notebook.bad("%qserver queue add plan count")


def test_no_manager_is_told_at_once_and_with_the_next_step(lone_notebook: Notebook) -> None:
    begun = time.monotonic()
    text = lone_notebook.bad("%qserver -t 60 -a tcp://127.0.0.1:9 status")
    assert "no manager at tcp://127.0.0.1:9" in text
    assert "%qserver launch" in text
    assert time.monotonic() - begun < 20


def test_no_manager_is_told_at_once_of_a_local_socket_too(
    lone_notebook: Notebook, tmp_path: Path
) -> None:
    begun = time.monotonic()
    text = lone_notebook.bad(f"%qserver -t 60 -a ipc://{tmp_path}/c status")
    assert "no manager at ipc://" in text
    assert time.monotonic() - begun < 20


def test_a_silent_listener_is_told_from_no_manager(lone_notebook: Notebook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = lone_notebook.bad(f"%qserver -t 0.2 -a tcp://127.0.0.1:{port} status")
    assert "gave no answer within 0.2 s" in text


def test_user_and_group_are_labels(notebook: Notebook, manager: ManagerThread) -> None:
    notebook.good("%qserver as alice/primary")
    assert "nobody checks it" in repr(notebook.good("%qserver whoami"))
    notebook.good("%qserver queue add plan count([det1])")
    notebook.good("%qserver -u bob queue add plan count([det1])")
    users = [item["user"] for item in manager.call("queue_get")["items"]]
    assert users == ["alice", "bob"]


def test_a_running_plan_is_killed_only_after_a_question(
    notebook: Notebook, manager: ManagerThread
) -> None:
    notebook.good("%qserver queue add plan count([det1])\n%qserver queue start")
    manager.do(manager.running.until(manager_state="executing_queue"))
    answers: list[str] = []
    notebook.shell.user_ns["answers"] = answers
    notebook.good("import builtins\nreal = builtins.input")
    notebook.good("builtins.input = lambda text: answers.append(text) or 'n'")
    try:
        assert "nothing was done" in notebook.bad("%qserver environment destroy")
    finally:
        notebook.good("builtins.input = real")
    assert answers == ["A plan is running. Really destroy the environment? [y/N] "]
    assert manager.call("status")["manager_state"] == "executing_queue"


def test_output_is_silenced_by_a_semicolon_or_an_option(notebook: Notebook) -> None:
    assert notebook.good("%qserver status;") is None
    assert notebook.good("%qserver -q status") is None
    assert notebook.good("%%qserver queue add\ncount([det1]);\n") is None
    ran = notebook.run("%qserver --raw status")
    assert ran.result is None
    assert "MESSAGE" in ran.output
    assert "'manager_state': 'idle'" in ran.output


def test_help_comes_from_the_declarations(notebook: Notebook) -> None:
    text = notebook.good("%qserver help")["text"]
    assert "queue item move" in text
    assert "%%qserver" in text
    assert "before UID" in notebook.good("%qserver help queue add")["text"]
    assert notebook.good("%qserver help count")["text"].startswith("count(detectors, num=1")
    assert "did you mean queue" in notebook.bad("%qserver help queu")
    assert "queue item move" in (notebook.shell.find_line_magic("qserver").__doc__ or "")


def test_python_code_speaks_the_same_commands(notebook: Notebook) -> None:
    notebook.good("from qs_jupyter import qs")
    assert notebook.good("qs('queue get')")["items"] == []
    with pytest.raises(MagicFailure):
        qs("queue nonsense")


def test_unloading_takes_everything_away(notebook: Notebook) -> None:
    notebook.good("%unload_ext qs_jupyter")
    assert notebook.shell.find_line_magic("qserver") is None
    assert not notebook.shell.Completer.custom_matchers
    notebook.load()
    assert notebook.shell.find_line_magic("qserver") is not None


def test_the_panel_belongs_to_the_same_manager_user_and_keys(notebook: Notebook) -> None:
    panel = notebook.good("%qserver -u alice panel status")
    try:
        magics = loaded(notebook.shell)
        assert magics is not None
        assert panel.desk.hub is magics.session.hub
        assert panel.desk.user == "alice"
        assert panel.desk.keys is magics.session.keys
    finally:
        panel.close()


def test_without_the_widgets_the_way_to_a_panel_is_told(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's own way to say that a module cannot be had.
    monkeypatch.setitem(sys.modules, "qs_widgets.panel", None)
    assert "pip install ipywidgets anywidget" in notebook.bad("%qserver panel")


def test_ranges_positions_and_names_stand_for_items(
    notebook: Notebook, manager: ManagerThread
) -> None:
    notebook.good("%%qserver queue add\ncount([det1])\nmv(motor, 1)\nmvr(motor, 1)")
    assert "2 items" in repr(notebook.good("%qserver queue item get 1:"))
    notebook.good("%qserver queue duplicate :2")
    assert queue(manager) == ["count", "mv", "count", "mv", "mvr"]
    notebook.good("%qserver queue duplicate mvr front")
    notebook.good("%qserver queue update plan front null()")
    notebook.good("%qserver queue replace plan -1 mv(motor, 3)")
    assert queue(manager) == ["null", "count", "mv", "count", "mv", "mv"]
    assert "several items; one is expected" in notebook.bad("%qserver queue edit 0:2 num=1")
    assert "no item in the range 9: of 6" in notebook.bad("%qserver queue item remove 9:")


def test_a_stop_of_the_queue_is_an_item_like_others(
    notebook: Notebook, manager: ManagerThread
) -> None:
    notebook.good("%qserver queue add plan queue-stop")
    notebook.good("%qserver queue add plan front queue_stop()")
    notebook.good("%%qserver queue add\nqueue_stop()")
    kinds = [item["item_type"] for item in manager.call("queue_get")["items"]]
    assert kinds == ["instruction"] * 3


def test_several_finished_plans_are_queued_again(
    notebook: Notebook, manager: ManagerThread
) -> None:
    manager.running.kernel.endings.update({"null": Ending(), "count": Ending()})
    notebook.good("%%qserver queue add\nnull()\ncount([det1], num=2)\ncount([det1])")
    notebook.good("%qserver -q queue start\n%qserver -q wait")
    notebook.good("%qserver history rerun -2:")
    assert [item.get("kwargs") for item in manager.call("queue_get")["items"]] == [{"num": 2}, None]
    notebook.good("%qserver history rerun null front")
    assert queue(manager) == ["null", "count", "count"]


def test_a_reply_names_its_item_or_task_in_later_lines(
    notebook: Notebook, manager: ManagerThread
) -> None:
    notebook.good("added = %qserver queue add plan count([det1])\n%qserver queue add plan null()")
    notebook.good("%qserver queue item move $added back")
    assert queue(manager) == ["null", "count"]
    notebook.good("%qserver queue item remove {added['item']['item_uid']}")
    assert queue(manager) == ["null"]
    notebook.good("task = %qserver function execute function_sleep(1) background")
    assert notebook.good("%qserver task status $task")["task_uid"] == notebook.good(
        "task['task_uid']"
    )
    assert "about no item or task" in notebook.bad("s = %qserver status\n%qserver task status $s")


def test_what_would_be_sent_is_shown_and_nothing_else(notebook: Notebook) -> None:
    shown = repr(notebook.good("%qserver -n queue clear"))
    assert shown == "Would call queue_clear; nothing was sent"


def test_a_run_that_nobody_followed_cannot_be_drawn(
    notebook: Notebook, manager: ManagerThread
) -> None:
    manager.running.kernel.endings["null"] = Ending()
    assert "no run of such a plan was followed from here" in notebook.bad("%qserver plot")
    notebook.good("%qserver queue add plan null()\n%qserver queue start\n%qserver wait")
    assert "no run of such a plan was followed" in notebook.bad("%qserver plot null")
    assert "no item has the UID or the name 'nill'; did you mean null?" in notebook.bad(
        "%qserver plot nill"
    )
