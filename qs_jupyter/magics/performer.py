"""Carries out one typed line: from words to requests, and from replies to what is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qs_jupyter.api import table
from qs_jupyter.api.phrase_slots import PhraseError, Speaker, parse_map
from qs_jupyter.client import replies
from qs_jupyter.client.item_files import read_items
from qs_jupyter.magics import asking, waiting
from qs_jupyter.magics.bars import Bar
from qs_jupyter.magics.commands import ACTS
from qs_jupyter.magics.display import SHOWN_ROWS, Badge, Look, Note, Reply, View
from qs_jupyter.magics.failures import MagicFailure, RequestRejected, WaitEnded
from qs_jupyter.magics.grammar import TEXT, line_grammar
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

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a line meets where it is typed: people to ask, and a place to show things."""

    ask: Callable[[str], str]
    make_bar: Callable[[], Bar]
    is_terminal: bool = True
    confirms: bool = True
    shown_rows: int = SHOWN_ROWS


class Performer:
    """Carries out one line in a session."""

    def __init__(self, session: Session, options: Options, surroundings: Surroundings) -> None:
        self.session = session
        self.options = options
        self._surroundings = surroundings

    @property
    def is_terminal(self) -> bool:
        """Whether output goes to a terminal and not to a notebook."""
        return self._surroundings.is_terminal

    def line(self, words: Sequence[str]) -> Any:
        """Carry out the words of a line and return what it shows."""
        if not words:
            raise PhraseError("a command is missing; %qserver help lists all")
        if words[0] == "launch":
            return ACTS["launch"](self, {"options": words[1:]})
        session = self.session
        speaker = Speaker(
            session.user, session.user_group, read_file=_read_file, read_items=read_items
        )
        command = line_grammar().read(words, speaker)
        act = ACTS.get(command.method)
        if act is not None:
            return act(self, {**command.params, "right": self.options.right})
        return self.request(command.method, self._with_item(command.params))

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
        return self.reply(method, reply, place=_place(ready), hint=asking.way_back(method))

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
        names = self.session.names.peek().all_names
        look = Look(self._surroundings.shown_rows, names)
        declared = table.load().get(method)
        starts = declared is not None and declared.starts
        return reply_of(method, reply, look, starts=starts, **facts)

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
            reply = session.request(method, {**expected, **params}, key=key)
            if method not in _READINGS:
                session.edits.note(method, reply)
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
        if items and method in _TAKES_PLANS:
            self._validate(items)
        texts = [call_text(item, self.session.names.peek().all_names) for item in items]
        shown = {name: value for name, value in params.items() if name not in ("item", "items")}
        badges = [Badge(name, str(value)) for name, value in shown.items()]
        view = View(f"Would call {method}; nothing was sent", badges, texts=["\n".join(texts)])
        return Note(view, method=method, params=dict(params))

    def _validate(self, items: Sequence[Params]) -> None:
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

    def _with_item(self, params: Params) -> Params:
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
_TAKES_PLANS = (
    "queue_item_add",
    "queue_item_add_batch",
    "queue_item_update",
    "queue_item_execute",
)


def _read_file(name: str) -> str:
    from pathlib import Path  # noqa: PLC0415 - few commands read files

    return Path(name).expanduser().read_text()


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
