"""The commands about items that notebooks have and the API has not.

What they do to several items at once is one request of the API wherever it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qs_jupyter.client.item_files import read_items, write_items
from qs_jupyter.errors import did_you_mean
from qs_jupyter.magics.display import Note, View
from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.performer import Performer
from qs_jupyter.magics.selection import chosen, past_items, queued_items, several
from qs_jupyter.magics.wording import count

Params = Mapping[str, Any]

# What belongs to a finished or queued item and not to a copy of it.
_NOT_COPIED = ("item_uid", "result", "properties", "user", "user_group")


def queue_item_get(performer: Performer, params: Params) -> Any:
    """Show an item, or those of a range."""
    given = {name: params[name] for name in ("pos", "uid") if name in params}
    items = several(given, queued_items(performer.session.request)) if _is_range(given) else []
    if not items:
        return performer.request("queue_item_get", given)
    return performer.reply("queue_item_get_batch", {"success": True, "msg": "", "items": items})


def _is_range(params: Params) -> bool:
    return ":" in str(params.get("uid", ""))


def queue_duplicate(performer: Performer, params: Params) -> Any:
    """Add copies of queued items, by default behind the last of them."""
    sources = several(params["source"], queued_items(performer.session.request))
    place = _place(params) or {"after_uid": sources[-1]["item_uid"]}
    return _add_copies(performer, sources, place)


def history_rerun(performer: Performer, params: Params) -> Any:
    """Add copies of finished items."""
    past = past_items(performer.session.request)
    return _add_copies(performer, several(params["past"], past, last=True), _place(params))


def _place(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in ("pos", "before_uid", "after_uid") if name in params}


def _add_copies(performer: Performer, sources: list[Params], place: Params) -> Any:
    copies = [_copy(source) for source in sources]
    if len(copies) == 1:
        return performer.request("queue_item_add", {"item": copies[0], **place})
    return performer.add_items(copies, place)


def _copy(item: Params) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in _NOT_COPIED}


def queue_edit(performer: Performer, params: Params) -> Any:
    """Change arguments of a queued plan."""
    item = chosen(params["source"], queued_items(performer.session.request))
    changed = _edited(performer, item, params["changes"])
    return performer.request("queue_item_update", {"item": changed})


def _edited(performer: Performer, item: Params, changes: Params) -> dict[str, Any]:
    known = performer.session.known_names()
    description = known.plans.get(str(item.get("name")), {})
    args, kwargs = list(item.get("args") or ()), dict(item.get("kwargs") or {})
    positions = _positions(description)
    for name, text in changes.items():
        value = performer.value(text, known)
        if positions.get(name, len(args)) < len(args):
            args[positions[name]] = value
        else:
            _check_parameter(name, description, str(item.get("name")))
            kwargs[name] = value
    changed = {key: value for key, value in item.items() if key not in ("args", "kwargs")}
    return changed | {key: value for key, value in (("args", args), ("kwargs", kwargs)) if value}


def _positions(description: Params) -> dict[str, int]:
    kinds = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
    named = [p for p in description.get("parameters") or [] if p["kind"]["name"] in kinds]
    return {parameter["name"]: index for index, parameter in enumerate(named)}


def _check_parameter(name: str, description: Params, plan: str) -> None:
    parameters = description.get("parameters") or []
    names = [parameter["name"] for parameter in parameters]
    is_open = any(parameter["kind"]["name"] == "VAR_KEYWORD" for parameter in parameters)
    if names and name not in names and not is_open:
        raise MagicFailure(f"{plan} has no parameter {name!r}{did_you_mean(name, names)}")


def queue_load(performer: Performer, params: Params) -> Any:
    """Add the plans of a file."""
    return performer.add_items(read_items(params["file"]), _place(params))


def queue_save(performer: Performer, params: Params) -> Note:
    """Write the queue to a file."""
    items = [_copy(item) for item in queued_items(performer.session.request)]
    write_items(params["file"], items)
    view = View(
        f"Wrote {count(len(items), 'item')} to {params['file']}",
        hints=[f"Add them again: %qserver queue load {params['file']}"],
    )
    return Note(view, items=len(items))


QUEUE_ACTS: dict[str, Callable[[Performer, Params], Any]] = {
    "queue_item_get": queue_item_get,
    "queue_duplicate": queue_duplicate,
    "queue_edit": queue_edit,
    "queue_load": queue_load,
    "queue_save": queue_save,
    "history_rerun": history_rerun,
}
