"""From the text of a parameter's type to the type itself, without evaluating anything.

Descriptions of plans carry types as text: ``typing.List[Motors]`` together with the names
that ``Motors`` stands for. The text may come from a file or from another server, so it is
parsed and walked: names, attributes of ``typing``, ``collections`` and ``collections.abc``,
subscripts, tuples, constants and ``|``. Everything else is refused with the part at fault.

Three kinds of names mean text that stands for something in the worker's namespace and are
checked as `str`: the markers (``__DEVICE__`` …), the protocols of bluesky, and callables.
"""

from __future__ import annotations

import ast
import builtins
import collections
import collections.abc
import enum
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from qs_jupyter.errors import did_you_mean

LONGEST_TEXT: Final = 10_000

DEVICE_MARKERS: Final = frozenset({"__DEVICE__", "__READABLE__", "__MOVABLE__", "__FLYABLE__"})
PLAN_MARKER: Final = "__PLAN__"
PLAN_OR_DEVICE_MARKER: Final = "__PLAN_OR_DEVICE__"
CALLABLE_MARKER: Final = "__CALLABLE__"
MARKERS: Final = DEVICE_MARKERS | {PLAN_MARKER, PLAN_OR_DEVICE_MARKER, CALLABLE_MARKER}

_PROTOCOLS: Final = "bluesky.protocols"

_FROM_TYPING: Final = frozenset(
    """
    AbstractSet Annotated Any ChainMap Collection Container Counter DefaultDict Deque Dict
    FrozenSet Generator Hashable ItemsView Iterable Iterator KeysView List Literal Mapping
    MappingView MutableMapping MutableSequence MutableSet Optional OrderedDict Reversible
    Sequence Set Sized SupportsFloat SupportsIndex SupportsInt Text Tuple Type Union ValuesView
    """.split()  # noqa: SIM905  # rows of words read better than a column
)
_FROM_ABC: Final = frozenset(
    """
    Collection Container Generator Hashable ItemsView Iterable Iterator KeysView Mapping
    MappingView MutableMapping MutableSequence MutableSet Reversible Sequence Set Sized
    ValuesView
    """.split()  # noqa: SIM905
)
_FROM_COLLECTIONS: Final = frozenset({"ChainMap", "Counter", "OrderedDict", "defaultdict", "deque"})

_MODULES: Final[Mapping[str, tuple[Any, frozenset[str]]]] = {
    "typing": (typing, _FROM_TYPING),
    "collections.abc": (collections.abc, _FROM_ABC),
    "collections": (collections, _FROM_COLLECTIONS),
}


class AnnotationError(ValueError):
    """The text is no type that this module can build; says which part and why."""


class _CallableName(str):
    """Stands for `str` where a type is searched for text that is no name of a callable."""

    __slots__ = ()


class _Spoken:
    """Text that stands for an object: subscripts are read and have no effect."""

    def __init__(self, type_: type[str]) -> None:
        self.type = type_


@dataclass(frozen=True, slots=True)
class AnnotationType:
    """A built type and the markers that occur in it.

    ``only_callables`` tells that a text can be nothing but the name of a callable.
    """

    type: Any
    markers: frozenset[str] = frozenset()
    only_callables: bool = False


def enumeration(name: str, values: Iterable[str]) -> type[enum.Enum]:
    """Return an enumeration of the values; its members have neutral names."""
    # Values such as 'mro' or '_x' are no member names; of equal values the first counts.
    members = [(f"member_{n}", value) for n, value in enumerate(values)]
    return cast("type[enum.Enum]", enum.Enum(name, members))


def read_annotation(annotation: Mapping[str, Any]) -> AnnotationType:
    """Build the type of one ``annotation`` entry of a plan description.

    Raises
    ------
    AnnotationError
        When the text is no supported type or uses a name that is not defined.
    """
    listed: dict[str, Any] = {}
    for key in ("devices", "plans", "enums"):
        for name, values in (annotation.get(key) or {}).items():
            if not isinstance(values, list | tuple) or not all(map(_is_text, values)):
                raise AnnotationError(f"the choices {name!r} must be a list of strings")
            listed[name] = enumeration(name, values)
    return build_type(annotation.get("type", ""), listed)


def build_type(text: str, custom: Mapping[str, Any] | None = None) -> AnnotationType:
    """Build the type that the text describes; ``custom`` names come before all others.

    Raises
    ------
    AnnotationError
        When the text is no supported type or uses a name that is not defined.
    """
    if not isinstance(text, str) or not text.strip():
        raise AnnotationError(f"the type must be a non-empty string, not {text!r}")
    if len(text) > LONGEST_TEXT:
        raise AnnotationError(f"the type is longer than {LONGEST_TEXT} characters")
    walker = _Walker(custom or {})
    try:
        built = _plain(walker.read(text))
        if built is Ellipsis:
            raise AnnotationError("'...' is not a type")
        only_callables = walker.markers == {CALLABLE_MARKER} and _is_all_callables(
            _plain(_Walker(custom or {}, callable_name=_CallableName).read(text))
        )
    except RecursionError:
        raise AnnotationError("the type is nested too deeply") from None
    return AnnotationType(built, frozenset(walker.markers), only_callables)


def _is_all_callables(built: Any) -> bool:
    """Tell whether every text that the type takes is the name of a callable."""
    if built in (_CallableName, bool, int, float, complex, None, type(None)):
        return True
    if typing.get_origin(built) is typing.Literal:
        return False
    # A type without arguments is text itself, or a container of anything.
    inner = [argument for argument in typing.get_args(built) if argument is not Ellipsis]
    return bool(inner) and all(map(_is_all_callables, inner))


class _Walker:
    """Walks one expression and remembers the markers it met."""

    def __init__(self, custom: Mapping[str, Any], callable_name: type[str] = str) -> None:
        self.custom = custom
        self.callable_name = callable_name
        self.markers: set[str] = set()
        self.is_quoted = False

    def read(self, text: str) -> Any:
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError) as error:
            raise AnnotationError(f"{text!r} is not a type: {error}") from error
        return self.walk(tree.body)

    def walk(self, node: ast.expr) -> Any:  # noqa: PLR0911  # one line a kind of node
        match node:
            case ast.Name(id=name):
                return self.name(name)
            case ast.Attribute():
                return self.attribute(ast.unparse(node))
            case ast.Subscript():
                return self.subscript(node)
            case ast.BinOp(op=ast.BitOr()):
                return _union(self.walk(node.left), self.walk(node.right))
            case ast.Constant(value=None):
                return None
            case ast.Constant(value=value) if value is Ellipsis:
                return value
            case ast.Constant(value=str(inner)):
                # A postponed annotation that a server quoted: names come without module.
                self.is_quoted = True
                return self.read(inner)
            case ast.List(elts=elements):
                return [self.walk(element) for element in elements]
        raise AnnotationError(f"{ast.unparse(node)!r} can not be part of a type")

    def name(self, name: str) -> Any:
        if name in self.custom:
            return self.custom[name]
        if name in MARKERS:
            return self.spoken(name)
        if name == "NoneType":
            return None
        known = getattr(builtins, name, None)
        if isinstance(known, type):
            return known
        if self.is_quoted:
            return self.unqualified(name)
        raise AnnotationError(
            f"name {name!r} is not defined" + did_you_mean(name, [*self.custom, *MARKERS])
        )

    def unqualified(self, name: str) -> Any:
        if name in _FROM_TYPING:
            return getattr(typing, name)
        if name == "Callable":
            return self.spoken(CALLABLE_MARKER)
        if name in _KNOWN_PROTOCOLS:
            return self.protocol(name)
        raise AnnotationError(f"name {name!r} is not defined")

    def attribute(self, dotted: str) -> Any:
        module, _, name = dotted.rpartition(".")
        if module == _PROTOCOLS:
            return self.protocol(name)
        if name == "Callable" and module in ("typing", "collections.abc"):
            return self.spoken(CALLABLE_MARKER)
        if module not in _MODULES:
            raise AnnotationError(f"name {dotted!r} is not defined")
        source, names = _MODULES[module]
        if name not in names:
            raise AnnotationError(f"{dotted!r} is not a supported type{did_you_mean(name, names)}")
        return getattr(source, name)

    def protocol(self, name: str) -> _Spoken:
        return self.spoken(_KNOWN_PROTOCOLS.get(name, "__DEVICE__"))

    def spoken(self, marker: str) -> _Spoken:
        self.markers.add(marker)
        return _Spoken(self.callable_name if marker == CALLABLE_MARKER else str)

    def subscript(self, node: ast.Subscript) -> Any:
        base = self.walk(node.value)
        if isinstance(base, _Spoken):
            return base
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if base is typing.Literal:
            arguments = tuple(_literal(element) for element in inside)
        elif base is typing.Annotated:
            return self.walk(inside[0])
        else:
            arguments = tuple(_plain(self.walk(element)) for element in inside)
        try:
            return base[arguments if len(arguments) != 1 else arguments[0]]
        except (TypeError, ValueError, AttributeError) as error:
            raise AnnotationError(f"{ast.unparse(node)!r} is not a type: {error}") from error


# Which marker a protocol of bluesky stands for; those not named here mean any device.
_KNOWN_PROTOCOLS: Final[Mapping[str, str]] = {
    "Readable": "__READABLE__",
    "Movable": "__MOVABLE__",
    "NamedMovable": "__MOVABLE__",
    "Flyable": "__FLYABLE__",
} | dict.fromkeys(
    """
    Checkable Collectable Configurable EventCollectable EventPageCollectable HasHints HasName
    HasParent Locatable Pausable Preparable Stageable Stoppable Subscribable Triggerable
    WritesExternalAssets WritesStreamAssets
    """.split(),  # noqa: SIM905
    "__DEVICE__",
)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_INCOMPLETE: Final = (typing.Optional, typing.Union, typing.Literal, typing.Annotated)


def _plain(built: Any) -> Any:
    if isinstance(built, list):
        raise AnnotationError("a list of types is only allowed inside of Callable")
    if built in _INCOMPLETE:
        raise AnnotationError(f"{built!r} is not a complete type")
    return built.type if isinstance(built, _Spoken) else built


def _union(left: Any, right: Any) -> Any:
    first, second = _plain(left), _plain(right)
    try:
        # Text of plans may hold "None | None" and the like, which `|` of values does not take.
        return typing.Union[first, second]  # noqa: UP007
    except TypeError as error:
        raise AnnotationError(str(error)) from error


def _literal(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise AnnotationError(f"{ast.unparse(node)!r} is not a literal value") from None
    if not isinstance(value, str | int | bytes | bool | None):
        raise AnnotationError(f"{ast.unparse(node)!r} is not a literal value")
    return value
