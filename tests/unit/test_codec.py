"""Frames: parts that are encoded already are taken over as they are."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from qs_jupyter.encoded import EncodedList, EncodedText
from qs_jupyter.errors import ProtocolFailure
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
