"""JSON and MessagePack: how requests, replies and published messages look on the wire.

Replies may hold parts of `qs_jupyter.encoded`, text that was encoded when it last changed. They
are joined into the reply as they are, so reading a queue of 50 000 items encodes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgpack

from qs_jupyter import huge_json
from qs_jupyter.encoded import ENCODED, EncodedList, EncodedText
from qs_jupyter.errors import ProtocolFailure

# Characters. Beyond, the loop would stand still for milliseconds while a long queue is joined.
COPIED_IN_A_MOMENT = 2_000_000


class Codec(Protocol):
    """One of the two encodings."""

    name: str

    def decode(self, frame: bytes) -> Any:
        """Return the content of a request frame; raise `ProtocolFailure` otherwise."""

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Return a reply or a published message as one frame."""

    def takes_long(self, message: Mapping[str, Any]) -> bool:
        """Tell whether to encode the message in a thread, with `encode_huge`."""

    def decode_huge(self, frame: bytes) -> Any:
        """Decode a frame in a thread, without holding up others."""

    def encode_huge(self, message: Mapping[str, Any]) -> bytes:
        """Encode a message in a thread, without holding up others."""


class JsonCodec:
    """UTF-8 JSON, the default."""

    name = "json"

    def decode(self, frame: bytes) -> Any:
        """Return the content of a request frame."""
        return _decoded(json.loads, frame)

    def decode_huge(self, frame: bytes) -> Any:
        """Return the content of a long frame, step by step."""
        return _decoded(huge_json.loads, frame)

    def takes_long(self, message: Mapping[str, Any]) -> bool:
        """Tell whether there is much text to be copied, or very many parts to be encoded."""
        encoded = sum(value.size for value in message.values() if isinstance(value, ENCODED))
        return encoded > COPIED_IN_A_MOMENT or huge_json.is_huge(message)

    def encode_huge(self, message: Mapping[str, Any]) -> bytes:
        """Return a message with very many parts as one frame, step by step."""
        try:
            return self.encode({key: _encoded(value) for key, value in message.items()})
        except TypeError:
            return self.encode(message)  # something in it has no JSON form of its own

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Return a message as one frame."""
        if not any(isinstance(value, ENCODED) for value in message.values()):
            return json.dumps(message, default=_json_fallback).encode()
        # Joined once, since each copy of a long queue costs as much as all the rest: members of
        # a map and of a list have the same sign between them.
        pieces: list[str] = []
        for key, value in message.items():
            begin = len(pieces)
            if isinstance(value, EncodedList):
                pieces += value.texts or ("",)
                pieces[begin] = f"[{pieces[begin]}"
                pieces[-1] += "]"
            elif isinstance(value, EncodedText):
                pieces.append(value.text)
            else:
                pieces.append(json.dumps(value, default=_json_fallback))
            pieces[begin] = f"{json.dumps(key)}: {pieces[begin]}"
        pieces[0] = f"{{{pieces[0]}"
        pieces[-1] += "}"
        return ", ".join(pieces).encode()


class MsgpackCodec:
    """MessagePack with its default options."""

    name = "msgpack"

    def decode(self, frame: bytes) -> Any:
        """Return the content of a request frame."""
        try:
            return msgpack.unpackb(frame)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
            raise ProtocolFailure(
                f"Failed to decode the request: MSGPACK decode error: {error}"
            ) from error

    def decode_huge(self, frame: bytes) -> Any:
        """Return the content of a request frame: it takes a twentieth of the time of JSON."""
        return self.decode(frame)

    def takes_long(self, message: Mapping[str, Any]) -> bool:
        """Tell whether long JSON text has to be read for the message, or very many parts."""
        encoded = sum(value.size for value in message.values() if isinstance(value, ENCODED))
        return encoded > huge_json.HUGE_BYTES or huge_json.is_huge(message)

    def encode_huge(self, message: Mapping[str, Any]) -> bytes:
        """Return a message as one frame; its JSON text is read step by step."""
        return self.encode(message)

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Return a message as one frame."""
        packer = msgpack.Packer()
        parts = [packer.pack_map_header(len(message))]
        for key, value in message.items():
            parts.append(_pack(key))
            parts.append(_pack(_string_keys(value)))
        return b"".join(parts)


def codec(name: str) -> Codec:
    """Return the codec called ``json`` or ``msgpack`` (any case).

    Raises
    ------
    ProtocolFailure
        For any other name.
    """
    if name.lower() == "json":
        return JsonCodec()
    if name.lower() == "msgpack":
        return MsgpackCodec()
    raise ProtocolFailure(f"Unknown encoding {name!r}: use 'json' or 'msgpack'")


def _decoded(loads: Callable[[bytes], Any], frame: bytes) -> Any:
    try:
        return loads(frame)
    except (ValueError, RecursionError) as error:
        raise ProtocolFailure(
            f"Failed to decode the request: JSON decode error: {error}"
        ) from error


def _encoded(value: Any) -> Any:
    return EncodedText(huge_json.dumps(value)) if huge_json.is_huge(value) else value


def _json_fallback(value: Any) -> Any:
    if isinstance(value, ENCODED):
        return value.plain()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return list(value)
    return repr(value)


def _pack(value: Any) -> bytes:
    # JSON can carry half of a surrogate pair, a byte of an odd file name. Here its escape tells
    # what was there: otherwise one such item would hide a whole queue.
    return msgpack.packb(  # type: ignore[no-any-return]
        value, default=_msgpack_fallback, unicode_errors="backslashreplace"
    )


def _msgpack_fallback(value: Any) -> Any:
    if isinstance(value, int):  # beyond 64 bits; a float keeps its size
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return _json_fallback(value)


def _key_text(key: Any) -> str:
    """Spell a key as JSON does: ``True`` as ``true``, 1 as ``1``."""
    return next(iter(json.loads(json.dumps({key: None}, skipkeys=True))), repr(key))


def _string_keys(value: Any) -> Any:
    """Return the value with map keys as strings, which strict readers insist on; JSON has them."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else _key_text(key): _string_keys(entry)
            for key, entry in value.items()
        }
    if isinstance(value, list | tuple):
        return [_string_keys(entry) for entry in value]
    if isinstance(value, ENCODED):
        return value.plain()
    return value
