"""Permissions: edit them as YAML, and see before saving what they let each group do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from qs_jupyter.client.hub import Link
from qs_jupyter.errors import BadRequest
from qs_jupyter.model.catalogue import Catalogue
from qs_jupyter.model.permissions import Permissions as Rules
from qs_widgets.changes import Content
from qs_widgets.part import Done, Params, Part
from qs_widgets.sources import module

if TYPE_CHECKING:
    from qs_widgets.desk import Desk

SHOWN_NAMES = 400


class Permissions(Part):
    """Shows the permissions in force and replaces them."""

    _esm = module("permissions")
    caption = "Permissions"
    looks = frozenset({"preview"})
    follows = frozenset({"status", "connection"})
    methods = frozenset({"permissions_reload"})

    def __init__(self, desk: Desk) -> None:
        self._text = ""
        self._data: dict[str, Any] = {}
        self._uids: Any = None
        self._existing: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
        super().__init__(desk)

    def refresh(self) -> None:
        """Read the permissions when the lists that follow from them have changed."""
        names = ("plans_allowed_uid", "devices_allowed_uid")
        with self.desk.hub.lock:
            status = self.desk.hub.mirror.status
            uids = tuple(status.get(name) for name in names)
        if None in uids or uids == self._uids:
            return
        self._data = self.desk.ask("permissions_get")["user_group_permissions"]
        self._text = as_yaml(self._data)
        self._existing = None
        self._uids = uids

    def content(self) -> Content:
        """Return the permissions in force."""
        connected = self.desk.hub.link is Link.CONNECTED
        return Content({"connected": connected, "text": self._text})

    def do_preview(self, params: Params) -> Done:
        """Return what permissions would allow, compared with those in force."""
        text = str(params["text"])
        rules = Rules.parse(read(text))
        plans, devices = self._lists()
        now = Catalogue(plans, devices, Rules.parse(self._data))
        new = Catalogue(plans, devices, rules)
        groups = [group_preview(name, new, now) for name in rules.groups if name != "root"]
        found = {"groups": groups, "difference": difference(self._text, text)}
        return Done(data={**found, "warnings": new.warnings()})

    def do_save(self, params: Params) -> Done:
        """Put the permissions into force."""
        rules = read(str(params["text"]))
        Rules.parse(rules)
        self.desk.ask("permissions_set", {"user_group_permissions": rules})
        self._uids = None
        self.touch()
        return Done("These permissions are in force now")

    def _lists(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        if self._existing is None:
            plans = self.desk.ask("plans_existing")["plans_existing"]
            devices = self.desk.ask("devices_existing")["devices_existing"]
            self._existing = (plans, devices)
        return self._existing


def read(text: str) -> dict[str, Any]:
    """Read permissions from YAML.

    Raises
    ------
    BadRequest
        The text is not YAML, or no map.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadRequest(f"This is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise BadRequest("Permissions are a map that begins with 'user_groups:'")
    return data


def as_yaml(data: Mapping[str, Any]) -> str:
    """Return permissions as people write them."""
    return str(yaml.safe_dump(dict(data), sort_keys=False, default_flow_style=False, width=100))


def difference(old: str, new: str) -> str:
    """Return what differs between two texts, line by line."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "in force", "edited", lineterm="", n=1
    )
    return "\n".join(lines)


def group_preview(name: str, new: Catalogue, now: Catalogue) -> dict[str, Any]:
    """Return what a group may use, and what it gains and loses."""
    preview: dict[str, Any] = {"name": name}
    known = now.has_group(name)
    for kind, names in (("plans", Catalogue.plans_allowed), ("devices", Catalogue.devices_allowed)):
        allowed = set(names(new, name))
        before = set(names(now, name)) if known else set()
        preview[kind] = _some(allowed)
        preview[f"{kind}_count"] = len(allowed)
        preview[f"{kind}_gained"] = _some(allowed - before)
        preview[f"{kind}_lost"] = _some(before - allowed)
    return preview


def _some(names: Iterable[str]) -> list[str]:
    return sorted(names)[:SHOWN_NAMES]
