"""Devices out of a happi database: a file with four entries, two of which share a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qs_kernel_worker.happi_devices import load_devices_from_happi

ENTRIES = (
    {"_id": "det", "name": "det"},
    {"_id": "stage", "name": "stage", "active": False},
    {"_id": "old_lamp", "name": "lamp", "prefix": "old", "active": False},
    {"_id": "new_lamp", "name": "lamp", "prefix": "new"},
)
SIGNAL = {
    "type": "OphydItem",
    "device_class": "ophyd.Signal",
    "args": [],
    "kwargs": {"name": "{{name}}", "value": "{{prefix}}"},
    "prefix": "none",
    "active": True,
}


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {entry["_id"]: SIGNAL | entry for entry in ENTRIES}
    (tmp_path / "happi.json").write_text(json.dumps(entries))
    config = tmp_path / "happi.ini"
    config.write_text(f"[DEFAULT]\nbackend=json\npath={tmp_path / 'happi.json'}\n")
    monkeypatch.setenv("HAPPI_CFG", str(config))


def test_devices_appear_in_the_namespace_under_their_names_or_under_new_ones() -> None:
    namespace: dict[str, Any] = {"other": 1}
    wanted: list[str | tuple[str, str]] = ["det", ("det", "det_1"), ("stage", "")]
    names = load_devices_from_happi(wanted, namespace=namespace)
    assert names == ["det", "det_1", "stage"]
    assert {name: device.name for name, device in namespace.items() if name != "other"} == {
        "det": "det",
        "det_1": "det",
        "stage": "stage",
    }


def test_more_criteria_choose_between_entries_of_one_name() -> None:
    namespace: dict[str, Any] = {}
    load_devices_from_happi(["lamp"], namespace=namespace, active=True)
    assert namespace["lamp"].get() == "new"


@pytest.mark.parametrize(
    ("names", "search", "words"),
    [
        (["det", "lens"], {}, "No device named 'lens'"),
        (["det", "lamp"], {}, "2 devices named 'lamp'"),
        (["stage"], {"active": True}, "No device named 'stage'"),
    ],
)
def test_each_name_must_stand_for_one_device_else_nothing_is_loaded(
    names: list[str | tuple[str, str]], search: dict[str, Any], words: str
) -> None:
    namespace: dict[str, Any] = {}
    with pytest.raises(RuntimeError, match=words):
        load_devices_from_happi(names, namespace=namespace, **search)
    assert namespace == {}


@pytest.mark.parametrize("lone", ["det", 10, None])
def test_a_lone_name_is_not_taken_letter_by_letter(lone: Any) -> None:
    with pytest.raises(TypeError, match="must be a tuple or a list"):
        load_devices_from_happi(lone, namespace={})


def test_a_namespace_that_is_no_dictionary_is_refused_before_devices_are_built() -> None:
    wrong: Any = ["det"]
    with pytest.raises(TypeError, match="'namespace' must be a dictionary"):
        load_devices_from_happi(["det"], namespace=wrong)


@pytest.mark.parametrize("item", [10, ("a", "b", "c"), (10, "a"), ("a", 10)])
def test_an_item_is_a_name_or_a_pair_of_names(item: Any) -> None:
    with pytest.raises(TypeError, match="pair of names"):
        load_devices_from_happi([item], namespace={})


@pytest.mark.parametrize("name", ["Det", "_det", "det 1", " det", "det ", "2det", "det$"])
def test_a_new_name_is_one_that_plans_and_queues_accept(name: str) -> None:
    with pytest.raises(TypeError, match="lower-case"):
        load_devices_from_happi([("det", name)], namespace={})
