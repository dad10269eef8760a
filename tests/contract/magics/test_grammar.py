"""Each command that the grammar has can be typed, and does what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qs_jupyter.magics.grammar import cell_grammar, documented
from qs_jupyter.testing.fake_kernel import Ending
from tests.contract.magics.notebook import ManagerThread, Notebook

# An example for each phrase; where several lines are needed, the last one is it. An empty one
# is tested elsewhere, because it ends the manager, starts one, or waits for ever.
EXAMPLES = {
    "connect [ADDR]": "%qserver connect",
    "disconnect": "%qserver disconnect",
    "whoami": "%qserver whoami",
    "as USER[/GROUP]": "%qserver as alice/primary",
    "key [prompt | forget]": "%qserver key forget",
    "panel [SECTION …]": "%qserver -q panel status queue --read-only",
    "follow [N lines]": "%qserver follow 3 lines",
    "plot [UID | PLAN_NAME]": "",
    "monitor": "",
    "wait (idle | queue | env | running | paused | item UID | task [UID])": "%qserver wait env",
    "queue duplicate (POS | UID | PLAN_NAME | FIRST:END) [POS | before UID | after UID]": (
        "%qserver queue duplicate 0:2 after mv"
    ),
    "queue edit (POS | UID | PLAN_NAME | FIRST:END) NAME=VALUE …": "%qserver queue edit -1 num=4",
    "queue load FILE [POS | before UID | after UID]": (
        "%qserver queue save q.json\n%qserver queue load q.json 1"
    ),
    "queue save FILE": "%qserver queue save q.yaml",
    "history rerun (N | UID | PLAN_NAME | FIRST:END) [POS | before UID | after UID]": (
        "%qserver history rerun null front"
    ),
    "attach": "%qserver attach",
    "launch [OPTION …]": "%qserver launch",
    "help [COMMAND | PLAN]": "%qserver help queue item",
    "call METHOD [MAP]": "%qserver call queue_item_get {'pos': 0}",
    "environment open": "%qserver environment close\n%qserver wait idle\n%qserver environment open",
    "environment close": "%qserver environment close",
    "environment destroy": "%qserver environment destroy",
    "environment update [background]": "%qserver environment update background",
    "environment report": "%qserver environment report",
    "history get": "%qserver history get",
    "history clear [N | UID]": "%qserver history clear 1",
    "queue item status UID": "%qserver queue item status mv",
    "lock (environment | queue | all) [NOTE]": "%qserver -k k lock queue 'a note'",
    "unlock": "%qserver -k k lock all\n%qserver -k k unlock",
    "lock info": "%qserver lock info",
    "manager stop [safe on | safe off]": "",
    "manager kill test": "",
    "permissions get": "%qserver permissions get",
    "permissions set FILE": "%qserver permissions set permissions.yaml",
    "permissions reload [lists]": "%qserver permissions reload lists",
    "allowed plans": "%qserver allowed plans",
    "allowed devices": "%qserver allowed devices",
    "existing plans": "%qserver existing plans",
    "existing devices": "%qserver existing devices",
    "queue get": "%qserver queue get",
    "queue add plan [POS | before UID | after UID] ITEM": (
        "%qserver queue add plan before mv count([det1], num=10, delay=1)"
    ),
    "queue add instruction [POS | before UID | after UID] queue-stop": (
        "%qserver queue add instruction front queue-stop"
    ),
    "queue add batch [POS | before UID | after UID] FILE": (
        "%qserver queue save q.json\n%qserver queue add batch front q.json"
    ),
    "queue check FILE": "%qserver queue save q.json\n%qserver queue check q.json",
    "queue update plan UID ITEM": "%qserver queue update plan mv mv(motor, 2)",
    "queue update instruction UID queue-stop": "%qserver queue update instruction -2 queue-stop",
    "queue replace plan UID ITEM": "%qserver queue replace plan front count([det2])",
    "queue replace instruction UID queue-stop": "%qserver queue replace instruction mv queue-stop",
    "queue item get [POS | UID | FIRST:END]": "%qserver queue item get 1:3",
    "queue item remove [POS | UID | FIRST:END]": "%qserver queue item remove :2",
    "queue item move (POS | UID | FIRST:END) (POS | before UID | after UID)": (
        "%qserver queue item move -1 before mv"
    ),
    "queue clear": "%qserver queue clear",
    "queue undo": "%qserver queue clear\n%qserver queue undo",
    "queue redo": "%qserver queue clear\n%qserver queue undo\n%qserver queue redo",
    "queue mode set [NAME VALUE]…": "%qserver queue mode set loop True\n"
    "%qserver queue mode set loop False ignore_failures False",
    "queue execute plan ITEM": "%qserver queue execute plan null()",
    "queue execute instruction queue-stop": "%qserver queue execute instruction queue-stop",
    "queue start": "%qserver queue start",
    "start": "%qserver start",
    "queue stop": "%qserver queue start\n%qserver queue stop",
    "queue stop cancel": "%qserver queue stop cancel",
    "queue autostart (enable | disable)": "%qserver queue autostart disable",
    "re pause [deferred | immediate]": "",
    "re resume": "",
    "re stop [now]": "",
    "re abort [now]": "",
    "re halt [now]": "",
    "re runs [active | open | closed]": "%qserver re runs open",
    "re metadata": "%qserver re metadata",
    "ping": "%qserver ping",
    "status": "%qserver status",
    "config": "%qserver config",
    "script upload FILE [background] [update-re] [keep-lists]": (
        "%qserver script upload script.py background update-re keep-lists"
    ),
    "function execute CALL [background]": "%qserver function execute function_sleep(1) background",
    "task status TASK_UID": (
        "t = %qserver function execute function_sleep(1) background\n%qserver task status $t"
    ),
    "task result TASK_UID": (
        "t = %qserver function execute function_sleep(1) background\n"
        "%qserver task result {t['task_uid']}"
    ),
    "kernel interrupt [task] [plan]": "%qserver kernel interrupt task",
}
CELLS = {
    "queue add [POS | before UID | after UID]": "after mv\ncount([det1])",
    "queue add plan [POS | before UID | after UID]": "front\ncount([det1])",
    "script upload [background] [update-re] [keep-lists]": "keep-lists\nx = 1",
    "function execute [background]": "background\nfunction_sleep(1)",
    "permissions set": "\nuser_groups: {root: {allowed_plans: [null]}, primary: {}}",
    "call METHOD": "queue_item_get\npos: front",
}


@pytest.fixture
def busy_beamline(notebook: Notebook, manager: ManagerThread) -> Notebook:
    """A notebook with three plans in the queue, one in the history, and some files."""
    permissions = manager.call("permissions_get")["user_group_permissions"]
    Path("permissions.yaml").write_text(json.dumps(permissions))
    Path("script.py").write_text("x = 1\n")
    manager.running.kernel.endings["null"] = Ending()
    notebook.good("%qserver -q queue add plan null()\n%qserver -q queue start\n%qserver -q wait")
    notebook.good("%%qserver queue add\ncount([det1])\nmv(motor, 1)\ncount([det1], num=3);")
    return notebook


@pytest.fixture(autouse=True)
def tidy(manager: ManagerThread) -> Iterator[None]:
    """Leave no lock and no other permissions to the next test."""
    permissions = manager.call("permissions_get")["user_group_permissions"]
    yield
    manager.call("unlock", lock_key="k")
    manager.call("permissions_set", user_group_permissions=permissions)


def test_each_phrase_has_an_example() -> None:
    assert {phrase.usage for phrase, _ in documented()} == set(EXAMPLES)
    assert {phrase.usage for phrase in cell_grammar().phrases} == set(CELLS)


@pytest.mark.parametrize("usage", [usage for usage, example in EXAMPLES.items() if example])
def test_each_command_can_be_typed(busy_beamline: Notebook, usage: str) -> None:
    for line in EXAMPLES[usage].splitlines():
        busy_beamline.good(line)


@pytest.mark.parametrize("usage", CELLS)
def test_each_cell_command_can_be_typed(busy_beamline: Notebook, usage: str) -> None:
    words = " ".join(word for word in usage.split(" [", 1)[0].split() if word.islower())
    busy_beamline.good(f"%%qserver -o kept {words} {CELLS[usage]}")
    assert busy_beamline.good("kept['success']") is True
