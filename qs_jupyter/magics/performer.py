"""Sends the requests of one typed line, and turns the replies into what is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrase_slots import PhraseError, parse_map
from qs_jupyter.client import replies
from qs_jupyter.client.estimates import total_in_words
from qs_jupyter.magics import asking, waiting
from qs_jupyter.magics.bars import Bar
from qs_jupyter.magics.display import SHOWN_ROWS, Badge, Look, Note, Reply, View
from qs_jupyter.magics.document_watch import watch_documents
from qs_jupyter.magics.failures import MagicFailure, RequestRejected, WaitEnded
from qs_jupyter.magics.grammar import TEXT
from qs_jupyter.magics.keys import LockKey
from qs_jupyter.magics.options import Options
from qs_jupyter.magics.plain import call_text
from qs_jupyter.magics.python_items import (
    KnownNames,
    function_of_text,
    item_of_text,
    value_of_text,
)
from qs_jupyter.magics.selection import resolved
from qs_jupyter.magics.session import Session
from qs_jupyter.magics.views import reply_of
from qs_jupyter.magics.wording import count

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a line meets where it is typed: people to ask, and a place to show things."""

    ask: Callable[[str], str]
    make_bar: Callable[[], Bar]
    is_terminal: bool = True
    shows_widgets: bool = True
    is_worker: bool = False
    confirms: bool = True
    shown_rows: int = SHOWN_ROWS


class Performer:
    """What the commands of one line work with: the session, the options, the place it is typed."""

    def __init__(self, session: Session, options: Options, surroundings: Surroundings) -> None:
        self.session = session
        self.options = options
        self._surroundings = surroundings

    @property
    def is_terminal(self) -> bool:
        """Whether output goes to a terminal and not to a notebook."""
        return self._surroundings.is_terminal

    @property
    def shows_widgets(self) -> bool:
        """Whether a panel could be shown."""
        return self._surroundings.shows_widgets

    def check_that_plans_can_run(self) -> None:
        """Refuse to keep the cell busy where plans need the very thread that it runs in."""
        if self._surroundings.is_worker:
            raise MagicFailure(
                "this console belongs to the worker, and no plan can run while a cell waits for it "
                "(wait in another notebook, or in a terminal: qserver monitor)"
            )

    def new_bar(self) -> Bar:
        """Return a progress bar as fits the place."""
        return self._surroundings.make_bar()

    # ------------------------------------------------------------------------------ requests

    def request(self, method: str, params: Params) -> Reply:
        """Send a request; short names in it are looked up before, and what kills is asked."""
        method, ready = resolved(method, params, self.session.request)
        if self.options.dry_run:
            return self._shown_only(method, ready)
        if not self.options.yes and self._surroundings.confirms:
            asked = asking.question(method, ready, lambda: self.session.request("status"))
            if asked is not None:
                asking.confirm(asked, self._surroundings.ask)
        reply = self._send(method, ready)
        facts = {"place": _place(ready), "hint": asking.way_back(method), "params": ready}
        return self.reply(method, reply, **facts)

    def add_items(self, items: Sequence[Params], place: Params) -> Reply:
        """Add several items as one batch: all of them or none."""
        if not items:
            raise MagicFailure("there is no plan to add")
        try:
            return self.request("queue_item_add_batch", {"items": list(items), **place})
        except RequestRejected as error:
            raise _explained(error, items, self.session.names.peek().all_names) from None

    def reply(self, method: str, reply: Params, **facts: Any) -> Reply:
        """Return a reply in the form in which it is shown."""
        if method == "queue_item_get" and "item" not in reply:
            reply = {"success": True, "msg": "", "item": dict(reply)}
        declared = METHODS.get(method)
        facts["starts"] = declared is not None and declared.starts
        with self.session.mirror_at_hand() as mirror:
            names = self.session.names.peek().all_names
            look = Look(self._surroundings.shown_rows, names, mirror, time.time())
            return reply_of(method, reply, look, **facts)

    def wait(self, goal: waiting.Goal) -> Params:
        """Wait for a goal; Ctrl-C ends only the wait."""
        try:
            return waiting.wait(self.session.hub, goal, self._surroundings.make_bar)
        except KeyboardInterrupt:
            raise WaitEnded from None

    def _send(self, method: str, params: Params) -> dict[str, Any]:
        session = self.session
        address = session.address
        key = LockKey(self.options.lock_key) if self.options.lock_key else None
        if method not in ("lock", "unlock"):
            expected = {} if self.options.yes else session.edits.expected(method)
            if method in _BEGIN_PLANS:
                session.mark_history()
                watch_documents(session)
            reply = session.request(method, {**expected, **params}, key=key)
            if method not in _READINGS:
                session.edits.note(method, reply)
            if method in _BEGIN_TASKS:
                session.last_task = str(reply["task_uid"])
            return reply
        key = key or session.keys.find(address) or session.keys.prompt()
        reply = session.request(method, params, key=key)
        if method == "lock":
            session.keys.keep(address, key)
            if params.get("note") and params["note"] not in session.notes:
                session.notes.append(params["note"])
        else:
            session.keys.forget(address)
        return reply

    def _shown_only(self, method: str, params: Params) -> Note:
        items = params.get("items") or ([params["item"]] if "item" in params else [])
        takes_plans = bool(items) and method in _TAKES_PLANS
        if takes_plans:
            self._validate(items)
        shown = {name: value for name, value in params.items() if name not in ("item", "items")}
        badges = [Badge(name, str(value)) for name, value in shown.items()]
        with self.session.mirror_at_hand() as mirror:
            if takes_plans:
                time_words = total_in_words(*mirror.estimates.queue_seconds(items))
                badges.append(Badge("would take", time_words))
        names = self.session.names.peek().all_names
        texts = ["\n".join(call_text(item, names) for item in items)] if items else []
        view = View(f"Would call {method}; nothing was sent", badges, texts=texts)
        return Note(view, method=method, params=dict(params))

    def _validate(self, items: Sequence[Params]) -> None:
        try:
            results = self.session.request("queue_item_check", {"items": list(items)})["results"]
        except RequestRejected:
            # A manager of another make, which checks only what is added.
            self._validate_here(items)
            return
        failed = [at for at, result in enumerate(results) if not result.get("success")]
        if failed:
            first = failed[0]
            number = f"{len(failed)} of {count(len(items), 'item')} cannot be added; "
            place = f"{number}item {first + 1}: " if len(items) > 1 else ""
            raise MagicFailure(f"{place}{results[first].get('msg')}")

    def _validate_here(self, items: Sequence[Params]) -> None:
        from qs_jupyter.client.plan_tools import validate_plan  # noqa: PLC0415 - brings pydantic

        known = self.session.known_names()
        for item in items:
            if item.get("item_type") != "plan":
                continue
            is_valid, why = validate_plan(
                item, allowed_plans=known.plans, allowed_devices=known.devices
            )
            if not is_valid:
                raise MagicFailure(why)

    # --------------------------------------------------------------------------------- items

    def value(self, text: str, known: KnownNames) -> Any:
        """Return the value of an argument."""
        return value_of_text(text, known)

    def with_item(self, params: Params) -> Params:
        """Return the parameters with the item that a text in them stands for."""
        item = params.get("item")
        if not isinstance(item, Mapping) or TEXT not in item:
            return params
        rest = {name: value for name, value in item.items() if name not in (TEXT, "item_type")}
        return {**params, "item": {**self.item(item[TEXT], item["item_type"]), **rest}}

    def item(self, text: str, item_type: str) -> dict[str, Any]:
        """Return the plan or function that a text stands for."""
        if text.startswith("{"):
            try:
                return {**parse_map(text, "ITEM"), "item_type": item_type}
            except PhraseError:
                # Perhaps names stand in the map, as in ``{"name": "count", "args": [[det1]]}``.
                pass
        read = item_of_text if item_type == "plan" else function_of_text
        return read(text, self.session.known_names())

    def shown(self, result: Any) -> Any:
        """Return what the cell shows of a result, as the options want it."""
        if self.options.raw and isinstance(result, Reply) and result.method:
            text = replies.message(result.method, result, datetime.now().astimezone())
            sys.stdout.write(f"{text}\n")
            return None
        return None if self.options.quiet else result


_READINGS = ("queue_get", "status", "ping")
_BEGIN_PLANS = ("queue_start", "queue_item_execute", "queue_autostart")
_BEGIN_TASKS = ("function_execute", "script_upload", "environment_update")
_TAKES_PLANS = (
    "queue_item_add",
    "queue_item_add_batch",
    "queue_item_update",
    "queue_item_execute",
)


def _place(params: Params) -> str:
    for name, words in (("before_uid", "before"), ("after_uid", "behind")):
        if params.get(name):
            return f"{words} {str(params[name])[:8]}"
    pos = params.get("pos")
    if pos is None or pos == "back":
        return "at the back"
    return "at the front" if pos == "front" else f"at position {pos}"


def _explained(error: RequestRejected, items: Sequence[Params], names: Set[str]) -> RequestRejected:
    """Return the refusal of a batch, with the first item that was refused and the reason."""
    results: Any = error.reply.get("results") or []
    for index, (item, result) in enumerate(zip(items, results, strict=False)):
        if not result.get("success", True):
            number = f"item {index + 1} of {len(items)}"
            text = f"nothing was added; {number}, {call_text(item, names)}: {result.get('msg')}"
            return RequestRejected(error.method, error.reply, text)
    return error
