"""Frames: parts that are encoded already are taken over as they are."""

from __future__ import annotations

import json
import math
from typing import Any

import msgpack
import pytest

from qs_jupyter.encoded import EncodedList, EncodedText, joined
from qs_jupyter.errors import ProtocolFailure
from qs_jupyter.huge_json import HUGE_BYTES
from qs_jupyter.wire.codec import codec

MESSAGES: list[dict[str, Any]] = [
    {"success": True, "items": EncodedText('[{"ü": 1}]'), "uid": "x"},
    {"items": EncodedList(('{"a": 1}', '{"b": null}')), "success": True},
    {"items": EncodedList(()), "running_item": EncodedText("{}")},
    {"success": False, "msg": "no", "items": []},
]


@pytest.mark.parametrize("message", MESSAGES)
def test_json_and_messagepack_carry_the_same_content(message: dict[str, Any]) -> None:
    content = {
        key: value.plain() if isinstance(value, EncodedText | EncodedList) else value
        for key, value in message.items()
    }
    assert json.loads(codec("json").encode(message)) == content
    assert msgpack.unpackb(codec("msgpack").encode(message)) == content


def test_joined_parts_are_spelled_like_a_message_that_is_encoded_as_a_whole() -> None:
    message = {"success": True, "items": EncodedList(('{"a": 1}', "{}")), "uid": "x"}
    whole = {"success": True, "items": [{"a": 1}, {}], "uid": "x"}
    assert codec("json").encode(message) == codec("json").encode(whole)


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_a_frame_that_is_no_message_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ProtocolFailure, match="Failed to decode the request"):
        codec(name).decode(b"\xc1 not a message")


@pytest.mark.parametrize(
    ("stored", "readable"),
    [
        ('{"file": "run\\udcff.dat"}', {"file": r"run\udcff.dat"}),
        ('{"\\ud800": [1, "\\ud800"]}', {r"\ud800": [1, r"\ud800"]}),
        ('{"a": [1180591620717411303424]}', {"a": [2.0**70]}),
        (f'{{"a": -1{"0" * 400}}}', {"a": -math.inf}),
    ],
)
def test_what_messagepack_can_not_carry_is_told_in_another_way_and_hides_nothing_else(
    stored: str, readable: dict[str, Any]
) -> None:
    message = {"items": EncodedList((stored, '{"ü": 1}')), "result": json.loads(stored)}
    assert msgpack.unpackb(codec("msgpack").encode(message), strict_map_key=True) == {
        "items": [readable, {"ü": 1}],
        "result": readable,
    }


@pytest.mark.parametrize(("name", "part"), [("json", "result"), ("msgpack", "items")])
def test_a_huge_message_is_noticed_and_looks_like_any_other(name: str, part: str) -> None:
    numbers = [0.25] * (HUGE_BYTES // 6 + 1)
    message = {
        "success": True,
        "result": {"numbers": numbers, "text": "ü"},
        "items": EncodedText(json.dumps(numbers)),
    }
    used = codec(name)
    assert used.takes_long({**message, "result": 1, "items": 1} | {part: message[part]})
    assert not used.takes_long({"success": True, "items": EncodedText("[]")})
    assert used.encode_huge(message) == used.encode(message)
    frame = used.encode({"params": numbers})
    assert used.decode_huge(frame) == used.decode(frame)
    with pytest.raises(ProtocolFailure, match="Failed to decode the request"):
        used.decode_huge(frame[:-1])


def test_what_json_does_not_know_is_told_in_huge_messages_too() -> None:
    message = {"result": [{1, 2}, *range(HUGE_BYTES // 10)], "other": (1, 2)}
    assert codec("json").encode_huge(message) == codec("json").encode(message)


def test_an_event_takes_over_what_is_text_already() -> None:
    message = {"kind": "queue", "items": EncodedList(('{"a": 1}',)), "item": EncodedText("{}")}
    assert json.loads(joined(message)) == {"kind": "queue", "items": [{"a": 1}], "item": {}}
    assert joined({"item": EncodedText("5")}) == '{"item": 5}'
    assert joined({}) == "{}"
