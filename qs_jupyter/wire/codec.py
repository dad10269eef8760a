"""JSON and MessagePack: how requests, replies and published messages look on the wire.

Replies may hold parts of `qs_jupyter.encoded`, text that was encoded when it last changed. They
are joined into the reply as they are, so reading a queue of 50 000 items encodes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgpack

from qs_jupyter.encoded import ENCODED
from qs_jupyter.errors import ProtocolFailure


class Codec(Protocol):
    """One of the two encodings."""

    name: str

    def decode(self, frame: bytes) -> Any:
        """Return the content of a request frame; raise `ProtocolFailure` otherwise."""

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Return a reply or a published message as one frame."""


class JsonCodec:
    """UTF-8 JSON, the default."""

    name = "json"

    def decode(self, frame: bytes) -> Any:
        """Return the content of a request frame."""
        try:
            return json.loads(frame)
        except (ValueError, RecursionError) as error:
            raise ProtocolFailure(
                f"Failed to decode the request: JSON decode error: {error}"
            ) from error

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Return a message as one frame."""
        if not any(isinstance(value, ENCODED) for value in message.values()):
            return json.dumps(message, default=_json_fallback).encode()
        # Joined once: each copy of a long queue would cost as much as all the rest.
        parts: list[bytes] = []
        for key, value in message.items():
            parts += [b", " if parts else b"{", json.dumps(key).encode(), b": "]
            parts.append(
                value.text_bytes()
                if isinstance(value, ENCODED)
                else json.dumps(value, default=_json_fallback).encode()
            )
        return b"".join([*parts, b"}"])


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

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Return a message as one frame."""
        packer = msgpack.Packer()
        parts = [packer.pack_map_header(len(message))]
        for key, value in message.items():
            parts.append(_pack(key))
            parts.append(_pack(value.plain()) if isinstance(value, ENCODED) else _pack(value))
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


def _json_fallback(value: Any) -> Any:
    if isinstance(value, ENCODED):
        return value.plain()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return list(value)
    return repr(value)


def _pack(value: Any) -> bytes:
    try:
        return msgpack.packb(_string_keys(value), default=_json_fallback)  # type: ignore[no-any-return]
    except OverflowError:
        # Integers beyond 64 bits have no MessagePack form; a float keeps their size.
        plain = json.loads(json.dumps(value, default=_json_fallback), parse_int=_small)
        return msgpack.packb(plain)  # type: ignore[no-any-return]


def _key_text(key: Any) -> str:
    """Spell a key as JSON does: ``True`` as ``true``, 1 as ``1``."""
    return next(iter(json.loads(json.dumps({key: None}, skipkeys=True))), repr(key))


def _small(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(number)


def _string_keys(value: Any) -> Any:
    """Return the value with map keys as strings, which strict readers insist on."""
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
