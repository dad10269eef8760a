"""A type annotation as text that clients can decode.

The spelling follows Python's ``repr``: ``typing.Optional[int]`` stays, so does ``int | None``.
Protocols of bluesky become markers, generic arguments and all. An annotation that a client
could not decode has no text.
"""

from __future__ import annotations

import collections
import collections.abc
import sys
import types
import typing
from collections.abc import Callable, Hashable
from typing import Any

from .annotations import CALLABLE_MARKER

_PROTOCOL_MARKERS = {
    "Readable": "__READABLE__",
    "Movable": "__MOVABLE__",
    "NamedMovable": "__MOVABLE__",
    "Flyable": "__FLYABLE__",
}
_SIMPLE = frozenset(
    {int, float, complex, str, bytes, bool, list, tuple, set, frozenset, dict, object}
)
# What a client can check a JSON value against.
_CONTAINERS = frozenset(
    {
        list,
        tuple,
        set,
        frozenset,
        dict,
        collections.deque,
        collections.defaultdict,
        collections.OrderedDict,
        collections.Counter,
        collections.abc.Iterable,
        collections.abc.Collection,
        collections.abc.Sequence,
        collections.abc.MutableSequence,
        collections.abc.Set,
        collections.abc.MutableSet,
        collections.abc.Mapping,
        collections.abc.MutableMapping,
    }
)


def annotation_text(annotation: Any) -> str | None:
    """Return the text of an annotation, None when there is none that a client understands."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        # Has a meaning inside of other types only.
        return None
    try:
        return _text(annotation)
    except Exception:  # noqa: BLE001 - any object may stand in a header, and may not like questions
        return None


def _dotted(cls: type) -> str:
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


_BARE: dict[Any, str] = {
    **{cls: _dotted(cls) for cls in _SIMPLE | _CONTAINERS},
    # Without an argument some clients can not check it.
    collections.abc.Iterable: "collections.abc.Iterable[typing.Any]",
    Hashable: "collections.abc.Hashable",
    Any: "typing.Any",
    type(None): "NoneType",
    ...: "...",
}


class _NoTextError(Exception):
    """Some part of the annotation means nothing to a client."""


def _text(annotation: Any) -> str:
    marker = _marker(annotation)
    if marker is not None:
        return marker
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    special = _SPECIAL_FORMS.get(origin)
    if special is not None:
        return special(annotation, arguments)
    if origin is not None:
        return _generic(annotation, origin, arguments)
    return _bare(annotation)


def _bare(annotation: Any) -> str:
    if not isinstance(annotation, Hashable) or annotation not in _BARE:
        raise _NoTextError
    return _BARE[annotation]


def _generic(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> str:
    """Write ``typing.List[int]``, ``list[int]`` or the bare ``typing.List``."""
    if origin not in _CONTAINERS:
        raise _NoTextError
    alias = getattr(annotation, "_name", None)
    name = _dotted(origin) if isinstance(annotation, types.GenericAlias) else f"typing.{alias}"
    if not arguments:
        is_empty_tuple = origin is tuple and annotation not in (tuple, typing.Tuple)  # noqa: UP006
        return f"{name}[()]" if is_empty_tuple else name
    return f"{name}[{', '.join(_text(argument) for argument in arguments)}]"


def _union(annotation: Any, arguments: tuple[Any, ...]) -> str:
    texts = [_text(argument) for argument in arguments]
    if len(texts) == 2 and texts.count("NoneType") == 1:
        return f"typing.Optional[{next(text for text in texts if text != 'NoneType')}]"
    return f"typing.Union[{', '.join(texts)}]"


def _bar_union(annotation: Any, arguments: tuple[Any, ...]) -> str:
    return " | ".join("None" if a is type(None) else _text(a) for a in arguments)


def _literal(annotation: Any, arguments: tuple[Any, ...]) -> str:
    if not all(a is None or type(a) in (str, int, bool, bytes) for a in arguments):
        raise _NoTextError
    return f"typing.Literal[{', '.join(repr(argument) for argument in arguments)}]"


def _annotated(annotation: Any, arguments: tuple[Any, ...]) -> str:
    # What is noted beside a type is for others; postponed annotations lose it, too.
    return _text(arguments[0])


def _hashable(annotation: Any, arguments: tuple[Any, ...]) -> str:
    # The class is bare; only its twin in typing has an origin.
    return "typing.Hashable"


_SPECIAL_FORMS: dict[Any, Callable[[Any, tuple[Any, ...]], str]] = {
    typing.Annotated: _annotated,
    typing.Union: _union,
    types.UnionType: _bar_union,
    typing.Literal: _literal,
    Hashable: _hashable,
}


def _marker(annotation: Any) -> str | None:
    """Recognise callables and the protocols of bluesky, by identity and not by name."""
    origin = typing.get_origin(annotation) or annotation
    if origin in (collections.abc.Callable, typing.Callable):
        # Such a callable is a template; the compatible systems give it no type either.
        if getattr(annotation, "__parameters__", ()):
            raise _NoTextError
        return CALLABLE_MARKER
    protocols = sys.modules.get("bluesky.protocols")
    if protocols is None or not getattr(origin, "_is_protocol", False):
        return None
    name: str = origin.__name__
    if getattr(protocols, name, None) is not origin:
        return None
    return _PROTOCOL_MARKERS.get(name, "__DEVICE__")
