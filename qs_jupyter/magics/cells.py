"""Cell commands: the first line says what happens with the rest of the cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qs_jupyter.api.phrase_slots import Speaker
from qs_jupyter.magics.commands import checked_method
from qs_jupyter.magics.failures import MagicFailure
from qs_jupyter.magics.grammar import cell_grammar
from qs_jupyter.magics.performer import Performer
from qs_jupyter.magics.python_items import items_of_cell

Params = Mapping[str, Any]
CellAct = Callable[[Performer, Params, str], Any]


def run_cell(performer: Performer, words: Sequence[str], body: str) -> Any:
    """Carry out a cell command with the text of the cell."""
    command = cell_grammar().read(words, Speaker())
    return _ACTS[command.method](performer, command.params, body)


def _add(performer: Performer, place: Params, body: str) -> Any:
    items = items_of_cell(body, performer.session.known_names())
    if not items:
        raise MagicFailure("the cell calls no plan")
    return performer.add_items(items, place)


def _upload(performer: Performer, params: Params, body: str) -> Any:
    return performer.request("script_upload", {"script": body, **params})


def _execute(performer: Performer, params: Params, body: str) -> Any:
    item = performer.item(body.strip().rstrip(";"), "function")
    return performer.request("function_execute", {"item": item, **params})


def _permissions(performer: Performer, _params: Params, body: str) -> Any:
    return performer.request("permissions_set", {"user_group_permissions": _yaml_map(body)})


def _call(performer: Performer, params: Params, body: str) -> Any:
    return performer.request(checked_method(params["method"]), _yaml_map(body))


def _yaml_map(body: str) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - slow to import, and seldom needed

    try:
        # JSON is YAML, too.
        content = yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise MagicFailure(f"the cell is not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise MagicFailure(f"the cell must hold a map, not {type(content).__name__!r}")
    return content


_ACTS: dict[str, CellAct] = {
    "add": _add,
    "upload": _upload,
    "execute": _execute,
    "permissions": _permissions,
    "call": _call,
}
