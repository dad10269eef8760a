"""The commands that notebooks have and the API has not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from qs_jupyter.api.methods import METHODS
from qs_jupyter.client.mirror import Mirror
from qs_jupyter.errors import did_you_mean
from qs_jupyter.magics import help_texts
from qs_jupyter.magics.display import Badge, Note, View, as_text
from qs_jupyter.magics.failures import MagicFailure, NoAnswer, NoManager
from qs_jupyter.magics.following import follow, latest_lines, monitor
from qs_jupyter.magics.grammar import gathered
from qs_jupyter.magics.launching import launch
from qs_jupyter.magics.performer import Performer
from qs_jupyter.magics.plots import plot
from qs_jupyter.magics.queue_commands import QUEUE_ACTS
from qs_jupyter.magics.session import listens
from qs_jupyter.magics.targets import goal_of, outcome

# How long a new manager may take to read its store and its lists.
SETTLING_S = 10.0
PANEL_IN_TERMINAL = (
    "a panel needs a notebook, and this is a terminal (here: %qserver status, queue get, "
    "history get, monitor, follow, wait or plot; with a panel: jupyter lab)"
)

Params = Mapping[str, Any]
Act = Callable[[Performer, Params], Any]


# ------------------------------------------------------------------------- manager and speaker


def connect(performer: Performer, params: Params) -> Note:
    """Talk to the manager at an address from now on."""
    session = performer.session
    before = session.change(**({"address": params["address"]} if "address" in params else {}))
    try:
        session.request("ping")
    except MagicFailure:
        session.restore(before)
        raise
    return whoami(performer, params)


def disconnect(performer: Performer, _params: Params) -> Note:
    """Stop following."""
    performer.session.close()
    return Note(View("No manager is followed any more"))


def whoami(performer: Performer, _params: Params) -> Note:
    """Show manager, user and key."""
    session = performer.session
    address = session.address
    key = "kept" if session.keys.holds(address) else "none kept"
    facts = {
        "address": address,
        "link": str(session.hub.link),
        "user": session.user,
        "user_group": session.user_group,
    }
    badges = [
        Badge("manager", address, "good" if facts["link"] == "connected" else "plain"),
        Badge("user", session.user),
        Badge("group", session.user_group),
        Badge("lock key", key),
    ]
    return Note(
        View("", badges, texts=["The user is a label on items; nobody checks it."]), **facts
    )


def speak_as(performer: Performer, params: Params) -> Note:
    """Set user and group."""
    user, _, group = params["who"].partition("/")
    given = {name: value for name, value in (("user", user), ("user_group", group)) if value}
    performer.session.change(**given)
    return whoami(performer, params)


def key(performer: Performer, params: Params) -> Note:
    """Ask for a key and keep it, or forget it."""
    session = performer.session
    address = session.address
    if params.get("action") == "forget":
        had = session.keys.forget(address)
        return Note(View("The lock key is forgotten" if had else "No lock key was kept"))
    typed = session.keys.prompt()
    # Refused when the manager is locked with another key.
    session.request("lock_info", key=typed)
    session.keys.keep(address, typed)
    return Note(View("The lock key is kept by this kernel until 'unlock' or 'key forget'"))


# ---------------------------------------------------------------------------- looking, waiting


def panel(performer: Performer, params: Params) -> Any:
    """Open the panel."""
    if not performer.shows_widgets:
        raise MagicFailure(PANEL_IN_TERMINAL)
    try:
        # By name: widgets are an extra, heavy, and stand above this package.
        open_panel = import_module("qs_widgets.panel").open_panel
    except ImportError as error:
        raise MagicFailure(
            f"the panel needs packages that are not installed ({error}): pip install "
            "ipywidgets anywidget"
        ) from error
    session = performer.session
    return open_panel(
        session.hub,
        *gathered(params, "sections"),
        right=bool(params.get("right")),
        read_only=bool(params.get("read_only")),
        user=session.user,
        user_group=session.user_group,
        keys=session.keys,
    )


def follow_console(performer: Performer, params: Params) -> None:
    """Show console output."""
    hub = performer.session.hub
    if "lines" in params:
        sys.stdout.write(latest_lines(performer.session.request, params["lines"]))
        return
    performer.check_that_plans_can_run()
    performer.session.request("ping")
    follow(hub)


def monitor_status(performer: Performer, _params: Params) -> None:
    """Show changes of the status."""
    performer.session.request("ping")
    monitor(performer.session.hub)


def wait_for(performer: Performer, params: Params) -> Any:
    """Wait until something is reached."""
    performer.check_that_plans_can_run()
    session = performer.session
    session.request("ping")
    goal, method = goal_of(session, params)
    result = performer.wait(goal)
    return performer.reply(method, outcome(session, result))


# ------------------------------------------------------------------------------- worker, rest


def attach(performer: Performer, _params: Params) -> Note | None:
    """Attach a console, or tell how."""
    session = performer.session
    config = session.request("config_get")["config"]
    if not config.get("ip_connect_info"):
        raise MagicFailure("the worker kernel does not run: open the environment first")
    words = ["qserver-console", "-a", session.address]
    if performer.is_terminal and sys.stdin.isatty():
        subprocess.run([sys.executable, "-m", "qs_jupyter", *words], check=False)
        return None
    text = f"Type in a terminal (here: a new one of JupyterLab):\n\n    {' '.join(words)}"
    return Note(View("", texts=[text]), command=" ".join(words))


def launch_manager(performer: Performer, params: Params) -> Note:
    """Start a manager unless one answers."""
    session = performer.session
    options = list(params.get("options", ()))
    if not options and listens(session.address):
        session.request("ping")
        return Note(View(f"A manager runs already at {session.address}"), started=False)
    pid, address, log = launch(session.hub.connection, options)
    session.change(address=address)
    session.hub.wait(_has_come_up, SETTLING_S)
    view = View(
        f"Started a manager, process {pid}, at {address}",
        texts=[f"It goes on when the notebook ends. Stop it: %qserver manager stop\nLog: {log}"],
    )
    return Note(view, started=True, pid=pid, address=address, log=str(log))


def _has_come_up(mirror: Mirror) -> bool:
    return bool(mirror.status.get("manager_state", "initializing") != "initializing")


def explain(performer: Performer, params: Params) -> Note:
    """Explain a command or a plan."""
    topic = gathered(params, "topic")
    plans: Params = {}
    if topic and not help_texts.is_command(topic):
        # Without a manager there is still help about commands.
        with suppress(NoManager, NoAnswer):
            plans = performer.session.known_names().plans
    view = help_texts.about(topic, plans)
    return Note(view, text=as_text(view))


def call(performer: Performer, params: Params) -> Any:
    """Call any API method."""
    from qs_jupyter.api.phrase_slots import parse_map  # noqa: PLC0415 - this command only

    method = checked_method(params["method"])
    given = parse_map(params["map"], "MAP") if "map" in params else {}
    return performer.request(method, given)


def checked_method(method: str) -> str:
    """Return the name of an API method.

    Raises
    ------
    MagicFailure
        There is no such method.
    """
    known = METHODS
    if method not in known:
        raise MagicFailure(f"there is no API method {method!r}{did_you_mean(method, known)}")
    return method


ACTS: dict[str, Act] = {
    "connect": connect,
    "disconnect": disconnect,
    "whoami": whoami,
    "speak_as": speak_as,
    "key": key,
    "panel": panel,
    "follow": follow_console,
    "monitor": monitor_status,
    "plot": plot,
    "wait": wait_for,
    **QUEUE_ACTS,
    "attach": attach,
    "launch": launch_manager,
    "help": explain,
    "call": call,
}
