"""The form: a plan is chosen, its fields are filled in, and what comes out is seen as Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qs_jupyter.client.estimates import total_in_words
from qs_jupyter.client.hub import Link
from qs_jupyter.client.plan_tools import validate_plan
from qs_jupyter.errors import BadRequest, did_you_mean
from qs_widgets import wording
from qs_widgets.changes import Content
from qs_widgets.form_fields import fields_of
from qs_widgets.form_values import collect, typed_values
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module

if TYPE_CHECKING:
    from qs_widgets.desk import Desk


class PlanForm(Part):
    """Adds plans to the queue and changes those that are in it."""

    _esm = module("plan_form", "inputs")
    caption = "Add plan"
    follows = frozenset({"status", "connection"})

    def __init__(self, desk: Desk) -> None:
        self._opened: dict[str, Any] = {"number": 0}
        # What was typed last, by plan, so that a series is quickly added.
        self._typed: dict[str, Mapping[str, Any]] = {}
        super().__init__(desk)

    def refresh(self) -> None:
        """Read the lists of plans and devices when they have changed."""
        self.desk.lists.refresh()

    def content(self) -> Content:
        """Return the plans to choose from, and the item that is being edited."""
        plans = self.desk.lists.plans
        listed = [[name, _first_line(plan)] for name, plan in sorted(plans.items())]
        connected = self.desk.hub.link is Link.CONNECTED
        return Content({"plans": listed, "connected": connected, "opened": self._opened})

    def open_item(self, item: Mapping[str, Any], uid: str | None) -> None:
        """Show an item in the form; ``uid`` is that of the queue item to change, if any."""
        name = str(item["name"])
        plan = self._plan(name)
        try:
            values = typed_values(plan, fields_of(plan, self.desk.lists.devices), item)
        except TypeError as error:
            raise BadRequest(f"The item does not fit the form of {name!r}: {error}") from error
        meta = dict(item["meta"]) if isinstance(item.get("meta"), Mapping) else {}
        note = str(meta.pop("note", ""))
        self._opened = {
            "number": self._opened["number"] + 1,
            "name": name,
            "values": values,
            "meta": [[key, str(value)] for key, value in meta.items()],
            "note": note,
            "uid": uid,
        }
        self.touch()

    # --------------------------------------------------------------------------- commands

    def do_describe(self, params: Params) -> Done:
        """Return the fields of a plan and what was typed into them last."""
        name = str(params["name"])
        plan = self._plan(name)
        return Done(
            data={
                "name": name,
                "description": str(plan.get("description") or ""),
                "fields": fields_of(plan, self.desk.lists.devices),
                "values": self._typed.get(name) or {},
            }
        )

    def do_preview(self, params: Params) -> Done:
        """Return what was typed as Python, and what is wrong with it."""
        item, errors = self._read(params)
        problem = "" if errors else self._problem(item)
        source = wording.call(item, self.desk.lists.is_name)
        with self.desk.hub.lock:
            seconds = self.desk.hub.mirror.estimates.seconds(item)
        takes = "" if errors else total_in_words(seconds or 0.0, int(seconds is None))
        shown = {"python": source, "errors": errors, "problem": problem, "takes": takes}
        return Done(data=shown)

    def do_validate(self, params: Params) -> Done:
        """Tell whether the plan would be accepted."""
        self._checked(params)
        return Done("This plan is valid")

    def do_add(self, params: Params) -> Done:
        """Add the plan to the queue."""
        item = self._checked(params)
        place = params.get("place") or {"pos": "back"}
        reply = self.desk.ask("queue_item_add", {"item": item, **place})
        self.desk.edits.note(reply)
        self._typed[item["name"]] = params["values"]
        return Done(f"Added {item['name']}: {reply['qsize']} in the queue")

    def do_run_now(self, params: Params) -> Done:
        """Run the plan at once, without the queue."""
        item = self._checked(params)
        self.desk.ask("queue_item_execute", {"item": item})
        self._typed[item["name"]] = params["values"]
        return Done(f"{item['name']} was started")

    def do_save(self, params: Params) -> Done:
        """Change the item that is being edited."""
        item = {**self._checked(params), "item_uid": str(params["uid"])}
        reply = self.desk.ask("queue_item_update", {"item": item})
        self.desk.edits.note(reply)
        self._close()
        return Done(f"Changed {item['name']}")

    def do_cancel(self, _params: Params) -> Done:
        """Leave the item as it is."""
        self._close()
        return Done()

    # ------------------------------------------------------------------------------ parts

    def _close(self) -> None:
        self._opened = {"number": self._opened["number"] + 1}
        self.touch()

    def _plan(self, name: str) -> Mapping[str, Any]:
        plans = self.desk.lists.plans
        if name not in plans:
            raise BadRequest(f"There is no plan {name!r}.{did_you_mean(name, plans)}")
        return dict(plans[name])

    def _read(self, params: Params) -> tuple[dict[str, Any], dict[str, str]]:
        name = str(params["name"])
        typed = collect(fields_of(self._plan(name), self.desk.lists.devices), params["values"])
        item: dict[str, Any] = {"item_type": "plan", "name": name}
        item |= {"args": typed.args, "kwargs": typed.kwargs}
        meta_field = {"name": "meta", "kind": "metadata", "passed": "VAR_KEYWORD", "optional": True}
        meta = collect([meta_field], {"meta": params.get("meta")})
        note = str(params.get("note") or "").strip()
        if meta.kwargs or note:
            item["meta"] = {**meta.kwargs, **({"note": note} if note else {})}
        return item, {**typed.errors, **meta.errors}

    def _problem(self, item: Mapping[str, Any]) -> str:
        lists = self.desk.lists
        is_valid, text = validate_plan(
            item, allowed_plans=lists.plans, allowed_devices=lists.devices
        )
        return "" if is_valid else text

    def _checked(self, params: Params) -> dict[str, Any]:
        item, errors = self._read(params)
        if errors:
            raise BadRequest("; ".join(f"{name}: {text}" for name, text in errors.items()))
        problem = self._problem(item)
        if problem:
            raise BadRequest(problem)
        return item


def _first_line(plan: Mapping[str, Any]) -> str:
    line = str(plan.get("description") or "").strip().partition("\n")[0]
    return wording.shortened(line.replace("``", ""), 120)
